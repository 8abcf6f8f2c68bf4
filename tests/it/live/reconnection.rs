//! When clients try again, how, and when they stop.

use nix::sys::signal::Signal;
use serde_json::json;
use sio_load::server::process;

use super::agreement::{assert_agree, settled};
use super::outcome::counts;
use super::under_way::UnderWay;
use super::{TARGETS, at_once, run, run_until};
use crate::harness::{Kind, Misbehaving, Misbehaviour, RealServer, ServerLog, What, pace};

#[test]
fn clients_that_are_not_to_reconnect_stay_away() {
    at_once(
        TARGETS,
        |target| target.start(json!({})),
        |target, server| {
            let scenario = format!(
                r#"
            duration = "{duration}ms"
            seed = 61
            [[clients]]
            count = 4
            protocol = {protocol}
            reconnection = false
            [[chaos]]
            at = "{at}ms"
            fault = "disconnect"
            clients = 3
            "#,
                protocol = target.protocol,
                at = pace().as_millis(),
                duration = pace().as_millis() + 500,
            );
            let outcome = run(&server.url(), &scenario);
            let log = settled(&server);
            assert_agree(&outcome, &log);
            assert_eq!(log.connects(), 4);
            assert_eq!(outcome.count("handshake.attempts"), 4);
            assert_eq!(outcome.count("clients.never_back"), 3);
            let fault = outcome.fault();
            assert_eq!(
                (fault.affected, fault.restored, fault.never_back),
                (3, 0, 3)
            );
            assert_eq!(fault.restored_s.p50, None);
            let reasons = [("forced close", 3), ("io client disconnect", 1)];
            assert_eq!(outcome.summary.disconnects, counts(&reasons));
        },
    );
}

#[test]
fn clients_give_up_after_their_attempts() {
    const RECONNECTION: &str =
        r#"reconnection = { delay = "50ms", delay_max = "60ms", attempts = 2 }"#;
    // A server that is not there sees 1 + attempts opens of each.
    let port = process::free_ports(1).expect("a free port")[0];
    let scenario = format!(
        "duration = \"{}ms\"\nseed = 62\n[[clients]]\ncount = 3\n{RECONNECTION}\n",
        pace().as_millis()
    );
    let outcome = run(&format!("http://127.0.0.1:{port}"), &scenario);
    assert_eq!(outcome.summary.exit_code, 1, "nobody ever connected");
    let refused = ("tcp", "connection_refused", "server", None, None);
    assert_eq!(outcome.errors(), [(refused, 9)].into());
    assert_eq!(outcome.count("handshake.attempts"), 9);
    assert_eq!(outcome.count("clients.gave_up"), 3);
    assert_eq!(outcome.count("clients.never_connected"), 3);
    assert_eq!(outcome.values("reconnect.delay"), 6);

    let mut server = RealServer::start(Kind::SocketIo4, json!({}));
    let scenario =
        format!("duration = \"600s\"\nseed = 63\n[[clients]]\ncount = 3\n{RECONNECTION}\n");
    let run = UnderWay::start(&server.url(), &scenario);
    server.wait_log("all", |log| log.count(What::Upgrade) == 3);
    server.end(Signal::SIGKILL);
    run.wait_for_count("clients.gave_up", 3);
    let outcome = run.end();
    assert_eq!(outcome.errors()[&refused], 6);
    assert_eq!(outcome.count("handshake.attempts"), 9);
    assert_eq!(outcome.count("clients.gave_up"), 3);
    assert_eq!(outcome.count("clients.never_back"), 3);
    assert_eq!(
        outcome.summary.disconnects,
        counts(&[("transport close", 3)])
    );
}

#[test]
fn a_connect_timeout_ends_attempts_that_are_swallowed() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let proxy = Misbehaving::start(server.address(), Misbehaviour::Silent);
    let scenario = r#"
        duration = "600s"
        seed = 64
        [[clients]]
        count = 2
        timeout = "200ms"
        reconnection = { delay = "50ms", delay_max = "60ms", attempts = 2 }
        [[clients]]
        name = "websocket"
        count = 2
        transports = ["websocket"]
        timeout = "200ms"
        reconnection = { delay = "50ms", delay_max = "60ms", attempts = 2 }
    "#;
    let run = UnderWay::start(&proxy.url(), scenario);
    run.wait_for_count("clients.gave_up", 4);
    let outcome = run.end();
    let timed_out = ("open", "timed_out", "server", None, None);
    assert_eq!(outcome.errors(), [(timed_out, 12)].into());
    assert_eq!(outcome.count("clients.gave_up"), 4);
    assert_eq!(outcome.count("handshake.zombies"), 0);
    assert_eq!(server.log().count(What::Open), 0);
}

/// The transports on which engines were opened, in order.
fn opens(log: &ServerLog) -> Vec<&str> {
    log.of(What::Open)
        .filter_map(|line| line.transport.as_deref())
        .collect()
}

#[test]
fn a_remembered_upgrade_is_where_the_next_engine_begins() {
    let prepare = |_| RealServer::start(Kind::SocketIo4, json!({}));
    let cases = [("true", "websocket"), ("false", "polling")];
    at_once(cases, prepare, |(remember, second), server| {
        let scenario = format!(
            r#"
            duration = "600s"
            seed = 65
            [[clients]]
            count = 1
            remember_upgrade = {remember}
            reconnection = {{ delay = "50ms" }}
            emit = [{{ event = "note", every = "100ms" }}]
            [[chaos]]
            at = "{at}ms"
            fault = "disconnect"
            "#,
            at = pace().as_millis(),
        );
        let upgrades = if second == "polling" { 2 } else { 1 };
        let outcome = run_until(&server, &scenario, "second engine", |log| {
            log.speakers() == 2 && log.count(What::Upgrade) == upgrades
        });
        let log = settled(&server);
        assert_agree(&outcome, &log);
        assert_eq!(opens(&log), ["polling", second]);
        assert_eq!(outcome.count("upgrades"), log.count(What::Upgrade));
    });
}

#[test]
fn the_next_transport_is_tried_only_where_it_is_asked_for() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let proxy = Misbehaving::start(server.address(), Misbehaviour::WebSocketRefused);
    let scenario = r#"
        duration = "600s"
        seed = 66
        [[clients]]
        name = "all"
        count = 2
        transports = ["websocket", "polling"]
        try_all_transports = true
        [[clients]]
        name = "first"
        count = 2
        transports = ["websocket", "polling"]
        reconnection = { delay = "50ms", delay_max = "60ms", attempts = 1 }
    "#;
    let run = UnderWay::start(&proxy.url(), scenario);
    run.wait_for_count("clients.gave_up", 2);
    run.wait_for_count("connects", 2);
    let outcome = run.end();
    let log = settled(&server);
    assert_agree(&outcome, &log);
    assert_eq!(opens(&log), ["polling"; 2]);
    assert_eq!(outcome.count_of("all", "handshake.attempts"), 4);
    assert_eq!(outcome.count_of("all", "handshake.errors"), 2);
    assert_eq!(outcome.count_of("first", "handshake.attempts"), 4);
    assert_eq!(outcome.count_of("first", "clients.never_connected"), 2);
    let refused = ("open", "websocket_refused", "server", Some(403), None);
    assert_eq!(outcome.errors(), [(refused, 2 + 4)].into());
}
