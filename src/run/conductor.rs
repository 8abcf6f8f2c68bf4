//! The run's main loop: takes what workers and faults report, keeps the journal and the display.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::abort::{self, Abort, AbortWatch};
use super::certain;
use super::context::RunContext;
use super::fleet::LostShare;
use super::generators::Orders;
use super::hold::Hold;
use super::interrupts::Interrupts;
use super::population_curve::PopulationCurve;
use super::server_watch::ServerWatch;
use super::target::Target;
use super::workers::Report;
use super::{Finished, RunError};
use crate::catalogue;
use crate::chaos::controller::Controller;
use crate::chaos::progress::Progress as FaultProgress;
use crate::clock::{self, Clock};
use crate::event::{Counter, Failure, HistogramMetric, Labels, PopulationId, Series};
use crate::gate::{self, GeneratorLag};
use crate::metrics::{FailureKey, Interval, Second, Snapshot, Totals, health};
use crate::report::progress::{Progress, ProgressState, RunStage};
use crate::report::{html, junit};
use crate::results::summary::{Distribution, Summary, ThresholdOutcome, Verdict, Warning};
use crate::results::{Journal, Note, RESULTS_INCOMPLETE, RunFolder, StoredRun, samples, summarise};
use crate::scenario::plan::Plan;
use crate::server::process::Stray;
use crate::workload::arrival::stays;

/// How often the display moves.
const DISPLAY_EVERY: Duration = Duration::from_millis(250);

/// summary.json is brought up to date with every second, unless that would take more than one part
/// in so many of this thread's time.
const CHECKPOINT_SHARE: u32 = 50;

/// How a run's load came to its end.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// Ctrl-C or SIGTERM, so long after the start.
    pub(super) interrupted: Option<Duration>,
    /// A threshold with `abort` was crossed, so long after the start.
    pub(super) aborted: Option<Abort>,
    /// A level of a capacity search was over, so long after the start.
    pub(super) stopped: Option<Duration>,
    /// A second Ctrl-C: nobody waits for the clients.
    pub(super) abandoned: bool,
    /// A worker could not begin.
    pub(super) failed: Option<RunError>,
    /// A worker thread died.
    pub(super) worker_lost: bool,
    /// Processes that servers had started outside their process group, and that were ended, by
    /// instance.
    pub(super) strays: Vec<(u16, Vec<Stray>)>,
}

/// Everything that the main loop keeps.
pub(super) struct Conductor {
    pub(super) totals: Totals,
    pub(super) plan: Arc<Plan>,
    pub(super) clock: Clock,
    pub(super) journal: Journal,
    pub(super) progress: Progress,
    pub(super) facts: RunContext,
    pub(super) curve: PopulationCurve,
    /// What the generator's own lag did to thresholds.
    pub(super) lag: GeneratorLag,
    /// The stretch of the run that was last written down.
    pub(super) stage: Option<RunStage>,
    /// When summary.json may be brought up to date again.
    pub(super) next_checkpoint: Duration,
    /// Servers of the run that ended though no fault ended them.
    pub(super) servers_died: usize,
    /// Of a level of a capacity search.
    pub(super) hold: Option<Hold>,
    /// Servers that are watched.
    pub(super) watch: ServerWatch,
}

impl Conductor {
    /// Writes down how the run begins.
    pub(super) fn begin(&mut self, notes: &[Note], workers: u32) {
        for note in notes {
            self.journal.note(Duration::ZERO, note);
        }
        let note = Note::RunStarted {
            scenario: self.plan.name.clone(),
            seed: self.plan.seed.0,
            clients: self.plan.peak_clients(),
            workers,
        };
        self.journal.note(Duration::ZERO, &note);
        // A run that is killed in its first second leaves a folder that can be read.
        let summary = summarise(
            self.facts.at(Duration::ZERO, self.watch.log()),
            &self.totals,
        );
        self.journal.checkpoint(&summary);
    }

