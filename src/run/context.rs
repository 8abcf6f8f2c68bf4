//! What a summary says that no recorder knows: names, the faults' fate, where the numbers come from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::RunOptions;
use super::target::Target;
use crate::chaos::progress::{Progress, Step};
use crate::chaos::proxy::Touched;
use crate::chaos::schedule::{Application, applications};
use crate::clock::Clock;
use crate::event::StrikeId;
use crate::fault::FaultKind;
use crate::metrics::Totals;
use crate::report::progress::FaultState;
use crate::results::summary::{Provenance, Warning, WorkerClock};
use crate::results::watched::WatchLog;
use crate::results::{FaultFacts, GeneratorFacts, ListenFacts, Note, PopulationFacts, RunFacts};
use crate::scenario::plan::{Plan, Population};
use crate::server::shortage::Shortage;
use crate::units::format_duration;

/// A fault that is repeated more often than this is told of once.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// How much later than planned a client may carry out a fault that was posted to it, before the
/// fault counts as delivered to all its victims.
const DELIVERY: Duration = Duration::from_secs(1);

/// The facts of a run as they come to be known.
pub(super) struct RunContext {
    run: RunFacts,
    /// Faults that come again and again; of the first of each its period is told.
    rapid: BTreeMap<StrikeId, Option<Duration>>,
    /// What faults on the way touch, as far as somebody counts it.
    touched: BTreeMap<StrikeId, Arc<Touched>>,
    shortages: Vec<Shortage>,
    /// Faults at clients that are not known to be over, in order of time.
    at_clients: Vec<AtClients>,
    /// The entry of the plan that each fault is an application of.
    entries: Vec<PlanEntry>,
}

/// An entry of the plan's chaos, as far as its applications need it.
struct PlanEntry {
    index: usize,
    has_victims: bool,
    is_hook: bool,
    /// Whether it met clients to which there was nothing to do.
    had_nothing_to_do: bool,
}

/// A fault at clients, of which the workers report when it was applied and lifted.
struct AtClients {
    /// Its place among the faults.
    place: usize,
    /// When its last victim is to be struck.
    delivered: Duration,
}

/// Something to write down: when it happened, and the words for people, if any.
pub(super) type Entry = (Duration, Note, Option<String>);

impl RunContext {
    /// Those that generate the load, where there is more than this process.
    pub(super) fn workers(&mut self, clocks: Vec<WorkerClock>) {
        self.run.provenance.workers = clocks;
    }

    pub(super) fn new(
        plan: &Plan,
        options: &RunOptions,
        target: &Target,
        clock: Clock,
        warnings: Vec<Warning>,
    ) -> Self {
        let run = RunFacts {
            scenario: plan.name.clone(),
            description: plan.description.clone(),
            seed: plan.seed.0,
            labels: plan.labels(),
            duration: Duration::ZERO,
            populations: plan.populations.iter().map(population).collect(),
            faults: faults(plan),
            warnings,
            watched: WatchLog::default(),
            generator: GeneratorFacts::default(),
            provenance: Provenance {
                command: options.command.clone(),
                scenario_file: options.scenario_file.display().to_string(),
                server: target.facts.clone(),
                ..Provenance::of_this_machine(clock.origin_wall())
            },
        };
        Self {
            run,
            rapid: rapid(plan),
            touched: BTreeMap::new(),
            shortages: target.shortages(),
            at_clients: at_clients(plan),
            entries: entries(plan),
        }
    }

    /// Takes note of what the workers have reported of faults at clients; returns what to write
    /// down. With `is_over` nothing more is to come.
    pub(super) fn observe_clients(&mut self, totals: &Totals, is_over: bool) -> Vec<Entry> {
        let told = if is_over {
            Duration::MAX
        } else {
            totals.reported_until().unwrap_or_default()
        };
        let mut entries = Vec::new();
        let mut open = std::mem::take(&mut self.at_clients);
        open.retain(|at_clients| {
            let at = self.run.faults[at_clients.place].at;
            at > told || !self.observe(at_clients, totals, told, &mut entries)
        });
        self.at_clients = open;
        entries
    }

    /// As [`Self::observe_clients`], of one fault; returns whether it is over.
    fn observe(
        &mut self,
        at_clients: &AtClients,
        totals: &Totals,
        told: Duration,
        entries: &mut Vec<Entry>,
    ) -> bool {
        let is_delivered = told >= at_clients.delivered.saturating_add(DELIVERY);
        let id = self.run.faults[at_clients.place].id;
        let Some(tally) = totals.fault(id) else {
            return is_delivered;
        };
        self.entries[at_clients.place].had_nothing_to_do = tally.not_applicable > 0;
        let applied = tally.applied_first.filter(|applied| *applied <= told);
        if let Some(applied) = applied
            && self.run.faults[at_clients.place].applied.is_none()
        {
            self.run.faults[at_clients.place].applied = Some(applied);
            let (note, text) = self.applied(at_clients.place);
            entries.push((applied, note, text));
        }
        let is_over = is_delivered && tally.lifts == tally.applications;
        if let Some(ended) = tally.lifted_last
            && is_over
        {
            self.run.faults[at_clients.place].ended = Some(ended);
            let (note, text) = self.ended(at_clients.place);
            entries.push((ended, note, text));
        }
        is_over
    }

