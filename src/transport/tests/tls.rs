use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::event::{Cause, Failure, Origin, Stage};

/// A certificate with its key.
struct Identity {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
    params: CertificateParams,
}

impl Identity {
    fn new(certificate: &Certificate, key: KeyPair, params: CertificateParams) -> Self {
        Self {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key,
            params,
        }
    }
}

fn params(name: &str, host: &str, years: (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    params
}

fn self_signed(mut params: CertificateParams, is_ca: bool) -> Identity {
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Identity::new(&certificate, key, params)
}

fn authority() -> Identity {
    self_signed(params("authority", "authority.test", (2020, 2060)), true)
}

fn issued(authority: &Identity, params: CertificateParams) -> Identity {
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::from_params(&authority.params, &authority.key);
    let certificate = params.signed_by(&key, &issuer).unwrap();
    Identity::new(&certificate, key, params)
}

fn acceptor(identity: &Identity, client_ca: Option<&Identity>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(ca.der.clone()).unwrap();
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    let config = builder.with_single_cert(vec![identity.der.clone()], key);
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

/// The port of a TLS server that answers every request with `ok`.
async fn tls_server(acceptor: TlsAcceptor) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn_local(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            spawn_local(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, Rc::default(), |_| (ok("secret"), Then::Close)).await;
                }
            });
        }
    });
    port
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A client that trusts `ca` alone asks `host`.
async fn ask(host: &str, port: u16, tls: Tls) -> Result<Response, Failure> {
    let mut dial = dial_settings(format!("https://{host}:{port}").parse().unwrap());
    dial.tls = tls;
    dial.ip_family = Some(crate::scenario::plan::IpFamily::V4);
    end_of(&mut http_by(&dial, Profile::Node), get("/"))
        .await
        .result
}

/// What a server with this certificate looks like to a client that trusts `ca`.
async fn verdict(identity: &Identity, ca: Option<&Identity>) -> Result<Response, Failure> {
    verdict_at("localhost", identity, ca).await
}

async fn verdict_at(
    host: &str,
    identity: &Identity,
    ca: Option<&Identity>,
) -> Result<Response, Failure> {
    let folder = TempDir::new().unwrap();
    let port = tls_server(acceptor(identity, None)).await;
    let tls = Tls {
        ca: ca.map(|ca| write(&folder, "ca.pem", &ca.pem)),
        ..Tls::default()
    };
    ask(host, port, tls).await
}

/// Where and why it failed.
fn kind(failure: &Failure) -> (Stage, Cause) {
    (failure.stage, failure.cause)
}

/// How a handshake fails with a peer that reads once, says this and closes.
async fn handshake_with_one_that_says(answer: &'static [u8]) -> (Stage, Cause) {
    let url = peer(move |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        stream.write_all(answer).await.unwrap();
    })
    .await;
    let asked = ask("127.0.0.1", url.port().unwrap(), Tls::default());
    kind(&asked.await.unwrap_err())
}

async fn cause_of(identity: &Identity, ca: Option<&Identity>) -> Cause {
    let failure = verdict(identity, ca).await.unwrap_err();
    assert_eq!(
        (failure.stage, failure.origin),
        (Stage::Tls, Origin::Server)
    );
    failure.cause
}

const VALID: (i32, i32) = (2020, 2060);

#[test]
fn a_server_whose_certificate_the_given_authority_signed_is_trusted() {
    run(async {
        let ca = authority();
        let server = issued(&ca, params("server", "localhost", VALID));
        assert_eq!(verdict(&server, Some(&ca)).await.unwrap().body, "secret");
    });
}

#[test]
fn a_server_is_verified_by_its_address_too() {
    run(async {
        let ca = authority();
        let server = issued(&ca, params("server", "127.0.0.1", VALID));
        let answer = verdict_at("127.0.0.1", &server, Some(&ca)).await;
        assert_eq!(answer.unwrap().status, 200);
    });
}

#[test]
fn a_self_signed_certificate_is_told_from_an_unknown_authority() {
    run(async {
        let ca = authority();
        let own = || params("server", "localhost", VALID);
        for trusted in [None, Some(&ca)] {
            assert_eq!(
                cause_of(&self_signed(own(), false), trusted).await,
                Cause::TlsSelfSigned
            );
            assert_eq!(
                cause_of(&self_signed(own(), true), trusted).await,
                Cause::TlsSelfSigned
            );
        }
        let other = self_signed(params("other", "other.test", VALID), true);
        let foreign = issued(&other, own());
        assert_eq!(cause_of(&foreign, None).await, Cause::TlsUnknownCa);
        assert_eq!(cause_of(&foreign, Some(&ca)).await, Cause::TlsUnknownCa);
        let namesake = issued(&authority(), own());
        assert_eq!(cause_of(&namesake, Some(&ca)).await, Cause::TlsUnknownCa);
    });
}

#[test]
fn a_certificate_for_another_name_or_time_is_told_as_such() {
    run(async {
        let ca = authority();
        let elsewhere = issued(&ca, params("server", "elsewhere.test", VALID));
        assert_eq!(cause_of(&elsewhere, Some(&ca)).await, Cause::TlsWrongHost);
        let expired = issued(&ca, params("server", "localhost", (2020, 2021)));
        assert_eq!(cause_of(&expired, Some(&ca)).await, Cause::TlsExpired);
        let early = issued(&ca, params("server", "localhost", (2059, 2060)));
        assert_eq!(cause_of(&early, Some(&ca)).await, Cause::TlsExpired);
    });
}

