//! A running Toxiproxy in place of the built-in proxy, by its HTTP API (version 2).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::{Host, Url};

use super::active::Active;
use super::{ProxyError, Setup};
use crate::event::{PopulationId, StrikeId};
use crate::fault::toxic::ToxicKind;
use crate::fault::{FaultKind, ListenerFault, PathFault, Toxic};
use crate::server::http::{NoBody, body_of};

/// How long Toxiproxy may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Bytes in Toxiproxy's kilobyte: its rates are per millisecond.
const KB: u64 = 1000;

/// Proxies of this run over there.
pub(super) struct Toxiproxy {
    api: Api,
    proxies: Vec<Remote>,
    /// What has to be undone when a fault is over.
    laid: Vec<(StrikeId, Undo)>,
}

struct Remote {
    population: PopulationId,
    name: String,
    address: SocketAddr,
}

enum Undo {
    RemoveToxic { path: String },
    Enable { path: String },
}

impl Toxiproxy {
    /// Makes a proxy for each population of the setup.
    ///
    /// # Errors
    /// If Toxiproxy does not answer or does not want to; what was made is taken away again.
    pub(super) async fn start(setup: &Setup, url: &Url) -> Result<Self, ProxyError> {
        let mut toxiproxy = Self {
            api: Api::new(url)?,
            proxies: Vec::new(),
            laid: Vec::new(),
        };
        let host = host_address(url).await?;
        for listener in &setup.listeners {
            let upstream = setup.upstream.authority();
            let made = toxiproxy.make(listener.population, host, &upstream).await;
            if let Err(error) = made {
                toxiproxy.finish().await;
                return Err(error);
            }
        }
        Ok(toxiproxy)
    }

    async fn make(
        &mut self,
        population: PopulationId,
        host: IpAddr,
        upstream: &str,
    ) -> Result<(), ProxyError> {
        // Several runs may share a Toxiproxy.
        let name = format!("sio-load-{}-{}", std::process::id(), population.0);
        let listen = if host.is_loopback() {
            SocketAddr::new(host, 0).to_string()
        } else {
            "0.0.0.0:0".to_owned()
        };
        let proxy = json!({
            "name": name, "listen": listen, "upstream": upstream, "enabled": true,
        });
        let made = self.api.call(Method::POST, "proxies", Some(proxy)).await?;
        let port = made["listen"]
            .as_str()
            .and_then(|listen| listen.rsplit_once(':')?.1.parse().ok())
            .ok_or(ProxyError::NoPort)?;
        self.proxies.push(Remote {
            population,
            name,
            address: SocketAddr::new(host, port),
        });
        Ok(())
    }

    pub(super) fn addresses(&self) -> Vec<(PopulationId, SocketAddr)> {
        let proxies = self.proxies.iter();
        proxies
            .map(|proxy| (proxy.population, proxy.address))
            .collect()
    }

    /// A fault begins; if that fails at one proxy, none keeps it.
    pub(super) async fn lay(&mut self, active: &Active) -> Result<(), ProxyError> {
        let concerned = self
            .proxies
            .iter()
            .filter(|proxy| active.concerns(proxy.population));
        let paths: Vec<String> = concerned
            .map(|proxy| format!("proxies/{}", proxy.name))
            .collect();
        for path in paths {
            if let Err(error) = self.lay_at(&path, active).await {
                // What cannot be undone now is undone at the end of the run.
                let _ = self.lift(active.fault).await;
                return Err(error);
            }
        }
        Ok(())
    }

    async fn lay_at(&mut self, path: &str, active: &Active) -> Result<(), ProxyError> {
        match active.path {
            PathFault::Listener(ListenerFault::Down(_)) => self.disable(path, active.fault).await,
            PathFault::Listener(ListenerFault::Restart(_)) => {
                self.disable(path, active.fault).await?;
                self.enable(path, true).await?;
                self.laid.pop();
                Ok(())
            }
            PathFault::Toxic(toxic) => self.add_toxic(path, active.fault, toxic).await,
            PathFault::Request(_) | PathFault::Idle(_) => {
                let kind = FaultKind::Path(active.path);
                Err(ProxyError::NotInToxiproxy { toxic: kind.name() })
            }
        }
    }

    async fn disable(&mut self, path: &str, fault: StrikeId) -> Result<(), ProxyError> {
        let undo = Undo::Enable {
            path: path.to_owned(),
        };
        self.laid.push((fault, undo));
        self.enable(path, false).await
    }

    async fn add_toxic(
        &mut self,
        path: &str,
        fault: StrikeId,
        toxic: Toxic,
    ) -> Result<(), ProxyError> {
        let direction = toxic.reach.direction;
        let streams = [
            (direction.is_upstream(), "upstream"),
            (direction.is_downstream(), "downstream"),
        ];
        for (_, stream) in streams.into_iter().filter(|(is_meant, _)| *is_meant) {
            let (name, toxic) = describe(fault, toxic, stream);
            let toxics = format!("{path}/toxics");
            self.api.call(Method::POST, &toxics, Some(toxic)).await?;
            let path = format!("{toxics}/{name}");
            self.laid.push((fault, Undo::RemoveToxic { path }));
        }
        Ok(())
    }

