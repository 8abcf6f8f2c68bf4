//! What a run is aimed at: a server that is there, or the ones that the run starts.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::RunError;
use super::workers::Destination;
use crate::chaos::process::{Fleet, Servers};
use crate::chaos::proxy::ProxyThread;
use crate::clock;
use crate::fault::process::Signal;
use crate::results::Note;
use crate::scenario::plan::{Balance, Plan, Server, ServerProgram};
use crate::server::balancer::{self, Balancer, Policy};
use crate::server::guardian::Guardian;
use crate::server::process::{Launch, ProcessError, Readiness, ServerProcess, Stray, free_ports};
use crate::server::shortage::Shortage;

/// How long a server gets for its goodbye at the end of a run.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// A target that is ready to be loaded.
pub(super) struct Target {
    /// Where clients connect to.
    pub(super) url: Url,
    /// The servers that the run started; none if it started none.
    pub(super) fleet: Fleet,
    /// What is known about it, for the provenance.
    pub(super) facts: BTreeMap<String, Value>,
    /// What happened while it was made ready.
    pub(super) notes: Vec<Note>,
    /// On the way, if the plan has faults for it; ends when dropped, before what it leads to.
    proxy: Option<ProxyThread>,
    /// The instances themselves, where clients connect to them with nothing in between.
    instances: Vec<SocketAddr>,
    /// In front of several servers; ends when dropped.
    _balancer: Option<Balancer>,
}

impl Target {
    /// Starts the plan's servers, if it has any and none were kept from the run before, waits until
    /// each answers a handshake, and puts a
    /// proxy before them if faults on the way need one.
    ///
    /// # Errors
    /// If one cannot be started or does not become ready; none is left running then.
    pub(super) async fn prepare(
        plan: &Plan,
        logs: &Path,
        kept: Option<Self>,
    ) -> Result<Self, RunError> {
        let target = match kept {
            Some(target) => target,
            None => Self::reach(plan, logs).await?,
        };
        target.behind_proxy(plan).await
    }

    async fn behind_proxy(mut self, plan: &Plan) -> Result<Self, RunError> {
        self.proxy = ProxyThread::start(plan, &self.url, None).await?;
        self.fleet.proxy = self.proxy.as_ref().map(ProxyThread::control);
        if self.proxy.is_some() {
            let is_built_in = plan.target.toxiproxy.is_none();
            let proxy = if is_built_in { "built-in" } else { "Toxiproxy" };
            self.facts.insert("proxy".to_owned(), proxy.into());
        }
        Ok(self)
    }

    /// The servers alone, if all of them still run; the proxy of the run that is over ends.
    pub(super) async fn keep_servers(mut self) -> Option<Self> {
        for server in &self.fleet.servers {
            if !server.lock().await.is_running().unwrap_or(false) {
                return None;
            }
        }
        self.fleet.proxy = None;
        self.proxy = None;
        self.notes.clear();
        self.facts.remove("proxy");
        Some(self)
    }

    /// What the run's own balancer and proxy lack, each of them.
    pub(super) fn shortages(&self) -> Vec<Shortage> {
        let balancer = self.fleet.balancer.as_ref();
        let proxy = self.proxy.as_ref();
        let shortages = [
            balancer.map(balancer::Control::shortage),
            proxy.map(ProxyThread::shortage),
        ];
        shortages.into_iter().flatten().collect()
    }

    /// Where clients of the plan's populations connect to.
    pub(super) fn destination(&self, populations: usize) -> Destination {
        let through_proxy = self.proxy.as_ref().map_or(&[][..], ProxyThread::ways);
        let ways = (0..populations).map(|population| {
            let way = through_proxy.get(population).copied().flatten();
            way.map_or_else(|| self.instances.clone(), |way| vec![way])
        });
        Destination {
            url: self.url.clone(),
            ways: ways.collect(),
        }
    }

    async fn reach(plan: &Plan, logs: &Path) -> Result<Self, RunError> {
        let guardian = needs_guardian(plan).then(Guardian::start).transpose();
        let guardian = guardian.map_err(ProcessError::from)?;
        match &plan.server {
            Some(server) => Self::start(plan, server, logs, guardian).await,
            None => {
                let url = plan.target.url.clone().ok_or(RunError::NoTarget)?;
                Ok(Self {
                    facts: BTreeMap::from([("url".to_owned(), public(&url).into())]),
                    url,
                    fleet: Fleet {
                        guardian,
                        ..Fleet::default()
                    },
                    notes: Vec::new(),
                    proxy: None,
                    instances: Vec::new(),
                    _balancer: None,
                })
            }
        }
    }

