use serde_json::{Value, json};

use super::{LIMIT, number};
use crate::harness::{Kind, RealServer, SioLoad};

/// Clients of which each third ack never comes, that leave during the run and at its end.
const UNANSWERED: &str = r#"
name = "unanswered"
duration = "4s"
seed = 12

[[clients]]
name = "web"
arrivals = "5/s"
stay = "2s"
transports = ["websocket"]

[[clients.emit]]
event = "echo"
every = "200ms"
ack = { timeout = "1m" }

[[clients.emit]]
event = "never"
every = "400ms"
ack = { timeout = "1m" }

[[clients.emit]]
event = "never"
every = "700ms"
ack = { timeout = "1ms" }

[thresholds]
"ack.lost" = ["count == 0"]
"ack.time" = ["p(99) < 1h", "p(10) > 0ms"]
"ack.time{event=echo}" = ["count > 0"]
"ack.time{web,event=never}" = ["count == 0", "max < 1h"]
"ack.unanswered{event=echo}" = ["count == 0"]
"#;

/// Case t1: a run that ends first must not make a silent server look fast.
#[test]
fn every_ack_asked_for_is_accounted_for_and_a_silent_server_is_not_fast() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let finished = SioLoad::new(&["run", "s.toml", "--url", &server.url()])
        .file("s.toml", UNANSWERED)
        .run(LIMIT);
    let summary = finished.summary();
    let counter = |name: &str| number(&summary, &["counters", name]);
    let outcomes = ["acks", "ack.timeouts", "ack.lost", "ack.unanswered"].map(counter);
    assert_eq!(
        outcomes.iter().sum::<u64>(),
        counter("emits"),
        "each emit asks for an ack: {outcomes:?}"
    );
    assert!(counter("ack.unanswered") > 0, "{outcomes:?}");
    assert!(counter("ack.timeouts") > 0, "{outcomes:?}");
    let time = &summary["metrics"]["ack.time"];
    assert_eq!(number(time, &["count"]), counter("acks"));
    let censored = counter("ack.timeouts") + counter("ack.unanswered");
    assert_eq!(number(time, &["censored"]), censored);
    let at_least = time["at_least"].as_array().unwrap();
    assert!(at_least.contains(&json!("p99")), "{time}");
    let crossed: Vec<&Value> = summary["thresholds"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|threshold| threshold["passed"] == false)
        .map(|threshold| &threshold["expression"])
        .collect();
    assert_eq!(crossed, ["p(99) < 1h", "max < 1h"], "{}", finished.stdout);
    assert_eq!(finished.code(), 99);
    let warnings = summary["warnings"].as_array().unwrap();
    let has = |code: &str| warnings.iter().any(|warning| warning["code"] == code);
    assert!(has("acks_unanswered"), "{warnings:?}");
    assert!(finished.stdout.contains('≥'), "{}", finished.stdout);
}

/// A run that passes all its thresholds, and of whose clients the server lets none in.
const REFUSED: &str = r#"
name = "refused"
duration = "2s"

[[clients]]
name = "members"
count = 2
transports = ["websocket"]

[[clients]]
name = "strangers"
count = 3
transports = ["websocket"]
auth = { token = "bad" }
"#;

#[test]
fn refused_logins_stand_at_the_top_of_a_run_that_passes() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "auth": true }));
    let finished = SioLoad::new(&["run", "s.toml", "--url", &server.url()])
        .file("s.toml", REFUSED)
        .run(LIMIT);
    let summary = finished.summary();
    let counter = |name: &str| number(&summary, &["counters", name]);
    assert_eq!(counter("clients.rejected"), 3);
    assert_eq!(counter("clients.never_connected"), 3);
    let top: Vec<&str> = finished.stdout.lines().take(4).collect();
    let says = "of 5 clients: 3 rejected by the server, 3 never connected";
    assert!(top.iter().any(|line| line.contains(says)), "{top:?}");
    assert!(finished.result("report.html").contains(says));
}

/// Half of the clients get more than they expect, the others nothing, and stamps are of the year 2286.
const UNEVEN: &str = r#"
name = "uneven"
duration = "4s"

[[clients]]
name = "loud"
count = 2
transports = ["websocket"]
emit = [{ event = "echo", data = [9999999999999999], every = "200ms" }]
listen = [{ event = "echo", stamp = 0, expect = 1 }]

[[clients]]
name = "quiet"
count = 3
transports = ["websocket"]
listen = [{ event = "echo", name = "hush", expect = 2 }]

[thresholds]
"listen.echo.surplus" = ["count > 0"]
"listen.echo.missing{loud}" = ["count == 0"]
"listen.hush.missing" = ["count == 0"]
"#;

/// Case t6: what one client gets twice does not make up for what another never got.
#[test]
fn expected_events_are_compared_client_by_client_and_future_stamps_are_no_times() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let finished = SioLoad::new(&["run", "s.toml", "--url", &server.url()])
        .file("s.toml", UNEVEN)
        .run(LIMIT);
    let summary = finished.summary();
    let counter = |name: &str| number(&summary, &["counters", name]);
    assert_eq!(counter("listen.hush.missing"), 6);
    assert!(counter("listen.echo.surplus") > 0);
    let quiet = &summary["populations"]["quiet"]["listens"][0];
    assert_eq!(
        (&quiet["missing"], &quiet["surplus"]),
        (&json!(6), &json!(0))
    );
    assert_eq!(counter("event.future_stamps"), counter("events"));
    assert!(summary["metrics"]["event.time"].is_null());
    let warnings = summary["warnings"].as_array().unwrap();
    assert!(
        warnings
            .iter()
            .any(|warning| warning["code"] == "future_stamps")
    );
    let passed: Vec<&Value> = summary["thresholds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|threshold| &threshold["passed"])
        .collect();
    assert_eq!(passed, [true, true, false], "{}", finished.stdout);
    assert_eq!(finished.code(), 99);
    assert!(finished.stdout.contains("6 missing"), "{}", finished.stdout);
    assert!(
        finished
            .result("report.html")
            .contains("listen.hush.missing")
    );
}
