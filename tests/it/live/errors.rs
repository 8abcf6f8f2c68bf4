//! What goes wrong is named by where, why and who.

use serde_json::{Value, json};
use sio_load::server::process;

use super::agreement::settled;
use super::outcome::{Failure, counts};
use super::under_way::{UnderWay, program};
use super::{Outcome, Target, at_once};
use crate::harness::{Kind, Misbehaving, Misbehaviour, RealServer, What};

const POLLING: &str = r#"["polling"]"#;
const WEBSOCKET: &str = r#"["websocket"]"#;

/// Two clients that each open once, and once more.
fn opening(transports: &str, more: &str) -> String {
    format!(
        r#"
        duration = "600s"
        seed = 71
        [[clients]]
        count = 2
        transports = {transports}
        reconnection = {{ delay = "50ms", delay_max = "60ms", attempts = 1 }}
        {more}
        "#
    )
}

/// Where no answer comes, it need not be waited for.
const BRIEFLY: &str = "timeout = \"300ms\"";

/// Of the Engine.IO handshake, by the server.
fn open(cause: &str, status: Option<u16>, code: Option<i64>) -> Failure<'_> {
    ("open", cause, "server", status, code)
}

/// Lets both clients give up.
fn run(url: &str, scenario: &str) -> Outcome {
    let run = UnderWay::start(url, scenario);
    run.wait_for_count("clients.gave_up", 2);
    run.end()
}

/// All four opens failed in this way and no other.
fn assert_all(outcome: &Outcome, failure: Failure<'_>) {
    assert_eq!(outcome.errors(), [(failure, 4)].into());
    assert_eq!(outcome.count("handshake.errors"), 4);
    assert_eq!(outcome.rate("handshake.error_rate"), Some(1.0));
    assert_eq!(outcome.count("clients.never_connected"), 2);
}

#[test]
fn proxies_that_misbehave_are_told_apart() {
    use Misbehaviour::{EmptyBody, HalfBody, Html, Silent, Status};
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let address = server.address();
    let half = ("open", "connection_closed", "network", None, None);
    let cases = [
        (Status(502), POLLING, open("http_status", Some(502), None)),
        (Status(429), POLLING, open("http_status", Some(429), None)),
        (Silent, POLLING, open("timed_out", None, None)),
        (Html, POLLING, open("not_socketio", Some(200), None)),
        (EmptyBody, POLLING, open("not_socketio", Some(200), None)),
        (HalfBody, POLLING, half),
        (Silent, WEBSOCKET, open("timed_out", None, None)),
        (
            Status(502),
            WEBSOCKET,
            open("websocket_refused", Some(502), None),
        ),
        (Html, WEBSOCKET, open("websocket_refused", Some(200), None)),
    ];
    let prepare = |(how, ..): (Misbehaviour, _, _)| Misbehaving::start(address, how);
    at_once(cases, prepare, |(how, transports, failure), proxy| {
        let more = if how == Silent { BRIEFLY } else { "" };
        assert_all(&run(&proxy.url(), &opening(transports, more)), failure);
    });
    assert_eq!(server.log().count(What::Open), 0);
}

#[test]
fn a_reset_is_the_networks_and_a_refused_connection_the_servers() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let proxy = Misbehaving::start(server.address(), Misbehaviour::ResetOnConnect);
    let port = process::free_ports(1).expect("a free port")[0];
    let refused = format!("http://127.0.0.1:{port}");
    let (cut_off, refused) = (&proxy.url(), &refused);
    at_once(
        [POLLING, WEBSOCKET],
        |_| (),
        |transports, ()| {
            let outcome = run(cut_off, &opening(transports, ""));
            for (stage, cause, origin, ..) in outcome.errors().into_keys() {
                // The RST may come before the connection counts as established.
                assert!(["tcp", "open"].contains(&stage), "{stage}");
                assert_eq!((cause, origin), ("connection_reset", "network"));
            }
            assert_eq!(outcome.count("handshake.errors"), 4);
            let failure = ("tcp", "connection_refused", "server", None, None);
            assert_all(&run(refused, &opening(transports, "")), failure);
        },
    );
}

/// A server with its options, and a scenario's that fail at it in this way.
type Refusal<'a> = (Target, &'a Value, &'a str, &'a str, Failure<'a>);

