//! Certificates of each bad kind, and TLS where there should be none.

use serde_json::json;
use tempfile::TempDir;

use super::diagnosis::{Diagnosis, diagnose};
use super::tls_front::{Flaw, Identity, TlsFront};
use crate::harness::{Kind, RealServer};

/// Has a server behind such a certificate examined; `trusted` gives its authority.
fn behind(flaw: Flaw, trusted: bool, flags: &[&str]) -> Diagnosis {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let identity = Identity::new(flaw);
    let front = TlsFront::start(server.address(), &identity);
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, &identity.trust).unwrap();
    let mut all = flags.to_vec();
    if trusted {
        all.extend(["--cacert", file.to_str().unwrap()]);
    }
    diagnose(&front.url(), &all)
}

#[test]
fn a_good_certificate_is_described_and_everything_else_is_examined() {
    let diagnosis = behind(Flaw::None, true, &[]);
    diagnosis.assert_only(&[]);
    let facts = diagnosis.check("tls")["facts"].to_string();
    assert!(facts.contains("TLS 1.3"), "{facts}");
    assert!(facts.contains("authority of the tests"), "{facts}");
    assert!(facts.contains("localhost, 127.0.0.1"), "{facts}");
    let step = &diagnosis.check("handshake")["steps"][0];
    assert!(step["tls_ms"].as_f64().unwrap() > 0.0, "{step}");
}

#[test]
fn a_certificate_signed_by_itself_is_told_and_what_is_behind_it() {
    let diagnosis = behind(Flaw::SelfSigned, false, &[]);
    diagnosis.assert_only(&["SIO-120"]);
    let seen = diagnosis.finding("SIO-120")["seen"].as_str().unwrap();
    assert!(seen.contains("would get through to a Socket.IO"), "{seen}");
    let remedy = diagnosis.finding("SIO-120")["remedy"].as_str().unwrap();
    assert!(remedy.contains("do not ship it"), "{remedy}");
}

#[test]
fn a_certificate_signed_by_itself_is_fine_where_it_is_given_as_authority() {
    behind(Flaw::SelfSigned, true, &[]).assert_only(&[]);
}

#[test]
fn an_unknown_authority_is_told() {
    behind(Flaw::None, false, &[]).assert_only(&["SIO-121"]);
}

#[test]
fn a_certificate_for_another_host_is_told() {
    let diagnosis = behind(Flaw::WrongHost, true, &[]);
    diagnosis.assert_only(&["SIO-122"]);
    let seen = diagnosis.finding("SIO-122")["seen"].as_str().unwrap();
    assert!(seen.contains("elsewhere.example"), "{seen}");
}

#[test]
fn an_expired_certificate_is_told() {
    behind(Flaw::Expired, true, &[]).assert_only(&["SIO-123"]);
}

#[test]
fn a_certificate_that_ends_soon_is_a_warning() {
    behind(Flaw::EndsSoon, true, &[]).assert_only(&["SIO-127"]);
}

#[test]
fn insecure_goes_on_and_says_what_it_hides() {
    let diagnosis = behind(Flaw::WrongHost, true, &["--insecure"]);
    diagnosis.assert_only(&["SIO-128"]);
    let seen = diagnosis.finding("SIO-128")["seen"].as_str().unwrap();
    assert!(seen.contains("SIO-122"), "{seen}");
    assert!(diagnosis.check("handshake")["skipped"].is_null());
}

#[test]
fn plain_http_on_a_tls_port_and_the_reverse_are_told_apart() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let https = server.url().replace("http://", "https://");
    diagnose(&https, &[]).assert_only(&["SIO-124"]);
    let front = TlsFront::start(server.address(), &Identity::new(Flaw::None));
    let http = format!("http://{}", front.address());
    diagnose(&http, &[]).assert_only(&["SIO-125"]);
}

#[test]
fn a_server_that_wants_a_certificate_of_its_clients_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let identity = Identity::new(Flaw::None);
    let front = TlsFront::for_certified(server.address(), &identity, &Identity::new(Flaw::None));
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, &identity.trust).unwrap();
    let diagnosis = diagnose(&front.url(), &["--cacert", file.to_str().unwrap()]);
    diagnosis.assert_only(&["SIO-126"]);
    let seen = diagnosis.finding("SIO-126")["seen"].as_str().unwrap();
    assert!(seen.contains("CertificateRequired"), "{seen}");
}
