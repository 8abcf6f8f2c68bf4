//! The shipped scenarios of faults on the way, small and short, against the reference server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Kind, RealServer, SioLoad};

/// A shipped scenario on few clients and in short, against the reference server.
fn shipped(name: &str, changes: &[&str]) -> (Value, String) {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let file = format!("{}/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let (url, clients) = (server.url(), "12");
    let mut arguments = vec!["run", &file, "--url", &url, "--clients", clients];
    for change in changes {
        arguments.extend(["--set", change]);
    }
    let finished = SioLoad::new(&arguments).run(Duration::from_secs(90));
    let summary = finished.summary();
    for fault in summary["faults"].as_array().expect("a list") {
        assert_eq!(fault["failed"], Value::Null, "{fault:#}");
        assert!(fault["applied_s"].is_f64(), "{fault:#}");
    }
    for threshold in summary["thresholds"].as_array().expect("a list") {
        // Times are this machine's, which may be busy; counts are the scenario's.
        let expression = threshold["expression"].as_str();
        let is_time = expression.is_some_and(|expression| expression.starts_with("p("));
        assert!(is_time || threshold["passed"] == true, "{threshold:#}");
    }
    (summary, finished.stdout)
}

#[test]
fn proxy_restart_as_shipped() {
    let (summary, page) = shipped("proxy-restart", &["duration=8s", "chaos.0.at=2s"]);
    assert_eq!(summary["faults"][0]["affected"], 12);
    assert_eq!(summary["faults"][0]["connections"], 12);
    assert!(page.contains("touched      12 connections\n"), "{page}");
}

#[test]
fn load_balancer_503_as_shipped() {
    let changes = ["duration=12s", "chaos.0.at=2s", "chaos.0.for=2s"];
    let (summary, _) = shipped("load-balancer-503", &changes);
    assert_eq!(
        summary["faults"][0]["disconnects"],
        json!({ "transport error": 4 })
    );
    assert_eq!(summary["errors"][0]["status"], 503);
}

#[test]
fn websocket_blocked_as_shipped() {
    let changes = [
        "duration=14s",
        "chaos.0.at=2s",
        "chaos.0.for=4s",
        "chaos.1.at=3s",
    ];
    let (summary, _) = shipped("websocket-blocked", &changes);
    let outage = |population: &str| {
        let times = &summary["populations"][population]["metrics"]["reconnect.outage"];
        times["max"].as_u64().expect("an outage")
    };
    assert!(outage("websocket-only") >= 2_900_000);
    assert!(outage("polling-first") < outage("websocket-only"));
}

#[test]
fn slow_network_as_shipped() {
    let changes = [
        "duration=9s",
        "chaos.0.at=2s",
        "chaos.0.for=5s",
        "chaos.1.at=2s",
        "chaos.1.for=5s",
    ];
    let (summary, _) = shipped("slow-network", &changes);
    let slowest = &summary["populations"]["there"]["metrics"]["ack.time"]["max"];
    assert!(slowest.as_u64() >= Some(200_000), "{slowest}");
}

#[test]
fn idle_timeout_as_shipped() {
    let quick = ["duration=6s", "chaos.0.at=1s"];
    let (summary, _) = shipped("idle-timeout", &quick);
    assert_eq!(summary["faults"][0]["connections"], 0);
}
