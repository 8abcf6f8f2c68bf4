use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// A certificate with its key.
pub(super) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// What a client needs to trust it, as PEM.
    pub(super) trust: String,
}

/// What is wrong with a certificate, if anything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    SelfSigned,
    WrongHost,
    Expired,
    EndsSoon,
}

impl Identity {
    /// A certificate for 127.0.0.1 and localhost by an authority of its own.
    pub(super) fn new(flaw: Flaw) -> Self {
        let names = match flaw {
            Flaw::WrongHost => vec!["elsewhere.example".to_owned()],
            Flaw::None | Flaw::SelfSigned | Flaw::Expired | Flaw::EndsSoon => {
                vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
            }
        };
        let mut params = CertificateParams::new(names).unwrap();
        let now = jiff::Timestamp::now().as_second();
        let day = |days: i64| {
            let at = jiff::Timestamp::from_second(now + days * 24 * 3600).unwrap();
            let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
            rcgen::date_time_ymd(
                i32::from(date.year()),
                date.month().unsigned_abs(),
                date.day().unsigned_abs(),
            )
        };
        params.not_before = day(-400);
        params.not_after = match flaw {
            Flaw::Expired => day(-30),
            Flaw::EndsSoon => day(5),
            Flaw::None | Flaw::SelfSigned | Flaw::WrongHost => day(300),
        };
        let key = KeyPair::generate().unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        if flaw == Flaw::SelfSigned {
            let cert = params.self_signed(&key).unwrap();
            return Self {
                chain: vec![cert.der().clone()],
                key: private,
                trust: cert.pem(),
            };
        }
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let mut name = rcgen::DistinguishedName::new();
        name.push(rcgen::DnType::CommonName, "authority of the tests");
        authority.distinguished_name = name;
        let authority_key = KeyPair::generate().unwrap();
        let trust = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(authority, authority_key);
        let cert = params.signed_by(&key, &issuer).unwrap();
        Self {
            chain: vec![cert.der().clone()],
            key: private,
            trust,
        }
    }
}

/// TLS in front of a server; ends when dropped.
pub(super) struct TlsFront {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TlsFront {
    pub(super) fn start(server: SocketAddr, identity: &Identity) -> Self {
        Self::with(server, identity, None)
    }

    /// One that takes clients with a certificate of this authority alone.
    pub(super) fn for_certified(
        server: SocketAddr,
        identity: &Identity,
        authority: &Identity,
    ) -> Self {
        Self::with(server, identity, Some(authority))
    }

    fn with(server: SocketAddr, identity: &Identity, clients: Option<&Identity>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = rustls::RootCertStore::empty();
                let pem = clients.trust.as_bytes();
                roots
                    .add(CertificateDer::from_pem_slice(pem).unwrap())
                    .unwrap();
                let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                    Arc::new(roots),
                    provider,
                );
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let config = builder
            .with_single_cert(identity.chain.clone(), identity.key.clone_key())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let bound = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = bound.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, acceptor, server) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// `https://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, server: SocketAddr) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            return;
        };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A client that refuses the certificate ends it here.
            let Ok(mut client) = acceptor.accept(client).await else {
                return;
            };
            let Ok(mut server) = TcpStream::connect(server).await else {
                return;
            };
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
