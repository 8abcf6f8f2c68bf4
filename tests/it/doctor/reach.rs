//! Names, addresses, and who listens.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::json;
use sio_load::server::process::free_ports;

use super::diagnosis::diagnose;
use crate::harness::{Kind, Misbehaving, Misbehaviour, RealServer, SioLoad};

#[test]
fn a_name_that_does_not_resolve_is_told() {
    let diagnosis = diagnose("http://no-such-host.invalid", &[]);
    diagnosis.assert_only(&["SIO-110"]);
    assert!(diagnosis.check("handshake")["skipped"].is_string());
}

#[test]
fn a_port_where_nothing_listens_is_told() {
    let port = free_ports(1).unwrap()[0];
    let diagnosis = diagnose(&format!("http://127.0.0.1:{port}"), &[]);
    diagnosis.assert_only(&["SIO-111"]);
    let request = diagnosis.evidence("SIO-111")[0]["request"]
        .as_str()
        .unwrap();
    assert_eq!(request, format!("TCP connect to 127.0.0.1:{port}"));
}

#[test]
fn another_service_is_recognised_by_its_greeting() {
    let port = greets("SSH-2.0-OpenSSH_9.2p1\r\n");
    let diagnosis = diagnose(&format!("http://127.0.0.1:{port}"), &[]);
    diagnosis.assert_only(&["SIO-119"]);
    let seen = diagnosis.finding("SIO-119")["seen"].as_str().unwrap();
    assert!(seen.contains("SSH"), "{seen}");
}

/// A service that speaks first and ends when its client does.
fn greets(greeting: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.unwrap();
            std::thread::spawn(move || {
                // The client may be gone already.
                let _ = stream.write_all(greeting.as_bytes());
                let _ = stream.read_to_end(&mut Vec::new());
            });
        }
    });
    port
}

#[test]
fn a_server_that_cuts_every_connection_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let front = Misbehaving::start(server.address(), Misbehaviour::ResetOnConnect);
    let diagnosis = diagnose(&front.url(), &[]);
    assert!(diagnosis.has("SIO-112") || diagnosis.has("SIO-113"));
}

#[test]
fn a_server_that_hangs_yields_a_diagnosis() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let front = Misbehaving::start(server.address(), Misbehaviour::Silent);
    let diagnosis = diagnose(&front.url(), &[]);
    let evidence = diagnosis.evidence("SIO-114");
    let failure = evidence[0]["failure"].as_str().unwrap();
    assert!(failure.contains("timed_out"), "{failure}");
}

#[test]
fn a_server_that_hangs_in_the_tls_handshake_yields_a_diagnosis() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let front = Misbehaving::start(server.address(), Misbehaviour::Silent);
    let url = front.url().replace("http://", "https://");
    diagnose(&url, &[]).assert_only(&["SIO-114"]);
}

#[test]
fn a_response_that_breaks_off_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let front = Misbehaving::start(server.address(), Misbehaviour::HalfBody);
    assert!(diagnose(&front.url(), &[]).has("SIO-113"));
}

#[test]
fn a_wrong_command_line_is_told_and_nothing_is_sent() {
    for arguments in [
        &["doctor", "ftp://127.0.0.1"][..],
        &["doctor", "http://127.0.0.1", "--auth", "token"],
        &["doctor", "http://127.0.0.1", "--namespace", "admin"],
        &["doctor", "http://127.0.0.1", "-H", "nothing"],
        &["doctor", "https://127.0.0.1", "--cacert", "missing.pem"],
    ] {
        let finished = SioLoad::new(arguments).run(Duration::from_secs(60));
        assert_eq!(finished.status.code(), Some(2), "{finished:?}");
        assert!(finished.stderr.contains("error"), "{finished:?}");
    }
}
