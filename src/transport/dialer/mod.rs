//! A client's number in, a connected byte stream with the time of each phase out.

mod certificate;
mod connect;
mod proxy;
mod resolve;
mod target;
mod tls;

use std::cell::OnceCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tokio_rustls::TlsConnector;

use super::failure;
use super::socket::{ByteMeter, Socket, Stream, Tcp, TcpSlot};
use crate::clock;
use crate::event::{Cause, Failure, Origin, Stage};
use crate::scenario::plan::{ConnectTo, IpFamily, Tls};

pub use certificate::CertificateFacts;
use connect::Sources;
use proxy::Proxy;
pub(super) use target::{Host, Target};
pub(super) use tls::SelfSigned;

/// How to reach the server: what `[target]` and a population say about connections.
#[derive(Debug, Clone)]
pub struct DialSettings {
    /// `http`, `https`, `ws` or `wss`; only scheme, host and port matter here.
    pub url: url::Url,
    /// TLS towards the target.
    pub tls: Tls,
    /// The HTTP proxy to go through by CONNECT; its scheme must be `http`.
    pub proxy: Option<url::Url>,
    /// For this host and port, connect to that host and port; the first rule that fits counts.
    pub connect_to: Vec<ConnectTo>,
    /// Only addresses of this family.
    pub ip_family: Option<IpFamily>,
    /// Local addresses to connect from, dealt out by client number; empty: the system chooses.
    pub source_addresses: Vec<IpAddr>,
}

/// How long the phases of one connection took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Name resolution; nothing if the host was an address.
    pub dns: Option<Duration>,
    /// The TCP handshake, with addresses that failed before and a proxy's CONNECT.
    pub tcp: Duration,
    /// The TLS handshake; nothing without TLS.
    pub tls: Option<Duration>,
}

/// A connected stream.
#[derive(Debug)]
pub struct Dialed {
    /// Ready for bytes.
    pub stream: Stream,
    /// How long it took.
    pub timings: Timings,
}

/// Settings that cannot be carried out, found before the first connection.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The URL names no server that can be spoken to.
    #[error("{url} is not an http, https, ws or wss URL with a host")]
    Url {
        /// As given.
        url: String,
    },
    /// Only plain HTTP proxies are supported.
    #[error("the proxy {url} is not an http URL with a host")]
    Proxy {
        /// As given.
        url: String,
    },
    /// A header's name or value breaks HTTP.
    #[error("{name:?} is not the name of an HTTP header")]
    HeaderName {
        /// As given.
        name: String,
    },
    /// A PEM file cannot be used.
    #[error("cannot use the PEM file {}", path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rustls_pki_types::pem::Error,
    },
    /// A PEM file holds nothing of what it should.
    #[error("{} holds no certificate", path.display())]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// A client certificate without key or the other way round.
    #[error("a client certificate needs both `cert` and `key`")]
    HalfIdentity,
    /// rustls refuses the configuration.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// The verifier refuses the trusted certificates.
    #[error("the trusted certificates cannot be used")]
    Roots(#[from] rustls::server::VerifierBuilderError),
}

/// Opens connections for the clients of one population.
///
/// Name, rules and TLS are prepared once; nothing is shared between the connections but that.
pub struct Dialer {
    target: Target,
    settings: DialSettings,
    proxy: Option<Proxy>,
    sources: Sources,
    /// Built by `new` for `https`, or when a redirect leads there.
    tls: OnceCell<Arc<ClientConfig>>,
    meter: Rc<ByteMeter>,
}

impl Dialer {
    /// Prepares connections to the URL of `settings`.
    ///
    /// # Errors
    /// If the URL, the proxy or a file for TLS cannot be used. TLS files are read only if the URL
    /// asks for TLS.
    pub fn new(settings: &DialSettings, meter: Rc<ByteMeter>) -> Result<Self, TransportError> {
        let target = Target::new(&settings.url)
            .ok_or_else(|| TransportError::Url {
                url: settings.url.to_string(),
            })?
            .rerouted(&settings.connect_to);
        let dialer = Self {
            proxy: settings.proxy.as_ref().map(Proxy::new).transpose()?,
            sources: Sources::new(&settings.source_addresses),
            tls: OnceCell::new(),
            settings: settings.clone(),
            target,
            meter,
        };
        if dialer.target.secure {
            dialer.tls_config()?;
        }
        Ok(dialer)
    }

