use serde_json::{Value, json};

use super::Duet;
use super::same::{assert_same, assert_same_but_for_polls, has_said, is_upgraded};
use crate::harness::{Kind, OfficialClient, RealServer, Side, Wire};

const ECHO: &str = r#"
[[clients.emit]]
event = "echo"
data = ["é😀"]
binary = true
size = "5B"
every = "10s"
ack = true
"#;

fn echo() -> Value {
    json!([
        { "wait": "connect" },
        { "emit": ["echo", "é😀", { "$sequence": 5 }], "ack": true },
        { "wait": "ack" },
    ])
}

fn is_acked(wire: &Wire) -> bool {
    has_said(wire, Side::Server, "461-0[")
}

#[test]
fn polling_of_release_2_is_that_of_the_official_client() {
    let server = RealServer::start(Kind::SocketIo2, json!({}));
    let both = Duet {
        official: OfficialClient::Release2,
        options: json!({ "transports": ["polling"] }),
        steps: echo(),
        client: &format!("protocol = 3\ntransports = [\"polling\"]\n{ECHO}"),
        done: is_acked,
        ..Duet::new(&server)
    }
    .play();
    assert_same(&both);
}

#[test]
fn websocket_of_release_2_is_that_of_the_official_client_with_its_pings() {
    let server = RealServer::start(Kind::SocketIo2, json!({ "pingInterval": 1500 }));
    let both = Duet {
        official: OfficialClient::Release2,
        options: json!({ "transports": ["websocket"] }),
        steps: echo(),
        client: &format!("protocol = 3\ntransports = [\"websocket\"]\n{ECHO}"),
        done: |wire| {
            let mut messages = wire.messages.iter();
            let is_pong = |text: &str| text == "3";
            is_acked(wire)
                && messages.any(|said| said.side == Side::Server && is_pong(&said.what.text()))
        },
        ..Duet::new(&server)
    }
    .play();
    assert_same(&both);
}

#[test]
fn namespaces_and_upgrade_of_release_2_are_those_of_the_official_client() {
    let server = RealServer::start(Kind::SocketIo2, json!({}));
    let both = Duet {
        official: OfficialClient::Release2,
        options: json!({ "query": { "token": "a b" } }),
        namespaces: &["/", "/news"],
        steps: json!([{ "wait": "upgrade" }, { "wait": "connect" }, { "wait": "connect" }]),
        target: "query = { token = \"a b\" }",
        client: "protocol = 3\nnamespaces = [\"/\", \"/news\"]",
        done: |wire| is_upgraded(wire) && has_said(wire, Side::Server, "40/news"),
        ..Duet::new(&server)
    }
    .play();
    assert_same_but_for_polls(&both);
}

#[test]
fn a_release_2_client_meets_a_release_4_server_as_the_official_one_does() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "allowEIO3": true }));
    let both = Duet {
        official: OfficialClient::Release2,
        options: json!({ "transports": ["polling"], "query": { "token": "a b" } }),
        namespaces: &["/", "/news"],
        steps: json!([{ "wait": "connect" }, { "wait": "connect" }]),
        target: "query = { token = \"a b\" }",
        client: "protocol = 3\ntransports = [\"polling\"]\nnamespaces = [\"/\", \"/news\"]",
        done: |wire| has_said(wire, Side::Server, "40/news"),
        ..Duet::new(&server)
    }
    .play();
    assert_same_but_for_polls(&both);
}
