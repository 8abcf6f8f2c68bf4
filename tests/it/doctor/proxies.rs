//! nginx and HAProxy in front of servers, set up well and badly.

use std::net::SocketAddr;

use serde_json::json;

use super::diagnosis::diagnose;
use super::program::{haproxy, nginx};
use crate::harness::{Kind, Misbehaving, Misbehaviour, RealServer};

/// What nginx needs for WebSocket.
const FORWARD: &str = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $http_connection;";

fn two() -> [RealServer; 2] {
    [(); 2].map(|()| RealServer::start(Kind::SocketIo4, json!({})))
}

fn location(content: &str) -> String {
    format!("server {{ listen 127.0.0.1:{{port}}; location / {{ {content} }} }}")
}

/// An upstream of both servers with this rule.
fn upstream(rule: &str, [a, b]: &[RealServer; 2]) -> String {
    format!(
        "upstream io {{ {rule} server {}; server {}; }} {}",
        a.address(),
        b.address(),
        location(&format!("{FORWARD} proxy_pass http://io;"))
    )
}

/// HAProxy over both servers, with these lines in its backend.
fn backend(lines: &str, [a, b]: &[RealServer; 2]) -> String {
    format!(
        "defaults
           mode http
           timeout connect 5s
           timeout client 60s
           timeout server 60s
           timeout tunnel 1h
         frontend in
           bind 127.0.0.1:{{port}}
           default_backend io
         backend io
           {lines}
           server a {} cookie a
           server b {} cookie b\n",
        a.address(),
        b.address()
    )
}

#[test]
fn nginx_and_haproxy_as_they_should_be_are_well() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let good = location(&format!(
        "{FORWARD} proxy_pass http://{};",
        server.address()
    ));
    if let Some(front) = nginx(&good) {
        diagnose(&front.url(), &[]).assert_only(&[]);
    }
    let servers = two();
    if let Some(front) = haproxy(&backend("balance source", &servers)) {
        diagnose(&front.url(), &[]).assert_only(&[]);
    }
}

#[test]
fn nginx_without_the_upgrade_headers_is_told() {
    for kind in [Kind::SocketIo4, Kind::SocketIo2, Kind::PythonAiohttp] {
        let server = RealServer::start(kind, json!({}));
        let bad = location(&format!("proxy_pass http://{};", server.address()));
        let Some(front) = nginx(&bad) else { return };
        let diagnosis = diagnose(&front.url(), &[]);
        assert_eq!(
            diagnosis.codes("error"),
            ["SIO-200"],
            "{kind:?}: {diagnosis:?}"
        );
        let facts = diagnosis.check("websocket")["facts"].to_string();
        assert!(facts.contains("stuck in long-polling"), "{facts}");
    }
}

#[test]
fn nginx_that_refuses_upgrades_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let bad = location(&format!(
        "if ($http_upgrade) {{ return 403; }} proxy_pass http://{};",
        server.address()
    ));
    let Some(front) = nginx(&bad) else { return };
    let diagnosis = diagnose(&front.url(), &[]);
    diagnosis.assert_only(&["SIO-142"]);
    let answer = &diagnosis.evidence("SIO-142")[0]["answer"];
    assert_eq!(answer["status"], 403);
}

#[test]
fn an_answer_that_a_proxy_has_altered_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let bad = location(&format!(
        "{FORWARD} proxy_hide_header Sec-WebSocket-Accept;
         add_header Sec-WebSocket-Accept altered always; proxy_pass http://{};",
        server.address()
    ));
    let Some(front) = nginx(&bad) else { return };
    diagnose(&front.url(), &[]).assert_only(&["SIO-145"]);
}

#[test]
fn a_proxy_without_a_server_is_told() {
    let port = sio_load::server::process::free_ports(1).unwrap()[0];
    let dead = SocketAddr::from(([127, 0, 0, 1], port));
    let bad = location(&format!("{FORWARD} proxy_pass http://{dead};"));
    let Some(front) = nginx(&bad) else { return };
    let diagnosis = diagnose(&front.url(), &[]);
    let answer = &diagnosis.evidence("SIO-140")[0]["answer"];
    assert_eq!(answer["status"], 502);
}