    /// Until all clients have ended.
    pub(super) async fn conduct(
        &mut self,
        mut reports: mpsc::Receiver<Report>,
        orders: Orders,
        target: &Target,
        interrupts: &mut Interrupts,
    ) -> Ending {
        let (steps, mut fault_steps) = mpsc::channel::<FaultProgress>(64);
        let plan = Rc::new(self.plan.as_ref().clone());
        let fleet = target.fleet.clone();
        let controller = Controller::new(plan, self.clock, fleet, orders.clone(), steps);
        let mut chaos = tokio::task::spawn_local(Rc::clone(&controller).run());
        let mut ending = Ending::default();
        let mut display = tokio::time::interval(DISPLAY_EVERY);
        let mut watch = AbortWatch::default();
        loop {
            tokio::select! {
                report = reports.recv() => match report {
                    Some(report) => {
                        if self.take_report(report, &mut ending) {
                            controller.finish();
                            orders.stop();
                        }
                    }
                    None => break,
                },
                Some(step) = fault_steps.recv() => self.take_step(&step),
                _ = display.tick() => {
                    self.show(ending.interrupted.is_some());
                    self.watch(target);
                    if ending.interrupted.is_none()
                        && ending.aborted.is_none()
                        && let Some(abort) = self.crossed(&mut watch)
                    {
                        ending.aborted = Some(abort);
                        controller.finish();
                        orders.stop();
                    }
                }
                () = interrupts.next() => {
                    if ending.interrupted.is_some() {
                        ending.abandoned = true;
                        break;
                    }
                    ending.interrupted = Some(self.note_interrupt());
                    // A server that stands still could not hear them.
                    controller.finish();
                    orders.stop();
                }
            }
        }
        // A quick goodbye falls between two moves of the display.
        self.enter(RunStage::Draining);
        controller.finish();
        loop {
            tokio::select! {
                Some(step) = fault_steps.recv() => self.take_step(&step),
                // What panics in it is told as a step.
                _ = &mut chaos => break,
            }
        }
        while let Ok(step) = fault_steps.try_recv() {
            self.take_step(&step);
        }
        ending
    }

    /// A process is gone, with its clients; the others go on.
    fn lose(&mut self, lost: &LostShare) {
        let elapsed = self.elapsed();
        let workers = lost.share.first..lost.share.first + lost.share.threads;
        for worker in workers.clone() {
            self.totals.lose(worker);
        }
        let mut clients: BTreeMap<PopulationId, u64> = BTreeMap::new();
        for stay in stays(&self.plan) {
            let worker = stay.client.0 % u64::from(lost.share.total);
            if stay.end > elapsed && workers.contains(&(worker as u32)) {
                *clients.entry(stay.population).or_default() += 1;
            }
        }
        let count: u64 = clients.values().sum();
        self.take(lost.presence.clone().lost(elapsed, &clients));
        let text = format!(
            "{} was lost {:.1} s into the run, and {count} clients with it: {}",
            lost.name,
            elapsed.as_secs_f64(),
            lost.why
        );
        self.progress.notice(elapsed, &text);
        self.facts.warn("worker_lost", text);
        let note = Note::WorkerLost {
            name: lost.name.clone(),
            clients: count,
            why: lost.why.clone(),
        };
        self.journal.note(elapsed, &note);
    }

    /// Takes what a worker reports; true if the load is to end because of it.
    fn take_report(&mut self, report: Report, ending: &mut Ending) -> bool {
        match report {
            Report::Interval(snapshot) => {
                self.take(*snapshot);
                let is_over = self.hold.as_ref().is_some_and(Hold::is_over);
                if is_over && ending.stopped.is_none() {
                    ending.stopped = Some(self.elapsed());
                    return true;
                }
                false
            }
            Report::Ended => false,
            Report::Failed(error) => {
                ending.failed = Some(error);
                true
            }
            Report::Lost(lost) => {
                self.lose(&lost);
                ending.worker_lost = true;
                false
            }
        }
    }

    fn note_interrupt(&mut self) -> Duration {
        let elapsed = self.elapsed();
        self.journal.note(elapsed, &Note::Interrupted);
        let text = "interrupted: clients say goodbye; again to stop at once";
        self.progress.notice(elapsed, text);
        elapsed
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.clock.since_origin(clock::now())
    }

