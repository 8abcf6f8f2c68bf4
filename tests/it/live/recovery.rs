//! Connection state recovery.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use serde_json::json;

use super::agreement::{assert_agree, settled};
use super::{LIMIT, Outcome, at_once, program, run};
use crate::harness::{Kind, RealServer, ServerLog, What};

#[test]
fn recovered_clients_miss_nothing_and_unrecovered_ones_say_so() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "connectionStateRecovery": {} }));
    // The speaker comes when all are there, and goes before them.
    let scenario = r#"
        duration = "2500ms"
        seed = 41
        [[clients]]
        name = "polling"
        count = 2
        transports = ["polling"]
        reconnection = { delay = "400ms", randomization = 0 }
        [[clients]]
        name = "both"
        count = 3
        reconnection = { delay = "400ms", randomization = 0 }
        [[clients]]
        name = "quiet"
        count = 2
        namespaces = ["/quiet"]
        reconnection = { delay = "50ms" }
        [[clients]]
        name = "speaker"
        ramp = [{ hold = "400ms" }, { to = 1, over = "1ms" }, { hold = "1700ms" }, { to = 0, over = "1ms" }]
        emit = [{ event = "broadcast", every = "20ms", ack = true }]
        [[chaos]]
        at = "900ms"
        fault = "disconnect"
        how = "reset"
        population = "polling"
        [[chaos]]
        at = "900ms"
        fault = "disconnect"
        how = "reset"
        population = "both"
        [[chaos]]
        at = "900ms"
        fault = "disconnect"
        how = "close"
        population = "quiet"
    "#;
    let outcome = run(&server.url(), scenario);
    let log = settled(&server);
    assert_agree(&outcome, &log);
    let sent = log.events()["broadcast"];
    assert_eq!(outcome.count_of("polling", "events"), 2 * sent);
    assert_eq!(outcome.count_of("both", "events"), 3 * sent);
    let recovered: Vec<_> = outcome.summary.faults.iter().map(|f| f.recovered).collect();
    // Without an event there is no offset, and without an offset nothing to recover.
    assert_eq!(recovered, [Some(2), Some(3), Some(0)]);
    assert_eq!(outcome.rate("recovery.rate"), Some(5.0 / 7.0));
    assert_eq!(
        recoveries(&log),
        [(Some(false), 8 + 2), (Some(true), 5)].into()
    );
}

fn recoveries(log: &ServerLog) -> BTreeMap<Option<bool>, u64> {
    let mut counts = BTreeMap::new();
    for line in log.of(What::Connect) {
        *counts.entry(line.recovered).or_default() += 1;
    }
    counts
}

#[test]
fn a_server_that_was_restarted_recovers_nobody() {
    let options = json!({ "connectionStateRecovery": {} });
    let mut server = RealServer::start(Kind::SocketIo4, options);
    let scenario = r#"
        duration = "60s"
        seed = 42
        [[clients]]
        count = 2
        reconnection = { delay = "50ms", delay_max = "100ms" }
        emit = [{ event = "push", data = [1], every = "50ms", ack = { timeout = "100ms" } }]
    "#;
    let running = program(&server.url(), scenario).start();
    server.wait_log("events of both", |log| log.acks() >= 6);
    server.end(Signal::SIGKILL);
    server.start_again();
    server.wait_log("both again", |log| log.connects() == 4);
    running.signal(Signal::SIGINT);
    let outcome = Outcome::of(running.wait(LIMIT));
    assert_eq!(outcome.count("reconnects"), 2);
    assert_eq!(outcome.rate("recovery.rate"), Some(0.0));
    assert_eq!(recoveries(&server.log()), [(Some(false), 4)].into());
}

#[test]
fn there_is_no_rate_of_recovery_where_none_is_offered() {
    at_once(
        [Kind::SocketIo4, Kind::SocketIo3, Kind::PythonAiohttp],
        |kind| {
            let server = RealServer::start(kind, json!({}));
            let scenario = r#"
            duration = "1500ms"
            seed = 43
            [[clients]]
            count = 2
            reconnection = { delay = "50ms" }
            [[chaos]]
            at = "1s"
            fault = "disconnect"
        "#;
            let outcome = run(&server.url(), scenario);
            assert_eq!(outcome.count("reconnects"), 2);
            assert_eq!(outcome.rate("recovery.rate"), None);
            assert_eq!(outcome.fault().recovered, None);
        },
    );
}
