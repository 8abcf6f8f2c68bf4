use serde_json::json;

use super::heard::Heard;
use super::same::{assert_same, assert_same_but_for_polls, has_said, is_connected, is_upgraded};
use super::{Duet, has_left, is_disconnect};
use crate::harness::{Kind, RealServer, Side, Wire};

/// Whether the server has said CONNECT twice.
fn is_back(wire: &Wire) -> bool {
    let is_connect = |text: &str| text.contains("40{\"sid\"");
    let messages = wire.messages.iter();
    let connects =
        messages.filter(|said| said.side == Side::Server && is_connect(&said.what.text()));
    connects.count() == 2
}

/// What both say became of the connection.
fn assert_reason([official, ours]: &[Heard; 2], reason: &str) {
    assert_eq!(official.reasons(), [reason, "io client disconnect"]);
    assert_eq!(
        ours.summary["disconnects"],
        json!({ reason: 1, "io client disconnect": 1 })
    );
}

#[test]
fn polling_that_is_cut_off_comes_back_as_the_official_client_does() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let both = Duet {
        options: json!({ "transports": ["polling"], "reconnectionDelay": 10 }),
        steps: json!([{ "wait": "connect" }, { "wait": "disconnect" }, { "wait": "connect" }]),
        client: "transports = [\"polling\"]\nreconnection = { delay = \"10ms\" }",
        // What the cut hits is the poll after the reply.
        cut: Some(|wire| is_connected(wire) && wire.requests().count() == 4),
        done: |wire| is_back(wire) && wire.requests().count() == 9,
        ..Duet::new(&server)
    }
    .play();
    assert_same(&both);
    assert_reason(&both, "transport error");
    let said = both[1].client();
    let goodbyes = said.iter().filter(|text| text.ends_with("\n1"));
    assert_eq!(goodbyes.count(), 2, "one to the lost session: {said:#?}");
}

#[test]
fn websocket_that_is_cut_off_comes_back_as_the_official_client_does() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let both = Duet {
        options: json!({ "transports": ["websocket"], "reconnectionDelay": 10 }),
        steps: json!([{ "wait": "connect" }, { "wait": "disconnect" }, { "wait": "connect" }]),
        client: "transports = [\"websocket\"]\nreconnection = { delay = \"10ms\" }",
        cut: Some(is_connected),
        done: is_back,
        ..Duet::new(&server)
    }
    .play();
    assert_same(&both);
    assert_reason(&both, "transport close");
}

#[test]
fn an_upgrade_is_remembered_as_by_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let both = Duet {
        options: json!({ "rememberUpgrade": true, "reconnectionDelay": 10 }),
        steps: json!([{ "wait": "connect" }, { "wait": "disconnect" }, { "wait": "connect" }]),
        client: "remember_upgrade = true\nreconnection = { delay = \"10ms\" }",
        cut: Some(|wire| is_upgraded(wire) && is_connected(wire)),
        done: is_back,
        ..Duet::new(&server)
    }
    .play();
    assert_same_but_for_polls(&both);
    assert_reason(&both, "transport close");
    let handshakes = both[1].wire.requests().filter(|r| r.head.is_upgrade());
    let with_sid: Vec<_> = handshakes
        .map(|request| request.head.word().contains("sid="))
        .collect();
    assert_eq!(with_sid, [true, false]);
}

#[test]
fn a_session_is_recovered_as_by_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "connectionStateRecovery": {} }));
    let [official, ours] = Duet {
        options: json!({
            "transports": ["websocket"], "reconnectionDelay": 10, "auth": { "token": "t" },
        }),
        steps: json!([
            { "wait": "connect" },
            { "emit": ["push", 1], "ack": true }, { "wait": "ack" },
            { "wait": "disconnect" }, { "wait": "connect" },
        ]),
        target: "auth = { token = \"t\" }",
        client: r#"
            transports = ["websocket"]
            reconnection = { delay = "10ms" }
            [[clients.emit]]
            event = "push"
            data = [1]
            every = "10s"
            ack = true
        "#,
        cut: Some(|wire| has_said(wire, Side::Server, "430[")),
        done: is_back,
        ..Duet::new(&server)
    }
    .play();
    assert_eq!(ours.client(), official.client());
    let connect = "frame 1 40{\"pid\":\"…\",\"offset\":\"…\",\"token\":\"t\"}".to_owned();
    assert!(ours.client().contains(&connect), "{:#?}", ours.client());
    let connects = official.lines.iter().filter(|line| line.what == "connect");
    let recovered: Vec<_> = connects
        .map(|line| line.recovered.unwrap_or(false))
        .collect();
    assert_eq!(recovered, [false, true]);
    assert_eq!(ours.summary["rates"]["recovery.rate"], json!(1.0));
    assert_reason(&[official, ours], "transport close");
}

#[test]
fn a_client_that_leaves_and_comes_back_at_once_does_so_as_the_official_client() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "cookie": { "name": "io" } }));
    let [official, ours] = Duet {
        options: json!({ "transports": ["polling"], "withCredentials": true }),
        steps: json!([
            { "wait": "connect" }, { "hold": true },
            { "disconnect": true }, { "connect": true }, { "wait": "connect" },
        ]),
        holds: &[is_connected],
        client: r#"
            transports = ["polling"]
            with_credentials = true
            [[chaos]]
            at = "2s"
            fault = "disconnect"
            how = "namespace"
        "#,
        done: |wire| is_back(wire) && wire.requests().any(|request| request.body == b"1"),
        left: |wire| {
            let disconnects = wire.messages.iter().filter(|said| is_disconnect(said));
            disconnects.count() == 2 && has_left(wire)
        },
        ..Duet::new(&server)
    }
    .play();
    // What is left of the old engine and what is new of the next one come in any order.
    let sorted = |heard: &Heard| {
        let mut said = heard.client();
        said.sort();
        said
    };
    assert_eq!(sorted(&ours), sorted(&official));
    for request in ours.client() {
        let has_session = request.contains("sid=…");
        assert_eq!(request.contains("\ncookie: io\n"), has_session, "{request}");
    }
    assert_eq!(official.reasons(), ["io client disconnect"; 2]);
    assert_eq!(
        ours.summary["disconnects"],
        json!({ "io client disconnect": 2 })
    );
}