    /// A fault is over.
    ///
    /// # Errors
    /// If Toxiproxy does not undo it; everything is tried all the same.
    pub(super) async fn lift(&mut self, fault: StrikeId) -> Result<(), ProxyError> {
        let mut result = Ok(());
        let laid = std::mem::take(&mut self.laid);
        for (owner, undo) in laid {
            if owner != fault {
                self.laid.push((owner, undo));
                continue;
            }
            let undone = match undo {
                Undo::RemoveToxic { path } => {
                    let removed = self.api.call(Method::DELETE, &path, None).await;
                    removed.map(drop)
                }
                Undo::Enable { path } => self.enable(&path, true).await,
            };
            result = result.and(undone);
        }
        result
    }

    /// Takes the proxies away, with all that lies on them.
    pub(super) async fn finish(&mut self) {
        for proxy in self.proxies.drain(..) {
            let path = format!("proxies/{}", proxy.name);
            // One that is gone, or a Toxiproxy that is, leaves nothing to take away.
            let _ = self.api.call(Method::DELETE, &path, None).await;
        }
    }

    async fn enable(&self, path: &str, enabled: bool) -> Result<(), ProxyError> {
        let change = json!({ "enabled": enabled });
        // Releases before 2.6 know POST alone.
        let changed = self.api.call(Method::POST, path, Some(change)).await;
        changed.map(drop)
    }
}

/// A toxic in Toxiproxy's words, for one direction, and its name over there.
fn describe(fault: StrikeId, toxic: Toxic, stream: &str) -> (String, Value) {
    let attributes = match toxic.kind {
        ToxicKind::Latency(latency) => {
            json!({ "latency": millis(latency.latency), "jitter": millis(latency.jitter) })
        }
        ToxicKind::Bandwidth(bandwidth) => {
            json!({ "rate": bandwidth.rate.bytes_per_second().div_ceil(KB) })
        }
        ToxicKind::Slicer(slicer) => json!({
            "average_size": slicer.size.0,
            "size_variation": 0,
            "delay": slicer.delay.as_micros() as u64,
        }),
        ToxicKind::SlowClose(slow_close) => json!({ "delay": millis(slow_close.delay) }),
        ToxicKind::Timeout(timeout) => json!({ "timeout": millis(timeout.delay) }),
        ToxicKind::ResetPeer(reset) => json!({ "timeout": millis(reset.delay) }),
        ToxicKind::LimitData(limit) => json!({ "bytes": limit.bytes.0 }),
    };
    let word = FaultKind::Path(PathFault::Toxic(toxic)).name();
    let name = format!("{word}-{}-{stream}", fault.0);
    let toxic = json!({
        "name": name, "type": word, "stream": stream,
        "toxicity": toxic.reach.toxicity.fraction(), "attributes": attributes,
    });
    (name, toxic)
}

fn millis(duration: Duration) -> u64 {
    // Less than a millisecond is no delay in Toxiproxy; asked for, it has to be one.
    duration.as_micros().div_ceil(1000) as u64
}

/// Where Toxiproxy's proxies are reached: at the host of its API.
async fn host_address(url: &Url) -> Result<IpAddr, ProxyError> {
    let port = url.port_or_known_default().unwrap_or(80);
    let name = match url.host() {
        Some(Host::Ipv4(ip)) => return Ok(ip.into()),
        Some(Host::Ipv6(ip)) => return Ok(ip.into()),
        Some(Host::Domain(name)) => name,
        None => "",
    };
    let found = tokio::net::lookup_host((name, port)).await;
    let mut addresses = found.map_err(ProxyError::Resolve)?;
    let address = addresses
        .next()
        .ok_or_else(|| ProxyError::Resolve(io::Error::from(io::ErrorKind::AddrNotAvailable)))?;
    Ok(address.ip())
}

/// Toxiproxy's HTTP API.
struct Api {
    base: Url,
    client: reqwest::Client,
}

impl Api {
    fn new(url: &Url) -> Result<Self, ProxyError> {
        let mut base = url.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("sio-load/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .timeout(ANSWER_LIMIT)
            .tls_backend_preconfigured(no_tls()?)
            .build()
            .map_err(|source| ProxyError::Toxiproxy {
                source: io::Error::other(source),
            })?;
        Ok(Self { base, client })
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, ProxyError> {
        let url = self.base.join(path).map_err(|_| ProxyError::NoPort)?;
        let mut request = self.client.request(method, url);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer: Result<_, NoBody> = async {
            let response = request.send().await?;
            Ok((response.status(), body_of(response).await?))
        }
        .await;
        let (status, body) = answer.map_err(|source| ProxyError::Toxiproxy {
            source: io::Error::other(source),
        })?;
        let text = String::from_utf8_lossy(&body);
        if !status.is_success() {
            return Err(refusal(status, &text));
        }
        // A removal is answered with nothing.
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}

/// The API is plain HTTP; reqwest wants to know all the same.
fn no_tls() -> Result<rustls::ClientConfig, ProxyError> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ProxyError::Tls)?;
    Ok(config
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}

/// Toxiproxy says why: `{"error":"…","status":409}`.
fn refusal(status: StatusCode, text: &str) -> ProxyError {
    let said: Value = serde_json::from_str(text).unwrap_or_default();
    let said = said["error"].as_str().unwrap_or(text).to_owned();
    let status = status.as_u16();
    ProxyError::Refused { status, said }
}
