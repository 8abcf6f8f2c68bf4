//! What clients send and hear.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::agreement::{assert_agree, settled};
use super::under_way::{UnderWay, program};
use super::{TARGETS, at_once, programs, run, run_until};
use crate::harness::{Kind, RealServer, ServerLine, ServerLog, What, pace};

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
    { event = "note", data = [{ a = [true] }], every = "400ms", namespace = "/news" },
    { event = "burst", every = "500ms", burst = 3, ack = { timeout = "20s" } },
    { event = "pad", data = [7], size = "64B", every = "400ms" },
"#;

/// Events with which engineioxide 0.17 breaks the payloads of long-polling: it leaves out a
/// separator, a type, and counts characters where UTF-16 code units are due.
const RICH: &str = r#"
    { event = "echo", data = [1, "ä€😀"], every = "300ms", ack = true },
    { event = "bytes", size = "300B", binary = true, every = "400ms", ack = true },
"#;

#[test]
fn every_server_gets_what_was_sent_and_its_acks_come() {
    let prepare = |target: super::Target| target.start(json!({ "logArguments": true }));
    at_once(TARGETS, prepare, |target, server| {
        let is_embedded = target.kind == Kind::Embedded;
        let emit = [PLAIN, RICH].concat();
        let by_polling = if is_embedded { PLAIN } else { &emit };
        let population = |name: &str, transports: &str, emit: &str| {
            format!(
                "[[clients]]\nname = \"{name}\"\ncount = 2\nprotocol = {}\n\
                 transports = [{transports}]\nnamespaces = [\"/\", \"/news\"]\nemit = [{emit}]\n",
                target.protocol
            )
        };
        let scenario = [
            "duration = \"600s\"\nseed = 11\n",
            &population("polling", "\"polling\"", by_polling),
            &population("websocket", "\"websocket\"", &emit),
            &population("both", "\"polling\", \"websocket\"", &emit),
        ]
        .concat();
        let outcome = run_until(&server, &scenario, "events", |log| {
            // In both namespaces of each client.
            log.speakers() == 12 && events(log, "pad").count() >= 12
        });
        let log = settled(&server);
        assert_agree(&outcome, &log);
        assert_eq!(outcome.summary.errors, []);
        assert_eq!(outcome.count("ack.timeouts") + outcome.count("ack.lost"), 0);
        let sent = log.events();
        assert!(sent["burst"].is_multiple_of(3));
        let acked = sent["echo"] + sent["burst"] + sent["bytes"];
        assert_eq!(outcome.count("acks"), acked);
        assert_eq!(outcome.values("ack.time"), acked);
        assert_eq!(outcome.values("ack.service_time"), acked);
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
        let buffer = &args(line)[0];
        assert_eq!(buffer["type"], "Buffer");
        assert_eq!(buffer["data"].as_array().expect("bytes").len(), 300);
    }
}

#[test]
fn templates_are_filled_in_for_each_event() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "logArguments": true }));
    let scenario = r#"
        duration = "600s"
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
    let program = program(scenario).env("SIO_LOAD_URL", &server.url());
    let run = UnderWay::start_program(program.file("users.csv", users), scenario);
    server.wait_log("events of all", |log| {
        log.speakers() == 3 && log.count(What::Event) >= 30
    });
    let outcome = run.end();
    let log = settled(&server);
    assert_agree(&outcome, &log);
    let mut next = [0_u64; 3];
    let (mut ids, mut dice) = (Vec::new(), Vec::new());
    for line in events(&log, "note") {
        let said = &args(line)[0];
        let client = said["client"].as_str().expect("text");
        let client: usize = client.parse().expect("a number");
        let n = next[client];
        next[client] += 1;
        assert_eq!(said["n"], n);
        assert_eq!(said["mixed"], format!("{client}/{n} {{{{"));
        assert_eq!(said["seed"], 12);
        assert_eq!(said["user"], ["ada", "bob \"b\""][client % 2]);
        let text = said["text"].as_str().expect("text");
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        assert!(text.len() == 12 && is_plain, "{text}");
        dice.push(said["die"].as_u64().expect("a number"));
        ids.push(said["id"].as_str().expect("an id"));
    }
    assert!(next.iter().all(|sent| *sent > 0), "{next:?}");
    assert!(dice.iter().all(|die| (1..=6).contains(die)), "{dice:?}");
    let drawn = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), drawn, "no id twice");
}

