use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use serde_json::Value;
use sio_load::event::HistogramMetric;

use super::{LIMIT, formats, number};
use crate::harness::{Finished, Kind, SioLoad};

/// A shipped scenario in small: fewer clients, less time, and faults that come early.
struct Shipped {
    name: &'static str,
    /// Times in braces are milliseconds, more of them if the machine is slow.
    arguments: &'static [&'static str],
    /// That its summary shows what the scenario is there to show.
    check: fn(&Value),
}

const SHIPPED: [Shipped; 9] = [
    Shipped {
        name: "reconnect",
        arguments: &[
            "--clients=20",
            "--duration={8000}",
            "--set=clients.web.reconnection.delay=250ms",
            "--set=clients.web.reconnection.delay_max=500ms",
            "--set=chaos.0.at={1500}",
            "--set=chaos.0.over=200ms",
            "--set=chaos.1.at={3000}",
            "--set=chaos.1.down=500ms",
            "--set=chaos.2.at={6000}",
            "--set=chaos.2.over=200ms",
            // Shorter delays make more attempts while the server is down.
            "--set=thresholds.'handshake.error_rate'=rate < 99%",
        ],
        check: reconnect,
    },
    Shipped {
        name: "websocket-only",
        arguments: &[
            "--clients=20",
            "--duration={4000}",
            "--set=clients.web.reconnection.delay=200ms",
            "--set=chaos.0.at={1500}",
            "--set=chaos.0.over=200ms",
        ],
        check: websocket_only,
    },
    Shipped {
        name: "polling-only",
        arguments: &[
            "--clients=16",
            "--duration={4000}",
            "--set=clients.web.reconnection.delay=200ms",
            "--set=clients.web.emit.echo.every=1s",
            "--set=chaos.0.at={1500}",
            "--set=chaos.0.over=200ms",
        ],
        check: polling_only,
    },
    Shipped {
        name: "mixed-transports",
        arguments: &[
            "--clients=20",
            "--duration={4000}",
            "--set=clients.upgraded.reconnection.delay=200ms",
            "--set=clients.stuck.reconnection.delay=200ms",
            "--set=chaos.0.at={1500}",
            "--set=chaos.0.over=200ms",
        ],
        check: mixed_transports,
    },
    Shipped {
        name: "non-sticky-balancer",
        arguments: &[
            "--clients=20",
            "--duration={4000}",
            "--set=clients.websocket.emit.echo.every=1s",
        ],
        check: non_sticky_balancer,
    },
    Shipped {
        name: "release-2-clients",
        arguments: &[
            "--clients=12",
            "--duration={6000}",
            "--set=clients.old.reconnection.delay=250ms",
            "--set=clients.old.reconnection.delay_max=500ms",
            "--set=clients.old.emit.echo.every=1s",
            "--set=clients.new.reconnection.delay=250ms",
            "--set=clients.new.reconnection.delay_max=500ms",
            "--set=clients.new.emit.echo.every=1s",
            "--set=chaos.0.at={2000}",
            "--set=chaos.0.down=500ms",
        ],
        check: release_2_clients,
    },
    Shipped {
        name: "capacity",
        arguments: &["--clients=10", "--duration={6000}"],
        check: capacity,
    },
    Shipped {
        name: "steady-emit-ack",
        arguments: &["--clients=10", "--duration={4000}"],
        check: steady_emit_ack,
    },
    Shipped {
        name: "node-server-restart",
        arguments: &[
            "--clients=6",
            "--duration={9000}",
            "--set=server.ready=60s",
            "--set=clients.web.reconnection.delay=250ms",
            "--set=clients.web.reconnection.delay_max=500ms",
            "--set=clients.web.emit.echo.every=1s",
            "--set=chaos.0.at={1500}",
            "--set=chaos.0.down=200ms",
            "--set=chaos.1.at={5000}",
            "--set=chaos.1.down=200ms",
        ],
        check: node_server_restart,
    },
];

/// How much slower a run may have to go on a machine that is busy with other things.
const SLOWER: [u32; 3] = [1, 3, 9];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_shipped_scenario_shows_what_it_is_there_for() {
    // The packages of the Node server that one of them starts.
    assert!(Kind::SocketIo4.command().is_some());
    // Side by side, since they mostly wait.
    std::thread::scope(|scope| {
        for shipped in &SHIPPED {
            std::thread::Builder::new()
                .name(shipped.name.to_owned())
                .spawn_scoped(scope, || shipped.run())
                .unwrap();
        }
    });
}

