//! What a summary says that no recorder knows: names, the faults' fate, where the numbers come from.

use std::time::Duration;

use super::RunOptions;
use super::target::Target;
use crate::chaos::controller::{Progress, Step};
use crate::chaos::schedule::applications;
use crate::clock::Clock;
use crate::results::summary::{Provenance, Warning};
use crate::results::{FaultFacts, GeneratorFacts, ListenFacts, Note, PopulationFacts, RunFacts};
use crate::scenario::plan::{Plan, Population};

/// The facts of a run as they come to be known.
pub(super) struct Facts(RunFacts);

impl Facts {
    pub(super) fn new(
        plan: &Plan,
        options: &RunOptions,
        target: &Target,
        clock: Clock,
        warnings: Vec<Warning>,
    ) -> Self {
        Self(RunFacts {
            scenario: plan.name.clone(),
            description: plan.description.clone(),
            seed: plan.seed.0,
            duration: Duration::ZERO,
            populations: plan.populations.iter().map(population).collect(),
            faults: faults(plan),
            warnings,
            generator: GeneratorFacts::default(),
            provenance: Provenance {
                command: options.command.clone(),
                scenario_file: options.scenario_file.display().to_string(),
                server: target.facts.clone(),
                ..Provenance::of_this_machine(clock.origin_wall())
            },
        })
    }

    /// Everything known by now, `duration` after the start of the load.
    pub(super) fn at(&mut self, duration: Duration) -> &RunFacts {
        self.0.duration = duration;
        self.0.generator = GeneratorFacts::read();
        &self.0
    }

    pub(super) fn warn(&mut self, code: &str, message: String) {
        self.0.warnings.push(Warning {
            code: code.to_owned(),
            message,
        });
    }

    /// Takes note of a step of a fault; says what to tell people, and what to write down.
    pub(super) fn fault_step(&mut self, progress: &Progress) -> Option<(String, Note)> {
        let fault = self
            .0
            .faults
            .iter_mut()
            .find(|fault| fault.id == progress.fault)?;
        let id = fault.id;
        Some(match &progress.step {
            Step::Applied => {
                fault.applied = Some(progress.at);
                let (name, detail) = (fault.fault.clone(), fault.detail.clone());
                let text = format!("fault: {name} ({detail})");
                let fault = name;
                (text, Note::FaultApplied { id, fault, detail })
            }
            Step::Output(output) => {
                let output = output.clone();
                let text = format!("fault: {} wrote: {output}", fault.fault);
                (text, Note::FaultOutput { id, output })
            }
            Step::Ended => {
                fault.ended = Some(progress.at);
                (
                    format!("fault over: {}", fault.fault),
                    Note::FaultEnded { id },
                )
            }
            Step::Failed(why) => {
                fault.ended = Some(progress.at);
                fault.failed = Some(why.clone());
                let text = format!("fault failed: {}: {why}", fault.fault);
                let error = why.clone();
                (text, Note::FaultFailed { id, error })
            }
        })
    }

    /// The fault under way, for people; the latest if there are several.
    pub(super) fn fault_under_way(&self) -> Option<String> {
        let under_way = |fault: &&FaultFacts| fault.applied.is_some() && fault.ended.is_none();
        let fault = self.0.faults.iter().rev().find(under_way)?;
        Some(format!("{} ({})", fault.fault, fault.detail))
    }

    /// Faults that could not be carried out.
    pub(super) fn failed_faults(&self) -> usize {
        self.0
            .faults
            .iter()
            .filter(|fault| fault.failed.is_some())
            .count()
    }
}

fn population(population: &Population) -> PopulationFacts {
    let listens = population.listens.iter().map(|listen| ListenFacts {
        event: listen.event.clone(),
        expect_per_client: listen.expect,
    });
    PopulationFacts {
        name: population.name.clone(),
        listens: listens.collect(),
    }
}

fn faults(plan: &Plan) -> Vec<FaultFacts> {
    let facts = |application: crate::chaos::schedule::Application| {
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
        }
    };
    applications(plan).into_iter().map(facts).collect()
}
