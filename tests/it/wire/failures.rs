//! What a client makes of a proxy that misbehaves, beside what the official client makes of it.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::heard::Heard;
use super::{LIMIT, sio_load, text_of};
use crate::harness::{
    Kind, Misbehaving, Misbehaviour, OfficialClient, RealServer, Side, Tap, Utterance, Wire,
    wait_for,
};

/// A proxy that misbehaves before a server, and one recording tap for each client before it.
struct Front<'a> {
    server: &'a RealServer,
    how: Misbehaviour,
    /// Whether the tap is in use: it would pass a reset on as an end.
    tapped: bool,
}

impl Front<'_> {
    /// What the official client reports until the steps are done.
    fn official(&self, options: &Value, steps: Value) -> Heard {
        let proxy = Misbehaving::start(self.server.address(), self.how);
        let tap = Tap::start(proxy.address());
        let url = if self.tapped { tap.url() } else { proxy.url() };
        let lines = OfficialClient::Release4.run(&url, options, &["/"], steps);
        Heard::new(tap.wire(), tap.address(), lines)
    }

    /// What ours reports when `is_over` says that enough was seen of the wire, and the run has told
    /// of so many kinds of failures.
    fn ours(&self, client: &str, failures: usize, is_over: fn(&Wire) -> bool) -> Heard {
        let proxy = Misbehaving::start(self.server.address(), self.how);
        let tap = Tap::start(proxy.address());
        let url = if self.tapped { tap.url() } else { proxy.url() };
        let running = sio_load(&url, "", client).start();
        let events = running.directory().join("results/wire/latest/events.jsonl");
        let told = || text_of(&events).matches("first_failure").count();
        wait_for("failures and the rest", LIMIT, || {
            (told() >= failures && is_over(&tap.wire())).then_some(())
        });
        running.signal(Signal::SIGINT);
        let finished = running.wait(LIMIT);
        Heard::new(tap.wire(), tap.address(), Vec::new()).with(finished.summary())
    }
}

/// The errors of a run: stage, cause, HTTP status or close code, how often.
fn errors(summary: &Value) -> Value {
    let errors = summary["errors"].as_array().expect("a list").iter();
    errors
        .map(|error| {
            json!([
                error["stage"],
                error["cause"],
                error["status"],
                error["count"]
            ])
        })
        .collect()
}

/// The first error that the official client told, with what lies below: an HTTP status, or text.
fn told(heard: &Heard) -> (Value, Value) {
    let mut errors = heard.lines.iter().filter(|line| line.message.is_some());
    let error = errors.next().expect("an error");
    let below = error.description.clone().unwrap_or_default();
    (error.message.clone().unwrap_or_default(), below)
}

/// All cases at the same time: most of it is waiting.
fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, assert: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| assert(case));
        }
    });
}

/// What both make of a handshake that fails.
fn assert_opening_fails(
    server: &RealServer,
    transport: &str,
    how: Misbehaviour,
    official: (&str, Value),
    ours: &Value,
) {
    let front = Front {
        server,
        how,
        tapped: false,
    };
    // Long, so that nothing else ends in it on a busy machine.
    let timeout = if official.0 == "timeout" { 1 } else { 20 };
    let options = json!({
        "transports": [transport], "timeout": timeout * 1000, "reconnection": false,
    });
    let (message, below) = told(&front.official(&options, json!([{ "wait": "connect_error" }])));
    assert_eq!(message, json!(official.0), "{how:?}");
    let client =
        format!("transports = [\"{transport}\"]\ntimeout = \"{timeout}s\"\nreconnection = false");
    let summary = front.ours(&client, 1, |_| true).summary;
    if how == Misbehaviour::ResetOnConnect {
        // It may be noticed by the connect already, or by the first write or read.
        assert_eq!(summary["errors"][0]["cause"], ours[1], "{how:?}");
    } else {
        assert_eq!(below, official.1, "{how:?}");
        assert_eq!(errors(&summary), json!([ours]), "{how:?}");
    }
    assert_eq!(
        summary["counters"]["handshake.attempts"],
        json!(1),
        "{how:?}"
    );
    assert_eq!(summary["disconnects"], json!({}), "{how:?}");
}

