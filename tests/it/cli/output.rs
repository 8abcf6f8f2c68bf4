use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{ELSEWHERE, LIMIT};
use crate::harness::{Finished, SioLoad, wait_for};

/// Two populations, and a fault that is announced.
const TWO: &str = r#"
name = "two"
duration = "4s"
seed = 7

[server]
embedded = true

[[clients]]
name = "many"
count = 30
reconnection = { delay = "100ms", randomization = 0 }

[[clients]]
name = "few"
count = 10
transports = ["websocket"]
reconnection = { delay = "100ms", randomization = 0 }

[[chaos]]
at = "2500ms"
fault = "disconnect"
how = "reset"
clients = "50%"
over = "200ms"

[thresholds]
"clients.never_connected" = ["count == 0"]
"#;

fn run(arguments: &[&str]) -> SioLoad {
    let arguments = [&["run", "s.toml"], arguments].concat();
    SioLoad::new(&arguments).file("s.toml", TWO)
}

fn ok(finished: Finished) -> Finished {
    assert_eq!(finished.code(), 0, "{finished:?}");
    finished
}

/// Whether there is a sequence that colours or shapes text.
fn is_colored(text: &str) -> bool {
    text.split("\u{1b}[").skip(1).any(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';');
        end.is_some_and(|end| rest[end..].starts_with('m'))
    })
}

#[test]
fn without_a_terminal_there_are_plain_lines_and_no_progress() {
    let finished = ok(run(&[]).run(LIMIT));
    let expected = "  fault: disconnect (reset, 50% of the clients, over 200ms)\n";
    assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    for text in [&finished.stderr, &finished.stdout] {
        assert!(!text.contains(['\u{1b}', '\r']), "{text}");
    }
    assert!(!finished.stderr.contains("left ━"), "{}", finished.stderr);
    assert!(
        finished
            .stdout
            .starts_with("PASSED  the threshold held (exit 0)\n")
    );
}

#[test]
fn a_terminal_shows_phase_clients_errors_fault_and_time_left() {
    let running = run(&["--clients=16", "--duration=10m"])
        .file(
            "s.toml",
            &TWO.replace("count = 30", "count = 30\narrive = \"8/s\"")
                .replace("over = \"200ms\"", "over = \"2s\"")
                .replace("at = \"2500ms\"", "at = \"3s\""),
        )
        .terminal(80)
        .start();
    for part in [
        "waiting for the server to answer a handshake",
        "arriving    9:5",
        "next fault in 0:0",
        "holding     9:5",
        "16/16 connected · ",
        " handshakes/s · 0 errors",
        "fault: disconnect (reset, 50% of the clients, over 2s)",
        "fault under way: disconnect (reset, 50% of the clients, over 2s)",
        "fault over: disconnect",
        "no fault is left",
    ] {
        wait_for(part, LIMIT, || running.shown().contains(part).then_some(()));
    }
    running.signal(Signal::SIGINT);
    let part = "interrupted: clients say goodbye; again to stop at once";
    wait_for(part, LIMIT, || running.shown().contains(part).then_some(()));
    let finished = running.wait(LIMIT);
    assert_eq!(finished.code(), 105);
    assert!(is_colored(&finished.stdout));
}

#[test]
fn the_summary_is_as_wide_as_the_terminal() {
    for (columns, is_wide) in [(80, false), (120, true)] {
        let finished = ok(run(&[]).terminal(columns).run(LIMIT));
        let text = anstream::adapter::strip_str(&finished.stdout).to_string();
        let (_, summary) = text.rsplit_once("PASSED").unwrap();
        assert_eq!(summary.contains("  mean  "), is_wide, "{summary}");
        let widest = summary
            .lines()
            .map(|line| line.trim_end().chars().count())
            .max();
        assert!(widest <= Some(usize::from(columns)), "{summary}");
    }
}

#[test]
fn colours_can_be_switched_off() {
    let finished = ok(run(&[]).run(LIMIT));
    let results = finished.results();
    let report = |arguments: &[&str]| {
        let arguments = [&["report", results.to_str().unwrap()], arguments].concat();
        SioLoad::new(&arguments).terminal(80)
    };
    assert!(is_colored(&ok(report(&[]).run(LIMIT)).stdout));
    assert!(is_colored(
        &ok(report(&[]).env("NO_COLOR", "").run(LIMIT)).stdout
    ));
    for plain in [
        report(&["--no-color"]),
        report(&[]).env("NO_COLOR", "1"),
        report(&[]).env("SIO_LOAD_NO_COLOR", "1"),
    ] {
        assert!(!is_colored(&ok(plain.run(LIMIT)).stdout));
    }
}

