use serde_json::{Value, json};

use super::heard::Heard;
use super::{Duet, has_left, is_goodbye};
use crate::harness::{Kind, OfficialClient, RealServer, Side, Utterance, Wire};

/// Whether a side has said something that contains `text`.
pub(super) fn has_said(wire: &Wire, side: Side, text: &str) -> bool {
    let mut messages = wire.messages.iter();
    messages.any(|said| said.side == side && said.what.text().contains(text))
}

pub(super) fn is_connected(wire: &Wire) -> bool {
    has_said(wire, Side::Server, "40{\"sid\"")
}

pub(super) fn is_upgraded(wire: &Wire) -> bool {
    let is_it = |what: &Utterance| matches!(what, Utterance::Frame(f) if f.payload == b"5");
    wire.messages.iter().any(|said| is_it(&said.what))
}

fn is_acked(wire: &Wire) -> bool {
    has_said(wire, Side::Server, "461-0[")
}

/// Both said the same to their server, and heard the same from it.
pub(super) fn assert_same([official, ours]: &[Heard; 2]) {
    assert_eq!(ours.client(), official.client());
    assert_eq!(ours.server_packets(), official.server_packets());
    assert_eq!(ours.connections(), official.connections());
}

/// The same where answers of the server race: until an upgrade, or of several namespaces. Polls are
/// then as many as they have to be, and what comes on two connections does so in any order.
pub(super) fn assert_same_but_for_polls([official, ours]: &[Heard; 2]) {
    assert_eq!(ours.client_but_for_polls(), official.client_but_for_polls());
    let sorted = |heard: &Heard| {
        let mut packets = heard.server_packets();
        packets.sort();
        packets
    };
    assert_eq!(sorted(ours), sorted(official));
    for heard in [official, ours] {
        let polls = heard.client().len() - heard.client_but_for_polls().len();
        assert!(polls <= 6, "{polls} polls more: {:#?}", heard.client());
    }
}

/// What a client sends; `echo` is the same for the official one.
const ECHO: &str = r#"
[[clients.emit]]
event = "echo"
data = [1, { "ü\u0001" = ["𝄞", true, 1.5] }]
binary = true
size = "5B"
every = "10s"
ack = true
"#;

/// Connects, sends one event with a binary argument once CONNECT is through, waits for its ack.
fn echo() -> Value {
    json!([
        { "wait": "connect" },
        { "hold": true },
        { "emit": ["echo", 1, { "ü\u{1}": ["𝄞", true, 1.5] }, { "$sequence": 5 }], "ack": true },
        { "wait": "ack" },
    ])
}

#[test]
fn polling_is_that_of_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let both = Duet {
        options: json!({ "transports": ["polling"] }),
        steps: echo(),
        holds: &[is_connected],
        client: &format!("transports = [\"polling\"]\n{ECHO}"),
        done: is_acked,
        ..Duet::new(&server)
    }
    .play();
    assert_same(&both);
    for heard in &both {
        let random = heard.timestamps();
        assert!(random.len() > 4, "{random:?}");
        let is_base36 = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        assert!(
            random
                .iter()
                .all(|t| t.len() == 8 && t.chars().all(is_base36)),
            "{random:?}"
        );
    }
}

#[test]
fn websocket_is_that_of_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let both = Duet {
        options: json!({ "transports": ["websocket"] }),
        steps: echo(),
        holds: &[is_connected],
        client: &format!("transports = [\"websocket\"]\n{ECHO}"),
        done: is_acked,
        ..Duet::new(&server)
    }
    .play();
    assert_same(&both);
    assert_eq!(both[1].connections(), 1);
}

#[test]
fn the_upgrade_is_that_of_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let both = Duet {
        steps: json!([{ "wait": "upgrade" }, { "wait": "connect" }]),
        done: |wire| is_upgraded(wire) && is_connected(wire),
        ..Duet::new(&server)
    }
    .play();
    assert_same_but_for_polls(&both);
}

