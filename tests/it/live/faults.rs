//! What faults at clients do, as both sides see it.

use std::collections::BTreeMap;

use serde_json::json;
use sio_load::chaos::schedule;
use sio_load::results::summary::FaultOutcome;
use sio_load::scenario::{self, Overrides, Plan};
use sio_load::workload::arrival::stays;

use super::agreement::{assert_agree, settled};
use super::{LIMIT, Outcome, TARGETS, at_once, program, run};
use crate::harness::{Kind, RealServer, ServerLine, ServerLog, What};

/// What a scenario means.
fn plan(scenario: &str) -> Plan {
    let overrides = Overrides {
        url: Some("http://127.0.0.1/".to_owned()),
        ..Overrides::default()
    };
    scenario::parse(scenario, "live.toml", &overrides).expect("a sound scenario")
}

/// Two namespaces of three clients on each transport, and faults.
fn scenario(protocol: u8, duration: &str, faults: &str) -> String {
    format!(
        r#"
        duration = "{duration}"
        seed = 21
        [[clients]]
        name = "polling"
        count = 3
        protocol = {protocol}
        transports = ["polling"]
        namespaces = ["/", "/news"]
        reconnection = {{ delay = "100ms" }}
        [[clients]]
        name = "both"
        count = 3
        protocol = {protocol}
        namespaces = ["/", "/news"]
        reconnection = {{ delay = "100ms" }}
        {faults}
        "#
    )
}

pub(super) fn counts(list: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let owned = list
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count));
    owned.collect()
}

/// A fault that so many clients felt, and all came back from.
pub(super) fn assert_restored(fault: &FaultOutcome, affected: u64) {
    let back = (fault.affected, fault.restored, fault.never_back);
    assert_eq!(back, (affected, affected, 0), "{fault:#?}");
    let restored = fault.restored_s;
    let shares = [restored.p50, restored.p95, restored.p99, restored.p100];
    let shares = shares.map(|share| share.expect("all came back"));
    assert!(shares.is_sorted(), "{shares:?}");
    assert!(fault.failed.is_none() && fault.applied_s.is_some() && fault.ended_s.is_some());
}

#[test]
fn clients_that_lose_their_connection_come_back_from_every_server() {
    // What three clients that poll and three on WebSocket call it.
    let expected = [
        ("close", counts(&[("forced close", 6)])),
        ("namespace", counts(&[("io client disconnect", 6)])),
        (
            "fin",
            counts(&[("transport close", 3), ("transport error", 3)]),
        ),
        (
            "reset",
            counts(&[("transport close", 3), ("transport error", 3)]),
        ),
    ];
    let hows = expected.iter().zip(1..).map(|((how, _), n)| {
        format!(
            "[[chaos]]\nat = \"{}ms\"\nfault = \"disconnect\"\nhow = \"{how}\"\n",
            n * 1000
        )
    });
    let faults: String = hows.collect();
    at_once(TARGETS, |target| {
        let server = target.start(json!({}));
        let outcome = run(&server.url(), &scenario(target.protocol, "5s", &faults));
        let log = settled(&server);
        assert_agree(&outcome, &log);
        for (fault, (how, reasons)) in outcome.summary.faults.iter().zip(&expected) {
            assert_restored(fault, 6);
            assert_eq!(fault.disconnects, *reasons, "{how}");
        }
        assert_eq!(outcome.count("clients.never_back"), 0);
        assert_eq!(outcome.count("reconnects"), 24);
        assert_eq!(outcome.count("handshake.attempts"), 30);
        assert_eq!(outcome.values("reconnect.outage"), 24);
        // A client that disconnects and connects in one go waits for no delay.
        assert_eq!(outcome.values("reconnect.delay"), 18);
        let by_scenario = |cause| ("session", cause, "scenario", None, None);
        let errors = [
            (by_scenario("connection_closed"), 6),
            (by_scenario("connection_reset"), 6),
        ];
        assert_eq!(outcome.errors(), errors.into());
        assert_eq!(log.disconnects(), ends_in_words_of(target.kind));
    });
}

/// What 24 goodbyes, 12 engines closed, and 12 connections of each transport cut off are called.
fn ends_in_words_of(server: Kind) -> BTreeMap<String, u64> {
    // An engine's close and a cut WebSocket look alike to all, a cut poll to Python too.
    let (closed, failed) = match server {
        Kind::PythonAiohttp => (36, None),
        Kind::SocketIo4 | Kind::SocketIo3 | Kind::SocketIo2 | Kind::Embedded => (24, Some(12)),
    };
    let mut ends = counts(&[
        ("client namespace disconnect", 24),
        ("transport close", closed),
    ]);
    ends.extend(failed.map(|count| ("transport error".to_owned(), count)));
    ends
}

