//! The runs: populations, faults, and what both sides told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Kind, RealServer, SioLoad, What};

/// Clients of each population.
pub(super) const CLIENTS: u64 = 4;

const BOTH: &str = r#"["polling", "websocket"]"#;
const POLLING: &str = r#"["polling"]"#;
const WEBSOCKET: &str = r#"["websocket"]"#;

const ECHO: &str = "emit = [{ event = \"echo\", every = \"200ms\", ack = true }]";
const LARGE: &str =
    "emit = [{ event = \"big_reply\", data = [20000], every = \"1500ms\", ack = true }]";

/// The populations: name, transports, and what else stands in their table.
const POPULATIONS: &[(&str, &str, &str)] = &[
    ("direct", BOTH, ECHO),
    ("latency", WEBSOCKET, ECHO),
    ("bandwidth", WEBSOCKET, LARGE),
    ("slicer", WEBSOCKET, LARGE),
    ("slow-close", POLLING, ECHO),
    ("timeout", WEBSOCKET, ""),
    ("short-timeout", WEBSOCKET, ""),
    ("reset", WEBSOCKET, ECHO),
    ("reset-polling", POLLING, ECHO),
    ("limit", WEBSOCKET, ECHO),
    ("down", BOTH, ""),
    ("down-polling", POLLING, ""),
    ("restart", BOTH, ""),
    ("idle", WEBSOCKET, ""),
    ("status", POLLING, ECHO),
    ("status-share", POLLING, ECHO),
    ("refused", WEBSOCKET, ""),
    ("swallowed", WEBSOCKET, "timeout = \"1s\""),
    ("stripped", WEBSOCKET, ""),
    ("refused-upgrade", BOTH, ""),
    ("layers", WEBSOCKET, ECHO),
];

