//! A healthy server of every kind: no alarm, no session left, few requests.

use std::time::Duration;

use serde_json::json;

use super::diagnosis::diagnose;
use crate::harness::{Kind, RealServer, SioLoad, What};

/// A few dozen.
const MOST_REQUESTS: usize = 60;

fn is_well(kind: Kind) {
    let server = RealServer::start(kind, json!({}));
    let diagnosis = diagnose(&server.url(), &[]);
    diagnosis.assert_only(&[]);
    assert_eq!(diagnosis.exit_code, 0);
    assert_eq!(diagnosis.report["left_open"], 0);
    let requests = diagnosis.report["exchanges"].as_array().unwrap().len();
    assert!(requests <= MOST_REQUESTS, "{requests} requests");
    let steps = diagnosis.check("handshake")["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["ok"] == true), "{steps:#?}");
    if kind != Kind::Embedded {
        // A goodbye may still be on its way when the doctor has ended.
        server.wait_log("end of every session", |log| {
            log.count(What::Open) > 0 && log.count(What::Open) == log.count(What::Close)
        });
    }
}

#[test]
fn a_release_4_server_is_well() {
    is_well(Kind::SocketIo4);
}

#[test]
fn a_release_3_server_is_well() {
    is_well(Kind::SocketIo3);
}

#[test]
fn a_release_2_server_is_well_and_recognised() {
    is_well(Kind::SocketIo2);
}

#[test]
fn a_python_server_is_well() {
    is_well(Kind::PythonAiohttp);
}

#[test]
fn the_embedded_server_is_well() {
    is_well(Kind::Embedded);
}

#[test]
fn ids_may_hold_any_characters() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "oddIds": true }));
    let diagnosis = diagnose(&server.url(), &[]);
    diagnosis.assert_only(&[]);
    assert_eq!(diagnosis.report["left_open"], 0);
}

#[test]
fn a_person_gets_a_report_of_80_columns_and_nobody_gets_the_secrets() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let url = format!("{}/?key=hushhush", server.url());
    let auth = "{\"token\":\"hushhush\"}";
    let header = "Authorization: Bearer hushhush";
    let arguments = [
        "doctor",
        &url,
        "--auth",
        auth,
        "-H",
        header,
        "--debug",
        "--verbose",
    ];
    let finished = SioLoad::new(&arguments).run(Duration::from_secs(120));
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stdout);
    assert!(!finished.stdout.contains("hushhush"), "{}", finished.stdout);
    assert!(!finished.stderr.contains("hushhush"), "{}", finished.stderr);
    for line in finished.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for what in ["Engine.IO handshake", "WebSocket connection", "All is well"] {
        assert!(finished.stdout.contains(what), "{}", finished.stdout);
    }
    let probing = "  engine.io-client:socket probing transport \"websocket\" +";
    assert!(finished.stderr.contains(probing), "{}", finished.stderr);
    let log = server.log();
    let connect = log.of(What::Connect).next().unwrap();
    assert_eq!(connect.more["auth"]["token"], "hushhush");
}
