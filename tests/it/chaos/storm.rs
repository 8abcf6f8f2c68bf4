//! Reconnect storms, as the summary tells them.

use serde_json::Value;

use super::story::{LIMIT, Story};
use crate::harness::Kind;

fn sum(counts: impl Iterator<Item = u64>, of: &str, storm: &Value) -> u64 {
    let sum = counts.sum();
    assert!(sum > 0, "no {of}: {storm:#}");
    sum
}

#[test]
fn a_herd_that_a_restart_cut_off_is_told_from_its_delays_to_its_rest() {
    let story = Story::new(Kind::SocketIo4, "16s", 60, "", "{}")
        .fault("at = \"4s\"\nfault = \"server_restart\"\ndown = \"1500ms\"");
    let finished = story.program().run(LIMIT);
    let summary = finished.summary();
    let fault = &summary["faults"][0];
    let storm = &fault["storm"];
    assert_eq!(storm["herd"], 60, "{fault:#}");

    let stripes = storm["first_delays"].as_array().expect("an array");
    let number = |value: &Value| value.as_u64().expect("a number");
    let clients = stripes.iter().map(|stripe| number(&stripe["clients"]));
    assert_eq!(sum(clients, "delays", storm), 60, "each drew one");
    // Of 200 ms, with half of it as jitter.
    for stripe in stripes {
        assert!(number(&stripe["from_ms"]) > 100 && number(&stripe["to_ms"]) < 300);
    }
    assert!((4..=10).contains(&stripes.len()), "{storm:#}");

    // With delays of half a second at most everybody knocked while it was down.
    let during = number(&storm["failed_attempts_during_fault"]);
    let failed = number(&storm["failed_attempts"]);
    assert!(during >= 60 && failed >= during, "{storm:#}");
    assert!(
        number(&storm["failures"]["connection_refused"]) >= 60,
        "{storm:#}"
    );
    let peak = number(&storm["peak_handshakes_per_s"]);
    assert_eq!(fault["peak_handshakes_per_s"], peak);
    let mut rows = csv::Reader::from_path(finished.results().join("timeline.csv")).expect("rows");
    let heads = rows.headers().expect("a head").clone();
    let column = heads
        .iter()
        .position(|head| head == "handshake.attempts")
        .expect("a column");
    let rows: Vec<u64> = rows
        .records()
        .map(|row| row.expect("a row")[column].parse().expect("a number"))
        .collect();
    let at = storm["peak_at_s"].as_f64().expect("a second") as usize;
    assert_eq!(rows[at], peak, "{rows:?}");

    assert_eq!(fault["never_back"], 0);
    let restored = fault["restored_s"]["p100"].as_f64();
    assert!(storm["duration_s"].as_f64() >= restored, "{fault:#}");
    assert_eq!(storm["aftermath"], "recovered", "{storm:#}");
}

#[test]
fn a_herd_that_finds_nobody_when_the_fault_is_over_is_metastable() {
    let story = Story::new(Kind::SocketIo4, "14s", 20, "", "{}");
    let log = story.log_folder().display().to_string();
    // A command that is over at once and leaves the server dead.
    let script = format!("kill -9 $(sed -n 's/.*\"pid\":\\([0-9]*\\).*/\\1/p' '{log}'/*.jsonl)");
    let story = story.fault(&format!(
        "at = \"4s\"\nfault = \"exec\"\ncommand = [\"sh\", \"-c\", {script:?}]"
    ));
    let summary = story.program().run(LIMIT).summary();
    let fault = &summary["faults"][0];
    assert_eq!(fault["failed"], Value::Null);
    assert!(fault["ended_s"].is_f64());
    let storm = &fault["storm"];
    assert_eq!(storm["herd"], 20, "{fault:#}");
    assert_eq!(storm["aftermath"], "metastable", "{storm:#}");
    assert!(
        storm["errors_per_s"]["after"].as_f64() > Some(10.0),
        "{storm:#}"
    );
}

#[test]
fn a_fault_without_time_before_or_after_it_is_not_judged() {
    let story = Story::new(Kind::Embedded, "4s", 8, "", "{}")
        .fault("at = \"2s\"\nfault = \"disconnect\"\nhow = \"reset\"");
    let summary = story.program().run(LIMIT).summary();
    let storm = &summary["faults"][0]["storm"];
    assert_eq!(storm["herd"], 8, "{summary:#}");
    assert_eq!(storm["aftermath"], "too_short_to_tell");
    assert_eq!(storm["failed_attempts_during_fault"], 0);
}