#[test]
fn a_self_signed_certificate_given_as_ca_is_trusted_for_its_host_and_time() {
    run(async {
        for is_ca in [false, true] {
            let good = self_signed(params("server", "localhost", VALID), is_ca);
            assert_eq!(verdict(&good, Some(&good)).await.unwrap().status, 200);
            let elsewhere = self_signed(params("server", "elsewhere.test", VALID), is_ca);
            assert_eq!(
                cause_of(&elsewhere, Some(&elsewhere)).await,
                Cause::TlsWrongHost
            );
            let expired = self_signed(params("server", "localhost", (2020, 2021)), is_ca);
            assert_eq!(cause_of(&expired, Some(&expired)).await, Cause::TlsExpired);
        }
    });
}

#[test]
fn insecure_accepts_any_certificate() {
    run(async {
        let server = self_signed(params("server", "elsewhere.test", (2020, 2021)), false);
        let port = tls_server(acceptor(&server, None)).await;
        let tls = Tls {
            insecure: true,
            ..Tls::default()
        };
        let dialer = {
            let mut dial = dial_settings(format!("https://127.0.0.1:{port}").parse().unwrap());
            dial.tls = tls.clone();
            Dialer::new(&dial, Rc::default()).unwrap()
        };
        assert!(dialer.dial(0).await.unwrap().timings.tls.is_some());
        assert_eq!(ask("127.0.0.1", port, tls).await.unwrap().body, "secret");
    });
}

#[test]
fn a_client_certificate_is_sent_where_asked_for_and_missed_where_missing() {
    run(async {
        let (ca, folder) = (authority(), TempDir::new().unwrap());
        let server = issued(&ca, params("server", "localhost", VALID));
        let client = issued(&ca, params("client", "client.test", VALID));
        let port = tls_server(acceptor(&server, Some(&ca))).await;
        let ca_file = write(&folder, "ca.pem", &ca.pem);
        let with = Tls {
            ca: Some(ca_file.clone()),
            cert: Some(write(&folder, "cert.pem", &client.pem)),
            key: Some(write(&folder, "key.pem", &client.key.serialize_pem())),
            insecure: false,
        };
        assert_eq!(ask("localhost", port, with).await.unwrap().status, 200);
        let without = Tls {
            ca: Some(ca_file),
            ..Tls::default()
        };
        let failure = ask("localhost", port, without).await.unwrap_err();
        assert_eq!(kind(&failure), (Stage::Tls, Cause::TlsFailed));
    });
}

#[test]
fn a_port_that_answers_tls_with_http_does_not_offer_it() {
    run(async {
        let answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
        let failed = handshake_with_one_that_says(answer).await;
        assert_eq!(failed, (Stage::Tls, Cause::TlsNotOffered));
    });
}

#[test]
fn a_port_that_only_closes_during_the_handshake_is_not_judged() {
    run(async {
        let failed = handshake_with_one_that_says(b"").await;
        assert_eq!(failed, (Stage::Tls, Cause::ConnectionClosed));
    });
}

#[test]
fn a_tls_port_spoken_to_without_tls_requires_it() {
    run(async {
        let server = self_signed(params("server", "localhost", VALID), false);
        let port = tls_server(acceptor(&server, None)).await;
        let mut http = node(format!("http://127.0.0.1:{port}").parse().unwrap());
        let failure = failure_of(&mut http, get("/")).await;
        assert_eq!(kind(&failure), (Stage::Open, Cause::TlsRequired));
        let refused = handshake(&mut http, "/").await.result.err().unwrap();
        assert_eq!(kind(&refused), (Stage::Open, Cause::TlsRequired));
    });
}

#[test]
fn the_notice_of_nginx_on_a_tls_port_requires_tls() {
    run(async {
        let server = Server::start(|_, _| {
            let page = b"<html><center>The plain HTTP request was sent to HTTPS port</center>";
            (
                response("400 Bad Request", "Server: nginx\r\n", page),
                Then::Close,
            )
        })
        .await;
        let failure = failure_of(&mut node(server.url()), get("/")).await;
        assert_eq!(
            (failure.cause, failure.status),
            (Cause::TlsRequired, Some(400))
        );
    });
}

#[test]
fn a_websocket_opens_over_tls() {
    run(async {
        let (ca, folder) = (authority(), TempDir::new().unwrap());
        let server = issued(&ca, params("server", "127.0.0.1", VALID));
        let acceptor = acceptor(&server, None);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        spawn_local(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            let mut websocket = tokio_tungstenite::accept_async(stream).await.unwrap();
            use futures_util::{SinkExt, StreamExt};
            while let Some(Ok(message)) = websocket.next().await {
                let _ = websocket.send(message).await;
            }
        });
        let mut dial = dial_settings(format!("wss://127.0.0.1:{port}").parse().unwrap());
        dial.tls.ca = Some(write(&folder, "ca.pem", &ca.pem));
        let end = handshake(&mut http_by(&dial, Profile::Node), "/").await;
        assert!(end.timings.unwrap().tls.is_some());
        let mut websocket = end.result.unwrap_or_else(|failure| panic!("{failure}"));
        let frame = Frame::Text(Bytes::from_static(b"2probe"));
        websocket.start_send(frame.clone()).unwrap();
        poll_fn(|cx| websocket.poll_flush(cx)).await.unwrap();
        assert_eq!(poll_fn(|cx| websocket.poll_next(cx)).await.unwrap(), frame);
    });
}
