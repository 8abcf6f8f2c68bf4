use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// What stands between a client and a server that knows nothing of it; ends when dropped.
#[derive(Debug)]
pub(crate) struct Front {
    address: SocketAddr,
    passed: Arc<AtomicU64>,
    requests: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// PEM texts that fit a [`Front::tls`].
#[derive(Debug)]
pub(crate) struct Identities {
    /// Issued everything.
    pub(crate) authority: String,
    /// For clients.
    pub(crate) certificate: String,
    /// Of that certificate.
    pub(crate) key: String,
}

#[derive(Clone)]
enum Kind {
    /// Speaks TLS as `localhost`, and demands a client certificate.
    Tls(TlsAcceptor),
    /// Does as CONNECT says.
    Proxy,
}

impl Front {
    /// Ends TLS in front of a server; clients need a certificate of the same authority.
    #[must_use]
    pub(crate) fn tls(server: SocketAddr) -> (Self, Identities) {
        let (acceptor, identities) = identities();
        (Self::start(Kind::Tls(acceptor), Some(server)), identities)
    }

    /// An HTTP proxy that knows CONNECT alone.
    #[must_use]
    pub(crate) fn proxy() -> Self {
        Self::start(Kind::Proxy, None)
    }

    /// Where it listens.
    #[must_use]
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that got through to the server.
    #[must_use]
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }

    /// The heads of all CONNECT requests.
    #[must_use]
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("nobody panics with it").clone()
    }

    fn start(kind: Kind, server: Option<SocketAddr>) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("a bound socket");
        let passed = Arc::new(AtomicU64::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn({
            let way = Way {
                kind,
                server,
                passed: Arc::clone(&passed),
                requests: Arc::clone(&requests),
            };
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                runtime.block_on(async {
                    let listener = TcpListener::from_std(listener).expect("a socket");
                    tokio::select! {
                        _ = stopped => {}
                        () = accept(&listener, &way) => {}
                    }
                });
            }
        });
        Self {
            address,
            passed,
            requests,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Clone)]
struct Way {
    kind: Kind,
    server: Option<SocketAddr>,
    passed: Arc<AtomicU64>,
    requests: Arc<Mutex<Vec<String>>>,
}

async fn accept(listener: &TcpListener, way: &Way) {
    while let Ok((client, _)) = listener.accept().await {
        let way = way.clone();
        // Ends with its connection, or with the runtime.
        tokio::spawn(async move {
            let passed = match way.kind.clone() {
                Kind::Tls(acceptor) => way.unwrap_tls(client, acceptor).await,
                Kind::Proxy => way.connect(client).await,
            };
            drop(passed);
        });
    }
}

impl Way {
    async fn unwrap_tls(&self, client: TcpStream, acceptor: TlsAcceptor) -> io::Result<()> {
        let mut client = acceptor.accept(client).await?;
        let server = self.server.expect("a server behind");
        let mut server = TcpStream::connect(server).await?;
        self.passed.fetch_add(1, Ordering::SeqCst);
        copy_bidirectional(&mut client, &mut server).await.map(drop)
    }

    async fn connect(&self, mut client: TcpStream) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.requests
            .lock()
            .expect("nobody panics with it")
            .push(head);
        let mut server = TcpStream::connect(target).await?;
        self.passed.fetch_add(1, Ordering::SeqCst);
        client
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .await?;
        copy_bidirectional(&mut client, &mut server).await.map(drop)
    }
}

fn identities() -> (TlsAcceptor, Identities) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "authority");
    let authority = params.self_signed(&authority_key).expect("a certificate");
    let issuer = Issuer::from_params(&params, &authority_key);
    let issue = |name: &str| {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        (certificate, key)
    };
    let (certificate, key) = issue("localhost");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).expect("an authority");
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the versions of ring")
        .with_client_cert_verifier(verifier.expect("an authority"))
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        );
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("a key that fits")));
    let (certificate, key) = issue("a client");
    let identities = Identities {
        authority: authority.pem(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    };
    (acceptor, identities)
}
