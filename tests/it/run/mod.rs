//! Runs from outside: what the shipped scenarios show, how a run ends however it ends, and what it
//! leaves behind.
#![expect(clippy::unwrap_used, reason = "a test may end on anything unexpected")]

use std::time::Duration;

use serde_json::Value;

use crate::harness::{RunningSioLoad, wait_for};

mod abort;
mod capacity;
mod children;
mod crash;
mod ending;
mod folder;
mod formats;
mod limits;
mod namespace;
mod open_ends;
mod page;
mod shipped;
mod steps;

/// How long anything here may take on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(180);

/// Clients that connect, emit and have acks outstanding for as long as the run takes.
const STEADY: &str = r#"
name = "steady"
duration = "10m"
seed = 7

[server]
embedded = true

[[clients]]
name = "web"
count = 6
transports = ["websocket"]

[[clients.emit]]
event = "echo"
data = ["{{n}}"]
every = "50ms"
ack = { timeout = "1m" }

[thresholds]
"clients.never_connected" = ["count == 0"]
"#;

/// Waits until the run has clients, and so many whole seconds of results.
fn wait_for_seconds(running: &RunningSioLoad, seconds: usize) {
    running.wait_for_note("run_started", LIMIT);
    wait_for("rows of results", LIMIT, || {
        let results = running.results()?;
        let rows = std::fs::read_to_string(results.join("timeline.csv")).ok()?;
        (rows.lines().count() > seconds).then_some(())
    });
}

/// A number of summary.json by its keys.
fn number(value: &Value, keys: &[&str]) -> u64 {
    let found = keys.iter().fold(value, |value, key| &value[*key]);
    found
        .as_u64()
        .unwrap_or_else(|| panic!("{keys:?} is {found}"))
}