#[test]
fn no_scenario_is_shipped_without_a_test() {
    let files = std::fs::read_dir(repository().join("scenarios")).unwrap();
    let files: BTreeSet<_> = files
        .map(|file| file.unwrap().path())
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    // Those that break what is on the way, or the clients themselves, are run by tests of their own.
    let elsewhere = [
        include_str!("../chaos/shipped.rs"),
        include_str!("../chaos/client/mod.rs"),
        include_str!("steps.rs"),
    ];
    let is_tested = |name: &String| {
        let literal = format!("\"{name}\"");
        let here = SHIPPED.iter().any(|shipped| shipped.name == name);
        here || elsewhere.iter().any(|source| source.contains(&literal))
    };
    let untested: Vec<_> = files.iter().filter(|name| !is_tested(name)).collect();
    assert_eq!(untested, [""; 0]);
    let missing = SHIPPED
        .iter()
        .filter(|shipped| !files.contains(shipped.name));
    assert_eq!(missing.count(), 0);
}

impl Shipped {
    fn run(&self) {
        for slower in SLOWER {
            let finished = self.run_once(slower);
            let summary = finished.summary();
            let checked = catch_unwind(AssertUnwindSafe(|| {
                assert_eq!(summary["scenario"], self.name);
                assert_held(&finished, &summary);
                (self.check)(&summary);
            }));
            match checked {
                Ok(()) => return,
                // Faults that come while clients still wait for a core show nothing.
                Err(_) if was_starved(&summary) && slower != SLOWER[SLOWER.len() - 1] => {}
                Err(failed) => resume_unwind(failed),
            }
        }
    }

    fn run_once(&self, slower: u32) -> Finished {
        let file = format!("scenarios/{}.toml", self.name);
        let arguments = self.arguments.iter();
        let arguments = arguments.map(|argument| stretched(argument, slower));
        let arguments: Vec<_> = ["run".to_owned(), file]
            .into_iter()
            .chain(arguments)
            .collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let finished = SioLoad::new(&arguments).within(repository()).run(LIMIT);
        formats::assert_consistent(&finished);
        finished
    }
}

/// With `{1500}` as so many milliseconds, or more of them.
fn stretched(argument: &str, slower: u32) -> String {
    let Some((before, rest)) = argument.split_once('{') else {
        return argument.to_owned();
    };
    let (milliseconds, after) = rest.split_once('}').unwrap();
    let milliseconds: u32 = milliseconds.parse().unwrap();
    format!("{before}{}ms{after}", milliseconds * slower)
}

/// Whether the run says itself that it did not get the processor time that it needed.
fn was_starved(summary: &Value) -> bool {
    let starved = ["generator_lag", "generator_saturated", "late_starts"];
    let warnings = summary["warnings"].as_array().unwrap().iter();
    let mut codes = warnings.map(|warning| warning["code"].as_str().unwrap());
    codes.any(|code| starved.contains(&code))
}

/// Every threshold has a value, and none but those on times may be crossed: how fast a busy machine
/// is says nothing about the scenario.
fn assert_held(finished: &Finished, summary: &Value) {
    let thresholds = summary["thresholds"].as_array().unwrap();
    assert!(!thresholds.is_empty());
    let mut are_held = true;
    for threshold in thresholds {
        assert!(!threshold["value"].is_null(), "{threshold}");
        let metric = threshold["metric"].as_str().unwrap();
        let metric = metric.split('{').next().unwrap();
        let is_time = HistogramMetric::from_name(metric).is_some();
        let is_held = threshold["passed"] == true;
        assert!(is_held || is_time, "{threshold}");
        are_held &= is_held;
    }
    let expected = match summary["verdict"].as_str().unwrap() {
        // As a machine is that is busy with other tests.
        "generator_bound" => 92,
        _ if are_held => 0,
        _ => 99,
    };
    assert_eq!(finished.code(), expected, "{finished:?}");
}

/// That a fault hit so many clients, and that all of them came back.
fn assert_all_back<'a>(summary: &'a Value, fault: usize, name: &str, affected: u64) -> &'a Value {
    let fault = &summary["faults"][fault];
    assert_eq!(fault["fault"], name);
    assert_eq!(number(fault, &["affected"]), affected, "{fault:#}");
    assert_eq!(number(fault, &["restored"]), affected, "{fault:#}");
    assert_eq!(number(fault, &["never_back"]), 0, "{fault:#}");
    for share in ["p50", "p95", "p99", "p100"] {
        assert!(fault["restored_s"][share].as_f64() > Some(0.0), "{fault:#}");
    }
    fault
}

fn counter(summary: &Value, counter: &str) -> u64 {
    number(summary, &["counters", counter])
}

fn of_population(summary: &Value, population: &str, counter: &str) -> u64 {
    number(summary, &["populations", population, "counters", counter])
}

/// How many failures there were of this cause, in a summary or in one of its populations.
fn failures(of: &Value, cause: &str) -> u64 {
    let errors = of["errors"].as_array().unwrap().iter();
    let errors = errors.filter(|error| error["cause"] == cause);
    errors.map(|error| number(error, &["count"])).sum()
}