#[test]
fn clients_change_their_transport_with_a_new_engine_or_in_place() {
    at_once(TARGETS, |target| {
        let server = target.start(json!({}));
        let scenario = format!(
            r#"
            duration = "3s"
            seed = 22
            [[clients]]
            name = "moving"
            count = 3
            protocol = {protocol}
            reconnection = {{ delay = "100ms" }}
            [[clients]]
            name = "staying"
            count = 2
            protocol = {protocol}
            upgrade = false
            emit = [{{ event = "note", every = "50ms", ack = true }}]
            [[chaos]]
            at = "1s"
            fault = "transport_switch"
            to = "polling"
            population = "moving"
            [[chaos]]
            at = "2s"
            fault = "transport_switch"
            to = "websocket"
            population = "moving"
            [[chaos]]
            at = "2100ms"
            fault = "transport_switch"
            to = "websocket"
            upgrade = true
            population = "staying"
            "#,
            protocol = target.protocol
        );
        let outcome = run(&server.url(), &scenario);
        let log = settled(&server);
        assert_agree(&outcome, &log);
        let faults = &outcome.summary.faults;
        for (fault, transport) in faults.iter().zip(["polling", "websocket"]) {
            assert_restored(fault, 3);
            assert_eq!(fault.disconnects, counts(&[("forced close", 3)]));
            assert_eq!(fault.transports, counts(&[(transport, 3)]));
        }
        assert_restored(&faults[2], 2);
        assert_eq!(faults[2].disconnects, counts(&[]));
        assert_eq!(outcome.count("reconnects"), 6);
        assert_eq!(outcome.count_of("moving", "upgrades"), 3);
        assert_eq!(outcome.count_of("staying", "upgrades"), 2);
        assert_eq!(outcome.count("upgrade.errors"), 0);
        if !matches!(target.kind, Kind::PythonAiohttp | Kind::Embedded) {
            assert_eq!(log.count(What::Upgrade), 5);
            let opens = |name| {
                let is_it = |line: &&ServerLine| line.transport.as_deref() == Some(name);
                log.of(What::Open).filter(is_it).count()
            };
            assert_eq!((opens("polling"), opens("websocket")), (8, 3));
        }
    });
}

/// Who came twice, in the order in which the first engines closed.
fn victims(log: &ServerLog) -> Vec<u64> {
    let who = |line: &ServerLine| -> u64 {
        let who = line.more["query"]["who"].as_str().expect("a client");
        who.parse().expect("a number")
    };
    let mut engines = BTreeMap::new();
    for line in log.of(What::Open) {
        engines.insert(line.sid.as_deref(), who(line));
    }
    let mut opens: BTreeMap<u64, u64> = BTreeMap::new();
    for client in engines.values() {
        *opens.entry(*client).or_default() += 1;
    }
    let mut victims = Vec::new();
    for line in log.of(What::Close) {
        let client = engines[&line.sid.as_deref()];
        if opens[&client] > 1 && !victims.contains(&client) {
            victims.push(client);
        }
    }
    victims
}

#[test]
fn the_same_seed_hits_the_same_clients_in_the_same_order_on_any_number_of_threads() {
    const SCENARIO: &str = r#"
        duration = "3500ms"
        [target]
        query = { who = "{{client}}" }
        [[clients]]
        count = 20
        transports = ["websocket"]
        reconnection = { delay = "50ms", delay_max = "50ms" }
        [[chaos]]
        at = "1s"
        over = "2s"
        fault = "disconnect"
        clients = "40%"
    "#;
    let drawn = |seed| {
        let plan = plan(&format!("seed = {seed}\n{SCENARIO}"));
        let application = schedule::applications(&plan)[0];
        let victims = schedule::victims(&plan, &application, &stays(&plan));
        victims
            .iter()
            .map(|victim| victim.stay.client.0)
            .collect::<Vec<_>>()
    };
    assert_ne!(drawn(7), drawn(8));
    at_once([(1, 7), (2, 7), (3, 7), (2, 8)], |(workers, seed)| {
        let server = RealServer::start(Kind::SocketIo4, json!({}));
        let scenario = format!("seed = {seed}\n{SCENARIO}");
        let workers = workers.to_string();
        let outcome = Outcome::of(
            program(&server.url(), &scenario)
                .env("SIO_LOAD_WORKERS", &workers)
                .run(LIMIT),
        );
        assert_restored(outcome.fault(), 8);
        assert_eq!(victims(&settled(&server)), drawn(seed));
    });
}