#[test]
fn handshakes_over_polling_fail_as_they_do_for_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let cases = [
        (
            Misbehaviour::Status(502),
            ("xhr poll error", json!(502)),
            json!(["open", "http_status", 502, 1]),
        ),
        (
            Misbehaviour::Status(403),
            ("xhr poll error", json!(403)),
            json!(["open", "http_status", 403, 1]),
        ),
        (
            Misbehaviour::ResetOnConnect,
            ("xhr poll error", json!(0)),
            json!(["open", "connection_reset", null, 1]),
        ),
        (
            Misbehaviour::HalfBody,
            ("xhr poll error", json!(0)),
            json!(["open", "connection_closed", null, 1]),
        ),
        (
            Misbehaviour::Html,
            ("server error", Value::Null),
            json!(["open", "not_socketio", 200, 1]),
        ),
        (
            Misbehaviour::EmptyBody,
            ("server error", Value::Null),
            json!(["open", "not_socketio", 200, 1]),
        ),
        (
            Misbehaviour::Silent,
            ("timeout", Value::Null),
            json!(["open", "timed_out", null, 1]),
        ),
    ];
    at_once(cases, |(how, official, ours)| {
        assert_opening_fails(&server, "polling", how, official, &ours);
    });
}

#[test]
fn handshakes_over_websocket_fail_as_they_do_for_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let cases = [
        (
            Misbehaviour::WebSocketRefused,
            ("websocket error", json!("Unexpected server response: 403")),
            json!(["open", "websocket_refused", 403, 1]),
        ),
        (
            Misbehaviour::WebSocketRefusedWith("Unsupported protocol version"),
            ("websocket error", json!("Unexpected server response: 400")),
            json!(["open", "unsupported_protocol_version", 400, 1]),
        ),
        (
            Misbehaviour::Html,
            ("websocket error", json!("Unexpected server response: 200")),
            json!(["open", "websocket_refused", 200, 1]),
        ),
        (
            Misbehaviour::ResetOnConnect,
            ("websocket error", Value::Null),
            json!(["open", "connection_reset", null, 1]),
        ),
        (
            Misbehaviour::WebSocketSwallowed,
            ("timeout", Value::Null),
            json!(["open", "timed_out", null, 1]),
        ),
    ];
    at_once(cases, |(how, official, ours)| {
        assert_opening_fails(&server, "websocket", how, official, &ours);
    });
}

/// How many acks the server has sent over polling.
fn acks_by_poll(wire: &Wire) -> usize {
    let polls = wire.messages.iter().filter(|said| match &said.what {
        Utterance::Http(_) => said.side == Side::Server && said.what.text().contains("43"),
        Utterance::Frame(_) | Utterance::End | Utterance::Rest(_) => false,
    });
    polls.count()
}

/// Whether some acks have come by poll since the WebSocket was asked for, and what became of it
/// was to be seen: it is closed, unless it never got an answer.
fn goes_on_polling(wire: &Wire) -> bool {
    acks_by_poll(wire) >= 8
}

#[test]
fn upgrades_fail_as_they_do_for_the_official_client_and_the_session_polls_on() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "upgradeTimeout": 300 }));
    let steps = json!([
        { "wait": "connect" }, { "wait": "upgrade_error" },
        { "emit": ["echo", 1], "ack": true }, { "wait": "ack" },
    ]);
    let client = "[[clients.emit]]\nevent = \"echo\"\ndata = [1]\nevery = \"100ms\"\nack = true";
    let cases = [
        (
            Misbehaviour::WebSocketRefused,
            json!(["upgrade", "websocket_refused", 403, 1]),
        ),
        (
            Misbehaviour::WebSocketRefusedWith("Session ID unknown"),
            json!(["upgrade", "session_id_unknown", 400, 1]),
        ),
        (
            Misbehaviour::ProbeLost,
            json!(["upgrade", "probe_failed", null, 1]),
        ),
        (
            Misbehaviour::PongLost,
            json!(["upgrade", "probe_failed", null, 1]),
        ),
        (
            Misbehaviour::PongPreceded,
            json!(["upgrade", "probe_failed", null, 1]),
        ),
    ];
    at_once(cases, |(how, ours)| {
        let front = Front {
            server: &server,
            how,
            tapped: true,
        };
        let official = front.official(&json!({}), steps.clone());
        assert!(official.lines.iter().all(|line| line.what != "upgrade"));
        assert_eq!(official.reasons(), Vec::<&str>::new(), "{how:?}");
        assert_polls_on(
            &front.ours(client, 1, goes_on_polling).summary,
            1,
            &json!([ours]),
        );
    });
}

