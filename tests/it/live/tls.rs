//! Real servers behind TLS, and certificates that nobody should trust.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use super::agreement::{assert_agree, settled};
use super::at_once;
use super::outcome::Failure;
use super::under_way::{UnderWay, program};
use crate::harness::{Kind, RealServer, What};

/// A certificate with its key, in PEM, as the server's options name them.
fn identity(certificate: String, key: &KeyPair) -> Value {
    json!({ "cert": certificate, "key": key.serialize_pem() })
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a host");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// An authority's certificate, and an identity that it vouches for.
fn issued() -> (String, Value) {
    let mut authority = params("authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().expect("a key");
    let certificate = authority
        .self_signed(&authority_key)
        .expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let issuer = Issuer::from_params(&authority, &authority_key);
    let issued = params("server")
        .signed_by(&key, &issuer)
        .expect("a certificate");
    (certificate.pem(), identity(issued.pem(), &key))
}

fn self_signed() -> Value {
    let key = KeyPair::generate().expect("a key");
    let certificate = params("server").self_signed(&key).expect("a certificate");
    identity(certificate.pem(), &key)
}

const SCENARIO: &str = r#"
    duration = "600s"
    seed = 81
    [[clients]]
    count = 2
    reconnection = false
    emit = [{ event = "echo", every = "200ms", ack = true }]
    [[clients]]
    name = "websocket"
    count = 2
    transports = ["websocket"]
    reconnection = false
    emit = [{ event = "echo", every = "200ms", ack = true }]
"#;

#[test]
fn servers_are_reached_by_tls_if_they_are_trusted_and_told_apart_if_not() {
    let (authority, trusted) = issued();
    let (stranger, _) = issued();
    let selfish = self_signed();
    let cases = [
        ("trusted", &trusted, Some(&authority), None),
        ("not verified", &trusted, None, None),
        ("not verified", &selfish, None, None),
        (
            "a stranger's",
            &trusted,
            Some(&stranger),
            Some("tls_unknown_ca"),
        ),
        (
            "its own",
            &selfish,
            Some(&authority),
            Some("tls_self_signed"),
        ),
    ];
    let names = (0..cases.len()).map(|place| (place, cases[place].0));
    let prepare = |(place, _): (usize, _)| {
        RealServer::start(Kind::SocketIo4, json!({ "tls": cases[place].1 }))
    };
    at_once(names, prepare, |(place, _), server| {
        let (_, _, ca, cause) = cases[place];
        let program = program(SCENARIO).env("SIO_LOAD_URL", &server.url());
        let program = match ca {
            Some(ca) => program.file("ca.pem", ca).env("SIO_LOAD_CACERT", "ca.pem"),
            None => program.env("SIO_LOAD_INSECURE", "true"),
        };
        let run = UnderWay::start_program(program, SCENARIO);
        if cause.is_some() {
            run.wait_for_count("handshake.errors", 4);
        } else {
            server.wait_log("all", |log| {
                log.speakers() == 4 && log.count(What::Upgrade) == 2
            });
        }
        let outcome = run.end();
        if let Some(cause) = cause {
            let failure: Failure<'_> = ("tls", cause, "server", None, None);
            assert_eq!(outcome.errors(), [(failure, 4)].into());
            assert_eq!(server.log().count(What::Open), 0);
        } else {
            assert_agree(&outcome, &settled(&server));
            assert_eq!(outcome.count("upgrades"), 2);
            assert!(outcome.values("connect.tls") >= 4);
        }
    });
}
