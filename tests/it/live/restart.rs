//! Servers that a run starts, kills and starts again.

use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use super::faults::assert_restored;
use super::outcome::counts;
use super::under_way::{UnderWay, program};
use super::{Outcome, TARGETS, Target, at_once};
use crate::harness::{Kind, LogReader, ServerLog, What, pace};

/// A `[server]` table that starts this server, with its log there.
fn server(target: Target, log: &Path) -> String {
    let log = log.to_str().expect("a path in UTF-8");
    let (argv, cwd) = target.kind.command().unwrap_or_else(|| {
        let program = env!("CARGO_BIN_EXE_sio-load");
        let words = [
            program,
            "serve",
            "--listen",
            "127.0.0.1:{{port}}",
            "--log",
            log,
        ];
        (words.map(str::to_owned).to_vec(), PathBuf::from("."))
    });
    let options = json!({ "allowEIO3": true }).to_string();
    let options = if target.kind == Kind::PythonAiohttp {
        "{}"
    } else {
        &options
    };
    format!(
        "[server]\nready = \"30s\"\ncommand = {argv:?}\ncwd = {cwd:?}\n\
         env = {{ LOG = {log:?}, OPTIONS = {options:?} }}"
    )
}

fn restarted(target: Target, signal: &str) {
    let directory = TempDir::new().expect("a temporary directory");
    let log = directory.path().join("server.jsonl");
    let scenario = format!(
        r#"
        duration = "600s"
        seed = 31
        {server}
        [[clients]]
        name = "polling"
        count = 3
        protocol = {protocol}
        transports = ["polling"]
        reconnection = {{ delay = "100ms", delay_max = "200ms" }}
        [[clients]]
        name = "both"
        count = 3
        protocol = {protocol}
        reconnection = {{ delay = "100ms", delay_max = "200ms" }}
        [[chaos]]
        at = "{at}ms"
        fault = "server_restart"
        signal = "{signal}"
        down = "300ms"
        "#,
        server = server(target, &log),
        protocol = target.protocol,
        at = pace().as_millis(),
    );
    let run = UnderWay::start_program(program(&scenario), &scenario);
    run.wait_for_count("reconnects", 6);
    let outcome = run.end();
    let log = LogReader::new(&log).read().clone();
    assert_came_back(&outcome, &log);
    if target.is_npm() {
        let opened = outcome.count("handshake.attempts") - outcome.count("handshake.errors");
        assert_eq!(opened, log.count(What::Open));
    }
    let lost = &outcome.fault().disconnects;
    if signal == "SIGKILL" {
        let lost_at_once = counts(&[("transport close", 3), ("transport error", 3)]);
        assert_eq!(*lost, lost_at_once);
    } else {
        // A goodbye that comes between two polls is missed.
        let [close, error] = ["transport close", "transport error"].map(|reason| lost.get(reason));
        assert_eq!(close.unwrap_or(&0) + error.unwrap_or(&0), 6, "{lost:?}");
        assert!(close >= Some(&3), "all on WebSocket: {lost:?}");
    }
    let mut ends = lost.clone();
    ends.insert("io client disconnect".to_owned(), 6);
    assert_eq!(outcome.summary.disconnects, ends);
    if signal == "SIGTERM" && target.is_npm() && target.protocol == 4 {
        let ends = [
            ("client namespace disconnect", 6),
            ("server shutting down", 6),
        ];
        assert_eq!(log.disconnects(), counts(&ends));
    }
}

/// All six clients lost their connection once, were refused while the server was down, and came
/// back to the next one.
fn assert_came_back(outcome: &Outcome, log: &ServerLog) {
    assert_restored(outcome.fault(), 6);
    // A server that is told to end may still take somebody in who never hears of it.
    assert_eq!(outcome.count("connects"), 12);
    assert!(log.connects() >= 12, "{}", log.connects());
    assert_eq!(outcome.count("reconnects"), 6);
    assert_eq!(outcome.count("clients.never_back"), 0);
    let errors = outcome.errors();
    let of = |wanted| errors.iter().filter(move |(kind, _)| kind.0 == wanted);
    assert_eq!(of("session").map(|(_, count)| count).sum::<u64>(), 6);
    let refused = ("tcp", "connection_refused", "scenario", None, None);
    assert!(errors[&refused] >= 6, "nobody came back at once");
    let failed = of("tcp").chain(of("open")).map(|(_, count)| count);
    assert_eq!(failed.sum::<u64>(), outcome.count("handshake.errors"));
    let starts: Vec<_> = outcome.events("server_started");
    assert_eq!(starts.len(), 2);
    assert_ne!(starts[0]["pid"], starts[1]["pid"]);
    assert_eq!(starts[0]["port"], starts[1]["port"]);
    for kind in ["fault_applied", "fault_ended"] {
        assert_eq!(outcome.events(kind).len(), 1, "{kind}");
    }
    let exits = outcome.events("server_exited");
    assert!(
        exits.iter().all(|exit| exit["expected"] == true),
        "{exits:?}"
    );
}

/// How long it takes to start such servers all at once tells how busy the machine is.
fn rehearse(target: Target) {
    drop(target.start(json!({})));
}

#[test]
fn clients_of_a_server_that_is_killed_come_back() {
    at_once(TARGETS, rehearse, |target, ()| restarted(target, "SIGKILL"));
}

#[test]
fn clients_of_a_server_that_is_stopped_come_back() {
    let targets = [
        Target::new(Kind::SocketIo4, 4),
        Target::new(Kind::SocketIo2, 3),
        Target::new(Kind::PythonAiohttp, 4),
        Target::new(Kind::Embedded, 4),
    ];
    at_once(targets, rehearse, |target, ()| restarted(target, "SIGTERM"));
}
