//! Capacity searches on a server whose limit is known.

use std::path::Path;

use serde_json::Value;

use super::LIMIT;
use crate::harness::{Finished, SioLoad};

/// Clients of a server that takes only so many; its memory is watched.
fn scenario(most: u32) -> String {
    let sio_load = env!("CARGO_BIN_EXE_sio-load");
    format!(
        r#"
name = "rooms"
duration = "10s"
seed = 7
[server]
command = [{sio_load:?}, "serve", "--listen", "127.0.0.1:{{{{port}}}}", "--max-clients", "{most}"]
ready = "60s"
[[clients]]
name = "web"
count = 16
transports = ["websocket"]
[[clients.emit]]
event = "message"
every = "1s"
ack = {{ timeout = "60s" }}
[thresholds]
"clients.rejected" = ["count == 0"]
"ack.time" = ["p(50) < 60s"]
"server.rss" = ["max < 10GB"]
[capacity]
from = 8
hold = "2s"
settle = "3s"
precision = "50%"
confirm = 1
for = 100
"#
    )
}

fn search(scenario: &str, arguments: &[&str]) -> (Finished, Value) {
    let arguments = [&["capacity", "s.toml", "--json"], arguments].concat();
    let finished = SioLoad::new(&arguments).file("s.toml", scenario).run(LIMIT);
    let report = finished.stdout.parse().unwrap_or_default();
    (finished, report)
}

fn assert_valid(report: &Value) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/capacity.schema.json");
    let schema: Value = std::fs::read_to_string(schema).unwrap().parse().unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<_> = validator
        .iter_errors(report)
        .map(|problem| problem.to_string())
        .collect();
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn a_server_that_takes_twelve_carries_at_least_eight_and_not_sixteen() {
    let (finished, report) = search(&scenario(12), &[]);
    assert_eq!(finished.code(), 0, "{finished:?}");
    assert_valid(&report);
    assert_eq!(report["conclusion"], "found", "{report:#}");
    let capacity = report["capacity"].as_u64().unwrap();
    assert!((8..=12).contains(&capacity), "{report:#}");
    assert!(report["fails_at"].as_u64().unwrap() > 12, "{report:#}");
    assert!(report["recommendation"]["nodes"]["with_one_lost"].as_u64() > Some(1));
    let levels = report["levels"].as_array().unwrap();
    let held = levels.iter().find(|level| level["outcome"] == "held");
    let held = held.unwrap();
    assert!(held["server"]["server.rss"]["max"].as_f64().unwrap() > 0.0);
    let failed = levels.iter().find(|level| level["outcome"] == "failed");
    let failed = failed.unwrap();
    assert!(failed["stopped_early"].is_string(), "{failed:#}");
    let stored: Value = finished.result("capacity.json").parse().unwrap();
    assert_eq!(stored, report);
    assert!(
        finished
            .result("capacity.html")
            .contains("Capacity of rooms")
    );
    let run = format!("{}/summary.json", held["folder"].as_str().unwrap());
    let run: Value = finished.result(&run).parse().unwrap();
    assert_eq!(run["verdict"], "passed", "{run:#}");
    assert!(run["watched"]["server.rss"]["samples"].as_u64() > Some(0));
}

#[test]
fn a_search_that_begins_too_high_says_so() {
    let (finished, report) = search(&scenario(2), &["--from=4", "--to=8"]);
    assert_eq!(finished.code(), 99, "{finished:?}");
    assert_eq!(report["conclusion"], "below_from");
    assert_eq!(report["capacity"], Value::Null);
}

#[test]
fn what_cannot_be_searched_is_said_before_anything_starts() {
    let without = scenario(9).replace("[thresholds]", "[capacity.x]");
    for (scenario, arguments, code) in [
        (without, &[][..], 104),
        (scenario(9), &["--vary=arrivals"], 104),
        (scenario(9), &["--from=9", "--to=8"], 2),
        (scenario(9), &["--vary=users"], 2),
    ] {
        let (finished, _) = search(&scenario, arguments);
        assert_eq!(finished.code(), code, "{arguments:?} {finished:?}");
    }
}