    /// A new connection to the target for this client.
    ///
    /// # Errors
    /// At stage `dns`, `tcp` or `tls`.
    pub async fn dial(&self, client: u64) -> Result<Dialed, Failure> {
        self.dial_to(&self.target, client, &TcpSlot::default())
            .await
    }

    /// The origin of the target: scheme, host and port of its URL.
    #[must_use]
    pub fn origin(&self) -> String {
        self.target().origin()
    }

    /// Where [`Dialer::dial`] leads.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Another server, by the same rules; nothing if the URL names none.
    pub(super) fn target_of(&self, url: &url::Url) -> Option<Target> {
        Some(Target::new(url)?.rerouted(&self.settings.connect_to))
    }

    /// What was sent and received over all connections of this dialer.
    #[must_use]
    pub fn meter(&self) -> &Rc<ByteMeter> {
        &self.meter
    }

    /// A new connection to another target. `slot` gets hold of the TCP connection once there is
    /// one, and so before its TLS handshake.
    pub(super) async fn dial_to(
        &self,
        target: &Target,
        client: u64,
        slot: &TcpSlot,
    ) -> Result<Dialed, Failure> {
        let (host, port) = match &self.proxy {
            Some(proxy) => (&proxy.host, proxy.port),
            None => target.route(),
        };
        let family = self.settings.ip_family;
        let network = slot.network().map(Rc::as_ref);
        let mut began = clock::now();
        let (tcp, dns) = match host {
            Host::Ip(ip) => {
                let address = SocketAddr::new(*ip, port);
                resolve::check_family(address, family)?;
                (self.sources.connect(address, client, network).await?, None)
            }
            Host::Name(name) => {
                let addresses = resolve::lookup(name, port, family).await?;
                let dns = since(&mut began);
                (
                    self.sources
                        .connect_any(&addresses, client, network)
                        .await?,
                    Some(dns),
                )
            }
        };
        let tcp = Rc::new(Tcp::new(tcp, Rc::clone(&self.meter)));
        slot.set(Some(Rc::clone(&tcp)));
        if let Some(network) = slot.network() {
            // What the network is like may have changed while the connection was made.
            tcp.join(network)
                .map_err(|e| failure::from_io(Stage::Tcp, &e))?;
        }
        let mut socket = Socket(tcp);
        if let Some(proxy) = &self.proxy {
            proxy.open_tunnel(&mut socket, target).await?;
        }
        let tcp = since(&mut began);
        if !target.secure {
            let stream = Stream::Plain(socket);
            let timings = Timings {
                dns,
                tcp,
                tls: None,
            };
            return Ok(Dialed { stream, timings });
        }
        let stream = self.start_tls(target, socket).await?;
        let tls = Some(since(&mut began));
        let timings = Timings { dns, tcp, tls };
        Ok(Dialed { stream, timings })
    }

    async fn start_tls(&self, target: &Target, socket: Socket) -> Result<Stream, Failure> {
        let config = self.tls_config().map_err(|error| {
            Failure::new(Stage::Tls, Cause::TlsFailed, Origin::Scenario)
                .with_message(&error.to_string())
        })?;
        let tcp = Rc::clone(&socket.0);
        // Boxed because the handshake's state is needed for a moment only, and by TLS only.
        let handshake = Box::pin(
            TlsConnector::from(Arc::clone(config)).connect(target.server_name.clone(), socket),
        );
        match handshake.await {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(error) => Err(handshake_failure(&error, tcp.first_bytes())),
        }
    }

    fn tls_config(&self) -> Result<&Arc<ClientConfig>, TransportError> {
        if let Some(config) = self.tls.get() {
            return Ok(config);
        }
        let config = tls::client_config(&self.settings.tls)?;
        Ok(self.tls.get_or_init(|| config))
    }
}

/// A first byte that opens no TLS record is an answer in another protocol, however rustls came
/// to stumble over what followed.
fn handshake_failure(error: &io::Error, first_bytes: Option<[u8; 2]>) -> Failure {
    let failure = failure::from_io(Stage::Tls, error);
    match first_bytes {
        Some([0x14..=0x18, 0x03]) | None => failure,
        Some(_) => Failure {
            cause: Cause::TlsNotOffered,
            origin: Origin::Scenario,
            ..failure
        },
    }
}

/// The time since `began`, which moves to now.
fn since(began: &mut Instant) -> Duration {
    let now = clock::now();
    let took = now.saturating_duration_since(*began);
    *began = now;
    took
}
