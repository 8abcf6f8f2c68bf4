//! Faults on the way: a proxy between clients and server, on a thread of its own.
//!
//! A plan and the server's URL come in; out come addresses that clients of some populations connect
//! to in place of the server's, and a [`Control`] that lays faults on what passes and lifts them
//! again. There is no proxy unless the plan has faults for it, and none on the way of populations
//! that no such fault can touch. Nothing here measures: what a client feels is measured by the
//! client.
//!
//! A connection without a toxic on it is copied; one with toxics goes through a chain of them
//! (`chain`), which is without I/O and gets its time as an argument.

mod active;
mod answer;
mod builtin;
mod chain;
mod connection;
mod listener;
mod pipe;
mod relay;
mod requests;
mod toxic;
mod toxiproxy;
mod upstream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use url::Url;

use crate::event::{PopulationId, StrikeId};
use crate::fault::{FaultKind, PathFault};
use crate::scenario::plan::{Fault, Plan};
use crate::seed::Seed;
use crate::server::shortage::Shortage;

use active::Active;
pub use active::Touched;
use builtin::BuiltInProxy;
use toxiproxy::Toxiproxy;
use upstream::Upstream;

/// Why faults on the way cannot be had, or one of them not.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The system gives no thread or no event loop.
    #[error("cannot start the proxy on the way")]
    Start(#[source] io::Error),
    /// The proxy cannot listen, or not again.
    #[error("the proxy on the way cannot listen")]
    Listen(#[source] io::Error),
    /// There is no server to lead to.
    #[error("{url} names no host that a proxy could lead to")]
    NoUpstream {
        /// As given.
        url: String,
    },
    /// The proxy's thread has ended.
    #[error("the proxy on the way is gone")]
    Gone,
    /// Toxiproxy does not answer.
    #[error("Toxiproxy does not answer")]
    Toxiproxy {
        /// Why.
        source: io::Error,
    },
    /// Toxiproxy answers, and not as wanted.
    #[error("Toxiproxy answers {status}: {said}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its own words.
        said: String,
    },
    /// Toxiproxy does not say where its new proxy listens.
    #[error("Toxiproxy does not tell the port of a new proxy")]
    NoPort,
    /// Toxiproxy's host is not known.
    #[error("the name of Toxiproxy's host cannot be resolved")]
    Resolve(#[source] io::Error),
    /// rustls cannot be set up.
    #[error("an HTTP client for Toxiproxy cannot be set up")]
    Tls(#[source] rustls::Error),
    /// Toxiproxy has no such toxic.
    #[error("Toxiproxy has no {toxic}")]
    NotInToxiproxy {
        /// Its name.
        toxic: &'static str,
    },
}

/// What the proxy's thread needs to know.
struct Setup {
    listeners: Vec<ListenerSetup>,
    /// Where, if it was told.
    listen: Option<SocketAddr>,
    upstream: Upstream,
    toxiproxy: Option<Url>,
}

struct ListenerSetup {
    population: PopulationId,
    /// Whether faults may come that have to know requests.
    reads_http: bool,
}

/// A proxy on the way; dropping it ends it, all its connections, and what it made elsewhere.
#[derive(Debug)]
pub struct ProxyThread {
    ways: Vec<Option<SocketAddr>>,
    control: Control,
    shortage: Shortage,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ProxyThread {
    /// Starts a proxy, if the plan has faults for one, that leads to the server at `url`; it takes
    /// a free port of this machine for each population, unless it is told where to listen.
    ///
    /// # Errors
    /// If it cannot listen, or Toxiproxy does not do as asked.
    pub async fn start(
        plan: &Plan,
        url: &Url,
        listen: Option<SocketAddr>,
    ) -> Result<Option<Self>, ProxyError> {
        let listeners = listeners(plan);
        if listeners.is_empty() {
            return Ok(None);
        }
        let no_upstream = || ProxyError::NoUpstream {
            url: url.to_string(),
        };
        let setup = Setup {
            listeners,
            listen,
            upstream: Upstream::new(&plan.target, url).ok_or_else(no_upstream)?,
            toxiproxy: plan.target.toxiproxy.clone(),
        };
        let counts = setup.toxiproxy.is_none();
        let shortage = setup.upstream.shortage.clone();
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        // Unbounded: it carries two orders for each fault of the plan.
        let (orders, inbox) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || work(&setup, inbox, ready, stopped))
            .map_err(ProxyError::Start)?;
        let mut proxy = Self {
            ways: vec![None; plan.populations.len()],
            control: Control {
                orders,
                counts,
                seed: plan.seed,
            },
            shortage,
            stop: Some(stop),
            thread: Some(thread),
        };
        for (population, address) in is_ready.await.unwrap_or(Err(ProxyError::Gone))? {
            proxy.ways[usize::from(population.0)] = Some(address);
        }
        Ok(Some(proxy))
    }

    /// For each population the address that its clients connect to; nothing for those that connect
    /// to the server itself.
    #[must_use]
    pub fn ways(&self) -> &[Option<SocketAddr>] {
        &self.ways
    }

    /// What it could not do for want of descriptors, ports or memory.
    #[must_use]
    pub fn shortage(&self) -> Shortage {
        self.shortage.clone()
    }

    /// The way to lay faults.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }
}

impl Drop for ProxyThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has been printed already.
            let _ = thread.join();
        }
    }
}

/// The populations whose clients connect to a proxy in this process.
pub fn populations_through_proxy(plan: &Plan) -> impl Iterator<Item = PopulationId> {
    let is_here = plan.target.toxiproxy.is_none();
    let listeners = if is_here { listeners(plan) } else { Vec::new() };
    listeners.into_iter().map(|listener| listener.population)
}