    /// Marks faults that were due before `end` and have not struck as failed; returns what to write
    /// down and what to tell people.
    ///
    /// A fault at clients that is repeated counts as one that has struck if one of its repeats has.
    pub(super) fn fail_unstruck(&mut self, end: Duration) -> Vec<(Note, String)> {
        let has_struck = |fault: &FaultFacts| fault.applied.is_some() || fault.failed.is_some();
        let struck: BTreeSet<usize> = (self.run.faults.iter().zip(&self.entries))
            .filter(|(fault, _)| has_struck(fault))
            .map(|(_, entry)| entry.index)
            .collect();
        let mut entries = Vec::new();
        for (fault, entry) in self.run.faults.iter_mut().zip(&self.entries) {
            let is_excused = entry.has_victims && struck.contains(&entry.index);
            if fault.at >= end || has_struck(fault) || is_excused || entry.had_nothing_to_do {
                continue;
            }
            let why = if entry.has_victims {
                "no client that it could strike was connected when it was due"
            } else {
                "it had not struck by the end of the run"
            };
            fault.failed = Some(why.to_owned());
            let text = format!("fault failed: {}: {why}", fault.fault);
            let error = why.to_owned();
            entries.push((
                Note::FaultFailed {
                    id: fault.id,
                    error,
                },
                text,
            ));
        }
        entries
    }

    /// Whether a command of the user is at work as a fault, or was a moment ago.
    pub(super) fn is_hook_at_work(&self, elapsed: Duration) -> bool {
        let mut faults = self.run.faults.iter().zip(&self.entries);
        faults.any(|(fault, entry)| {
            let is_over = |ended: Duration| ended + DELIVERY < elapsed;
            entry.is_hook && fault.applied.is_some() && !fault.ended.is_some_and(is_over)
        })
    }

    /// What to write down of a fault that has been applied, and what to tell people.
    fn applied(&self, place: usize) -> (Note, Option<String>) {
        let fault = &self.run.faults[place];
        let id = fault.id;
        let (name, detail) = (fault.fault.clone(), fault.detail.clone());
        let text = match self.rapid.get(&id) {
            None => Some(format!("fault: {name} ({detail})")),
            Some(period) => period.map(|period| {
                let period = format_duration(period);
                format!("fault: {name} ({detail}), and again every {period}")
            }),
        };
        let fault = name;
        (Note::FaultApplied { id, fault, detail }, text)
    }

    /// What to write down of a fault that is over, and what to tell people.
    fn ended(&self, place: usize) -> (Note, Option<String>) {
        let fault = &self.run.faults[place];
        let id = fault.id;
        let is_rapid = self.rapid.contains_key(&id);
        let text = (!is_rapid).then(|| format!("fault over: {}", fault.fault));
        (Note::FaultEnded { id }, text)
    }

    /// Everything known by now, `duration` after the start of the load.
    pub(super) fn at(&mut self, duration: Duration, watched: &WatchLog) -> &RunFacts {
        self.run.watched.clone_from(watched);
        for fault in &mut self.run.faults {
            if let Some(touched) = self.touched.get(&fault.id) {
                fault.connections = Some(touched.connections());
                fault.requests = touched.requests();
            }
        }
        self.run.duration = duration;
        self.run.generator = GeneratorFacts::read();
        self.run.generator.shortages = self.shortages.iter().map(Shortage::count).sum();
        &self.run
    }

    pub(super) fn warn(&mut self, code: &str, message: String) {
        self.run.warnings.push(Warning {
            code: code.to_owned(),
            message,
        });
    }

    /// Takes note of a step of a fault; says what to write down, and what to tell people, if
    /// anything.
    pub(super) fn fault_step(&mut self, progress: &Progress) -> Option<(Note, Option<String>)> {
        let mut faults = self.run.faults.iter();
        let place = faults.position(|fault| fault.id == progress.fault)?;
        let fault = &mut self.run.faults[place];
        let id = fault.id;
        Some(match &progress.step {
            Step::Applied => {
                fault.applied = Some(progress.at);
                self.applied(place)
            }
            Step::Touching(touched) => {
                self.touched.insert(id, Arc::clone(touched));
                return None;
            }
            Step::Output(output) => {
                let output = output.clone();
                let text = format!("fault: {} wrote: {output}", fault.fault);
                (Note::FaultOutput { id, output }, Some(text))
            }
            Step::Ended => {
                fault.ended = Some(progress.at);
                self.ended(place)
            }
            Step::Failed(why) => {
                fault.ended = Some(progress.at);
                fault.failed = Some(why.clone());
                let text = format!("fault failed: {}: {why}", fault.fault);
                let error = why.clone();
                (Note::FaultFailed { id, error }, Some(text))
            }
            Step::ServerKilled {
                instance,
                signal,
                after,
            } => {
                let after_text = format_duration(*after);
                let signal = signal.name();
                let text = format!(
                    "server {instance} was still there {after_text} after {signal} and got SIGKILL"
                );
                (server_note(&progress.step)?, Some(text))
            }
            Step::ServerExited { .. } | Step::ServerStarted { .. } | Step::ServerReady { .. } => {
                (server_note(&progress.step)?, None)
            }
        })
    }

