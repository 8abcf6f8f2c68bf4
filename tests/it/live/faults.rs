//! What faults at clients do, as both sides see it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use sio_load::chaos::schedule;
use sio_load::results::summary::FaultOutcome;
use sio_load::scenario::{self, Overrides};
use sio_load::workload::arrival::stays;

use super::agreement::{assert_agree, assert_same_sessions, settled};
use super::backoff::who;
use super::outcome::counts;
use super::under_way::{UnderWay, program};
use super::{Outcome, TARGETS, Target, at_once};
use crate::harness::{Kind, RealServer, ServerLine, ServerLog, What, pace};

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

/// Two clients in two namespaces, and a fault for them alone.
fn population(protocol: u8, name: &str, options: &str, fault: &str) -> String {
    format!(
        r#"
        [[clients]]
        name = "{name}"
        count = 2
        protocol = {protocol}
        namespaces = ["/", "/news"]
        reconnection = {{ delay = "100ms" }}
        emit = [{{ event = "note", every = "500ms" }}]
        {options}
        [[chaos]]
        population = "{name}"
        at = "{at}ms"
        {fault}
        "#,
        at = pace().as_millis(),
    )
}

const BEGINNING: &str = "duration = \"600s\"\nseed = 21\n";
const POLLING: &str = r#"transports = ["polling"]"#;

#[test]
fn clients_that_lose_their_connection_come_back_from_every_server() {
    // How, and what it is called on WebSocket and by polling.
    const HOWS: [(&str, [&str; 2]); 4] = [
        ("close", ["forced close"; 2]),
        ("namespace", ["io client disconnect"; 2]),
        ("fin", ["transport close", "transport error"]),
        ("reset", ["transport close", "transport error"]),
    ];
    let prepare = |target: Target| target.start(json!({}));
    at_once(TARGETS, prepare, |target, server| {
        let mut scenario = BEGINNING.to_owned();
        for (how, _) in HOWS {
            let fault = format!("fault = \"disconnect\"\nhow = \"{how}\"");
            for (transport, options) in [("both", ""), ("polling", POLLING)] {
                let name = format!("{how}-{transport}");
                scenario += &population(target.protocol, &name, options, &fault);
            }
        }
        let run = UnderWay::start(&server.url(), &scenario);
        run.wait_for_count("reconnects", 16);
        let outcome = run.end();
        let log = settled(&server);
        assert_same_sessions(&outcome, &log);
        assert_eq!(log.disconnects(), ends_in_words_of(target.kind));
        let reasons = HOWS.into_iter().flat_map(|(_, reasons)| reasons);
        for (fault, reason) in outcome.summary.faults.iter().zip(reasons) {
            assert_restored(fault, 2);
            assert_eq!(
                fault.disconnects,
                counts(&[(reason, 2)]),
                "{}",
                fault.detail
            );
        }
        assert_eq!(outcome.count("clients.never_back"), 0);
        assert_eq!(outcome.count("reconnects"), 16);
        assert_eq!(outcome.count("handshake.attempts"), 32);
        assert_eq!(outcome.values("reconnect.outage"), 16);
        // A client that disconnects and connects in one go waits for no delay.
        assert_eq!(outcome.values("reconnect.delay"), 12);
        let by_scenario = |cause| ("session", cause, "scenario", None, None);
        let errors = [
            (by_scenario("connection_closed"), 4),
            (by_scenario("connection_reset"), 4),
        ];
        assert_eq!(outcome.errors(), errors.into());
    });
}

/// What 32 goodbyes at the end and 32 losses before are called, of namespaces.
fn ends_in_words_of(server: Kind) -> BTreeMap<String, u64> {
    // An engine's close and a cut WebSocket look alike to all, a cut poll to Python too.
    let (closed, failed) = match server {
        Kind::PythonAiohttp => (24, None),
        Kind::SocketIo4 | Kind::SocketIo3 | Kind::SocketIo2 | Kind::Embedded => (16, Some(8)),
    };
    let mut ends = counts(&[
        ("client namespace disconnect", 32 + 8),
        ("transport close", closed),
    ]);
    ends.extend(failed.map(|count| ("transport error".to_owned(), count)));
    ends
}

