use std::path::PathBuf;

use serde_json::Value;

use super::{LIMIT, SMALL};
use crate::harness::{Finished, SioLoad};

/// Ten clients for a second that ask for acks.
const ACKS: &str = r#"
name = "acks"
duration = "1s"
seed = 7

[server]
embedded = true

[[clients]]
count = 10
transports = ["websocket"]

[[clients.emit]]
event = "echo"
every = "100ms"
ack = { timeout = "5s" }
"#;

fn ab(more: &[&str]) -> Finished {
    let arguments = [&["ab", "a.toml"], more].concat();
    SioLoad::new(&arguments).file("a.toml", ACKS).run(LIMIT)
}

/// The folder of the only comparison that was made.
fn folder(finished: &Finished) -> PathBuf {
    let scenario = finished.directory().join("results/acks");
    let mut folders = std::fs::read_dir(scenario)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    folders.next().expect("a folder of the comparison")
}

#[test]
fn rounds_are_exact_and_sides_take_turns() {
    let settings = [
        "--base-set",
        "clients.0.count=9",
        "--new-set",
        "clients.0.count=10",
    ];
    let more = [
        "--rounds",
        "2",
        "--format",
        "json",
        "--metrics",
        "clients.never_back",
    ];
    let finished = ab(&[&settings[..], &more].concat());
    assert_eq!(finished.code(), 0, "{finished:?}");
    let comparison: Value = serde_json::from_str(&finished.stdout).unwrap();
    for side in ["base", "new"] {
        assert_eq!(comparison[side]["runs"].as_array().unwrap().len(), 2);
    }
    assert_eq!(comparison["differences"][0]["key"], "clients.clients.count");
    let order: Vec<&str> = finished
        .stderr
        .lines()
        .filter(|line| line.starts_with("warm-up") || line.starts_with("round"))
        .collect();
    assert_eq!(
        order,
        [
            "warm-up: base",
            "warm-up: new",
            "round 1 of 2: base",
            "round 1 of 2: new",
            "round 2 of 2: new",
            "round 2 of 2: base",
        ]
    );
    let folder = folder(&finished);
    for report in [
        "comparison.html",
        "comparison.json",
        "comparison.md",
        "junit.xml",
    ] {
        assert!(folder.join(report).is_file(), "{report}");
    }
    let (base, new) = (folder.join("base"), folder.join("new"));
    let again = ["compare", base.to_str().unwrap(), new.to_str().unwrap()];
    let again = SioLoad::new(&[&again[..], &more[2..]].concat()).run(LIMIT);
    let same: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        same["metrics"], comparison["metrics"],
        "stored runs say the same"
    );
}

#[test]
fn with_more_rounds_allowed_it_ends_when_the_answer_is_clear() {
    let more = ["--rounds", "2", "--max-rounds", "9", "--warm-up", "0"];
    let metrics = [
        "--new-set",
        "clients.0.count=10",
        "--metrics",
        "clients.never_back",
    ];
    let finished = ab(&[&more[..], &metrics].concat());
    assert_eq!(finished.code(), 0, "{finished:?}");
    assert!(finished.stderr.contains("round 2 of 9"), "{finished:?}");
    assert!(
        !finished.stderr.contains("round 3 of 9"),
        "it was clear after two"
    );
    assert!(
        finished.stderr.contains("after 2 rounds: no regression"),
        "{finished:?}"
    );
}

#[test]
fn a_side_that_is_not_there_ends_it_with_the_code_of_its_run() {
    let finished = ab(&["--new-url", "http://127.0.0.1:1/", "--warm-up", "0"]);
    assert_eq!(finished.code(), 1, "{finished:?}");
    assert!(finished.stderr.contains("new side"), "{finished:?}");
}

#[test]
fn sides_that_differ_in_nothing_are_a_wrong_command_line() {
    assert_eq!(ab(&[]).code(), 2);
}

#[test]
fn a_run_is_compared_with_its_baseline() {
    let first = SioLoad::new(&["run", "a.toml"])
        .file("a.toml", SMALL)
        .run(LIMIT);
    let baseline = first.directory().join("results/small");
    let run = |more: &[&str]| {
        let baseline = ["run", "a.toml", "--baseline", baseline.to_str().unwrap()];
        SioLoad::new(&[&baseline, more].concat())
            .file("a.toml", SMALL)
            .run(LIMIT)
    };
    let unclear = run(&["--metrics", "connect.time"]);
    assert_eq!(unclear.code(), 91, "one run a side: {unclear:?}");
    assert!(unclear.stdout.contains("INCONCLUSIVE"), "{unclear:?}");
    let stored: Value = serde_json::from_str(&unclear.result("comparison.json")).unwrap();
    assert_eq!(stored["schema"], "sio-load/comparison/1");
    let clear = run(&["--metrics", "clients.never_back", "--quiet"]);
    assert_eq!((clear.code(), clear.stdout.as_str()), (0, ""));
    let own = run(&["--set", "thresholds.\"connect.time\"=[\"p(99) < 1us\"]"]);
    assert_eq!(own.code(), 99, "the run's own code counts first: {own:?}");
    let nowhere = SioLoad::new(&["run", "a.toml", "--baseline", "nowhere"]);
    let nowhere = nowhere.file("a.toml", SMALL).run(LIMIT);
    assert_eq!(nowhere.code(), 2);
    assert!(
        !nowhere.directory().join("results").exists(),
        "nothing was run"
    );
}

#[test]
fn a_history_has_a_row_for_each_run() {
    let run = SioLoad::new(&["run", "a.toml"])
        .file("a.toml", SMALL)
        .run(LIMIT);
    let folder = run.directory().join("results/small");
    let history = |format: &str| {
        let arguments = ["history", folder.to_str().unwrap(), "--format", format];
        SioLoad::new(&arguments).run(LIMIT)
    };
    let csv = history("otava-csv").stdout;
    let (head, rows) = csv.split_once('\n').unwrap();
    assert!(
        head.starts_with("time,run,scenario,tool,verdict,exit_code,"),
        "{csv}"
    );
    assert!(head.contains(",connect.time.p99,"), "{csv}");
    assert_eq!(rows.lines().count(), 1, "latest is no run of its own");
    let json: Value = serde_json::from_str(&history("json").stdout).unwrap();
    assert_eq!(json[0]["scenario"], "small");
    assert!(json[0]["figures"]["connect.time.p50"].as_f64().unwrap() > 0.0);
}
