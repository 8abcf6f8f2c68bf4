//! How clients get in, or do not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::agreement::{assert_agree, settled};
use super::outcome::counts;
use super::under_way::UnderWay;
use super::{TARGETS, Target, at_once, programs, run_until};
use crate::harness::{PATIENCE, ServerLine, ServerLog, SioLoad, What, pace};

#[test]
fn clients_connect_to_every_server_by_every_transport() {
    at_once(
        TARGETS,
        |target| target.start(json!({})),
        |target, server| {
            let outcome = run_until(&server, &three_ways(target), "all", |log| {
                log.speakers() == 9 && log.speakers_on_websocket() == 7
            });
            let log = settled(&server);
            assert_agree(&outcome, &log);
            let by_name = ["/", "/news", "/a/b"].map(|name| connects_to(&log, name));
            assert_eq!(by_name, [9, 5, 4]);
            let is_ours = |line: &ServerLine| line.eio == Some(target.protocol);
            assert!(log.of(What::Connect).all(is_ours));
            assert_eq!(outcome.count("handshake.attempts"), 9);
            assert_eq!(outcome.count("clients.never_connected"), 0);
            let reasons = [("io client disconnect", 18)];
            assert_eq!(outcome.summary.disconnects, counts(&reasons));
            assert_eq!(outcome.summary.errors, []);
            for (population, upgrades) in [("polling", 0), ("websocket", 0), ("both", 4)] {
                let counted = outcome.count_of(population, "upgrades");
                assert_eq!(counted, upgrades, "{population}");
            }
            if target.is_npm() {
                assert_eq!(log.count(What::Open), 9);
            }
        },
    );
}

/// Nine clients with two namespaces each, which say that they are connected.
fn three_ways(target: Target) -> String {
    format!(
        r#"
        duration = "600s"
        seed = 1
        [[clients]]
        name = "polling"
        count = 2
        protocol = {protocol}
        transports = ["polling"]
        namespaces = ["/", "/news"]
        emit = [{{ event = "note", every = "300ms" }}]
        [[clients]]
        name = "websocket"
        count = 3
        protocol = {protocol}
        transports = ["websocket"]
        namespaces = ["/", "/news"]
        emit = [{{ event = "note", every = "300ms" }}]
        [[clients]]
        name = "both"
        count = 4
        protocol = {protocol}
        namespaces = ["/", "/a/b"]
        emit = [{{ event = "note", every = "300ms" }}]
        "#,
        protocol = target.protocol
    )
}

fn connects_to(log: &ServerLog, namespace: &str) -> usize {
    let is_there = |line: &&ServerLine| line.nsp.as_deref() == Some(namespace);
    log.of(What::Connect).filter(is_there).count()
}

#[test]
fn templates_are_evaluated_at_each_engine_and_each_connect() {
    const PAIRS: [(u64, u64); 6] = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)];
    at_once(
        programs(),
        |target| target.start(json!({ "logRequests": true })),
        |target, server| {
            let outcome = run_until(&server, &templates(target), "six connects", |log| {
                log.speakers() == 6
            });
            let log = settled(&server);
            assert_agree(&outcome, &log);
            let mut engines = BTreeSet::new();
            for request in log.of(What::Request) {
                let headers = &request.more["headers"];
                let who = number(&headers["x-who"].as_str().expect("a header")[1..]);
                let n = number(headers["x-n"].as_str().expect("a header"));
                assert_eq!(headers["x-seed"], "2");
                let query = format!("?who={who}%20%26&n={n}&EIO={}&", target.protocol);
                let url = request.more["url"].as_str().expect("a URL");
                assert!(url.contains(&query), "{url} without {query}");
                engines.insert((who, n));
            }
            assert_eq!(engines, PAIRS.into());
            if target.protocol == 4 {
                let auths = || log.of(What::Connect).map(|line| &line.more["auth"]);
                let connects: BTreeSet<_> = auths().map(auth_of).collect();
                assert_eq!(connects, PAIRS.into());
                let once: BTreeSet<_> = auths().map(|auth| auth["once"].as_str()).collect();
                assert_eq!(once.len(), 6, "one value for each connect: {once:?}");
            }
        },
    );
}

fn templates(target: Target) -> String {
    format!(
        r#"
        duration = "600s"
        seed = 2
        [target]
        auth = {{ token = "t{{{{client}}}}", n = "{{{{n | number}}}}", once = "{{{{uuid}}}}" }}
        query = {{ who = "{{{{client}}}} &", n = "{{{{n}}}}" }}
        headers = {{ x-who = "w{{{{client}}}}", x-n = "{{{{n}}}}", x-seed = "{{{{seed}}}}" }}
        [[clients]]
        count = 3
        protocol = {}
        reconnection = {{ delay = "50ms" }}
        emit = [{{ event = "note", every = "100ms" }}]
        [[chaos]]
        at = "{}ms"
        fault = "disconnect"
        "#,
        target.protocol,
        pace().as_millis(),
    )
}

