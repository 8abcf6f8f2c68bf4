//! What clients send and hear.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::agreement::{assert_agree, settled};
use super::{LIMIT, Outcome, TARGETS, at_once, program, run};
use crate::harness::{Kind, RealServer, ServerLine, ServerLog, What};

/// Events of a name, in order.
fn events<'a>(log: &'a ServerLog, name: &'a str) -> impl Iterator<Item = &'a ServerLine> {
    log.of(What::Event)
        .filter(move |line| line.event.as_deref() == Some(name))
}

fn args(line: &ServerLine) -> &[Value] {
    line.more["args"].as_array().expect("arguments")
}

/// Events that every server answers on every transport.
const PLAIN: &str = r#"
    { event = "note", data = [{ a = [true] }], every = "200ms", namespace = "/news" },
    { event = "burst", every = "250ms", burst = 3, ack = { timeout = "20s" } },
    { event = "pad", data = [7], size = "64B", every = "300ms" },
"#;

/// Events with which engineioxide 0.17 breaks the payloads of long-polling: it leaves out a
/// separator, a type, and counts characters where UTF-16 code units are due.
const RICH: &str = r#"
    { event = "echo", data = [1, "ä€😀"], every = "150ms", ack = true },
    { event = "bytes", size = "300B", binary = true, every = "200ms", ack = true },
"#;

#[test]
fn every_server_gets_what_was_sent_and_its_acks_come() {
    at_once(TARGETS, |target| {
        let server = target.start(json!({ "logArguments": true }));
        let is_embedded = target.kind == Kind::Embedded;
        let emit = [PLAIN, RICH].concat();
        let scenario = format!(
            r#"
            duration = "1s"
            seed = 11
            [[clients]]
            name = "polling"
            count = 2
            protocol = {protocol}
            transports = ["polling"]
            namespaces = ["/", "/news"]
            emit = [{by_polling}]
            [[clients]]
            name = "websocket"
            count = 2
            protocol = {protocol}
            transports = ["websocket"]
            namespaces = ["/", "/news"]
            emit = [{emit}]
            [[clients]]
            name = "both"
            count = 2
            protocol = {protocol}
            namespaces = ["/", "/news"]
            emit = [{emit}]
            "#,
            protocol = target.protocol,
            by_polling = if is_embedded {
                PLAIN.to_owned()
            } else {
                emit.clone()
            },
        );
        let outcome = run(&server.url(), &scenario);
        let log = settled(&server);
        assert_agree(&outcome, &log);
        assert_eq!(outcome.summary.errors, []);
        assert_eq!(outcome.count("ack.timeouts"), 0);
        assert_eq!(outcome.count("ack.lost"), 0);
        let sent = log.events();
        assert!(sent["burst"].is_multiple_of(3));
        assert_eq!(
            outcome.count("acks"),
            sent["echo"] + sent["burst"] + sent["bytes"]
        );
        assert_eq!(outcome.values("ack.time"), outcome.count("acks"));
        if !is_embedded {
            assert_arguments(&log);
        }
    });
}

fn assert_arguments(log: &ServerLog) {
    for (name, expected) in [
        ("echo", json!([1, "ä€😀"])),
        ("note", json!([{ "a": [true] }])),
        ("burst", json!([])),
        ("pad", json!([7, "x".repeat(60)])),
    ] {
        for line in events(log, name) {
            assert_eq!(line.more["args"], expected, "{name}");
        }
    }
    for line in events(log, "note") {
        assert_eq!(line.nsp.as_deref(), Some("/news"));
    }
    for line in events(log, "bytes") {
        assert_eq!(buffer_size(&args(line)[0]), 300);
    }
}

/// How long a logged buffer is.
fn buffer_size(logged: &Value) -> usize {
    assert_eq!(logged["type"], "Buffer");
    logged["data"].as_array().expect("bytes").len()
}

#[test]
fn templates_are_filled_in_for_each_event() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "logArguments": true }));
    let scenario = r#"
        duration = "1200ms"
        seed = 12
        [data]
        csv = "users.csv"
        [[clients]]
        count = 3
        [[clients.emit]]
        event = "note"
        every = "100ms"
        data = [{ client = "{{client}}", n = "{{n | number}}", seed = "{{seed | number}}", user = "{{csv.user}}", die = "{{random.int(1,6) | number}}", text = "{{random.string(12)}}", id = "{{uuid}}", mixed = "{{client}}/{{n}} {{'{{'}}" }]
    "#;
    let users = "user,age\nada,36\n\"bob \"\"b\"\"\",7\n";
    let program = program(&server.url(), scenario).file("users.csv", users);
    let outcome = Outcome::of(program.run(LIMIT));
    let log = settled(&server);
    assert_agree(&outcome, &log);
    let mut next: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut ids, mut dice) = (Vec::new(), Vec::new());
    for line in events(&log, "note") {
        let said = &args(line)[0];
        let client: u64 = said["client"]
            .as_str()
            .expect("text")
            .parse()
            .expect("a number");
        let n = next.entry(client).or_default();
        assert_eq!(said["n"], *n);
        assert_eq!(said["mixed"], format!("{client}/{n} {{{{"));
        *n += 1;
        assert_eq!(said["seed"], 12);
        assert_eq!(said["user"], ["ada", "bob \"b\""][client as usize % 2]);
        let text = said["text"].as_str().expect("text");
        assert!(
            text.len() == 12 && text.bytes().all(|b| b.is_ascii_alphanumeric()),
            "{text}"
        );
        dice.push(said["die"].as_u64().expect("a number"));
        ids.push(said["id"].as_str().expect("an id"));
    }
    assert_eq!(next.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
    assert!(dice.iter().all(|die| (1..=6).contains(die)), "{dice:?}");
    let drawn = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), drawn, "no id twice");
}