    fn take(&mut self, snapshot: Snapshot) {
        self.totals.add(snapshot);
        let closed = self.totals.close_seconds();
        self.record(&closed);
        self.note_client_faults(false);
        self.follow_hold(&closed);
        let elapsed = self.elapsed();
        for (kind, example) in self.totals.new_failures() {
            // What a fault does was announced with the fault.
            if kind.fault.is_none() {
                let text = notice(kind, example.as_deref(), &self.plan.labels());
                self.progress.notice(elapsed, &text);
            }
            self.journal
                .note(elapsed, &Note::first_failure(kind, example));
        }
        if !closed.is_empty() && elapsed >= self.next_checkpoint {
            let summary = summarise(self.facts.at(elapsed, self.watch.log()), &self.totals);
            self.journal.checkpoint(&summary);
            let took = self.elapsed() - elapsed;
            self.next_checkpoint = elapsed + took * CHECKPOINT_SHARE;
        }
    }

    /// Writes down what the workers have reported of faults at clients.
    fn note_client_faults(&mut self, is_over: bool) {
        for (at, note, text) in self.facts.observe_clients(&self.totals, is_over) {
            self.journal.note(at, &note);
            if let Some(text) = text {
                self.progress.notice(at, &text);
            }
        }
    }

    /// Writes down the seconds that are complete, with what was read of servers in them.
    fn record(&mut self, closed: &[(Second, Interval)]) {
        self.watch.drain();
        for (second, _) in closed {
            let readings = self.watch.log().row(second.second);
            self.journal.keep_watched(second.second, readings);
        }
        self.journal.record(closed);
        for (_, interval) in closed {
            self.lag.observe(interval);
        }
    }

    /// Leads a level of a capacity search on by the seconds that are complete.
    fn follow_hold(&mut self, closed: &[(Second, Interval)]) {
        let Some(mut hold) = self.hold.take() else {
            return;
        };
        for (second, interval) in closed {
            hold.observe(second, interval, self.watch.figures(second.second));
        }
        if let (Some((last, _)), false) = (closed.last(), hold.is_over()) {
            let judged = self.judged(&hold);
            hold.note_thresholds(&judged.thresholds, last.second);
            if let Some(why) = certain::to_fail(&self.plan.thresholds, &judged, &hold) {
                hold.stop(why);
            }
        }
        self.hold = Some(hold);
    }

    /// What a level is judged by: times of its hold, counts and rates from its first client on.
    /// Times of arrivals are those of the whole level where nobody arrives during the hold.
    fn judged(&mut self, hold: &Hold) -> Summary {
        let duration = self.elapsed();
        let facts = self.facts.at(duration, self.watch.log());
        let times = summarise(facts, hold.window());
        let mut judged = summarise(facts, &self.totals);
        for (name, population) in times.populations {
            if let Some(judged) = judged.populations.get_mut(&name) {
                judged.metrics = of_hold(population.metrics, &judged.metrics);
            }
        }
        judged.metrics = of_hold(times.metrics, &judged.metrics);
        if let Some((from, until)) = hold.span() {
            self.watch.log().narrow(&mut judged.watched, from, until);
        }
        judged.thresholds = self.thresholds(&judged, hold.window());
        judged
    }

    fn take_step(&mut self, step: &FaultProgress) {
        if let Some((note, text)) = self.facts.fault_step(step) {
            self.journal.note(step.at, &note);
            if let Some(text) = text {
                self.progress.notice(step.at, &text);
            }
        }
    }

    /// Writes down that a stretch of the run begins.
    fn enter(&mut self, stage: RunStage) {
        if self.stage.replace(stage) != Some(stage) {
            let phase = stage.to_string();
            self.watch.begin_phase();
            self.journal.note(self.elapsed(), &Note::Phase { phase });
        }
    }

    fn show(&mut self, stopping: bool) {
        let elapsed = self.elapsed();
        let stage = if stopping || elapsed >= self.plan.duration {
            RunStage::Draining
        } else if self.curve.is_arriving(elapsed) {
            RunStage::Arriving
        } else {
            RunStage::Holding
        };
        self.enter(stage);
        let seconds = self.totals.series();
        let last = seconds.last();
        // Compared as of the same time: that of the last second that all workers have told of.
        let known_until = Duration::from_secs(seconds.len() as u64);
        self.progress.update(&ProgressState {
            stage,
            elapsed,
            connected: self.totals.connected(),
            asked: self.curve.asked(known_until),
            handshakes_per_s: last.map_or(0, |second| {
                second.counters.value(Counter::HandshakeAttempts)
            }),
            errors: self.totals.errors(),
            fault: self.facts.fault_state(elapsed),
        });
    }