fn auth_of(auth: &Value) -> (u64, u64) {
    let token = auth["token"].as_str().expect("a token");
    (number(&token[1..]), auth["n"].as_u64().expect("a number"))
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

#[test]
fn clients_that_a_middleware_refuses_are_rejected_and_do_not_come_again() {
    at_once(
        programs(),
        |target| target.start(json!({ "auth": true })),
        |target, server| {
            let run = UnderWay::start(&server.url(), &refused(target));
            run.wait_for_count("namespace.errors", 3);
            server.wait_log("the good ones", |log| log.speakers() == 2);
            let outcome = run.end();
            let log = settled(&server);
            assert_agree(&outcome, &log);
            assert_eq!(log.connects(), 2, "the good ones");
            assert_eq!(outcome.count("clients.rejected"), 3);
            // Never once had all their namespaces, for any reason.
            assert_eq!(outcome.count("clients.never_connected"), 3);
            assert_eq!(outcome.count("namespace.errors"), 3);
            assert_eq!(outcome.count("handshake.attempts"), 5);
            assert_eq!(outcome.count("handshake.errors"), 0);
            let rejected = ("namespace", "namespace_rejected", "server", None, None);
            assert_eq!(outcome.errors(), [(rejected, 3)].into());
            let message = outcome.summary.errors[0].message.as_deref();
            // Release 2 sends the data of the error alone.
            let (text, data) = ("bad token", r#"{"token":"bad"}"#);
            let expected = if target.protocol == 4 { text } else { data };
            assert_eq!(message, Some(expected));
        },
    );
}

/// Two clients with a good token and three with a bad one.
fn refused(target: Target) -> String {
    let place = if target.protocol == 4 {
        "auth"
    } else {
        "query"
    };
    format!(
        r#"
        duration = "600s"
        seed = 3
        [[clients]]
        name = "good"
        count = 2
        protocol = {protocol}
        {place} = {{ token = "good" }}
        emit = [{{ event = "note", every = "100ms" }}]
        [[clients]]
        name = "bad"
        count = 3
        protocol = {protocol}
        {place} = {{ token = "bad" }}
        emit = [{{ event = "note", every = "100ms" }}]
        "#,
        protocol = target.protocol
    )
}

#[test]
fn a_namespace_that_is_not_there_is_an_error_of_its_own() {
    at_once(
        programs(),
        |target| target.start(json!({ "namespaces": ["/", "/news"] })),
        |target, server| {
            let scenario = format!(
                r#"
                duration = "600s"
                seed = 4
                [[clients]]
                name = "also"
                count = 2
                protocol = {protocol}
                namespaces = ["/", "/nowhere", "/news"]
                emit = [{{ event = "note", every = "100ms" }}]
                [[clients]]
                name = "only"
                count = 3
                protocol = {protocol}
                namespaces = ["/nowhere"]
                "#,
                protocol = target.protocol
            );
            let run = UnderWay::start(&server.url(), &scenario);
            run.wait_for_count("namespace.errors", 5);
            server.wait_log("the others", |log| log.speakers() == 2);
            let outcome = run.end();
            let log = settled(&server);
            let invalid = ("namespace", "invalid_namespace", "server", None, None);
            assert_eq!(outcome.errors(), [(invalid, 5)].into());
            assert_eq!(outcome.count("namespace.errors"), 5);
            assert_eq!(outcome.count("connects"), 4);
            assert_eq!(connects_to(&log, "/news"), 2);
            assert_eq!(outcome.count_of("only", "clients.rejected"), 3);
            assert_eq!(outcome.count_of("also", "clients.rejected"), 0);
            assert_eq!(outcome.count_of("also", "clients.never_connected"), 2);
            assert_eq!(outcome.count_of("also", "clients.partial"), 2);
        },
    );
}

#[test]
fn clients_that_the_server_disconnects_are_kicked_and_do_not_come_again() {
    at_once(
        TARGETS,
        |target| target.start(json!({})),
        |target, server| {
            let scenario = format!(
                r#"
                duration = "600s"
                seed = 5
                [[clients]]
                name = "whole"
                count = 3
                protocol = {protocol}
                emit = [{{ event = "kick", every = "1s" }}]
                [[clients]]
                name = "part"
                count = 2
                protocol = {protocol}
                transports = ["polling"]
                namespaces = ["/", "/news"]
                emit = [{{ event = "kick", every = "1s", namespace = "/news" }}]
                "#,
                protocol = target.protocol
            );
            let run = UnderWay::start(&server.url(), &scenario);
            run.wait_for_count("disconnects", 5);
            let outcome = run.end();
            let log = settled(&server);
            assert_agree(&outcome, &log);
            assert_eq!(outcome.count_of("whole", "clients.kicked"), 3);
            assert_eq!(outcome.count_of("part", "clients.kicked"), 0);
            let reasons = [("io server disconnect", 5), ("io client disconnect", 2)];
            assert_eq!(outcome.summary.disconnects, counts(&reasons));
            assert_eq!(outcome.count("handshake.attempts"), 5);
            assert_eq!(outcome.count("reconnects"), 0);
            assert_eq!(outcome.count("clients.never_back"), 0);
        },
    );
}

#[test]
fn a_handshake_whose_client_has_left_is_under_way_no_more() {
    // The kernel accepts, and nobody ever answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let scenario = "duration = \"2s\"\n[[clients]]\narrivals = \"10/s\"\nstay = \"300ms\"\n";
    let finished = SioLoad::new(&["run", "s.toml", "--quiet", "--url", &url])
        .file("s.toml", scenario)
        .run(PATIENCE);
    let summary = finished.summary();
    assert_eq!(summary["counters"]["handshake.attempts"], 20);
    let timeline = finished.result("timeline.csv");
    let mut lines = timeline.lines().map(|line| line.split(','));
    let heads = lines.next().unwrap();
    let in_flight = heads
        .into_iter()
        .position(|head| head == "handshake.in_flight");
    let mut last = lines.next_back().unwrap();
    assert_eq!(last.nth(in_flight.unwrap()), Some("0"), "{timeline}");
}