    /// Where the faults stand at `elapsed`, for people.
    pub(super) fn fault_state(&self, elapsed: Duration) -> FaultState {
        let describe = |fault: &FaultFacts| format!("{} ({})", fault.fault, fault.detail);
        let faults = &self.run.faults;
        let is_under_way = |fault: &&FaultFacts| fault.applied.is_some() && fault.ended.is_none();
        if let Some(fault) = faults.iter().rev().find(is_under_way) {
            return FaultState::UnderWay(describe(fault));
        }
        match faults.iter().find(|fault| fault.at > elapsed) {
            Some(fault) => FaultState::Next {
                within: fault.at - elapsed,
                fault: describe(fault),
            },
            None if faults.is_empty() => FaultState::None,
            None => FaultState::Over,
        }
    }
}

/// The applications of faults that are repeated quickly, with the period at the first of each.
fn rapid(plan: &Plan) -> BTreeMap<StrikeId, Option<Duration>> {
    let mut begun = BTreeSet::new();
    let rapid = applications(plan).into_iter().filter_map(|application| {
        let period = plan.chaos[application.entry].every?;
        let is_first = begun.insert(application.entry);
        (period < TOLD_EVERY).then(|| (application.id, is_first.then_some(period)))
    });
    rapid.collect()
}

fn entries(plan: &Plan) -> Vec<PlanEntry> {
    let entry = |application: Application| {
        let fault = &plan.chaos[application.entry];
        PlanEntry {
            index: application.entry,
            has_victims: fault.has_victims(),
            is_hook: matches!(fault.kind, FaultKind::Hook(_)),
            had_nothing_to_do: false,
        }
    };
    applications(plan).into_iter().map(entry).collect()
}

fn at_clients(plan: &Plan) -> Vec<AtClients> {
    let at_clients = |(place, application): (usize, Application)| {
        let fault = &plan.chaos[application.entry];
        fault.has_victims().then(|| AtClients {
            place,
            delivered: application.at + fault.over.unwrap_or_default(),
        })
    };
    let applications = applications(plan).into_iter().enumerate();
    applications.filter_map(at_clients).collect()
}

fn population(population: &Population) -> PopulationFacts {
    let listens = population.listens.iter().map(|listen| ListenFacts {
        event: listen.event.clone(),
        label: listen.expect.map(|_| listen.label()),
        expect_per_client: listen.expect,
    });
    PopulationFacts {
        name: population.name.clone(),
        listens: listens.collect(),
    }
}

fn faults(plan: &Plan) -> Vec<FaultFacts> {
    let facts = |application: Application| {
        let fault = &plan.chaos[application.entry];
        FaultFacts {
            id: application.id,
            fault: fault.kind.name().to_owned(),
            detail: fault.detail(plan),
            at: application.at,
            applied: None,
            ended: None,
            spread: fault.over.unwrap_or_default(),
            failed: None,
            connections: None,
            requests: None,
        }
    };
    applications(plan).into_iter().map(facts).collect()
}

/// What a fault did to a server, to be written down.
fn server_note(step: &Step) -> Option<Note> {
    match step {
        Step::ServerExited { instance, status } => Some(Note::ServerExited {
            instance: *instance,
            status: status.clone(),
            expected: true,
        }),
        &Step::ServerStarted {
            instance,
            pid,
            port,
        } => Some(Note::ServerStarted {
            instance,
            pid,
            port,
        }),
        &Step::ServerKilled {
            instance,
            signal,
            after,
        } => Some(Note::ServerKilled {
            instance,
            signal: signal.name().to_owned(),
            after_s: after.as_secs_f64(),
        }),
        &Step::ServerReady { instance, after } => Some(Note::ServerReady {
            instance,
            after_s: after.as_secs_f64(),
        }),
        Step::Applied | Step::Touching(_) | Step::Output(_) | Step::Ended | Step::Failed(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{self, Overrides};

    #[test]
    fn a_fault_that_comes_again_at_once_is_told_of_once() {
        let text = r#"
            duration = "10s"
            target.url = "http://127.0.0.1:3000/"
            clients = [{ count = 1 }]
            chaos = [
                { fault = "garbage", at = "1s", every = "4s" },
                { fault = "mute", at = "2s", for = "100ms", every = "500ms" },
            ]
        "#;
        let plan = scenario::parse(text, "s.toml", &Overrides::default()).unwrap();
        let rapid = rapid(&plan);
        let period = Some(Duration::from_millis(500));
        assert_eq!(rapid.values().filter(|told| **told == period).count(), 1);
        assert_eq!(rapid.first_key_value(), Some((&StrikeId(1), &period)));
        let of_mute = (10_000 - 2_000) / 500;
        assert_eq!(rapid.len(), of_mute, "the other one is told of each time");
    }
}