#[test]
fn a_websocket_that_is_swallowed_or_loses_its_frames_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let by = |how| {
        let front = Misbehaving::start(server.address(), how);
        diagnose(&front.url(), &[])
    };
    by(Misbehaviour::WebSocketSwallowed).assert_only(&["SIO-201"]);
    by(Misbehaviour::WebSocketRefused).assert_only(&["SIO-142"]);
    by(Misbehaviour::ProbeLost).assert_only(&["SIO-143"]);
    by(Misbehaviour::PongLost).assert_only(&["SIO-143"]);
}

#[test]
fn transports_that_the_server_switched_off_are_told() {
    let polling = json!({ "transports": ["polling"], "allowUpgrades": false });
    let server = RealServer::start(Kind::SocketIo4, polling);
    diagnose(&server.url(), &[]).assert_only(&["SIO-202"]);
    let websocket = json!({ "transports": ["websocket"] });
    let server = RealServer::start(Kind::SocketIo4, websocket);
    diagnose(&server.url(), &[]).assert_only(&["SIO-203"]);
}

#[test]
fn an_upgrade_that_takes_long_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let front = Misbehaving::start(server.address(), Misbehaviour::WebSocketLate);
    diagnose(&front.url(), &[]).assert_only(&["SIO-204"]);
}

#[test]
fn websocket_that_works_as_an_upgrade_only_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let bad = format!(
        "map \"$http_upgrade:$arg_sid\" $direct {{ default 0; \"websocket:\" 1; }} {}",
        location(&format!(
            "if ($direct) {{ return 403; }} {FORWARD} proxy_pass http://{};",
            server.address()
        ))
    );
    let Some(front) = nginx(&bad) else { return };
    diagnose(&front.url(), &[]).assert_only(&["SIO-205"]);
}

#[test]
fn two_servers_without_stickiness_are_told_and_counted() {
    let servers = two();
    let fronts = [
        nginx(&upstream("", &servers)),
        haproxy(&backend("balance roundrobin", &servers)),
    ];
    for front in fronts.into_iter().flatten() {
        let diagnosis = diagnose(&front.url(), &[]);
        assert!(diagnosis.has("SIO-131"), "{diagnosis:?}");
        let seen = diagnosis.finding("SIO-190")["seen"].as_str().unwrap();
        assert!(seen.contains("2 servers that take turns"), "{seen}");
        assert_eq!(diagnosis.report["left_open"], 0, "{diagnosis:?}");
    }
}

#[test]
fn a_cookie_that_keeps_sessions_together_is_recognised() {
    let servers = two();
    let sticky = "balance roundrobin\n cookie server insert indirect nocache";
    let Some(front) = haproxy(&backend(sticky, &servers)) else {
        return;
    };
    let diagnosis = diagnose(&front.url(), &[]);
    diagnosis.assert_only(&[]);
    assert!(diagnosis.has("SIO-191"), "{diagnosis:?}");
}

#[test]
fn stickiness_by_source_address_is_recognised() {
    // A hash of the address may send all of a few addresses to one server.
    let [a, b] = two();
    let by_address = format!(
        "map $remote_addr $server {{ default {}; 127.0.0.1 {}; }} {}",
        a.address(),
        b.address(),
        location(&format!("{FORWARD} proxy_pass http://$server;"))
    );
    let Some(front) = nginx(&by_address) else {
        return;
    };
    let diagnosis = diagnose(&front.url(), &[]);
    diagnosis.assert_only(&[]);
    assert!(diagnosis.has("SIO-192"), "{diagnosis:?}");
}

#[test]
fn websockets_that_reach_another_server_are_told() {
    let [a, b] = two();
    let bad = format!(
        "map $http_upgrade $server {{ default {}; websocket {}; }} {}",
        a.address(),
        b.address(),
        location(&format!("{FORWARD} proxy_pass http://$server;"))
    );
    let Some(front) = nginx(&bad) else { return };
    diagnose(&front.url(), &[]).assert_only(&["SIO-193"]);
}
