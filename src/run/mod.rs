//! A plan comes in, a judged [`Summary`] and a results folder go out.
//!
//! The only place that knows all stages: it starts servers, workers and faults, feeds what workers
//! report to the totals, the journal and the display, and ends everything in order. It measures
//! nothing itself.

pub mod ab;
mod abort;
pub mod agent;
mod certain;
mod conductor;
mod context;
mod fleet;
mod generators;
mod hold;
mod interrupts;
pub mod misbehaviour;
mod population_curve;
pub mod preflight;
mod server_watch;
pub mod sweep;
mod target;
mod testbed;
mod worker_process;
mod workers;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::chaos::proxy::ProxyError;
use crate::client::wire_log::Follow;
use crate::clock::{self, Clock};
use crate::distributed::nats::{Nats, NatsError, NatsOptions};
use crate::gate::GeneratorLag;
use crate::metrics::Totals;
use crate::report::progress::{Display, Progress};
use crate::results::summary::{Summary, Warning};
use crate::results::watched::{RSS_RETURNED, WatchLog};
use crate::results::{FolderError, Journal, RunFolder};
use crate::scenario::plan::Plan;
use crate::scenario::threshold::WatchBound;
use crate::server::balancer::BalancerError;
use crate::server::process::ProcessError;
use crate::transport::TransportError;
use crate::workload::arrival::stays;

use conductor::Conductor;
use context::RunContext;
use fleet::Fleet;
use generators::Prepared;
use hold::Hold;
pub use hold::{HoldOutcome, HoldSpec};
use interrupts::Interrupts;
use population_curve::PopulationCurve;
use preflight::PreflightError;
use server_watch::ServerWatch;
use target::Target;
pub use testbed::{LevelRun, Testbed};
pub use worker_process::work_over_pipes;
use workers::Destination;

/// How long servers are left alone where a threshold looks at the memory that they return.
const LINGER_FOR_MEMORY: Duration = Duration::from_secs(5);

/// How a run is carried out, beyond its plan.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Below this, `<scenario>/<UTC time>/` is made.
    pub out: PathBuf,
    /// As given, for the provenance.
    pub scenario_file: PathBuf,
    /// As given, with secrets taken out.
    pub command: Vec<String>,
    /// Worker threads; one for each core if nothing.
    pub workers: Option<u16>,
    /// Worker processes; nothing chooses one process, or as many as its descriptors demand.
    pub processes: Option<u16>,
    /// Agents that generate the load in place of this machine, if any do.
    pub agents: Option<AgentOptions>,
    /// What a person sees meanwhile.
    pub display: Display,
    /// Whether secrets may reach the results.
    pub show_secrets: bool,
    /// The client whose wire is logged, if one is.
    pub follow: Option<Follow>,
}

/// Agents that generate the load of a run.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// Where they listen.
    pub nats: NatsOptions,
    /// How many are taken on.
    pub count: u16,
}

/// A run that came to an end, in order or interrupted.
#[derive(Debug)]
pub struct Finished {
    /// What it found out.
    pub summary: Summary,
    /// Where everything is.
    pub folder: PathBuf,
    /// Of a level of a capacity search: its hold.
    pub hold: Option<HoldOutcome>,
    /// What was read of watched servers.
    pub watched: WatchLog,
}