#[test]
fn refusals_of_servers_are_told_by_their_code() {
    let npm = Target::new(Kind::SocketIo4, 4);
    let (plain, refuse) = (json!({}), json!({ "refuse": true }));
    let polling_alone = json!({ "transports": ["polling"] });
    let websocket_alone = json!({ "transports": ["websocket"] });
    let forbidden = |status| open("forbidden", Some(status), Some(4));
    let unknown = open("transport_unknown", Some(400), Some(0));
    let unsupported = open("unsupported_protocol_version", Some(400), Some(5));
    // What a release 4 server says after its 101 is HTTP, which is no WebSocket frame.
    let broken = open("protocol_violation", None, None);
    let other = "protocol = 3";
    let unheard = &*format!("path = \"/elsewhere/\"\n{BRIEFLY}");
    assert_refused(&[
        (npm, &refuse, POLLING, "", forbidden(403)),
        (npm, &refuse, WEBSOCKET, "", forbidden(400)),
        (npm, &polling_alone, WEBSOCKET, "", unknown),
        (npm, &websocket_alone, POLLING, "", unknown),
        (npm, &plain, POLLING, other, unsupported),
        (npm, &plain, WEBSOCKET, other, broken),
        // Nobody else listens on this server.
        (npm, &plain, POLLING, unheard, open("timed_out", None, None)),
    ]);
}

#[test]
fn refusals_of_other_servers_are_told_as_well() {
    let release_2 = Target::new(Kind::SocketIo2, 3);
    let python = Target::new(Kind::PythonAiohttp, 4);
    let embedded = Target::new(Kind::Embedded, 4);
    let (plain, refuse) = (json!({}), json!({ "refuse": true }));
    let forbidden = open("forbidden", Some(401), None);
    let unsupported = open("unsupported_protocol_version", Some(400), None);
    let not_found = open("http_status", Some(404), None);
    let not_upgraded = open("websocket_refused", Some(404), None);
    let (three, four, elsewhere) = ("protocol = 3", "protocol = 4", "path = \"/elsewhere/\"");
    assert_refused(&[
        (
            release_2,
            &plain,
            POLLING,
            four,
            open("not_socketio", Some(200), None),
        ),
        (python, &refuse, POLLING, "", forbidden),
        (python, &refuse, WEBSOCKET, "", forbidden),
        (python, &plain, POLLING, three, unsupported),
        (python, &plain, WEBSOCKET, three, unsupported),
        (python, &plain, POLLING, elsewhere, not_found),
        (embedded, &plain, POLLING, elsewhere, not_found),
        (embedded, &plain, WEBSOCKET, elsewhere, not_upgraded),
    ]);
}

fn assert_refused(cases: &[Refusal<'_>]) {
    let prepare =
        |(target, options, ..): Refusal<'_>| RealServer::start(target.kind, options.clone());
    at_once(
        cases.iter().copied(),
        prepare,
        |(.., transports, more, failure), server| {
            let outcome = run(&server.url(), &opening(transports, more));
            assert_all(&outcome, failure);
        },
    );
}

#[test]
fn a_balancer_that_does_not_stick_makes_sessions_unknown() {
    let scenario = r#"
        duration = "600s"
        seed = 72
        [server]
        embedded = true
        instances = 2
        balance = "round_robin"
        [[clients]]
        count = 1
        transports = ["polling"]
        reconnection = { delay = "50ms", delay_max = "60ms", attempts = 2 }
    "#;
    let run = UnderWay::start_program(program(scenario), scenario);
    run.wait_for_count("session.errors", 8);
    let outcome = run.end();
    let errors = outcome.errors();
    let unknown = (
        "session",
        "session_id_unknown",
        "server",
        Some(400),
        Some(1),
    );
    assert_eq!(errors.len(), 1, "{errors:?}");
    // Every open succeeds and starts the attempts anew, for ever.
    assert!(errors[&unknown] > 3, "{errors:?}");
    assert_eq!(outcome.count("handshake.errors"), 0);
    assert_eq!(outcome.count("clients.gave_up"), 0);
    assert_eq!(outcome.count("connects"), 0);
}

#[test]
fn a_message_that_is_too_large_ends_the_session_on_either_transport() {
    let cases = [
        (POLLING, "transport error", 413),
        (WEBSOCKET, "transport close", 1009),
    ];
    let prepare = |_| RealServer::start(Kind::SocketIo4, json!({ "maxHttpBufferSize": 1000 }));
    at_once(cases, prepare, |(transports, reason, status), server| {
        let scenario = format!(
            r#"
            duration = "600s"
            seed = 73
            [[clients]]
            count = 2
            transports = {transports}
            reconnection = false
            emit = [{{ event = "note", size = "2KB", every = "500ms" }}]
            "#
        );
        let run = UnderWay::start(&server.url(), &scenario);
        run.wait_for_count("disconnects", 2);
        let outcome = run.end();
        let log = settled(&server);
        let too_large = ("session", "payload_too_large", "server", Some(status), None);
        assert_eq!(outcome.errors(), [(too_large, 2)].into());
        assert_eq!(outcome.summary.disconnects, counts(&[(reason, 2)]));
        assert_eq!(outcome.count("session.errors"), 2);
        assert_eq!(log.count(What::Event), 0);
    });
}
