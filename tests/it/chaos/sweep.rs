//! `sio-load storm`: one fault over several reconnection settings.

use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sio_load::scenario::{self, Overrides};

use super::story::LIMIT;
use crate::harness::{SioLoad, wait_for};

const SCENARIO: &str = "
    duration = \"5s\"
    seed = 3
    [server]
    embedded = true
    [[clients]]
    count = 12
    transports = [\"websocket\"]
    [sweep]
    delay = [\"9s\"]
    randomization = [0, 1]
    [[chaos]]
    at = \"1s\"
    fault = \"disconnect\"
    how = \"reset\"
";

#[test]
fn each_combination_is_a_run_and_the_best_are_named() {
    let arguments = ["storm", "a.toml", "--delay", "100ms,1500ms", "--no-color"];
    let finished = SioLoad::new(&arguments)
        .file("a.toml", SCENARIO)
        .run(LIMIT * 2);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let folder = finished
        .results()
        .parent()
        .expect("a folder of runs")
        .to_owned();
    let sweep = std::fs::read_to_string(folder.join("sweep.json")).expect("sweep.json");
    let sweep: Value = serde_json::from_str(&sweep).expect("JSON");
    assert_eq!(sweep["schema"], "sio-load/sweep/1");
    assert_eq!(
        (&sweep["fault_id"], &sweep["fault"]),
        (&0.into(), &"disconnect".into())
    );
    let runs = sweep["runs"].as_array().expect("an array");
    let settings: Vec<&Value> = runs.iter().map(|run| &run["setting"]).collect();
    let setting = |delay_s: f64, randomization: f64| json!({ "delay_s": delay_s, "delay_max_s": null, "randomization": randomization });
    let expected = [
        setting(0.1, 0.0),
        setting(0.1, 1.0),
        setting(1.5, 0.0),
        setting(1.5, 1.0),
    ];
    assert_eq!(settings, expected.iter().collect::<Vec<_>>());

    for run in runs {
        assert_eq!(
            (&run["herd"], &run["never_back"]),
            (&12.into(), &0.into()),
            "{sweep:#}"
        );
        check_folder(run, &folder);
    }
    // 1.5 s without jitter is slower than 0.1 s, whatever the machine does meanwhile; the peak of
    // those that wait alike is the whole herd.
    let restored = |n: usize| {
        runs[n]["restored_s"]["p100"]
            .as_f64()
            .expect("all were back")
    };
    assert!(restored(2) >= 1.5, "{sweep:#}");
    let fastest = sweep["fastest"].as_u64().expect("one of them") as usize;
    let least = (0..4).min_by(|a, b| restored(*a).total_cmp(&restored(*b)));
    assert_eq!(Some(fastest), least);
    let peak = |n: usize| runs[n]["peak_handshakes_per_s"].as_u64().expect("a number");
    let lowest = sweep["lowest_peak"].as_u64().expect("one of them") as usize;
    assert_eq!(peak(lowest), (0..4).map(peak).min().expect("four runs"));

    check_page(&finished.stdout);
    assert!(
        finished
            .stderr
            .contains("run 4 of 4: delay 1s 500ms, randomization 1")
    );
}

/// What a run was run with stands in its own folder, and nothing else was changed.
fn check_folder(run: &Value, folder: &Path) {
    let own = folder.join(run["folder"].as_str().expect("a name"));
    let plan = scenario::read(&own.join("scenario.toml"), &Overrides::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    let reconnection = plan.populations[0]
        .client
        .reconnection
        .expect("it reconnects");
    assert_eq!(run["setting"]["delay_s"], reconnection.delay.as_secs_f64());
    assert_eq!(run["setting"]["randomization"], reconnection.randomization);
    assert_eq!((plan.seed.0, plan.sweep.is_empty()), (3, true));
    let summary = std::fs::read_to_string(own.join("summary.json")).expect("a summary");
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(run["restored_s"], summary["faults"][0]["restored_s"]);
}

fn check_page(page: &str) {
    assert!(page.contains("delay rand."), "{page}");
    assert!(page.contains("1s500ms 1 "), "{page}");
    assert!(
        page.contains("fastest      delay 100ms, randomization"),
        "{page}"
    );
    assert!(page.contains("lowest peak  delay "), "{page}");
    assert!(
        page.lines().all(|line| line.chars().count() <= 80),
        "{page}"
    );
}

#[test]
fn the_comparison_is_there_as_json_and_a_crossed_threshold_shows_in_the_exit_code() {
    let text = format!("{SCENARIO}\n[thresholds]\n\"reconnect.time\" = [\"max < 500ms\"]\n");
    let arguments = [
        "storm",
        "a.toml",
        "--json",
        "--quiet",
        "--delay",
        "2s",
        "--randomization",
        "0",
    ];
    let finished = SioLoad::new(&arguments).file("a.toml", &text).run(LIMIT);
    assert_eq!(finished.status.code(), Some(99), "{}", finished.stderr);
    let sweep: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(
        (&sweep["exit_code"], &sweep["runs"][0]["verdict"]),
        (&99.into(), &"failed".into())
    );
    assert_eq!(sweep["fastest"], 0, "its figures are as good as any");
    assert_eq!(finished.stderr, "");
}

#[test]
fn an_interrupt_ends_the_sweep_with_what_it_has() {
    let arguments = ["storm", "a.toml", "--quiet", "--delay", "100ms,200ms,300ms"];
    let run = SioLoad::new(&arguments).file("a.toml", SCENARIO).start();
    let folder = run.directory().join("results/a");
    let sweep = folder.join("sweep.json");
    wait_for("first run", LIMIT, || sweep.exists().then_some(()));
    let latest = folder.join("latest/events.jsonl");
    let first = std::fs::read_link(folder.join("latest")).expect("a link");
    wait_for("next run", LIMIT, || {
        let next = std::fs::read_link(folder.join("latest")).ok()?;
        let events = std::fs::read_to_string(&latest).ok()?;
        (next != first && events.contains("run_started")).then_some(())
    });
    run.signal(Signal::SIGINT);
    let finished = run.wait(LIMIT);
    assert_eq!(finished.status.code(), Some(105), "{}", finished.stderr);
    let folder = finished
        .results()
        .parent()
        .expect("a folder of runs")
        .to_owned();
    let sweep = std::fs::read_to_string(folder.join("sweep.json")).expect("sweep.json");
    let sweep: Value = serde_json::from_str(&sweep).expect("JSON");
    let verdicts: Vec<&Value> = sweep["runs"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|run| &run["verdict"])
        .collect();
    let (last, before) = verdicts.split_last().expect("at least one");
    assert_eq!(*last, "interrupted");
    assert!(
        before.iter().all(|verdict| *verdict == "passed"),
        "{sweep:#}"
    );
    assert!(
        (1..5).contains(&before.len()),
        "the rest of the six never began"
    );
    assert_eq!(sweep["exit_code"], 105);
}

#[test]
fn what_cannot_be_swept_is_refused_before_anything_starts() {
    let refused = |text: &str, flags: &[&str]| {
        let arguments = [&["storm", "a.toml"], flags].concat();
        let finished = SioLoad::new(&arguments).file("a.toml", text).run(LIMIT);
        assert!(!finished.stderr.contains("run 1"), "{}", finished.stderr);
        (finished.status.code(), finished.stderr)
    };
    let bare = &SCENARIO[..SCENARIO.find("[sweep]").expect("a table")];
    let fault = &SCENARIO[SCENARIO.find("[[chaos]]").expect("a table")..];
    let (code, said) = refused(&format!("{bare}{fault}"), &[]);
    assert!(
        code == Some(2) && said.contains("nothing to vary"),
        "{said}"
    );
    let (code, said) = refused(bare, &["--delay", "1s"]);
    assert!(code == Some(104) && said.contains("no fault"), "{said}");
    for flags in [
        ["--delay", "0s"],
        ["--delay-max", "5"],
        ["--randomization", "1.5"],
    ] {
        let (code, said) = refused(SCENARIO, &flags);
        assert_eq!(code, Some(2), "{said}");
    }
}
