//! Faults on the way, against the reference server: what clients report, and what the server does.
//!
//! Three runs have a population for each fault; each test looks at its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Kind, RealServer, SioLoad, What};

/// Clients of each population.
const CLIENTS: u64 = 4;

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
struct Run {
    populations: Vec<String>,
    summary: Value,
    server: Vec<Session>,
    hosts: BTreeSet<String>,
    server_host: String,
    refusals: u64,
}

/// A namespace's session, as the server tells it.
struct Session {
    population: String,
    end: Option<String>,
}

/// Toxics that work on bytes.
static TOXICS: LazyLock<Run> = LazyLock::new(|| {
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
static ENDS: LazyLock<Run> = LazyLock::new(|| {
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
static REQUESTS: LazyLock<Run> = LazyLock::new(|| {
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
    fn fault(&self, population: &str) -> &Value {
        let is_here = |whose: &str| self.populations.iter().any(|name| name == whose);
        let mut faults = FAULTS.iter().filter(|(whose, _, _)| is_here(whose));
        let place = faults.position(|(whose, _, _)| *whose == population);
        &self.summary["faults"][place.expect("a fault")]
    }

    /// What the restart of its proxy did: these come after all others.
    fn restart(&self, population: &str) -> &Value {
        let detail = format!("on the way of {population}");
        let faults = self.summary["faults"].as_array().expect("a list");
        let mut restarts = faults.iter().filter(|fault| fault["fault"] == "restart");
        let found = restarts.find(|fault| fault["detail"] == detail.as_str());
        found.expect("a restart")
    }

    fn counter(&self, population: &str, name: &str) -> u64 {
        let counters = &self.summary["populations"][population]["counters"];
        counters[name].as_u64().expect("a counter")
    }

    /// The longest time to an ack, in milliseconds.
    fn slowest_ack(&self, population: &str) -> u64 {
        let times = &self.summary["populations"][population]["metrics"]["ack.time"];
        times["max"].as_u64().expect("acks") / 1000
    }

    /// How a population's sessions ended at the server, but for the goodbyes.
    fn server_reasons(&self, population: &str) -> BTreeMap<&str, u64> {
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
    fn errors(&self, population: &str) -> BTreeSet<String> {
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

    /// Everybody noticed a fault by this reason and is back; the server tells its own.
    fn assert_noticed(&self, population: &str, fault: &Value, client: &str, server: &str) {
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
        let ours = reasons.get(server).copied().unwrap_or_default();
        assert!(ours >= CLIENTS && reasons.len() == 1, "{reasons:?}");
    }

    /// It was at work on every connection, and nobody lost one.
    fn assert_harmless(&self, population: &str) {
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

fn set(errors: &[&str]) -> BTreeSet<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn who_is_not_on_the_way_is_not_touched() {
    assert_eq!(TOXICS.counter("direct", "reconnects"), 0);
    assert_eq!(TOXICS.counter("direct", "upgrades"), CLIENTS);
    assert_eq!(TOXICS.errors("direct"), set(&[]));
    assert_eq!(TOXICS.server_reasons("direct"), BTreeMap::new());
}

#[test]
fn the_server_is_asked_by_its_own_name() {
    assert_eq!(TOXICS.hosts, BTreeSet::from([TOXICS.server_host.clone()]));
}

#[test]
fn latency_costs_time_alone_and_adds_up() {
    TOXICS.assert_harmless("latency");
    assert!(TOXICS.slowest_ack("latency") >= 300);
    TOXICS.assert_harmless("layers");
    assert!(TOXICS.slowest_ack("layers") >= 170);
}

#[test]
fn bandwidth_and_slices_take_their_time() {
    TOXICS.assert_harmless("bandwidth");
    // 20 kB at 40 kB/s.
    assert!(TOXICS.slowest_ack("bandwidth") >= 500);
    TOXICS.assert_harmless("slicer");
    // 64 slices, and 5 ms between them.
    assert!(TOXICS.slowest_ack("slicer") >= 315);
}

#[test]
fn a_slow_close_keeps_nobody_from_its_answer() {
    TOXICS.assert_harmless("slow-close");
}

#[test]
fn silence_ends_with_the_fault_or_with_its_delay() {
    let fault = TOXICS.fault("timeout");
    TOXICS.assert_noticed("timeout", fault, "transport close", "transport close");
    assert!(
        fault["detect"]["min"].as_u64() >= Some(1_990_000),
        "{fault:#}"
    );
    let fault = TOXICS.fault("short-timeout");
    TOXICS.assert_noticed("short-timeout", fault, "transport close", "transport close");
    assert!(
        fault["detect"]["min"].as_u64() >= Some(699_000),
        "{fault:#}"
    );
}

#[test]
fn resets_are_resets() {
    let fault = ENDS.fault("reset");
    ENDS.assert_noticed("reset", fault, "transport close", "transport close");
    let fault = ENDS.fault("reset-polling");
    ENDS.assert_noticed("reset-polling", fault, "transport error", "transport close");
    for population in ["reset", "reset-polling"] {
        let errors = ENDS.errors(population);
        let met = ["session", "open"].map(|stage| format!("{stage} connection_reset network"));
        assert!(errors.contains(&met[0]), "{errors:?}");
        assert!(errors.iter().all(|error| met.contains(error)), "{errors:?}");
    }
}

#[test]
fn connections_end_after_so_many_bytes() {
    let fault = ENDS.fault("limit");
    ENDS.assert_noticed("limit", fault, "transport close", "transport close");
}

#[test]
fn while_the_proxy_is_down_connections_are_refused() {
    let fault = ENDS.fault("down");
    ENDS.assert_noticed("down", fault, "transport close", "transport close");
    let fault = ENDS.fault("down-polling");
    ENDS.assert_noticed("down-polling", fault, "transport error", "transport error");
    for population in ["down", "down-polling"] {
        let errors = ENDS.errors(population);
        let met = [
            "session connection_closed network",
            "tcp connection_refused server",
        ];
        assert_eq!(errors, set(&met));
        let outage = &ENDS.fault(population)["outage"]["min"];
        assert!(outage.as_u64() >= Some(1_990_000), "{outage}");
    }
}

#[test]
fn a_restart_of_the_proxy_is_a_herd_and_nothing_more() {
    let fault = ENDS.fault("restart");
    ENDS.assert_noticed("restart", fault, "transport close", "transport close");
    assert_eq!(ENDS.counter("restart", "handshake.errors"), 0);
}

#[test]
fn an_idle_timeout_below_the_ping_interval_cuts_everybody_off() {
    let fault = ENDS.fault("idle");
    ENDS.assert_noticed("idle", fault, "transport close", "transport close");
    assert!(
        fault["detect"]["min"].as_u64() >= Some(399_000),
        "{fault:#}"
    );
    let errors = ENDS.errors("idle");
    assert_eq!(errors, set(&["session connection_closed network"]));
}

#[test]
fn a_status_ends_polling_and_the_server_is_left_with_silent_sessions() {
    let fault = REQUESTS.fault("status");
    REQUESTS.assert_noticed("status", fault, "transport error", "ping timeout");
    assert!(fault["requests"].as_u64() >= Some(CLIENTS), "{fault:#}");
    let errors = REQUESTS.errors("status");
    assert!(
        errors.contains("session http_status server 503"),
        "{errors:?}"
    );
    assert!(
        errors
            .iter()
            .all(|error| error.ends_with(" http_status server 503")),
        "{errors:?}"
    );
}

#[test]
fn a_share_of_requests_is_a_share() {
    let fault = REQUESTS.fault("status-share");
    let answered = fault["requests"].as_u64().expect("a count");
    let failed = REQUESTS.counter("status-share", "session.errors")
        + REQUESTS.counter("status-share", "handshake.errors");
    assert!(answered > 0 && failed <= answered, "{failed} of {answered}");
    let errors = REQUESTS.errors("status-share");
    assert!(
        errors
            .iter()
            .all(|error| error.ends_with(" http_status server 429")),
        "{errors:?}"
    );
    // Every other request went on: acks came all the time.
    let acks = REQUESTS.counter("status-share", "acks");
    assert!(acks > answered, "{acks} acks");
}

#[test]
fn websockets_that_come_again_are_blocked_and_back_after_it() {
    let expected = [
        ("refused", "open websocket_refused server 403"),
        ("swallowed", "open timed_out server"),
        ("stripped", "open bad_request server 400"),
    ];
    for (population, error) in expected {
        let restart = REQUESTS.restart(population);
        REQUESTS.assert_noticed(population, restart, "transport close", "transport close");
        let errors = REQUESTS.errors(population);
        assert!(errors.contains(error), "{errors:?}");
        let blocked = REQUESTS.fault(population);
        assert!(blocked["requests"].as_u64() >= Some(CLIENTS), "{blocked:#}");
        // They were open when it began.
        assert_eq!(blocked["affected"], 0, "{blocked:#}");
    }
    // The server took the stripped ones for requests, and refused them itself.
    let stripped = REQUESTS.fault("stripped")["requests"].as_u64();
    assert_eq!(stripped, Some(REQUESTS.refusals));
}

#[test]
fn clients_that_may_poll_live_without_their_upgrade() {
    let restart = REQUESTS.restart("refused-upgrade");
    REQUESTS.assert_noticed(
        "refused-upgrade",
        restart,
        "transport close",
        "transport close",
    );
    let errors = REQUESTS.errors("refused-upgrade");
    assert!(
        errors.contains("upgrade websocket_refused server 403"),
        "{errors:?}"
    );
    assert_eq!(
        restart["transports"],
        json!({ "polling": CLIENTS }),
        "{restart:#}"
    );
    assert_eq!(REQUESTS.counter("refused-upgrade", "handshake.errors"), 0);
}

/// A shipped scenario on few clients and in short, against the reference server.
fn shipped(name: &str, changes: &[&str]) -> (Value, String) {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let file = format!("{}/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let (url, clients) = (server.url(), "12");
    let mut arguments = vec!["run", &file, "--url", &url, "--clients", clients];
    for change in changes {
        arguments.extend(["--set", change]);
    }
    let finished = SioLoad::new(&arguments).run(Duration::from_secs(90));
    let summary = finished.summary();
    for fault in summary["faults"].as_array().expect("a list") {
        assert_eq!(fault["failed"], Value::Null, "{fault:#}");
        assert!(fault["applied_s"].is_f64(), "{fault:#}");
    }
    for threshold in summary["thresholds"].as_array().expect("a list") {
        // Times are this machine's, which may be busy; counts are the scenario's.
        let expression = threshold["expression"].as_str();
        let is_time = expression.is_some_and(|expression| expression.starts_with("p("));
        assert!(is_time || threshold["passed"] == true, "{threshold:#}");
    }
    (summary, finished.stdout)
}

#[test]
fn proxy_restart_as_shipped() {
    let (summary, page) = shipped("proxy-restart", &["duration=8s", "chaos.0.at=2s"]);
    assert_eq!(summary["faults"][0]["affected"], 12);
    assert_eq!(summary["faults"][0]["connections"], 12);
    assert!(page.contains("touched      12 connections\n"), "{page}");
}

#[test]
fn load_balancer_503_as_shipped() {
    let changes = ["duration=12s", "chaos.0.at=2s", "chaos.0.for=2s"];
    let (summary, _) = shipped("load-balancer-503", &changes);
    assert_eq!(
        summary["faults"][0]["disconnects"],
        json!({ "transport error": 4 })
    );
    assert_eq!(summary["errors"][0]["status"], 503);
}

#[test]
fn websocket_blocked_as_shipped() {
    let changes = [
        "duration=14s",
        "chaos.0.at=2s",
        "chaos.0.for=4s",
        "chaos.1.at=3s",
    ];
    let (summary, _) = shipped("websocket-blocked", &changes);
    let outage = |population: &str| {
        let times = &summary["populations"][population]["metrics"]["reconnect.outage"];
        times["max"].as_u64().expect("an outage")
    };
    assert!(outage("websocket-only") >= 2_900_000);
    assert!(outage("polling-first") < outage("websocket-only"));
}

#[test]
fn slow_network_as_shipped() {
    let changes = [
        "duration=9s",
        "chaos.0.at=2s",
        "chaos.0.for=5s",
        "chaos.1.at=2s",
        "chaos.1.for=5s",
    ];
    let (summary, _) = shipped("slow-network", &changes);
    let slowest = &summary["populations"]["there"]["metrics"]["ack.time"]["max"];
    assert!(slowest.as_u64() >= Some(200_000), "{slowest}");
}

#[test]
fn idle_timeout_as_shipped() {
    let quick = ["duration=6s", "chaos.0.at=1s"];
    let (summary, _) = shipped("idle-timeout", &quick);
    assert_eq!(summary["faults"][0]["connections"], 0);
}