/// The populations that need a proxy: those that a fault on the way can touch.
fn listeners(plan: &Plan) -> Vec<ListenerSetup> {
    let populations = (0..plan.populations.len()).map(|index| PopulationId(index as u16));
    populations
        .filter_map(|population| {
            let toxics = plan
                .chaos
                .iter()
                .filter(|fault| fault.population.is_none_or(|own| own == population))
                .filter_map(by_proxy);
            let reads_http = toxics
                .map(|path| matches!(path, PathFault::Request(_)))
                .reduce(|a, b| a || b)?;
            Some(ListenerSetup {
                population,
                reads_http,
            })
        })
        .collect()
}

/// The fault as far as a proxy carries it out.
fn by_proxy(fault: &Fault) -> Option<&PathFault> {
    if let FaultKind::Path(path) = &fault.kind {
        Some(path)
    } else {
        None
    }
}

/// Lays faults on what passes.
#[derive(Debug, Clone)]
pub struct Control {
    orders: mpsc::UnboundedSender<Order>,
    /// Whether the proxy knows what it touches.
    counts: bool,
    seed: Seed,
}

type Answer = oneshot::Sender<Result<(), ProxyError>>;

#[derive(Debug)]
enum Order {
    Lay(Box<Active>, Answer),
    Lift(StrikeId, Option<Answer>),
}

/// A fault at work; it is lifted when this is dropped.
#[derive(Debug)]
pub struct Laid {
    fault: StrikeId,
    orders: mpsc::UnboundedSender<Order>,
    touched: Option<Arc<Touched>>,
    is_lifted: bool,
}

impl Control {
    /// Lays a fault, and returns when it is at work.
    ///
    /// # Errors
    /// If that cannot be done; then nothing of it is left.
    pub async fn lay(
        &self,
        id: StrikeId,
        population: Option<PopulationId>,
        path: &PathFault,
    ) -> Result<Laid, ProxyError> {
        let active = Box::new(Active::new(id, population, *path, self.seed));
        let laid = Laid {
            fault: id,
            orders: self.orders.clone(),
            touched: self.counts.then(|| Arc::clone(&active.touched)),
            is_lifted: false,
        };
        ask(&self.orders, |answer| Order::Lay(active, answer)).await?;
        Ok(laid)
    }
}

impl Laid {
    /// What it touches; nothing if that is not known.
    #[must_use]
    pub fn touched(&self) -> Option<Arc<Touched>> {
        self.touched.clone()
    }

    /// Lifts it, and returns when it is no longer at work.
    ///
    /// # Errors
    /// If that cannot be done.
    pub async fn lift(mut self) -> Result<(), ProxyError> {
        self.is_lifted = true;
        let fault = self.fault;
        ask(&self.orders, |answer| Order::Lift(fault, Some(answer))).await
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        if !self.is_lifted {
            // A proxy that is gone has lifted everything.
            let _ = self.orders.send(Order::Lift(self.fault, None));
        }
    }
}

async fn ask(
    orders: &mpsc::UnboundedSender<Order>,
    order: impl FnOnce(Answer) -> Order,
) -> Result<(), ProxyError> {
    let (answer, answered) = oneshot::channel();
    orders.send(order(answer)).map_err(|_| ProxyError::Gone)?;
    answered.await.unwrap_or(Err(ProxyError::Gone))
}

/// Whoever carries the faults out.
enum Backend {
    BuiltIn(BuiltInProxy),
    Toxiproxy(Toxiproxy),
}

impl Backend {
    async fn start(setup: &Setup) -> Result<Self, ProxyError> {
        match &setup.toxiproxy {
            Some(url) => Toxiproxy::start(setup, url).await.map(Self::Toxiproxy),
            None => BuiltInProxy::start(setup).map(Self::BuiltIn),
        }
    }

    fn addresses(&self) -> Vec<(PopulationId, SocketAddr)> {
        match self {
            Self::BuiltIn(proxy) => proxy.addresses(),
            Self::Toxiproxy(toxiproxy) => toxiproxy.addresses(),
        }
    }

    async fn obey(&mut self, order: Order) {
        let (done, answer) = match order {
            Order::Lay(active, answer) => {
                let laid = match self {
                    Self::BuiltIn(proxy) => proxy.lay(*active).await,
                    Self::Toxiproxy(toxiproxy) => toxiproxy.lay(&active).await,
                };
                (laid, Some(answer))
            }
            Order::Lift(fault, answer) => {
                let lifted = match self {
                    Self::BuiltIn(proxy) => proxy.lift(fault),
                    Self::Toxiproxy(toxiproxy) => toxiproxy.lift(fault).await,
                };
                (lifted, answer)
            }
        };
        if let Some(answer) = answer {
            // Whoever asked may have been dropped; then its fault is lifted next.
            let _ = answer.send(done);
        }
    }
}

type Ready = oneshot::Sender<Result<Vec<(PopulationId, SocketAddr)>, ProxyError>>;

/// The proxy's thread, until `stopped`.
fn work(
    setup: &Setup,
    mut orders: mpsc::UnboundedReceiver<Order>,
    ready: Ready,
    mut stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // Nobody listens if the run was given up meanwhile.
            let _ = ready.send(Err(ProxyError::Start(error)));
            return;
        }
    };
    LocalSet::new().block_on(&runtime, async {
        let mut driver = match Backend::start(setup).await {
            Ok(driver) => driver,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        if ready.send(Ok(driver.addresses())).is_ok() {
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    Some(order) = orders.recv() => driver.obey(order).await,
                }
            }
        }
        if let Backend::Toxiproxy(toxiproxy) = &mut driver {
            toxiproxy.finish().await;
        }
    });
}

#[cfg(test)]
mod tests;