#[test]
fn an_ack_that_comes_too_late_is_a_timeout_and_no_ack() {
    at_once(
        TARGETS
            .into_iter()
            .filter(|target| target.kind != Kind::Embedded),
        |target| {
            let server = target.start(json!({}));
            let scenario = format!(
                r#"
            duration = "1s"
            seed = 13
            [[clients]]
            count = 2
            protocol = {protocol}
            emit = [
                {{ event = "later", data = [400], every = "300ms", ack = {{ timeout = "100ms" }} }},
                {{ event = "never", every = "300ms", ack = {{ timeout = "100ms" }} }},
                {{ event = "echo", every = "300ms", ack = {{ timeout = "20s" }} }},
            ]
            "#,
                protocol = target.protocol
            );
            let outcome = run(&server.url(), &scenario);
            let log = settled(&server);
            let sent = log.events();
            assert_eq!(outcome.count("emits"), log.count(What::Event));
            assert_eq!(outcome.count("ack.timeouts"), sent["later"] + sent["never"]);
            assert_eq!(outcome.count("acks"), sent["echo"]);
            assert_eq!(outcome.count("ack.lost"), 0);
        },
    );
}

#[test]
fn an_event_with_retries_is_sent_again_so_often_and_the_next_one_waits() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "logArguments": true }));
    let scenario = r#"
        duration = "1200ms"
        seed = 14
        [[clients]]
        count = 2
        emit = [{ event = "never", data = ["{{client}}", "{{n | number}}"], every = "400ms", ack = { timeout = "100ms", retries = 2 } }]
    "#;
    let outcome = run(&server.url(), scenario);
    let log = settled(&server);
    for client in ["0", "1"] {
        let tries: Vec<_> = events(&log, "never")
            .filter(|line| args(line)[0] == client)
            .map(|line| args(line)[1].as_u64().expect("a number"))
            .collect();
        let thrice = (0..tries.len() as u64).map(|place| place / 3);
        assert_eq!(
            tries,
            thrice.collect::<Vec<_>>(),
            "R + 1 tries of each, in order"
        );
        assert!(tries.len().is_multiple_of(3), "the last one too: {tries:?}");
    }
    let tries = log.count(What::Event);
    assert_eq!(outcome.count("emits"), tries / 3);
    assert_eq!(outcome.count("emits.retried"), tries / 3 * 2);
    assert_eq!(outcome.count("ack.timeouts"), tries / 3);
    assert_eq!(outcome.count("acks"), 0);
}

#[test]
fn acks_that_a_disconnect_makes_impossible_are_lost() {
    at_once([4, 3], |protocol| {
        let server = RealServer::start(Kind::SocketIo4, json!({ "allowEIO3": true }));
        let scenario = format!(
            r#"
            duration = "2s"
            seed = 15
            [[clients]]
            count = 3
            protocol = {protocol}
            reconnection = {{ delay = "50ms" }}
            emit = [{{ event = "never", every = "200ms", ack = {{ timeout = "500ms" }} }}]
            [[chaos]]
            at = "1300ms"
            fault = "disconnect"
            "#
        );
        let outcome = run(&server.url(), &scenario);
        let log = settled(&server);
        assert_eq!(outcome.count("emits"), log.count(What::Event));
        let (timeouts, lost) = (outcome.count("ack.timeouts"), outcome.count("ack.lost"));
        assert_eq!(outcome.count("emits"), timeouts + lost);
        // At any time events of each client are younger than their timeout.
        assert!(
            lost > 0 && timeouts > 0,
            "{lost} lost, {timeouts} timed out"
        );
    });
}

#[test]
fn an_event_with_retries_survives_the_loss_of_its_connection() {
    at_once([4, 3], |protocol| {
        let options = json!({ "logArguments": true, "allowEIO3": true });
        let server = RealServer::start(Kind::SocketIo4, options);
        let scenario = format!(
            r#"
            duration = "2s"
            seed = 16
            [[clients]]
            count = 3
            protocol = {protocol}
            reconnection = {{ delay = "50ms" }}
            [[clients.emit]]
            event = "forget"
            data = ["{{{{client}}}}", "{{{{n | number}}}}"]
            every = "250ms"
            ack = {{ timeout = "200ms", retries = 9 }}
            [[chaos]]
            at = "700ms"
            every = "500ms"
            fault = "disconnect"
            "#
        );
        let outcome = run(&server.url(), &scenario);
        let log = settled(&server);
        assert!(log.connects() >= 9, "two disconnects at least");
        let mut tries = BTreeMap::new();
        for line in events(&log, "forget") {
            let [client, n] = args(line) else {
                panic!("two arguments: {line:?}");
            };
            *tries.entry((client.to_string(), n.as_u64())).or_insert(0) += 1;
        }
        assert!(tries.values().all(|tries| *tries >= 2), "{tries:?}");
        let events = tries.len() as u64;
        assert_eq!(outcome.count("emits"), events);
        assert_eq!(outcome.count("acks"), events);
        assert_eq!(
            outcome.count("emits.retried"),
            log.count(What::Event) - events
        );
        assert_eq!(outcome.count("ack.lost") + outcome.count("ack.timeouts"), 0);
    });
}

