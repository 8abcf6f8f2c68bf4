use serde_json::{Value, json};

use super::{find, names};
use crate::harness::{ClientLine, Kind, Misbehaving, Misbehaviour, OfficialClient, RealServer};

/// Runs the steps through a proxy that misbehaves before a release 4 server.
fn misbehaved(how: Misbehaviour, steps: Value) -> Vec<ClientLine> {
    let server = RealServer::start(Kind::SocketIo4, json!({ "upgradeTimeout": 300 }));
    let proxy = Misbehaving::start(server.address(), how);
    OfficialClient::Release4.run(&proxy.url(), &json!({ "timeout": 1000 }), &["/"], steps)
}

#[test]
fn upgrades_that_fail_leave_the_official_client_on_polling() {
    let steps = json!([
        { "wait": "connect" }, { "wait": "upgrade_error" },
        { "emit": ["echo", 1], "ack": true }, { "wait": "ack" },
    ]);
    for how in [
        Misbehaviour::WebSocketRefused,
        Misbehaviour::ProbeLost,
        Misbehaviour::PongLost,
    ] {
        let lines = misbehaved(how, steps.clone());
        assert!(
            !names(&lines).contains(&"upgrade"),
            "{how:?}: {:?}",
            names(&lines)
        );
    }
    let steps = json!([
        { "wait": "connect" }, { "sleep": 500 },
        { "emit": ["echo", 1], "ack": true }, { "wait": "ack" },
    ]);
    let lines = misbehaved(Misbehaviour::WebSocketSwallowed, steps);
    assert_eq!(names(&lines), ["open", "connect", "ack"]);
}

#[test]
fn handshakes_that_fail_are_connect_errors_of_the_official_client() {
    for (how, message) in [
        (Misbehaviour::Status(502), "xhr poll error"),
        (Misbehaviour::ResetOnConnect, "xhr poll error"),
        (Misbehaviour::HalfBody, "xhr poll error"),
        (Misbehaviour::Html, "server error"),
        (Misbehaviour::EmptyBody, "server error"),
        (Misbehaviour::Silent, "timeout"),
    ] {
        let lines = misbehaved(how, json!([{ "wait": "connect_error" }]));
        let error = find(&lines, "connect_error").message.clone();
        assert_eq!(error, Some(json!(message)), "{how:?}");
    }
}
