//! A plan comes in, a judged [`Summary`] and a results folder go out.
//!
//! The only place that knows all stages: it starts servers, workers and faults, feeds what workers
//! report to the totals, the journal and the display, and ends everything in order. It measures
//! nothing itself.

pub mod ab;
mod abort;
mod conductor;
mod context;
mod interrupts;
pub mod misbehaviour;
mod population_curve;
pub mod preflight;
pub mod sweep;
mod target;
mod workers;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::chaos::proxy::ProxyError;
use crate::client::wire_log::Follow;
use crate::clock::{self, Clock};
use crate::gate::GeneratorLag;
use crate::metrics::Totals;
use crate::report::progress::{Display, Progress};
use crate::results::summary::{Summary, Warning};
use crate::results::{FolderError, Journal, RunFolder};
use crate::scenario::plan::Plan;
use crate::server::balancer::BalancerError;
use crate::server::process::ProcessError;
use crate::transport::TransportError;
use crate::workload::arrival::stays;

use conductor::Conductor;
use context::RunContext;
use interrupts::Interrupts;
use population_curve::PopulationCurve;
use preflight::PreflightError;
use target::Target;
use workers::Workers;

/// From the start of the threads to the start of the load: time for them to be there, so that the
/// first clients are not late.
const LEAD: Duration = Duration::from_millis(250);

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
    let limit = preflight::raise_descriptor_limit();
    let mut warnings = Vec::new();
    warnings.extend(
        preflight::check_descriptors(&plan, limit)?
            .map(|message| warning("few_descriptors", message)),
    );
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(RunError::Runtime)?;
    LocalSet::new().block_on(&runtime, carry_out(plan, options, warnings))
}

async fn carry_out(
    mut plan: Plan,
    options: &RunOptions,
    mut warnings: Vec<Warning>,
) -> Result<Finished, RunError> {
    let mut interrupts = Interrupts::catch().map_err(RunError::Runtime)?;
    let spread = preflight::spread_loopback_sources(&mut plan);
    warnings.extend(spread.map(|message| warning("spread_sources", message)));
    preflight::check_ports(&plan, preflight::ephemeral_ports())?;
    let folder = RunFolder::create(&options.out, &plan.name, clock::wall_now())?;
    let path = folder.path().to_owned();
    let progress = Progress::new(options.display, plan.duration);
    if plan.server.is_some() {
        progress.starting("waiting for the server to answer a handshake");
    }
    let target = tokio::select! {
        target = Target::prepare(&plan, &path) => target,
        () = interrupts.next() => Err(RunError::Interrupted),
    };
    let target = target?;
    warnings.extend(
        plan.warnings
            .iter()
            .map(|text| warning("scenario", text.clone())),
    );

    let clock = Clock::start_in(LEAD);
    let mut journal = Journal::start(folder, clock.origin_wall(), plan.labels())?;
    // Without a working directory no relative path leads anywhere in any case.
    let directory = std::env::current_dir().unwrap_or_default();
    let as_run = plan.clone().with_paths_from(&directory);
    let as_run = as_run.to_toml(options.show_secrets);
    journal.write("scenario.toml", as_run.as_bytes());
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
    };
    conductor.begin(&target.notes, count);
    let mut ending = conductor
        .conduct(reports, &workers, &target, &mut interrupts)
        .await;
    // A second Ctrl-C waits for nobody; the threads end with the process.
    ending.worker_lost = !ending.abandoned && workers.join();
    if !ending.abandoned {
        tokio::select! {
            strays = target.stop() => ending.strays = strays,
            // Servers that were not awaited are killed.
            () = interrupts.next() => {}
        }
    }
    conductor.finish(ending, path)
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