    async fn start(
        plan: &Plan,
        server: &Server,
        logs: &Path,
        guardian: Option<Guardian>,
    ) -> Result<Self, RunError> {
        let ports = match fixed_port(plan, server) {
            Some(port) => vec![port],
            None => free_ports(server.instances)?,
        };
        let (servers, notes) = start_each(plan, server, &ports, logs, guardian.as_ref()).await?;
        let addresses = ports
            .iter()
            .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, *port)))
            .collect();
        let (balancer, instances) = between(server, addresses)?;
        let port = balancer
            .as_ref()
            .map_or(ports[0], |balancer| balancer.address().port());
        let url = with_port(plan, port)?;
        Ok(Self {
            facts: BTreeMap::from([
                ("url".to_owned(), public(&url).into()),
                ("program".to_owned(), program_name(&server.program).into()),
                ("instances".to_owned(), server.instances.into()),
            ]),
            url,
            fleet: Fleet {
                servers,
                balancer: balancer.as_ref().map(Balancer::control),
                guardian,
                proxy: None,
            },
            notes,
            proxy: None,
            instances,
            _balancer: balancer,
        })
    }

    /// Ends the servers in order, all at once, and with SIGKILL those that will not. Returns what
    /// they had started outside their process groups, by instance; it has been ended, too.
    pub(super) async fn stop(self) -> Vec<(u16, Vec<Stray>)> {
        let stops = self.fleet.servers.iter().map(|server| async {
            let mut server = server.lock().await;
            // A server that cannot be signalled is killed when it is dropped.
            let _ = server.stop(Signal::SigTerm, STOP_GRACE).await;
            server.take_strays()
        });
        let strays = (0_u16..).zip(join_all(stops).await);
        strays.filter(|(_, strays)| !strays.is_empty()).collect()
    }

    /// Servers that have ended and that no fault has in hand: instance, status, last lines.
    ///
    /// Each is told once.
    pub(super) fn unexpected_ends(&self) -> Vec<(u16, String, String)> {
        let mut ends = Vec::new();
        for (instance, server) in self.fleet.servers.iter().enumerate() {
            let Ok(mut server) = server.try_lock() else {
                continue;
            };
            if server.id().is_some()
                && let Some(Ok(status)) = server.exited().now_or_never()
            {
                let said = server.last_lines();
                let said = if said.is_empty() {
                    said
                } else {
                    format!("\n{said}")
                };
                ends.push((instance as u16, status.to_string(), said));
            }
        }
        ends
    }
}

/// A balancer in front of several instances, or the instances themselves where nothing is.
fn between(
    server: &Server,
    instances: Vec<SocketAddr>,
) -> Result<(Option<Balancer>, Vec<SocketAddr>), RunError> {
    let policy = match server.balance {
        _ if instances.len() == 1 => return Ok((None, Vec::new())),
        Balance::Direct => return Ok((None, instances)),
        Balance::Sticky => Policy::Sticky,
        Balance::RoundRobin => Policy::RoundRobin,
    };
    Ok((Some(Balancer::start(instances, policy)?), Vec::new()))
}

/// Whether something would be left behind if the run were killed: programs that do not watch a pipe
/// of it as the embedded server does, or anything that stands still and cannot watch.
fn needs_guardian(plan: &Plan) -> bool {
    let by_server = plan
        .server
        .as_ref()
        .is_some_and(|server| match server.program {
            ServerProgram::Embedded => false,
            ServerProgram::Command { .. } => true,
        });
    let mut faults = plan.chaos.iter();
    let by_fault = faults.any(|fault| fault.kind.spec().needs_guardian);
    by_server || by_fault
}

/// Starts one instance after the other, and tells how long each took.
async fn start_each(
    plan: &Plan,
    server: &Server,
    ports: &[u16],
    logs: &Path,
    guardian: Option<&Guardian>,
) -> Result<(Servers, Vec<Note>), RunError> {
    let path = &plan.populations[0].client.path;
    let readiness = Readiness {
        tls: plan
            .target
            .url
            .as_ref()
            .is_some_and(|url| matches!(url.scheme(), "https" | "wss")),
        path: path.clone(),
        within: server.ready,
    };
    let mut servers = Vec::new();
    let mut notes = Vec::new();
    for (instance, &port) in ports.iter().enumerate() {
        let launch = Launch {
            program: server.program.clone(),
            port,
            path: path.clone(),
            sio_load: None,
        };
        let begun = clock::now();
        let log = logs.join(format!("server-{instance}.log"));
        let process = ServerProcess::start(launch, readiness.clone(), log, guardian).await?;
        let instance = instance as u16;
        notes.push(Note::ServerStarted {
            instance,
            pid: process.id().unwrap_or_default(),
            port,
        });
        notes.push(Note::ServerReady {
            instance,
            after_s: (clock::now() - begun).as_secs_f64(),
        });
        servers.push(Rc::new(Mutex::new(process)));
    }
    Ok((servers, notes))
}

/// The port that the scenario's URL names, for a single server that the run starts.
fn fixed_port(plan: &Plan, server: &Server) -> Option<u16> {
    let url = plan.target.url.as_ref()?;
    if server.instances == 1 {
        url.port_or_known_default()
    } else {
        None
    }
}

/// The URL of the run's own servers: the scenario's, if it has one, at their port.
fn with_port(plan: &Plan, port: u16) -> Result<Url, RunError> {
    let mut url = match &plan.target.url {
        Some(url) => url.clone(),
        None => Url::parse("http://127.0.0.1/").map_err(|_| RunError::NoTarget)?,
    };
    url.set_port(Some(port)).map_err(|()| RunError::NoTarget)?;
    Ok(url)
}

/// A URL without what may be secret in it: credentials and query.
fn public(url: &Url) -> String {
    let mut url = url.clone();
    // These fail for URLs without a host alone, which have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if url.query().is_some() {
        url.set_query(Some("***"));
    }
    url.to_string()
}

fn program_name(program: &ServerProgram) -> String {
    match program {
        ServerProgram::Embedded => "embedded".to_owned(),
        ServerProgram::Command { argv, .. } => argv.join(" "),
    }
}
