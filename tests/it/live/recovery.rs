//! Connection state recovery.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use serde_json::json;

use super::agreement::{assert_agree, settled};
use super::under_way::UnderWay;
use super::{at_once, run, run_until};
use crate::harness::{Kind, RealServer, ServerLog, What, pace};

#[test]
fn recovered_clients_miss_nothing_and_unrecovered_ones_say_so() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "connectionStateRecovery": {} }));
    // The speaker comes when all are there, and goes before them.
    let pace = pace().as_millis();
    let population = |name: &str, options: &str, how: &str| {
        format!(
            r#"
            [[clients]]
            name = "{name}"
            reconnection = {{ delay = "400ms", randomization = 0 }}
            {options}
            [[chaos]]
            population = "{name}"
            at = "{at}ms"
            fault = "disconnect"
            how = "{how}"
            "#,
            at = pace + 500,
        )
    };
    let scenario = [
        format!("duration = \"{}ms\"\nseed = 41\n", 2 * pace + 1500),
        population("polling", "count = 2\ntransports = [\"polling\"]", "reset"),
        population("both", "count = 3", "reset"),
        population("quiet", "count = 2\nnamespaces = [\"/quiet\"]", "close"),
        format!(
            r#"
            [[clients]]
            name = "speaker"
            ramp = [
                {{ hold = "{pace}ms" }}, {{ to = 1, over = "1ms" }},
                {{ hold = "{pace}ms" }}, {{ to = 0, over = "1ms" }},
            ]
            emit = [{{ event = "broadcast", every = "20ms", ack = true }}]
            "#
        ),
    ]
    .concat();
    let outcome = run(&server.url(), &scenario);
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
        duration = "600s"
        seed = 42
        [[clients]]
        count = 2
        reconnection = { delay = "50ms", delay_max = "100ms" }
        emit = [{ event = "push", data = [1], every = "50ms", ack = { timeout = "100ms" } }]
    "#;
    let run = UnderWay::start(&server.url(), scenario);
    server.wait_log("events of both", |log| {
        log.speakers() == 2 && log.acks() >= 6
    });
    server.end(Signal::SIGKILL);
    server.start_again();
    server.wait_log("both again", |log| log.speakers() == 4);
    let outcome = run.end();
    assert_eq!(outcome.count("reconnects"), 2);
    assert_eq!(outcome.rate("recovery.rate"), Some(0.0));
    assert_eq!(recoveries(&server.log()), [(Some(false), 4)].into());
}

#[test]
fn there_is_no_rate_of_recovery_where_none_is_offered() {
    let kinds = [Kind::SocketIo4, Kind::SocketIo3, Kind::PythonAiohttp];
    let prepare = |kind| RealServer::start(kind, json!({}));
    at_once(kinds, prepare, |_, server| {
        let scenario = format!(
            r#"
            duration = "600s"
            seed = 43
            [[clients]]
            count = 2
            reconnection = {{ delay = "50ms" }}
            emit = [{{ event = "note", every = "200ms" }}]
            [[chaos]]
            at = "{}ms"
            fault = "disconnect"
            "#,
            pace().as_millis()
        );
        let outcome = run_until(&server, &scenario, "both again", |log| log.speakers() == 4);
        assert_eq!(outcome.count("reconnects"), 2);
        assert_eq!(outcome.rate("recovery.rate"), None);
        assert_eq!(outcome.fault().recovered, None);
    });
}
