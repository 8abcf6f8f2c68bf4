use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sio_load::server::balancer::{Balancer, Policy};

use super::{find, names};
use crate::harness::{ClientLine, Kind, OfficialClient, PATIENCE, RealServer, Tap, wait_for};

/// Two instances behind a balancer, and what the official client reports of it.
fn through_balancer(policy: Policy, options: &Value, steps: Value) -> Vec<ClientLine> {
    let servers = [Kind::SocketIo4, Kind::Embedded].map(|kind| RealServer::start(kind, json!({})));
    let balancer = Balancer::start(servers.iter().map(RealServer::address).collect(), policy)
        .expect("a balancer");
    let url = format!("http://{}", balancer.address());
    OfficialClient::Release4.run(&url, options, &["/"], steps)
}

#[test]
fn a_sticky_balancer_lets_sessions_upgrade() {
    let steps = json!([
        { "wait": "upgrade" }, { "wait": "connect" },
        { "emit": ["echo", 1], "ack": true }, { "wait": "ack" },
        // The next engine opens at the other instance.
        { "close_engine": true },
        { "wait": "upgrade" }, { "wait": "connect" },
        { "emit": ["echo", 2], "ack": true }, { "wait": "ack" },
        { "disconnect": true }, { "sleep": 50 },
    ]);
    let options = json!({ "reconnectionDelay": 10 });
    let lines = through_balancer(Policy::Sticky, &options, steps);
    assert!(
        !names(&lines).contains(&"connect_error"),
        "{:?}",
        names(&lines)
    );
    assert_eq!(
        find(&lines, "disconnect").reason.as_deref(),
        Some("forced close")
    );
}

#[test]
fn without_stickiness_polling_sessions_are_unknown_to_the_other_instance() {
    let steps = json!([
        { "wait": "open" }, { "wait": "disconnect" }, { "wait": "reconnect" },
        { "wait": "disconnect" },
    ]);
    let options = json!({ "reconnectionDelay": 10, "transports": ["polling"] });
    let lines = through_balancer(Policy::RoundRobin, &options, steps);
    assert!(!names(&lines).contains(&"connect"), "{:?}", names(&lines));
    assert_eq!(
        find(&lines, "disconnect").reason.as_deref(),
        Some("transport error")
    );
}

#[test]
fn without_stickiness_a_session_on_websocket_works() {
    let steps = json!([
        { "wait": "connect" },
        { "emit": ["echo", 1], "ack": true }, { "wait": "ack" },
        { "disconnect": true }, { "sleep": 50 },
    ]);
    let options = json!({ "transports": ["websocket"] });
    let lines = through_balancer(Policy::RoundRobin, &options, steps);
    assert_eq!(names(&lines), ["open", "connect", "ack", "disconnect"]);
}

/// One request over a connection of its own, as text.
fn get(address: SocketAddr, target: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a balancer");
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    .expect("an open socket");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_balancer_passes_over_dead_instances_and_has_nothing_to_offer_without_any() {
    const OPEN: &str = "/socket.io/?EIO=4&transport=polling";
    let mut servers =
        [Kind::SocketIo4, Kind::SocketIo4].map(|kind| RealServer::start(kind, json!({})));
    let addresses = servers.iter().map(RealServer::address).collect();
    let balancer = Balancer::start(addresses, Policy::Sticky).expect("a balancer");
    let sessions = [(); 2].map(|()| {
        let answer = get(balancer.address(), OPEN);
        let (_, rest) = answer.split_once("\"sid\":\"").expect("an open packet");
        rest.split_once('"').expect("a whole packet").0.to_owned()
    });
    let poll = |sid: &str| get(balancer.address(), &format!("{OPEN}&sid={sid}"));

    servers[0].end(Signal::SIGKILL);
    for _ in 0..3 {
        assert!(get(balancer.address(), OPEN).contains("0{\"sid\""));
    }
    let lost = poll(&sessions[0]);
    assert!(
        lost.starts_with("HTTP/1.1 400") && lost.contains("Session ID unknown"),
        "{lost}"
    );

    servers[1].end(Signal::SIGKILL);
    assert!(get(balancer.address(), OPEN).starts_with("HTTP/1.1 502 Bad Gateway"));
    assert!(poll(&sessions[1]).starts_with("HTTP/1.1 502 Bad Gateway"));
}

#[test]
fn a_poll_that_its_instance_dies_under_ends_with_502() {
    let mut server = RealServer::start(Kind::SocketIo4, json!({}));
    let tap = Tap::start(server.address());
    let balancer = Balancer::start(vec![tap.address()], Policy::Sticky).expect("a balancer");
    let address = balancer.address();
    let answer = get(address, "/socket.io/?EIO=4&transport=polling");
    let (_, rest) = answer.split_once("\"sid\":\"").expect("an open packet");
    let (sid, _) = rest.split_once('"').expect("a whole packet");
    let poll = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let polling = std::thread::spawn(move || get(address, &poll));
    wait_for("poll at the instance", PATIENCE, || {
        (tap.wire().requests().count() == 2).then_some(())
    });
    server.end(Signal::SIGKILL);
    let answer = polling.join().expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
}
