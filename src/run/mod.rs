//! A plan comes in, a judged [`Summary`] and a results folder go out.
//!
//! The only place that knows all stages: it starts servers, workers and faults, feeds what workers
//! report to the totals, the journal and the display, and ends everything in order. It measures
//! nothing itself.

pub mod ab;
mod abort;
mod certain;
mod conductor;
mod context;
mod hold;
mod interrupts;
pub mod misbehaviour;
mod population_curve;
pub mod preflight;
mod server_watch;
pub mod sweep;
mod target;
mod testbed;
mod workers;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::chaos::proxy::ProxyError;
use crate::client::wire_log::Follow;
use crate::clock::{self, Clock};
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
use hold::Hold;
pub use hold::{HoldOutcome, HoldSpec};
use interrupts::Interrupts;
use population_curve::PopulationCurve;
use preflight::PreflightError;
use server_watch::ServerWatch;
use target::Target;
pub use testbed::{LevelRun, Testbed};
use workers::Workers;

/// From the start of the threads to the start of the load: time for them to be there, so that the
/// first clients are not late.
const LEAD: Duration = Duration::from_millis(250);

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
    /// What a person sees meanwhile.
    pub display: Display,
    /// Whether secrets may reach the results.
    pub show_secrets: bool,
    /// The client whose wire is logged, if one is.
    pub follow: Option<Follow>,
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
    let warnings = check_machine(&mut plan)?;
    let folder = match level {
        None => RunFolder::create(&options.out, &plan.name, clock::wall_now())?,
        Some(level) => RunFolder::create_at(&level.folder)?,
    };
    let path = folder.path().to_owned();
    let progress = Progress::new(options.display, plan.duration);
    if plan.server.is_some() {
        progress.starting("waiting for the server to answer a handshake");
    }
    let target = tokio::select! {
        target = Target::prepare(&plan, &path, kept.take()) => target?,
        () = interrupts.next() => return Err(RunError::Interrupted),
    };
    let clock = Clock::start_in(LEAD);
    let watch = ServerWatch::start(&plan, &target, clock).map_err(RunError::Thread)?;
    let mut journal = Journal::start(folder, clock.origin_wall(), plan.labels(), &watch.columns())?;
    journal.write("scenario.toml", as_run(&plan, options).as_bytes());
    let plan = Arc::new(plan);
    let count = worker_count(options, &plan);
    let (workers, reports) =
        Workers::start(&plan, &target.destination(), clock, count, options.follow)?;
    let facts = RunContext::new(&plan, options, &target, clock, warnings);
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
        .conduct(reports, &workers, &target, &mut interrupts)
        .await;
    // A second Ctrl-C waits for nobody; the threads end with the process.
    ending.worker_lost = !ending.abandoned && workers.join();
    if !ending.abandoned {
        let end = async {
            conductor.watch.read_after(linger(&plan)).await;
            if level.is_some_and(|level| level.keep_servers) {
                *kept = target.keep_servers().await;
                Vec::new()
            } else {
                target.stop().await
            }
        };
        tokio::select! {
            strays = end => ending.strays = strays,
            // Servers that were not awaited are killed.
            () = interrupts.next() => {}
        }
    }
    conductor.finish(ending, path)
}

/// Whether this machine can hold the clients; spreads them over its addresses where that helps.
fn check_machine(plan: &mut Plan) -> Result<Vec<Warning>, RunError> {
    let limit = preflight::raise_descriptor_limit();
    let few = preflight::check_descriptors(plan, limit)?;
    let few = few.map(|message| warning("few_descriptors", message));
    let spread = preflight::spread_loopback_sources(plan);
    let spread = spread.map(|message| warning("spread_sources", message));
    preflight::check_ports(plan, preflight::ephemeral_ports())?;
    let own = plan.warnings.iter();
    let own = own.map(|text| warning("scenario", text.clone()));
    Ok(few.into_iter().chain(spread).chain(own).collect())
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