/// The faults, in order of time: population, when, and keys.
const FAULTS: &[(&str, &str, &str)] = &[
    (
        "latency",
        "3s",
        r#"fault = "latency", latency = "150ms", direction = "both", for = "3s""#,
    ),
    (
        "bandwidth",
        "3s",
        r#"fault = "bandwidth", rate = "40KB/s", for = "4s""#,
    ),
    (
        "slicer",
        "3s",
        r#"fault = "slicer", size = "500B", delay = "5ms", for = "4s""#,
    ),
    (
        "slow-close",
        "3s",
        r#"fault = "slow_close", delay = "300ms", for = "3s""#,
    ),
    ("timeout", "3s", r#"fault = "timeout", for = "2s""#),
    (
        "short-timeout",
        "3s",
        r#"fault = "timeout", delay = "700ms", direction = "upstream", for = "1500ms""#,
    ),
    ("reset", "3s", r#"fault = "reset_peer", for = "1s""#),
    (
        "reset-polling",
        "3s",
        r#"fault = "reset_peer", delay = "100ms", for = "1s""#,
    ),
    (
        "limit",
        "3s",
        r#"fault = "limit_data", bytes = "60B", for = "2s""#,
    ),
    ("down", "3s", r#"fault = "down", for = "2s""#),
    ("down-polling", "3s", r#"fault = "down", for = "2s""#),
    ("restart", "3s", r#"fault = "restart""#),
    (
        "idle",
        "3s",
        r#"fault = "idle_timeout", after = "400ms", for = "3s""#,
    ),
    ("status", "3s", r#"fault = "status", for = "1s""#),
    (
        "status-share",
        "3s",
        r#"fault = "status", status = 429, share = "30%", for = "2s""#,
    ),
    (
        "refused",
        "3s",
        r#"fault = "websocket_blocked", for = "3s""#,
    ),
    (
        "swallowed",
        "3s",
        r#"fault = "websocket_blocked", how = "swallowed", for = "3s""#,
    ),
    (
        "stripped",
        "3s",
        r#"fault = "websocket_blocked", how = "stripped", for = "3s""#,
    ),
    (
        "refused-upgrade",
        "3s",
        r#"fault = "websocket_blocked", for = "5s""#,
    ),
    (
        "layers",
        "3s",
        r#"fault = "latency", latency = "100ms", for = "3s""#,
    ),
    (
        "layers",
        "3s",
        r#"fault = "latency", latency = "70ms", direction = "upstream", for = "3s""#,
    ),
    // WebSockets that are open stay open; these make them come again.
    ("refused", "3500ms", r#"fault = "restart""#),
    ("swallowed", "3500ms", r#"fault = "restart""#),
    ("stripped", "3500ms", r#"fault = "restart""#),
    ("refused-upgrade", "3500ms", r#"fault = "restart""#),
];

/// One run.
pub(super) struct Run {
    populations: Vec<String>,
    summary: Value,
    server: Vec<Session>,
    pub(super) hosts: BTreeSet<String>,
    pub(super) server_host: String,
    pub(super) refusals: u64,
}

/// A namespace's session, as the server tells it.
struct Session {
    population: String,
    end: Option<String>,
}

/// Toxics that work on bytes.
pub(super) static TOXICS: LazyLock<Run> = LazyLock::new(|| {
    run(&[
        "direct",
        "latency",
        "layers",
        "bandwidth",
        "slicer",
        "slow-close",
        "timeout",
        "short-timeout",
    ])
});

/// Connections that end.
pub(super) static ENDS: LazyLock<Run> = LazyLock::new(|| {
    run(&[
        "reset",
        "reset-polling",
        "limit",
        "down",
        "down-polling",
        "restart",
        "idle",
    ])
});

/// Requests.
pub(super) static REQUESTS: LazyLock<Run> = LazyLock::new(|| {
    run(&[
        "status",
        "status-share",
        "refused",
        "swallowed",
        "stripped",
        "refused-upgrade",
    ])
});

/// A run with these populations: all of them at once would keep a busy machine from being in time.
fn run(populations: &[&str]) -> Run {
    let options = json!({
        "pingInterval": 1000, "pingTimeout": 3000, "logRequests": true,
    });
    let server = RealServer::start(Kind::SocketIo4, options);
    let finished = SioLoad::new(&["run", "faults.toml", "--url", &server.url()])
        .file("faults.toml", &scenario(populations))
        .run(Duration::from_secs(90));
    let log = server.wait_log("a goodbye of every client", |log| {
        log.count(What::Disconnect) == log.count(What::Connect)
    });
    let ends: BTreeMap<_, _> = log
        .of(What::Disconnect)
        .map(|line| (line.sid.clone(), line.reason.clone()))
        .collect();
    let sessions = log.of(What::Connect).map(|line| Session {
        population: text(&line.more["query"]["who"]),
        end: ends.get(&line.sid).cloned().flatten(),
    });
    let hosts = log
        .of(What::Request)
        .map(|line| text(&line.more["headers"]["host"]));
    Run {
        populations: populations.iter().map(ToString::to_string).collect(),
        summary: finished.summary(),
        server: sessions.collect(),
        hosts: hosts.collect(),
        server_host: server.address().to_string(),
        refusals: log.count(What::ConnectionError),
    }
}

fn scenario(chosen: &[&str]) -> String {
    let populations = POPULATIONS
        .iter()
        .filter(|(name, _, _)| chosen.contains(name));
    let populations = populations.map(|(name, transports, more)| {
        format!(
            "[[clients]]\nname = \"{name}\"\ncount = {CLIENTS}\ntransports = {transports}\n\
             query = {{ who = \"{name}\" }}\n\
             reconnection = {{ delay = \"200ms\", delay_max = \"400ms\" }}\n{more}\n"
        )
    });
    let faults = FAULTS.iter().filter(|(whose, _, _)| chosen.contains(whose));
    let faults = faults.map(|(population, at, keys)| {
        let keys = keys.replace(", ", "\n");
        format!("[[chaos]]\nat = \"{at}\"\npopulation = \"{population}\"\n{keys}\n")
    });
    let head = "name = \"faults\"\nduration = \"14s\"\nseed = 3\n".to_owned();
    [head]
        .into_iter()
        .chain(populations)
        .chain(faults)
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Run {
    /// What the first fault of a population did.
    pub(super) fn fault(&self, population: &str) -> &Value {
        let is_here = |whose: &str| self.populations.iter().any(|name| name == whose);
        let mut faults = FAULTS.iter().filter(|(whose, _, _)| is_here(whose));
        let place = faults.position(|(whose, _, _)| *whose == population);
        &self.summary["faults"][place.expect("a fault")]
    }

    /// What the restart of its proxy did: these come after all others.
    pub(super) fn restart(&self, population: &str) -> &Value {
        let detail = format!("on the way of {population}");
        let faults = self.summary["faults"].as_array().expect("a list");
        let mut restarts = faults.iter().filter(|fault| fault["fault"] == "restart");
        let found = restarts.find(|fault| fault["detail"] == detail.as_str());
        found.expect("a restart")
    }

    pub(super) fn counter(&self, population: &str, name: &str) -> u64 {
        let counters = &self.summary["populations"][population]["counters"];
        counters[name].as_u64().expect("a counter")
    }

    /// The longest time to an ack, in milliseconds.
    pub(super) fn slowest_ack(&self, population: &str) -> u64 {
        let times = &self.summary["populations"][population]["metrics"]["ack.time"];
        times["max"].as_u64().expect("acks") / 1000
    }

    /// How a population's sessions ended at the server, but for the goodbyes.
    pub(super) fn server_reasons(&self, population: &str) -> BTreeMap<&str, u64> {
        let mut reasons = BTreeMap::new();
        let ours = self.server.iter();
        for session in ours.filter(|session| session.population == population) {
            let reason = session.end.as_deref().unwrap_or_default();
            if reason != "client namespace disconnect" {
                *reasons.entry(reason).or_default() += 1;
            }
        }
        reasons
    }

    /// The failures of a population: stage, cause, origin and status.
    pub(super) fn errors(&self, population: &str) -> BTreeSet<String> {
        let errors = &self.summary["populations"][population]["errors"];
        let errors = errors.as_array().expect("a list").iter();
        errors
            .map(|error| {
                let kind = ["stage", "cause", "origin"].map(|key| text(&error[key]));
                let status = error["status"].as_u64();
                kind.join(" ") + &status.map_or_else(String::new, |status| format!(" {status}"))
            })
            .collect()
    }

    /// Everybody noticed a fault by this reason and is back; the server tells its own, one or
    /// another: `transport error or ping timeout`.
    pub(super) fn assert_noticed(
        &self,
        population: &str,
        fault: &Value,
        client: &str,
        server: &str,
    ) {
        assert_eq!(fault["failed"], Value::Null, "{fault:#}");
        assert_eq!(fault["affected"], CLIENTS, "{fault:#}");
        assert_eq!(
            fault["disconnects"],
            json!({ client: CLIENTS }),
            "{fault:#}"
        );
        assert_eq!(fault["restored"], CLIENTS, "{fault:#}");
        assert!(fault["connections"].as_u64() >= Some(CLIENTS), "{fault:#}");
        assert_eq!(self.counter(population, "clients.never_back"), 0);
        let reasons = self.server_reasons(population);
        let is_told = |reason: &str| server.split(" or ").any(|wanted| wanted == reason);
        assert!(reasons.keys().all(|reason| is_told(reason)), "{reasons:?}");
        assert!(reasons.values().sum::<u64>() >= CLIENTS, "{reasons:?}");
    }

    /// It was at work on every connection, and nobody lost one.
    pub(super) fn assert_harmless(&self, population: &str) {
        let fault = self.fault(population);
        assert_eq!(fault["failed"], Value::Null, "{fault:#}");
        assert!(fault["ended_s"].is_f64(), "{fault:#}");
        assert!(fault["connections"].as_u64() >= Some(CLIENTS), "{fault:#}");
        assert_eq!(fault["affected"], 0, "{fault:#}");
        assert_eq!(self.counter(population, "reconnects"), 0);
        assert_eq!(self.counter(population, "ack.lost"), 0);
        assert_eq!(self.counter(population, "ack.timeouts"), 0);
        assert_eq!(self.server_reasons(population), BTreeMap::new());
    }
}