#[test]
fn a_websocket_that_is_swallowed_is_waited_for_as_by_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "upgradeTimeout": 300 }));
    let front = Front {
        server: &server,
        how: Misbehaviour::WebSocketSwallowed,
        tapped: true,
    };
    let steps = json!([
        { "wait": "connect" }, { "sleep": 500 },
        { "emit": ["echo", 1], "ack": true }, { "wait": "ack" },
    ]);
    let official = front.official(&json!({}), steps);
    let whats: Vec<_> = official.lines.iter().map(|line| &*line.what).collect();
    assert_eq!(whats, ["open", "connect", "ack"]);
    let client = "[[clients.emit]]\nevent = \"echo\"\ndata = [1]\nevery = \"100ms\"\nack = true";
    assert_polls_on(
        &front.ours(client, 0, goes_on_polling).summary,
        0,
        &json!([]),
    );
}

fn assert_polls_on(summary: &Value, upgrade_errors: u64, expected: &Value) {
    let counters = &summary["counters"];
    assert_eq!(errors(summary), *expected);
    assert_eq!(counters["upgrade.errors"], json!(upgrade_errors));
    assert_eq!(counters["upgrades"], json!(0));
    assert_eq!(counters["reconnects"], json!(0));
    assert_eq!(counters["acks"], counters["emits"]);
    assert_eq!(summary["disconnects"], json!({ "io client disconnect": 1 }));
}

#[test]
fn sessions_over_polling_fail_as_they_do_for_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let client = "transports = [\"polling\"]\nreconnection = false";
    let options = json!({ "transports": ["polling"], "reconnection": false });
    let cases = [
        (
            Misbehaviour::PollStatus(502),
            json!(["session", "http_status", 502, 1]),
        ),
        (
            Misbehaviour::PostStatus(413),
            json!(["session", "payload_too_large", 413, 1]),
        ),
    ];
    at_once(cases, |(how, ours)| {
        let front = Front {
            server: &server,
            how,
            tapped: true,
        };
        let said_goodbye = |wire: &Wire| wire.requests().any(|request| request.body == b"1");
        let official = front.official(
            &options,
            json!([{ "wait": "disconnect" }, { "sleep": 100 }]),
        );
        assert_eq!(official.reasons(), ["transport error"], "{how:?}");
        assert!(said_goodbye(&official.wire), "{how:?}");
        let heard = front.ours(client, 1, said_goodbye);
        assert_eq!(errors(&heard.summary), json!([ours]), "{how:?}");
        assert_eq!(heard.client(), official.client(), "{how:?}");
        // "disconnect" of a socket that never connected is told apart.
        assert_eq!(heard.summary["disconnects"], json!({}), "{how:?}");
        assert_eq!(
            heard.summary["counters"]["clients.never_connected"],
            json!(1)
        );
    });
}

#[test]
fn other_transports_are_tried_as_by_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let front = Front {
        server: &server,
        how: Misbehaviour::WebSocketRefused,
        tapped: true,
    };
    for all in [false, true] {
        let options = json!({
            "transports": ["websocket", "polling"], "tryAllTransports": all, "reconnection": false,
        });
        let wait = if all { "connect" } else { "connect_error" };
        let official = front.official(&options, json!([{ "wait": wait }, { "sleep": 100 }]));
        let client = format!(
            "transports = [\"websocket\", \"polling\"]\ntry_all_transports = {all}\n\
             reconnection = false"
        );
        let is_over: fn(&Wire) -> bool = if all {
            |wire| wire.requests().count() >= 5
        } else {
            |wire| wire.requests().count() == 1
        };
        let ours = front.ours(&client, 1, is_over);
        let said = official.client();
        assert_eq!(ours.client()[..said.len()], said);
        assert_eq!(said.len(), if all { 5 } else { 1 }, "{said:#?}");
        assert_eq!(ours.summary["counters"]["upgrade.errors"], json!(0));
        assert_eq!(
            ours.summary["counters"]["clients.never_connected"],
            json!(u8::from(!all))
        );
    }
}