    /// Notices servers that ended without a fault; a fault holds the lock of those that it ends.
    fn watch(&mut self, target: &Target) {
        self.watch.take(target);
        for text in self.watch.failures() {
            let elapsed = self.elapsed();
            self.progress.notice(elapsed, &text);
            self.facts.warn("watch_gap", text);
        }
        for (instance, status, last_lines) in target.unexpected_ends() {
            let elapsed = self.elapsed();
            let text = format!(
                "server {instance} ended by itself {:.1} s into the run: {status}; see \
                 server-{instance}.log{last_lines}",
                elapsed.as_secs_f64()
            );
            self.progress.notice(elapsed, &text);
            if let Some(hold) = &mut self.hold {
                hold.stop(format!("server {instance} ended by itself: {status}"));
            }
            self.facts.warn("server_ended", text);
            // A command may have been told to end it.
            let expected = self.facts.is_hook_at_work(elapsed);
            self.servers_died += usize::from(!expected);
            let note = Note::ServerExited {
                instance,
                status,
                expected,
            };
            self.journal.note(elapsed, &note);
        }
    }

    /// Judges the run and writes everything.
    ///
    /// # Errors
    /// If a worker could not begin.
    pub(super) fn finish(mut self, ending: Ending, path: PathBuf) -> Result<Finished, RunError> {
        self.progress.finish();
        if let Some(error) = ending.failed {
            return Err(error);
        }
        self.note_client_faults(true);
        let closed = self.totals.close_all();
        self.record(&closed);
        if ending.worker_lost {
            let text = "a worker thread died; its clients are missing from the numbers";
            self.facts.warn("worker_lost", text.to_owned());
        }
        for (instance, strays) in &ending.strays {
            let text = format!("server {instance} {}", stray_words(strays));
            self.facts.warn("stray_processes", text);
        }
        let hold = self.hold.take();
        let aborted = ending.aborted.as_ref().map(|abort| abort.at);
        let ended = ending.interrupted.or(ending.stopped).or(aborted);
        let duration = ended.unwrap_or(self.plan.duration);
        for (note, text) in self.facts.fail_unstruck(duration) {
            self.journal.note(duration, &note);
            self.progress.notice(duration, &text);
        }
        let facts = self.facts.at(duration, self.watch.log());
        let mut summary = summarise(facts, &self.totals);
        let judged = hold.as_ref().map(|hold| self.judged(hold));
        summary.thresholds = match &judged {
            Some(judged) => judged.thresholds.clone(),
            None => self.thresholds(&summary, &self.totals),
        };
        self.judge(&mut summary, &ending);
        abort::conclude(&mut summary, ending.aborted.as_ref());
        let hold = hold.zip(judged).map(|(hold, judged)| hold.finish(judged));
        let verdict = summary.verdict;
        self.journal
            .note(self.elapsed(), &Note::RunEnded { verdict });
        self.journal.write("junit.xml", &junit::render(&summary));
        let Self {
            journal,
            totals,
            watch,
            ..
        } = self;
        let folder = journal.finish(&mut summary, &totals);
        write_page(&folder, &mut summary, &totals, &self.plan.labels());
        fail_if_lost(&mut summary);
        Ok(Finished {
            summary,
            folder: path,
            hold,
            watched: watch.log().clone(),
        })
    }

    pub(super) fn judge(&self, summary: &mut Summary, ending: &Ending) {
        let crossed = |by_lag: bool| {
            let crossed = summary.thresholds.iter().filter(|t| !t.passed);
            crossed.filter(|t| t.explained_by_lag == by_lag).count()
        };
        let failed_faults = summary.faults.iter().filter(|fault| fault.failed.is_some());
        let verdict = gate::verdict(gate::Ending {
            interrupted: ending.interrupted.is_some(),
            anyone_connected: self.totals.counter(Counter::ClientsComplete) > 0,
            generator_bound: health::judge(&self.totals, summary.generator.shortages).bottleneck,
            thresholds_crossed: crossed(false),
            crossed_by_lag: crossed(true),
            worker_lost: ending.worker_lost,
            faults_failed: failed_faults.count(),
            servers_died: self.servers_died,
            results_lost: self.journal.warning().is_some(),
        });
        (summary.verdict, summary.exit_code) = verdict;
    }

