use insta::assert_snapshot;
use serde_json::Value;

use super::{LIMIT, SMALL, repository, snapshots};
use crate::harness::{Finished, SioLoad};

const WRONG: &str = "tests/invalid/many-problems-at-once.toml";

fn check(arguments: &[&str]) -> Finished {
    let arguments = [&["check"], arguments].concat();
    SioLoad::new(&arguments).within(repository()).run(LIMIT)
}

#[test]
fn a_valid_scenario_is_shown_as_a_timeline() {
    let finished = check(&["scenarios/reconnect.toml"]);
    assert_eq!((finished.code(), &*finished.stderr), (0, ""));
    snapshots().bind(|| assert_snapshot!("check valid", finished.stdout));
}

#[test]
fn the_timeline_shows_what_flags_change() {
    let finished = check(&[
        "scenarios/reconnect.toml",
        "--clients=50",
        "--duration=20s",
        "--seed=9",
        "--set=clients.web.transports=['websocket']",
    ]);
    snapshots().bind(|| assert_snapshot!("check with flags", finished.stdout));
}

#[test]
fn all_problems_of_an_invalid_scenario_are_shown_at_once() {
    let finished = check(&[WRONG]);
    assert_eq!((finished.code(), &*finished.stdout), (104, ""));
    snapshots().bind(|| assert_snapshot!("check invalid", finished.stderr));
}

#[test]
fn run_shows_the_same_problems() {
    let finished = SioLoad::new(&["run", WRONG])
        .within(repository())
        .run(LIMIT);
    assert_eq!(finished.code(), 104);
    let expected = format!("{}nothing was started\n", check(&[WRONG]).stderr);
    assert_eq!(finished.stderr, expected);
}

#[test]
fn problems_are_data_on_request() {
    let finished = check(&["--json", WRONG]);
    assert_eq!((finished.code(), &*finished.stderr), (104, ""));
    let answer: Value = finished.stdout.parse().unwrap();
    assert_eq!(answer["valid"], false);
    let problems = answer["problems"].as_array().unwrap();
    let typo = problems
        .iter()
        .find(|problem| problem["code"] == "unknown_word");
    let typo = typo.unwrap();
    assert_eq!(typo["line"], 12);
    assert_eq!(typo["column"], 26);
    assert_eq!(typo["key"], "clients.web.transports");
    assert_eq!(typo["nearest"], "websocket");
}

#[test]
fn the_plan_is_data_on_request() {
    let finished = check(&["--json", "scenarios/reconnect.toml", "--clients", "12"]);
    let answer: Value = finished.stdout.parse().unwrap();
    assert_eq!(answer["valid"], true);
    assert_eq!(answer["peak_clients"], 12);
    let scenario = answer["scenario"].as_str().unwrap();
    assert!(scenario.contains("count = 12\n"), "{scenario}");
}

#[test]
fn a_file_that_is_not_there_is_a_problem_like_any_other() {
    let finished = check(&["no/such/file.toml"]);
    assert_eq!(finished.code(), 104);
    assert!(
        finished.stderr.contains("no/such/file.toml"),
        "{}",
        finished.stderr
    );
}

#[test]
fn check_starts_nothing_and_writes_nothing() {
    let finished = SioLoad::new(&["check", "s.toml"])
        .file("s.toml", SMALL)
        .run(LIMIT);
    assert_eq!(finished.code(), 0);
    let mut names: Vec<_> = std::fs::read_dir(finished.directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["s.toml", "stderr", "stdout"]);
}
