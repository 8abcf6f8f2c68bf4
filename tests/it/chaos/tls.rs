//! A server behind TLS: what stands on the way passes it through and cannot read it.

use std::sync::Arc;
use std::time::Duration;

use rcgen::generate_simple_self_signed;
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::harness::{Kind, RealServer, SioLoad};

/// Takes TLS off what comes, on a thread that ends with the test's process; returns its port and
/// the certificate, which is `localhost`'s.
fn terminate_tls(server: &RealServer) -> (u16, String) {
    let own = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
    let certificates = vec![CertificateDer::from(own.cert.der().to_vec())];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            let config = config.with_no_client_auth();
            config.with_single_cert(certificates, key)
        });
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("a sound configuration")));
    let upstream = server.address();
    let (tell, port) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("a bound socket");
            tell.send(address.port()).expect("the test waits");
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut client = acceptor.accept(client).await?;
                    let mut server = TcpStream::connect(upstream).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
    });
    (port.recv().expect("a port"), own.cert.pem())
}

#[test]
fn https_is_passed_through_under_the_servers_own_name() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let (port, certificate) = terminate_tls(&server);
    let scenario = format!(
        "name = \"tls\"\nduration = \"7s\"\nseed = 1\n\
         [target]\nurl = \"https://localhost:{port}/\"\ntls = {{ ca = \"ca.pem\" }}\n\
         [[clients]]\nname = \"web\"\ncount = 4\nreconnection = {{ delay = \"100ms\" }}\n\
         [[clients.emit]]\nevent = \"echo\"\nevery = \"300ms\"\nack = true\n\
         [[chaos]]\nat = \"1s\"\nfault = \"latency\"\nlatency = \"100ms\"\nfor = \"2s\"\n\
         [[chaos]]\nat = \"4s\"\nfault = \"down\"\nfor = \"1s\"\n"
    );
    let finished = SioLoad::new(&["run", "s.toml", "--quiet"])
        .file("s.toml", &scenario)
        .file("ca.pem", &certificate)
        .run(Duration::from_secs(60));
    let summary = finished.summary();
    let down = &summary["faults"][1];
    assert_eq!(down["affected"], 4, "{down:#}");
    assert_eq!(down["restored"], 4, "{down:#}");
    let slowest = &summary["metrics"]["ack.time"]["max"];
    assert!(slowest.as_u64() >= Some(100_000), "{slowest}");
    let latency = &summary["faults"][0];
    assert_eq!(latency["affected"], 0, "{latency:#}");
}