#[test]
fn an_ack_that_comes_too_late_is_a_timeout_and_no_ack() {
    let prepare = |target: super::Target| target.start(json!({}));
    at_once(programs(), prepare, |target, server| {
        let scenario = format!(
            r#"
            duration = "600s"
            seed = 13
            [[clients]]
            count = 2
            protocol = {}
            emit = [
                {{ event = "later", data = [400], every = "300ms", ack = {{ timeout = "100ms" }} }},
                {{ event = "never", every = "300ms", ack = {{ timeout = "100ms" }} }},
                {{ event = "echo", every = "300ms", ack = {{ timeout = "20s" }} }},
            ]
            "#,
            target.protocol
        );
        let outcome = run_until(&server, &scenario, "late acks of both", |log| {
            log.speakers() == 2 && log.acks() >= 8
        });
        let log = settled(&server);
        let sent = log.events();
        assert_eq!(outcome.count("emits"), log.count(What::Event));
        assert_eq!(outcome.count("ack.timeouts"), sent["later"] + sent["never"]);
        assert_eq!(outcome.count("acks"), sent["echo"]);
        assert_eq!(outcome.count("ack.lost"), 0);
    });
}

#[test]
fn an_event_with_retries_is_sent_again_so_often_and_the_next_one_waits() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "logArguments": true }));
    let scenario = r#"
        duration = "600s"
        seed = 14
        [[clients]]
        count = 2
        emit = [{ event = "never", data = ["{{client}}", "{{n | number}}"], every = "400ms", ack = { timeout = "100ms", retries = 2 } }]
    "#;
    let outcome = run_until(&server, scenario, "tries of both", |log| {
        log.speakers() == 2 && log.count(What::Event) >= 12
    });
    let log = settled(&server);
    for client in ["0", "1"] {
        let tries: Vec<_> = events(&log, "never")
            .filter(|line| args(line)[0] == client)
            .map(|line| args(line)[1].as_u64().expect("a number"))
            .collect();
        let thrice = (0..tries.len() as u64).map(|place| place / 3);
        assert_eq!(tries, thrice.collect::<Vec<_>>(), "R + 1 tries of each");
        assert!(
            !tries.is_empty() && tries.len().is_multiple_of(3),
            "{tries:?}"
        );
    }
    let tries = log.count(What::Event);
    assert_eq!(outcome.count("emits"), tries / 3);
    assert_eq!(outcome.count("emits.retried"), tries / 3 * 2);
    assert_eq!(outcome.count("ack.timeouts"), tries / 3);
    assert_eq!(outcome.count("acks"), 0);
}

#[test]
fn acks_that_a_disconnect_makes_impossible_are_lost() {
    let prepare = |_| RealServer::start(Kind::SocketIo4, json!({ "allowEIO3": true }));
    at_once([4, 3], prepare, |protocol, server| {
        let scenario = format!(
            r#"
            duration = "600s"
            seed = 15
            [[clients]]
            count = 3
            protocol = {protocol}
            reconnection = {{ delay = "50ms" }}
            emit = [{{ event = "never", every = "200ms", ack = {{ timeout = "500ms" }} }}]
            [[chaos]]
            at = "{at}ms"
            fault = "disconnect"
            "#,
            at = pace().as_millis(),
        );
        let outcome = run_until(&server, &scenario, "all again", |log| log.speakers() == 6);
        let log = settled(&server);
        assert_eq!(outcome.count("emits"), log.count(What::Event));
        let (timeouts, lost) = (outcome.count("ack.timeouts"), outcome.count("ack.lost"));
        // One that waits for its namespace until its ack is late is never sent.
        let most = outcome.count("emits") + outcome.count("emits.dropped");
        assert!((outcome.count("emits")..=most).contains(&(timeouts + lost)));
        // At any time events of each client are younger than their timeout.
        assert!(
            lost > 0 && timeouts > 0,
            "{lost} lost, {timeouts} timed out"
        );
    });
}

#[test]
fn an_event_with_retries_survives_the_loss_of_its_connection() {
    let options = json!({ "logArguments": true, "allowEIO3": true });
    let prepare = |_| RealServer::start(Kind::SocketIo4, options.clone());
    at_once([4, 3], prepare, |protocol, server| {
        let scenario = format!(
            r#"
            duration = "600s"
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
            at = "{at}ms"
            fault = "disconnect"
            "#,
            at = pace().as_millis(),
        );
        let outcome = run_until(&server, &scenario, "all again", |log| {
            log.speakers() == 6 && log.acks() >= 12
        });
        let log = settled(&server);
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
        let retried = log.count(What::Event) - events;
        assert_eq!(outcome.count("emits.retried"), retried);
        assert_eq!(outcome.count("ack.lost") + outcome.count("ack.timeouts"), 0);
    });
}