#[test]
fn namespaces_with_auth_query_and_headers_are_those_of_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let both = Duet {
        options: json!({
            "transports": ["polling"],
            "extraHeaders": { "X-Tenant": "a", "authorization": "Bearer b" },
            "query": { "k ü": "v&w='()*!~", "x": "" },
            "auth": { "token": "t", "list": [1, "é"] },
        }),
        namespaces: &["/", "/news", "/third"],
        steps: json!([
            { "wait": "connect" }, { "wait": "connect" }, { "wait": "connect" }, { "hold": true },
            { "emit": ["echo", 1], "nsp": "/news", "ack": true }, { "wait": "ack" },
        ]),
        holds: &[|wire| has_said(wire, Side::Server, "40/third,")],
        target: r#"
            headers = { "X-Tenant" = "a", authorization = "Bearer b" }
            query = { "k ü" = "v&w='()*!~", x = "" }
            auth = { token = "t", list = [1, "é"] }
        "#,
        client: r#"
            transports = ["polling"]
            namespaces = ["/", "/news", "/third"]
            [[clients.emit]]
            namespace = "/news"
            event = "echo"
            data = [1]
            every = "10s"
            ack = true
        "#,
        done: |wire| has_said(wire, Side::Server, "43/news,0["),
        ..Duet::new(&server)
    }
    .play();
    assert_same_but_for_polls(&both);
}

#[test]
fn what_is_sent_at_once_is_split_at_max_payload_as_by_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "maxHttpBufferSize": 61 }));
    let mut steps = vec![json!({ "wait": "connect" }), json!({ "hold": true })];
    steps.extend(std::iter::repeat_n(
        json!({ "emit": ["echo", "é"], "ack": true }),
        8,
    ));
    steps.extend(std::iter::repeat_n(json!({ "wait": "ack" }), 8));
    let [official, ours] = Duet {
        options: json!({ "transports": ["polling"] }),
        steps: steps.into(),
        holds: &[is_connected],
        client: r#"
            transports = ["polling"]
            [[clients.emit]]
            event = "echo"
            data = ["é"]
            burst = 8
            every = "10s"
            ack = true
        "#,
        done: |wire| has_said(wire, Side::Server, "437["),
        ..Duet::new(&server)
    }
    .play();
    let posts = |heard: &Heard| {
        let said = heard.client().into_iter();
        said.filter(|text| text.starts_with("POST"))
            .collect::<Vec<_>>()
    };
    assert_eq!(posts(&ours), posts(&official));
    assert_eq!(ours.server_packets(), official.server_packets());
    let events = posts(&ours)
        .into_iter()
        .filter(|post| post.contains("\n42"));
    assert_eq!(events.count(), 4, "one, three, three, one");
}

#[test]
fn a_kick_is_met_as_by_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    for (transport, event) in [
        ("polling", "kick"),
        ("websocket", "kick"),
        ("websocket", "kick_engine"),
    ] {
        let emit = format!("[[clients.emit]]\nevent = \"{event}\"\nevery = \"10s\"");
        let both = Duet {
            options: json!({ "transports": [transport] }),
            steps: json!([
                { "wait": "connect" }, { "hold": true }, { "emit": [event] },
                { "wait": "disconnect" },
            ]),
            holds: &[is_connected],
            client: &format!("transports = [\"{transport}\"]\n{emit}"),
            done: has_left,
            ..Duet::new(&server)
        }
        .play();
        assert_same(&both);
        let [official, ours] = both;
        assert_eq!(official.reasons(), ["io server disconnect"]);
        let disconnects = &ours.summary["disconnects"];
        assert_eq!(*disconnects, json!({ "io server disconnect": 1 }));
    }
}