#[test]
fn a_volatile_event_goes_out_at_once_or_not_at_all() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let scenario = r#"
        duration = "1s"
        seed = 16
        [[clients]]
        name = "polling"
        count = 2
        transports = ["polling"]
        emit = [{ event = "p", every = "200ms", burst = 5, volatile = true }]
        [[clients]]
        name = "websocket"
        count = 2
        transports = ["websocket"]
        emit = [{ event = "w", every = "200ms", burst = 5, volatile = true }]
    "#;
    let outcome = run(&server.url(), scenario);
    let log = settled(&server);
    assert_agree(&outcome, &log);
    for (population, event) in [("polling", "p"), ("websocket", "w")] {
        let of = |name| outcome.count_of(population, name);
        assert_eq!(of("emits"), log.events()[event]);
        // The first of a burst makes the transport busy for the others, as in the JS client.
        assert_eq!(of("emits.dropped"), of("emits") * 4, "{population}");
    }
}

#[test]
fn payloads_are_kept_as_they_are_even_with_half_a_surrogate_pair() {
    let targets = TARGETS
        .into_iter()
        .filter(|target| target.kind != Kind::Embedded);
    at_once(targets, |target| {
        let server = target.start(json!({}));
        let scenario = format!(
            r#"
            duration = "1s"
            seed = 17
            [[clients]]
            count = 2
            protocol = {}
            emit = [{{ event = "surrogates", every = "200ms", ack = true }}]
            listen = [{{ event = "surrogates" }}]
            "#,
            target.protocol
        );
        let outcome = run(&server.url(), &scenario);
        let log = settled(&server);
        assert_agree(&outcome, &log);
        assert!(log.acks() > 0);
        assert_eq!(outcome.count("events"), log.acks());
        let listens = &outcome.summary.populations["clients"].listens;
        assert_eq!(listens[0].received, log.acks());
        assert_eq!(outcome.summary.errors, []);
    });
}

#[test]
fn what_clients_hear_is_counted_and_timed_by_its_stamp() {
    at_once(TARGETS, |target| {
        let server = target.start(json!({}));
        // Those who speak come when all listeners are there, and go before them.
        let scenario = format!(
            r#"
            duration = "1500ms"
            seed = 18
            [[clients]]
            name = "listeners"
            count = 3
            protocol = {protocol}
            listen = [{{ event = "broadcast", stamp = "0.at", expect = 1 }}]
            [[clients]]
            name = "speakers"
            ramp = [{{ hold = "500ms" }}, {{ to = 2, over = "10ms" }}, {{ hold = "500ms" }}, {{ to = 0, over = "10ms" }}]
            protocol = {protocol}
            emit = [{{ event = "broadcast", data = [{{ at = "{{{{now | number}}}}" }}], every = "100ms", ack = true }}]
            "#,
            protocol = target.protocol
        );
        let outcome = run(&server.url(), &scenario);
        let log = settled(&server);
        assert_agree(&outcome, &log);
        let sent = log.events()["broadcast"];
        let heard = &outcome.summary.populations["listeners"].listens[0];
        assert_eq!((heard.received, heard.expected), (3 * sent, Some(3)));
        assert_eq!(outcome.count_of("listeners", "events"), 3 * sent);
        let timed = &outcome.summary.populations["listeners"].metrics["event.time"];
        assert_eq!(timed.count, 3 * sent);
    });
}

#[test]
fn many_events_at_once_are_split_into_bodies_that_the_server_takes() {
    let server = RealServer::start(
        Kind::SocketIo4,
        json!({ "maxHttpBufferSize": 1000, "logRequests": true }),
    );
    let scenario = r#"
        duration = "1s"
        seed = 19
        [[clients]]
        count = 2
        transports = ["polling"]
        emit = [{ event = "note", size = "300B", every = "500ms", burst = 10, ack = true }]
    "#;
    let outcome = run(&server.url(), scenario);
    let log = settled(&server);
    assert_agree(&outcome, &log);
    assert_eq!(outcome.summary.errors, []);
    let sizes = log.of(What::Request).filter_map(|line| {
        let length = line.more["headers"].get("content-length")?;
        length.as_str()?.parse::<u64>().ok()
    });
    let largest = sizes.max().expect("POSTs");
    assert!((900..=1000).contains(&largest), "{largest}");
}
