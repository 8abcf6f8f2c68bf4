//! Connections that are held, and connection state recovery.

use serde_json::{Value, json};

use super::diagnosis::{Diagnosis, diagnose};
use super::program::{haproxy, nginx};
use crate::harness::{Kind, RealServer};

fn watched(kind: Kind, options: Value, watch: &str) -> Diagnosis {
    let server = RealServer::start(kind, options);
    diagnose(&server.url(), &["--watch", watch])
}

#[test]
fn healthy_servers_are_well_when_watched() {
    let quick = json!({ "pingInterval": 1000, "pingTimeout": 2000 });
    for kind in [
        Kind::SocketIo4,
        Kind::SocketIo3,
        Kind::SocketIo2,
        Kind::Embedded,
    ] {
        let diagnosis = watched(kind, quick.clone(), "4s");
        diagnosis.assert_only(&[]);
        let facts = diagnosis.check("watch")["facts"].to_string();
        for held in ["idle long-polling: held", "talking WebSocket: held"] {
            assert!(facts.contains(held), "{kind:?}: {facts}");
        }
    }
    let python = json!({ "ping_interval": 1, "ping_timeout": 2 });
    watched(Kind::PythonAiohttp, python, "4s").assert_only(&[]);
}

#[test]
fn nginx_with_a_short_timeout_is_told_on_both_transports() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let bad = format!(
        "server {{ listen 127.0.0.1:{{port}}; location / {{
            proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $http_connection;
            proxy_read_timeout 3s; proxy_send_timeout 3s;
            proxy_pass http://{}; }} }}",
        server.address()
    );
    let Some(front) = nginx(&bad) else { return };
    let diagnosis = diagnose(&front.url(), &["--watch", "8s"]);
    let findings = diagnosis.report["findings"].as_array().unwrap();
    let idle: Vec<&str> = findings
        .iter()
        .filter(|finding| finding["code"] == "SIO-210")
        .map(|finding| finding["seen"].as_str().unwrap())
        .collect();
    for what in ["idle WebSocket", "idle long-polling"] {
        assert!(
            idle.iter().any(|seen| seen.starts_with(what)),
            "{findings:#?}"
        );
    }
    let facts = diagnosis.check("watch")["facts"].to_string();
    assert!(facts.contains("talking WebSocket: held"), "{facts}");
}

#[test]
fn haproxy_with_a_short_timeout_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let bad = format!(
        "defaults
           mode http
           timeout connect 5s
           timeout client 3s
           timeout server 3s
         frontend in
           bind 127.0.0.1:{{port}}
           default_backend io
         backend io
           server a {}\n",
        server.address()
    );
    let Some(front) = haproxy(&bad) else { return };
    let diagnosis = diagnose(&front.url(), &["--watch", "8s"]);
    let seen = diagnosis.finding("SIO-210")["seen"].to_string();
    assert!(seen.contains("silent"), "{seen}");
}

#[test]
fn a_server_that_stands_still_sends_its_pings_late_or_never() {
    let late = json!({
        "pingInterval": 2000, "pingTimeout": 6000, "block": { "after": 5500, "for": 3000 },
    });
    assert!(watched(Kind::SocketIo4, late, "10s").has("SIO-212"));
    let never = json!({
        "pingInterval": 2000, "pingTimeout": 500, "block": { "after": 5500, "for": 8000 },
    });
    assert!(watched(Kind::SocketIo4, never, "10s").has("SIO-211"));
}

#[test]
fn connections_that_are_closed_at_any_age_are_told() {
    let options = json!({ "closeAfter": 3000, "pingInterval": 1000 });
    let diagnosis = watched(Kind::SocketIo4, options, "8s");
    assert!(
        diagnosis.has("SIO-213") && !diagnosis.has("SIO-210"),
        "{diagnosis:?}"
    );
}

#[test]
fn the_largest_message_is_told_and_a_proxy_that_takes_less() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "maxHttpBufferSize": 200_000 }));
    let diagnosis = diagnose(&server.url(), &["--watch", "1s"]);
    diagnosis.assert_only(&[]);
    let seen = diagnosis.finding("SIO-215")["seen"].as_str().unwrap();
    assert!(
        seen.contains("200,000 bytes are taken; one more is refused"),
        "{seen}"
    );
    let small = format!(
        "server {{ listen 127.0.0.1:{{port}}; location / {{
            proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $http_connection;
            client_max_body_size 100k;
            proxy_pass http://{}; }} }}",
        server.address()
    );
    let Some(front) = nginx(&small) else { return };
    diagnose(&front.url(), &["--watch", "1s"]).assert_only(&["SIO-214"]);
}

#[test]
fn a_release_2_server_closes_release_4_clients_on_websocket() {
    let options = json!({ "pingInterval": 1000, "pingTimeout": 1000 });
    let diagnosis = watched(Kind::SocketIo2, options, "6s");
    diagnosis.assert_only(&[]);
    assert!(diagnosis.has("SIO-216"), "{diagnosis:?}");
}

#[test]
fn recovery_is_tried_where_the_server_answers_an_event() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    assert!(diagnose(&server.url(), &[]).has("SIO-220"));
    let on = json!({ "connectionStateRecovery": {} });
    let server = RealServer::start(Kind::SocketIo4, on);
    assert!(diagnose(&server.url(), &[]).has("SIO-223"));
    let echo = ["--recovery-event", "echo"];
    let diagnosis = diagnose(&server.url(), &echo);
    diagnosis.assert_only(&[]);
    assert!(diagnosis.has("SIO-221"));
    let gone = json!({ "connectionStateRecovery": { "maxDisconnectionDuration": -1 } });
    let server = RealServer::start(Kind::SocketIo4, gone);
    diagnose(&server.url(), &echo).assert_only(&["SIO-222"]);
}