#[test]
fn paths_base64_and_cookies_are_those_of_the_official_client() {
    let server = RealServer::start(
        Kind::SocketIo4,
        json!({ "addTrailingSlash": false, "cookie": { "name": "io" } }),
    );
    let both = Duet {
        official: OfficialClient::Release4,
        options: json!({
            "addTrailingSlash": false, "forceBase64": true, "timestampRequests": true,
            "withCredentials": true, "extraHeaders": { "cookie": "mine=1", "X-A": "b" },
        }),
        steps: json!([{ "wait": "upgrade" }, { "wait": "connect" }]),
        target: "headers = { cookie = \"mine=1\", \"X-A\" = \"b\" }",
        client: "add_trailing_slash = false\nforce_base64 = true\ntimestamp_requests = true\n\
                 with_credentials = true",
        done: |wire| is_upgraded(wire) && is_connected(wire),
        ..Duet::new(&server)
    }
    .play();
    assert_same_but_for_polls(&both);
    let said = both[1].client();
    assert!(said[0].starts_with("GET /socket.io?EIO=4&transport=polling&t=…&b64=1 HTTP/1.1\n"));
    assert!(said[0].contains("\ncookie: mine\n"), "{}", said[0]);
    let mut handshakes = said.iter().filter(|text| text.contains("Upgrade"));
    let handshake = handshakes.next().expect("a WebSocket");
    assert!(handshake.contains("\ncookie: mine; io\n"), "{handshake}");
}

#[test]
fn the_servers_pings_are_answered_as_by_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "pingInterval": 1500 }));
    for transport in ["polling", "websocket"] {
        let both = Duet {
            options: json!({ "transports": [transport] }),
            steps: json!([{ "wait": "connect" }]),
            client: &format!("transports = [\"{transport}\"]"),
            done: |wire| {
                let mut messages = wire.messages.iter();
                messages.any(|said| said.side == Side::Client && said.what.text() == "3")
            },
            ..Duet::new(&server)
        }
        .play();
        assert_same_but_for_polls(&both);
    }
}

#[test]
fn events_are_retried_as_by_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let both = Duet {
        options: json!({ "transports": ["websocket"], "retries": 2, "ackTimeout": 200 }),
        steps: json!([
            { "wait": "connect" },
            { "emit": ["never"], "ack": true }, { "emit": ["never"], "ack": true },
        ]),
        client: r#"
            transports = ["websocket"]
            [[clients.emit]]
            event = "never"
            burst = 2
            every = "10s"
            ack = { timeout = "200ms", retries = 2 }
        "#,
        // Three tries of the first event, then three of the second.
        done: |wire| has_said(wire, Side::Client, "425["),
        ..Duet::new(&server)
    }
    .play();
    assert_same(&both);
    assert_eq!(both[1].summary["counters"]["emits"], json!(2));
}

/// Whether the client is refused, and said goodbye.
fn is_refused(wire: &Wire) -> bool {
    let mut messages = wire.messages.iter();
    has_said(wire, Side::Server, "44{") && messages.any(is_goodbye)
}

#[test]
fn a_refusal_is_met_as_by_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "auth": true }));
    for transport in ["polling", "websocket"] {
        let both = Duet {
            options: json!({ "transports": [transport], "auth": { "token": "bad" } }),
            steps: json!([{ "wait": "connect_error" }]),
            target: "auth = { token = \"bad\" }",
            client: &format!("transports = [\"{transport}\"]"),
            done: is_refused,
            left: is_refused,
            ..Duet::new(&server)
        }
        .play();
        assert_same(&both);
        let [official, ours] = both;
        let mut messages = official.lines.iter().filter_map(|l| l.message.clone());
        assert_eq!(messages.next(), Some(json!("bad token")));
        assert_eq!(ours.summary["counters"]["clients.rejected"], json!(1));
        assert_eq!(ours.summary["errors"][0]["cause"], "namespace_rejected");
        assert_eq!(ours.summary["errors"][0]["message"], "bad token");
    }
}

#[test]
fn a_python_server_hears_the_same_from_both_clients() {
    let server = RealServer::start(Kind::PythonAiohttp, json!({}));
    // Over WebSocket it compresses what it says to the official client.
    let both = Duet {
        options: json!({ "transports": ["polling"] }),
        steps: echo(),
        holds: &[is_connected],
        client: &format!("transports = [\"polling\"]\n{ECHO}"),
        done: is_acked,
        ..Duet::new(&server)
    }
    .play();
    assert_same_but_for_polls(&both);
}