#[test]
fn quiet_says_nothing_but_errors() {
    for quiet in [run(&["--quiet"]), run(&[]).env("SIO_LOAD_QUIET", "1")] {
        let finished = ok(quiet.run(LIMIT));
        assert_eq!((&*finished.stdout, &*finished.stderr), ("", ""));
        assert!(finished.results().join("summary.json").exists());
    }
    let finished = run(&["-q", "--out=s.toml"]).run(LIMIT);
    assert_eq!(finished.code(), 1);
    assert_eq!(finished.stdout, "");
    assert!(
        finished.stderr.starts_with("error: "),
        "{}",
        finished.stderr
    );
}

#[test]
fn json_puts_the_summary_and_nothing_else_on_standard_output() {
    for json in [
        run(&["--json"]),
        run(&["--quiet"]).env("SIO_LOAD_JSON", "1"),
    ] {
        let finished = ok(json.run(LIMIT));
        assert_eq!(finished.stdout, finished.result("summary.json"));
    }
}

#[test]
fn clients_keep_their_proportions() {
    let finished = ok(run(&["--clients=8"]).run(LIMIT));
    let summary = finished.summary();
    let started =
        |population: &str| &summary["populations"][population]["counters"]["clients.started"];
    assert_eq!(
        (started("many"), started("few")),
        (&Value::from(6), &Value::from(2))
    );
    let finished = ok(run(&["--set=clients.few.count=1"]).run(LIMIT));
    assert_eq!(finished.summary()["counters"]["clients.started"], 31);
}

#[test]
fn a_run_tells_what_it_was() {
    let arguments = [
        "--seed=99",
        "--duration=3500ms",
        "--workers=1",
        "--out=deep/down",
    ];
    let finished = ok(run(&arguments).run(LIMIT));
    let latest = finished.directory().join("deep/down/two/latest");
    let summary = fs::read_to_string(latest.join("summary.json")).unwrap();
    let summary: Value = summary.parse().unwrap();
    assert_eq!(summary["seed"], 99);
    assert_eq!(summary["duration_s"], 3.5);
    assert_eq!(summary["generator"]["workers"], 1);
    assert_eq!(summary["provenance"]["scenario_file"], "s.toml");
    let command = summary["provenance"]["command"].as_array().unwrap();
    assert_eq!(
        command[1..],
        ["run", "s.toml"]
            .iter()
            .chain(&arguments)
            .map(|word| Value::from(*word))
            .collect::<Vec<_>>()
    );
    assert!(
        finished
            .stdout
            .contains("two · 3.50 s · seed 99 · http://127.0.0.1:")
    );
    let elsewhere = run(&[]).env("SIO_LOAD_OUT", "other").run(LIMIT);
    assert!(
        elsewhere
            .directory()
            .join("other/two/latest/summary.json")
            .exists()
    );
}

#[test]
fn a_seed_that_was_drawn_is_told_and_repeats_the_run() {
    let scenario = TWO.replace("seed = 7\n", "");
    let finished = ok(run(&[]).file("s.toml", &scenario).run(LIMIT));
    let seed = &finished.summary()["seed"];
    assert!(finished.stdout.contains(&format!("seed {seed}")));
    assert!(
        finished
            .result("scenario.toml")
            .contains(&format!("\nseed = {seed}\n"))
    );
}

#[test]
fn reports_can_be_made_again_from_stored_results() {
    let finished = ok(run(&[]).run(LIMIT));
    let report = |path: &str, format: &str| {
        let report =
            SioLoad::new(&["report", path, "--format", format]).within(finished.directory());
        ok(report.run(LIMIT)).stdout
    };
    let latest = "results/two/latest";
    assert_eq!(report(latest, "json"), finished.result("summary.json"));
    assert_eq!(report(latest, "junit"), finished.result("junit.xml"));
    assert_eq!(report(latest, "html"), finished.result("report.html"));
    let first = |text: &str| text.split("\nResults\n").next().unwrap().to_owned();
    assert_eq!(first(&report(latest, "terminal")), first(&finished.stdout));
    assert_eq!(
        report("results/two/latest/summary.json", "json"),
        finished.result("summary.json")
    );
    let none = SioLoad::new(&["report", "no/such/run"]).run(LIMIT);
    assert_eq!(none.code(), 1);
    assert!(none.stderr.contains("cannot be read"), "{}", none.stderr);
}

#[test]
fn a_server_that_cannot_be_reached_is_said_at_once_and_not_only_at_the_end() {
    let running = SioLoad::new(&["run", "s.toml", "--duration=10m"])
        .file("s.toml", ELSEWHERE)
        .start();
    let part = "connection_refused (tcp, by the server): Connection refused (os error 111). Nothing \
                listens on that port";
    wait_for(part, LIMIT, || running.shown().contains(part).then_some(()));
    running.signal(Signal::SIGINT);
    assert_eq!(running.wait(LIMIT).code(), 105);
}