#[test]
fn a_volatile_event_goes_out_at_once_or_not_at_all() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let scenario = r#"
        duration = "600s"
        seed = 17
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
    let outcome = run_until(&server, scenario, "events of all", |log| {
        log.speakers() == 4 && log.count(What::Event) >= 12
    });
    let log = settled(&server);
    assert_agree(&outcome, &log);
    for (population, event) in [("polling", "p"), ("websocket", "w")] {
        let of = |name| outcome.count_of(population, name);
        assert_eq!(of("emits"), log.events()[event]);
        // The first of a burst makes the transport busy for the others, as in the JS client; where
        // the machine is slow, even the first may find a POST under way.
        assert!(of("emits.dropped") >= of("emits") * 4, "{population}");
        assert!((of("emits") + of("emits.dropped")).is_multiple_of(5));
    }
    let websocket = |name| outcome.count_of("websocket", name);
    assert_eq!(websocket("emits.dropped"), websocket("emits") * 4);
}

#[test]
fn payloads_are_kept_as_they_are_even_with_half_a_surrogate_pair() {
    let prepare = |target: super::Target| target.start(json!({}));
    at_once(programs(), prepare, |target, server| {
        let scenario = format!(
            r#"
            duration = "600s"
            seed = 18
            [[clients]]
            count = 2
            protocol = {}
            emit = [{{ event = "surrogates", every = "200ms", ack = true }}]
            listen = [{{ event = "surrogates" }}]
            "#,
            target.protocol
        );
        let outcome = run_until(&server, &scenario, "acks to both", |log| {
            log.speakers() == 2 && log.acks() >= 6
        });
        let log = settled(&server);
        assert_agree(&outcome, &log);
        assert_eq!(outcome.count("events"), log.acks());
        let listens = &outcome.summary.populations["clients"].listens;
        assert_eq!(listens[0].received, log.acks());
        assert_eq!(outcome.summary.errors, []);
    });
}

#[test]
fn what_clients_hear_is_counted_and_timed_by_its_stamp() {
    let prepare = |target: super::Target| target.start(json!({}));
    at_once(TARGETS, prepare, |target, server| {
        // Those who speak come when all listeners are there, and go before them.
        let scenario = format!(
            r#"
            duration = "{duration}ms"
            seed = 19
            [[clients]]
            name = "listeners"
            count = 3
            protocol = {protocol}
            listen = [{{ event = "broadcast", stamp = "0.at", expect = 1 }}]
            [[clients]]
            name = "speakers"
            ramp = [{{ hold = "{pace}ms" }}, {{ to = 2, over = "10ms" }}, {{ hold = "700ms" }}, {{ to = 0, over = "10ms" }}]
            protocol = {protocol}
            emit = [{{ event = "broadcast", data = [{{ at = "{{{{now | number}}}}" }}], every = "100ms", ack = true }}]
            "#,
            protocol = target.protocol,
            pace = pace().as_millis(),
            duration = pace().as_millis() * 2 + 1000,
        );
        let outcome = run(&server.url(), &scenario);
        let log = settled(&server);
        assert_agree(&outcome, &log);
        let sent = log.events()["broadcast"];
        let listeners = &outcome.summary.populations["listeners"];
        let heard = &listeners.listens[0];
        assert_eq!((heard.received, heard.expected), (3 * sent, Some(3)));
        assert_eq!(outcome.count_of("listeners", "events"), 3 * sent);
        assert_eq!(listeners.metrics["event.time"].count, 3 * sent);
    });
}

#[test]
fn many_events_at_once_are_split_into_bodies_that_the_server_takes() {
    let options = json!({ "maxHttpBufferSize": 1000, "logRequests": true });
    let server = RealServer::start(Kind::SocketIo4, options);
    let scenario = r#"
        duration = "600s"
        seed = 20
        [[clients]]
        count = 2
        transports = ["polling"]
        emit = [{ event = "note", size = "300B", every = "500ms", burst = 10, ack = true }]
    "#;
    let outcome = run_until(&server, scenario, "bursts of both", |log| {
        log.speakers() == 2 && log.acks() >= 40
    });
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