    /// The thresholds on a summary; percentiles are those of `totals`.
    pub(super) fn thresholds(&self, summary: &Summary, totals: &Totals) -> Vec<ThresholdOutcome> {
        let labels = self.plan.labels();
        let percentile = |series: &Series<HistogramMetric>, population, percentile: f64| {
            let label = match &series.label {
                Some(label) => Some(labels.id(label)?),
                None => None,
            };
            let of_level = || {
                let is_of_arrivals = is_of_arrivals(series.metric.name());
                is_of_arrivals.then(|| self.totals.sample_of(series.metric, label, population))?
            };
            let sample = totals.sample_of(series.metric, label, population);
            Some(sample.or_else(of_level)?.percentile(percentile))
        };
        let populations = self.plan.populations.iter();
        let names: Vec<&str> = populations.map(|p| p.name.as_str()).collect();
        let mut outcomes = gate::judge(&self.plan.thresholds, &names, summary, percentile);
        self.lag.explain(&self.plan.thresholds, &mut outcomes);
        let watched = gate::judge_watched(&self.plan.watch_bounds, &summary.watched);
        outcomes.extend(watched);
        outcomes
    }
}

/// What became of processes that a server had started outside its process group.
fn stray_words(strays: &[Stray]) -> String {
    let named: Vec<String> = strays.iter().map(Stray::to_string).collect();
    format!(
        "had started processes outside its process group, which were ended with it: {}",
        named.join(", ")
    )
}

/// What could not be written at the very end still shows in the exit code.
fn fail_if_lost(summary: &mut Summary) {
    let is_lost = summary
        .warnings
        .iter()
        .any(|w| w.code == RESULTS_INCOMPLETE);
    if is_lost && summary.exit_code == gate::exit_code::SUCCESS {
        summary.verdict = Verdict::Failed;
        summary.exit_code = gate::exit_code::RUN_FAILED;
    }
}

/// Whether a time is there only while clients arrive.
fn is_of_arrivals(metric: &str) -> bool {
    metric.starts_with("connect.") || metric == HistogramMetric::UpgradeTime.name()
}

/// The times of a hold, and of the whole level those of arrivals that the hold has none of.
fn of_hold(
    mut hold: BTreeMap<String, Distribution>,
    level: &BTreeMap<String, Distribution>,
) -> BTreeMap<String, Distribution> {
    for (name, distribution) in level {
        if is_of_arrivals(name) {
            hold.entry(name.clone())
                .or_insert_with(|| distribution.clone());
        }
    }
    hold
}

/// Writes report.html; `sio-load report` makes the same page again from what was stored.
fn write_page(folder: &RunFolder, summary: &mut Summary, totals: &Totals, labels: &Labels) {
    let samples = samples(totals, labels);
    let written = StoredRun::of(folder.path(), summary.clone(), &samples)
        .map_err(io::Error::other)
        .and_then(|run| folder.write("report.html", html::render(&run).as_bytes()));
    let is_known = |warning: &Warning| warning.code == RESULTS_INCOMPLETE;
    if let Err(error) = written
        && !summary.warnings.iter().any(is_known)
    {
        summary.warnings.push(Warning {
            code: RESULTS_INCOMPLETE.to_owned(),
            message: format!("report.html could not be written: {error}"),
        });
    }
}

/// Tells a person of a kind of failure that was met for the first time, and what to do.
fn notice(kind: FailureKey, example: Option<&str>, labels: &Labels) -> String {
    let step = kind.step.and_then(|step| labels.label(step));
    let step = step.map_or_else(String::new, |step| format!("step {}: ", step.name()));
    let failure = Failure {
        stage: kind.stage,
        cause: kind.cause,
        origin: kind.origin,
        status: kind.status,
        code: kind.code,
        step: kind.step,
        message: example.map(Into::into),
        fault: kind.fault,
    };
    let finding = catalogue::explain_at(kind.stage, kind.cause, kind.origin);
    format!("{step}{failure}. {} ({})", finding.hint(), finding.code)
}