#[test]
fn clients_change_their_transport_with_a_new_engine_or_in_place() {
    const TO_POLLING: &str = "fault = \"transport_switch\"\nto = \"polling\"";
    const TO_WEBSOCKET: &str = "fault = \"transport_switch\"\nto = \"websocket\"";
    const STAYS: &str = "upgrade = false";
    let prepare = |target: Target| target.start(json!({}));
    at_once(TARGETS, prepare, |target, server| {
        let in_place = format!("{TO_WEBSOCKET}\nupgrade = true");
        let scenario = [
            BEGINNING,
            &population(target.protocol, "down", "", TO_POLLING),
            &population(target.protocol, "up", STAYS, TO_WEBSOCKET),
            &population(target.protocol, "in-place", STAYS, &in_place),
        ]
        .concat();
        let run = UnderWay::start(&server.url(), &scenario);
        run.wait_for_count("reconnects", 4);
        run.wait_for_count("upgrades", 4);
        let outcome = run.end();
        let log = settled(&server);
        assert_agree(&outcome, &log);
        let faults = &outcome.summary.faults;
        for (fault, transport) in faults.iter().zip(["polling", "websocket"]) {
            assert_restored(fault, 2);
            assert_eq!(fault.disconnects, counts(&[("forced close", 2)]));
            assert_eq!(fault.transports, counts(&[(transport, 2)]));
        }
        assert_restored(&faults[2], 2);
        assert_eq!(faults[2].disconnects, counts(&[]));
        assert_eq!(outcome.count("reconnects"), 4);
        let upgrades = ["down", "up", "in-place"].map(|name| outcome.count_of(name, "upgrades"));
        assert_eq!(upgrades, [2, 0, 2]);
        assert_eq!(outcome.count("upgrade.errors"), 0);
        if target.is_npm() {
            assert_eq!(log.count(What::Upgrade), 4);
            let opens = |name| {
                let is_it = |line: &&ServerLine| line.transport.as_deref() == Some(name);
                log.of(What::Open).filter(is_it).count()
            };
            assert_eq!((opens("polling"), opens("websocket")), (8, 2));
        }
    });
}

#[test]
fn the_same_seed_hits_the_same_clients_on_any_number_of_threads() {
    let prepare = |_| RealServer::start(Kind::SocketIo4, json!({}));
    let cases = [(1, 7), (2, 7), (3, 7), (2, 8)];
    at_once(cases, prepare, |(workers, seed): (u32, u32), server| {
        let scenario = format!(
            r#"
            duration = "600s"
            seed = {seed}
            [target]
            query = {{ who = "{{{{client}}}}" }}
            [[clients]]
            count = 20
            transports = ["websocket"]
            reconnection = {{ delay = "50ms", delay_max = "50ms" }}
            [[chaos]]
            at = "{at}ms"
            over = "1s"
            fault = "disconnect"
            clients = "40%"
            "#,
            at = pace().as_millis(),
        );
        let program = program(&scenario)
            .env("SIO_LOAD_URL", &server.url())
            .env("SIO_LOAD_WORKERS", &workers.to_string());
        let run = UnderWay::start_program(program, &scenario);
        run.wait_for_count("reconnects", 8);
        let outcome = run.end();
        assert_restored(outcome.fault(), 8);
        assert_struck(&outcome, &settled(&server), &drawn(&scenario));
    });
}

/// Who is to be hit, and when, from the start of the run.
fn drawn(scenario: &str) -> BTreeMap<u64, Duration> {
    let overrides = Overrides {
        url: Some("http://127.0.0.1/".to_owned()),
        ..Overrides::default()
    };
    let plan = scenario::parse(scenario, "live.toml", &overrides).expect("a sound scenario");
    let application = schedule::applications(&plan)[0];
    let victims = schedule::victims(&plan, &application, &stays(&plan));
    let hits = victims.iter().map(|hit| (hit.stay.client.0, hit.at));
    hits.collect()
}

/// That those and no others lost their first engine, none of them too early.
fn assert_struck(outcome: &Outcome, log: &ServerLog, drawn: &BTreeMap<u64, Duration>) {
    let started = outcome.started_us();
    let mut engines: BTreeMap<u64, Vec<&ServerLine>> = BTreeMap::new();
    for line in log.of(What::Open) {
        engines.entry(who(line)).or_default().push(line);
    }
    engines.retain(|_, opens| opens.len() > 1);
    assert_eq!(
        engines.keys().collect::<Vec<_>>(),
        drawn.keys().collect::<Vec<_>>()
    );
    for (client, opens) in engines {
        let is_first = |line: &&ServerLine| line.sid == opens[0].sid;
        let close = log.of(What::Close).find(is_first).expect("an end");
        let seen = Duration::from_micros(close.at_us.saturating_sub(started));
        let rounding = Duration::from_millis(1);
        assert!(
            seen + rounding >= drawn[&client],
            "{client}: {seen:?} {drawn:?}"
        );
    }
}
