//! The times of a fault at clients are those at which clients had it.

use serde_json::Value;

use super::story::{LIMIT, Story};
use crate::harness::Kind;

#[test]
fn a_fault_at_clients_lasts_from_its_first_application_to_its_last_end() {
    let story = Story::new(Kind::Embedded, "6s", 8, "", "{}")
        .fault("at = \"2s\"\nfault = \"mute\"\nfor = \"500ms\"\nover = \"1s\"");
    let summary = story.program().run(LIMIT).summary();
    let fault = &summary["faults"][0];
    assert_eq!(fault["affected"], 8, "{summary:#}");
    let time = |key: &str| fault[key].as_f64().expect("a time");
    assert!(time("applied_s") >= 2.0, "{fault:#}");
    // The last of eight victims is struck seven eighths of a second after the first.
    assert!(time("ended_s") >= 2.0 + 0.875 + 0.5, "{fault:#}");
}

#[test]
fn a_fault_that_finds_no_client_connected_was_never_applied() {
    let story =
        Story::new(Kind::Embedded, "3s", 8, "", "{}").fault("at = \"0s\"\nfault = \"garbage\"");
    let finished = story.program().run(LIMIT);
    let summary = finished.summary();
    let fault = &summary["faults"][0];
    assert_eq!(
        (&fault["not_connected"], &fault["affected"]),
        (&8.into(), &0.into())
    );
    assert_eq!(
        (&fault["applied_s"], &fault["ended_s"]),
        (&Value::Null, &Value::Null)
    );
}
