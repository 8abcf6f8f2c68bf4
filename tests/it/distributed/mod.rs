//! One run in several processes or at several agents: the same clients, victims and counts as in
//! one process; and what happens when one of them is lost.

mod agents;
mod processes;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Finished, Kind, RealServer, ServerLog, SioLoad, What};

const LIMIT: Duration = Duration::from_secs(120);

/// Two populations and a fault with victims.
const STORM: &str = r#"
    name = "shared"
    duration = "8s"
    [target]
    auth = { client = "{{client}}" }
    [[clients]]
    name = "web"
    count = 20
    arrive = "20/s"
    [[clients.emit]]
    event = "echo"
    every = "500ms"
    ack = { timeout = "20s" }
    [[clients]]
    name = "mobile"
    count = 10
    transports = ["websocket"]
    [[chaos]]
    at = "3s"
    fault = "disconnect"
    how = "namespace"
    clients = "30%"
    over = "500ms"
"#;

/// A run of [`STORM`], and what its server saw.
struct Run {
    summary: Value,
    /// Connects by client.
    connects: BTreeMap<String, usize>,
    events: u64,
}

impl Run {
    /// With these arguments added.
    fn of_the_storm(more: &[&str]) -> Self {
        let server = RealServer::start(Kind::SocketIo4, json!({}));
        let url = server.url();
        let mut arguments = vec!["run", "a.toml", "--quiet", "--url", &url, "--seed", "7"];
        arguments.extend(more);
        let finished = SioLoad::new(&arguments).file("a.toml", STORM).run(LIMIT);
        // 92 on a machine that is busy with much else: what is counted holds all the same.
        let code = finished.status.code();
        assert!(
            matches!(code, Some(0 | 92)),
            "{code:?}: {}",
            finished.stderr
        );
        let log = server.wait_log("end of every namespace", |log| {
            log.count(What::Disconnect) == log.connects()
        });
        Self {
            summary: summary(&finished),
            connects: connects(&log),
            events: log.count(What::Event),
        }
    }

    fn assert_agrees_with_the_server(&self) {
        let counters = &self.summary["counters"];
        assert_eq!(counters["emits"], self.events, "{counters}");
        assert_eq!(counters["acks"], self.events, "{counters}");
        assert_eq!(counters["connects"], 39, "{counters}");
        assert_eq!(self.connects.len(), 30);
        let twice = self.connects.values().filter(|connects| **connects == 2);
        assert_eq!(twice.count(), 9, "{:?}", self.connects);
        assert_eq!(self.summary["faults"][0]["affected"], 9);
    }
}

fn connects(log: &ServerLog) -> BTreeMap<String, usize> {
    let mut connects = BTreeMap::new();
    for line in log.of(What::Connect) {
        let client = line.more["auth"]["client"].as_str().expect("a number");
        *connects.entry(client.to_owned()).or_default() += 1;
    }
    connects
}

fn summary(finished: &Finished) -> Value {
    let text = std::fs::read_to_string(finished.results().join("summary.json"));
    text.expect("a summary").parse().expect("JSON")
}

/// How many clients were connected at the end of a second, from 0.
fn connected(finished: &Finished, second: usize) -> u64 {
    let timeline = std::fs::read_to_string(finished.results().join("timeline.csv"));
    let timeline = timeline.expect("a timeline");
    let mut lines = timeline.lines().map(|line| line.split(','));
    let mut header = lines.next().expect("a header");
    let column = header
        .position(|name| name == "clients.connected")
        .expect("a column");
    let mut row = lines.nth(second).expect("a row");
    row.nth(column).expect("a value").parse().expect("a number")
}

/// Whether the summary names a lost part of the run that had so many clients.
fn names_loss(summary: &Value, name: &str, clients: u64) -> bool {
    let warnings = summary["warnings"].as_array().expect("an array");
    warnings.iter().any(|warning| {
        let message = warning["message"].as_str().unwrap_or_default();
        warning["code"] == "worker_lost"
            && message.contains(name)
            && message.contains(&format!("{clients} clients"))
    })
}