fn reconnect(summary: &Value) {
    assert_eq!(counter(summary, "clients.connected_max"), 20);
    assert_eq!(counter(summary, "clients.never_back"), 0);
    let switched = assert_all_back(summary, 0, "transport_switch", 4);
    assert_eq!(switched["transports"], serde_json::json!({ "polling": 4 }));
    assert_eq!(
        switched["disconnects"],
        serde_json::json!({ "forced close": 4 })
    );
    let restarted = assert_all_back(summary, 1, "server_restart", 20);
    assert!(number(restarted, &["peak_handshakes_per_s"]) > 0);
    assert_all_back(summary, 2, "disconnect", 10);
    assert_eq!(summary["faults"].as_array().unwrap().len(), 3);
    assert_eq!(counter(summary, "reconnects"), 34);
    assert_eq!(number(summary, &["metrics", "reconnect.time", "count"]), 34);
    assert_eq!(
        failures(summary, "connection_refused"),
        counter(summary, "handshake.errors")
    );
    assert!(counter(summary, "acks") > 0);
}

fn websocket_only(summary: &Value) {
    // A third of 20.
    let fault = assert_all_back(summary, 0, "disconnect", 7);
    assert_eq!(fault["transports"], serde_json::json!({ "websocket": 7 }));
    assert_eq!(counter(summary, "upgrades"), 0);
    assert_eq!(counter(summary, "handshake.attempts"), 27);
    assert!(summary["metrics"]["upgrade.time"].is_null());
}

fn polling_only(summary: &Value) {
    let fault = assert_all_back(summary, 0, "disconnect", 4);
    assert_eq!(fault["transports"], serde_json::json!({ "polling": 4 }));
    assert_eq!(counter(summary, "upgrades"), 0);
    assert_eq!(counter(summary, "upgrade.errors"), 0);
    assert!(counter(summary, "acks") > 0);
}

fn mixed_transports(summary: &Value) {
    assert_all_back(summary, 0, "disconnect", 6);
    assert_eq!(of_population(summary, "upgraded", "clients.started"), 19);
    assert_eq!(of_population(summary, "stuck", "clients.started"), 1);
    assert!(of_population(summary, "upgraded", "upgrades") >= 19);
    assert_eq!(of_population(summary, "stuck", "upgrades"), 0);
    assert_eq!(of_population(summary, "stuck", "clients.connected_max"), 1);
}

fn non_sticky_balancer(summary: &Value) {
    let unknown = summary["errors"].as_array().unwrap().iter();
    let unknown: Vec<_> = unknown
        .filter(|error| error["cause"] == "session_id_unknown")
        .collect();
    assert!(!unknown.is_empty(), "{:#}", summary["errors"]);
    for error in unknown {
        assert_eq!(error["origin"], "server");
        assert_eq!(error["status"], 400);
        assert_eq!(error["code"], 1);
    }
    let websocket = &summary["populations"]["websocket"];
    assert_eq!(websocket["errors"], serde_json::json!([]));
    assert_eq!(
        of_population(summary, "websocket", "clients.connected_max"),
        10
    );
    assert!(of_population(summary, "websocket", "acks") > 0);
    assert!(
        failures(
            &summary["populations"]["polling-first"],
            "session_id_unknown"
        ) > 0
    );
}

fn release_2_clients(summary: &Value) {
    assert_all_back(summary, 0, "server_restart", 12);
    for population in ["old", "new"] {
        assert_eq!(
            of_population(summary, population, "clients.connected_max"),
            6
        );
        assert_eq!(of_population(summary, population, "reconnects"), 6);
        assert!(of_population(summary, population, "acks") > 0);
        // First connects and returns were upgraded alike.
        assert_eq!(of_population(summary, population, "upgrades"), 12);
    }
    assert_eq!(failures(summary, "unsupported_protocol_version"), 0);
}

fn capacity(summary: &Value) {
    assert_eq!(counter(summary, "clients.connected_max"), 10);
    assert!(counter(summary, "acks") >= 10, "one in two seconds each");
    assert!(number(summary, &["watched", "server.rss", "samples"]) > 0);
}

fn steady_emit_ack(summary: &Value) {
    let acks = number(summary, &["metrics", "ack.time", "count"]);
    assert_eq!(counter(summary, "acks"), acks);
    assert!(acks >= 20, "ten clients, one a second each: {acks}");
    let events = counter(summary, "events");
    assert_eq!(number(summary, &["metrics", "event.time", "count"]), events);
    // At the end each client may have one on its way that is not waited for.
    let unanswered = counter(summary, "emits") - acks - events;
    assert!(unanswered <= 10, "{unanswered}");
    assert_eq!(summary["errors"], serde_json::json!([]));
}

fn node_server_restart(summary: &Value) {
    assert_eq!(counter(summary, "clients.connected_max"), 6);
    assert_all_back(summary, 0, "server_restart", 6);
    assert_all_back(summary, 1, "server_restart", 6);
    assert!(counter(summary, "acks") > 0);
    let program = summary["provenance"]["server"]["program"].as_str().unwrap();
    assert!(program.starts_with("node "), "{program}");
}