/// Why a run could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// This machine cannot hold the clients.
    #[error(transparent)]
    Preflight(#[from] PreflightError),
    /// Results cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A server of the run did not come up.
    #[error(transparent)]
    Server(#[from] ProcessError),
    /// The balancer in front of the servers did not come up.
    #[error(transparent)]
    Balancer(#[from] BalancerError),
    /// The proxy on the way did not come up.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// Certificates or keys cannot be used.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Neither a URL nor a server.
    #[error("the scenario names no target: set `url` in [target], or add a [server]")]
    NoTarget,
    /// Ctrl-C before the load began.
    #[error("interrupted before the load began")]
    Interrupted,
    /// The system gave no thread.
    #[error("a worker thread cannot be started")]
    Thread(#[source] io::Error),
    /// The system gave no process.
    #[error("a worker process cannot be started")]
    Process(#[source] io::Error),
    /// NATS cannot be used.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// A pool has fewer free agents than the run wants.
    #[error(
        "{wanted} agents are wanted, and of {there} in the pool {free} could be taken on\n  start \
         more with `sio-load agent --nats URL`; `sio-load agents --nats URL` lists them"
    )]
    FewAgents {
        /// Agents that the run wants.
        wanted: u32,
        /// Agents that could be taken on.
        free: usize,
        /// Agents that answered the roll call.
        there: usize,
    },
    /// A worker process did not get ready.
    #[error("{name} {why}")]
    Worker {
        /// Names the process.
        name: String,
        /// What happened to it.
        why: String,
    },
    /// The system gave no event loop.
    #[error("an event loop cannot be set up")]
    Runtime(#[source] io::Error),
}

/// Carries out a plan; blocks until it is over.
///
/// # Errors
/// If it cannot begin: no descriptors, no results folder, no server. Whatever happens after that
/// is part of the [`Summary`].
pub fn execute(plan: Plan, options: &RunOptions) -> Result<Finished, RunError> {
    Testbed::new()?.run(plan, options, None)
}

/// Carries out a plan; `kept` holds the servers of the run before, and afterwards those for the next
/// one, if they are to be kept.
async fn carry_out(
    mut plan: Plan,
    options: &RunOptions,
    level: Option<&LevelRun>,
    kept: &mut Option<Target>,
) -> Result<Finished, RunError> {
    let mut interrupts = Interrupts::catch().map_err(RunError::Runtime)?;
    let (processes, warnings) = check_machine(&mut plan, options)?;
    let folder = run_folder(&plan, options, level)?;
    let path = folder.path().to_owned();
    let progress = Progress::new(options.display, plan.duration);
    if plan.server.is_some() {
        progress.starting("waiting for the server to answer a handshake");
    }
    let target = tokio::select! {
        target = Target::prepare(&plan, &path, kept.take()) => target?,
        () = interrupts.next() => return Err(RunError::Interrupted),
    };
    let plan = Arc::new(plan);
    let destination = target.destination(plan.populations.len());
    let prepared = prepare(&plan, &destination, options, processes).await?;
    let (count, clocks) = (prepared.threads(), prepared.clocks());
    let clock = Clock::start_in(prepared.lead());
    let watch = ServerWatch::start(&plan, &target, clock).map_err(RunError::Thread)?;
    let mut journal = Journal::start(folder, clock.origin_wall(), plan.labels(), &watch.columns())?;
    journal.write("scenario.toml", as_run(&plan, options).as_bytes());
    let (generators, reports) = prepared.start(&plan, &destination, clock)?;
    let mut facts = RunContext::new(&plan, options, &target, clock, warnings);
    facts.workers(clocks);
    let mut conductor = Conductor {
        totals: Totals::new(plan.populations.len(), count),
        curve: PopulationCurve::new(&stays(&plan)),
        lag: GeneratorLag::new(&plan.thresholds, &plan.labels()),
        plan: Arc::clone(&plan),
        clock,
        journal,
        progress,
        facts,
        stage: None,
        next_checkpoint: Duration::ZERO,
        servers_died: 0,
        hold: level.map(|level| Hold::new(level.hold, plan.populations.len(), count)),
        watch,
    };
    conductor.begin(&target.notes, count);
    let mut ending = conductor
        .conduct(reports, generators.orders(), &target, &mut interrupts)
        .await;
    // A second Ctrl-C waits for nobody; the threads end with the process.
    if !ending.abandoned {
        ending.worker_lost |= generators.join().await;
        let end = async {
            conductor.watch.read_after(linger(&plan)).await;
            if level.is_some_and(|level| level.keep_servers) {
                *kept = target.keep_servers().await;
                return Vec::new();
            }
            target.stop().await
        };
        tokio::select! {
            strays = end => ending.strays = strays,
            // Servers that were not awaited are killed.
            () = interrupts.next() => {}
        }
    }
    conductor.finish(ending, path)
}

fn run_folder(
    plan: &Plan,
    options: &RunOptions,
    level: Option<&LevelRun>,
) -> Result<RunFolder, FolderError> {
    match level {
        None => RunFolder::create(&options.out, &plan.name, clock::wall_now()),
        Some(level) => RunFolder::create_at(&level.folder),
    }
}

/// Whether this machine can hold the clients, and in how many processes; spreads them over its
/// addresses where that helps.
fn check_machine(plan: &mut Plan, options: &RunOptions) -> Result<(u32, Vec<Warning>), RunError> {
    let limit = preflight::raise_descriptor_limit();
    let mut warnings = Vec::new();
    let processes = choose_processes(plan, options, limit, &mut warnings);
    let few = if processes == 1 {
        preflight::check_descriptors(plan, limit)?
    } else {
        preflight::check_shared_descriptors(plan, limit, processes)?
    };
    warnings.extend(few.map(|message| warning("few_descriptors", message)));
    let spread = preflight::spread_loopback_sources(plan);
    warnings.extend(spread.map(|message| warning("spread_sources", message)));
    preflight::check_ports(plan, preflight::ephemeral_ports())?;
    let own = plan.warnings.iter();
    warnings.extend(own.map(|text| warning("scenario", text.clone())));
    Ok((processes, warnings))
}

/// The scenario as it runs, as text.
fn as_run(plan: &Plan, options: &RunOptions) -> String {
    // Without a working directory no relative path leads anywhere in any case.
    let directory = std::env::current_dir().unwrap_or_default();
    let as_run = plan.clone().with_paths_from(&directory);
    as_run.to_toml(options.show_secrets)
}

/// How long servers are left alone after the last client, before their memory is read.
fn linger(plan: &Plan) -> Duration {
    let is_bounded = |bound: &WatchBound| bound.selector == RSS_RETURNED;
    let usual = if plan.watch_bounds.iter().any(is_bounded) {
        LINGER_FOR_MEMORY
    } else {
        Duration::ZERO
    };
    let server = plan.server.as_ref();
    server.and_then(|server| server.linger).unwrap_or(usual)
}

/// As many processes as the user wants, or as the clients need; says so if the user did not ask.
fn choose_processes(
    plan: &Plan,
    options: &RunOptions,
    limit: u64,
    warnings: &mut Vec<Warning>,
) -> u32 {
    if let Some(agents) = &options.agents {
        return u32::from(agents.count);
    }
    if let Some(processes) = options.processes {
        return u32::from(processes);
    }
    // The log of one client's wire is written by threads of this process alone.
    if options.follow.is_some() {
        return 1;
    }
    let needed = preflight::processes_needed(plan, limit);
    if needed > 1 {
        let message = format!(
            "the clients run in {needed} worker processes: if all of them shake hands at once they \
             need more than the {limit} file descriptors of one"
        );
        warnings.push(warning("worker_processes", message));
    }
    needed
}

/// Sets up threads, or processes until all are ready.
async fn prepare(
    plan: &Plan,
    destination: &Destination,
    options: &RunOptions,
    processes: u32,
) -> Result<Prepared, RunError> {
    if let Some(agents) = &options.agents {
        let nats = Nats::connect(&agents.nats).await?;
        let fleet = Fleet::hire(plan, destination, &nats, agents.count.into()).await?;
        return Ok(Prepared::Processes(fleet));
    }
    let count = worker_count(options, plan);
    if processes == 1 {
        let follow = options.follow;
        return Ok(Prepared::Threads { count, follow });
    }
    let threads = count.div_ceil(processes).max(1);
    let fleet = Fleet::prepare(plan, destination, processes, threads).await?;
    Ok(Prepared::Processes(fleet))
}

fn worker_count(options: &RunOptions, plan: &Plan) -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u32;
    let wanted = options.workers.map_or(cores, u32::from);
    // A worker without clients would only add noise.
    wanted.min(plan.peak_clients().clamp(1, 1 << 16) as u32)
}

fn warning(code: &str, message: String) -> Warning {
    Warning {
        code: code.to_owned(),
        message,
    }
}
