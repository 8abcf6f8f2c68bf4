//! Which fault happens when, and to whom: a pure function of the plan and its seed.
//!
//! Every worker computes the same victims by itself, so no message has to carry them.

use std::time::Duration;

use crate::event::StrikeId;
use crate::scenario::plan::Plan;
use crate::seed::Purpose;
use crate::workload::arrival::Stay;

/// One application of one fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Application {
    /// In order of time, from 0.
    pub id: StrikeId,
    /// Index into [`Plan::chaos`].
    pub entry: usize,
    /// From the start of the run.
    pub at: Duration,
}

/// A client that a fault is to hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Victim {
    /// When, from the start of the run.
    pub at: Duration,
    /// Who, and how long it is there.
    pub stay: Stay,
}

/// All applications of all faults, in order of time; equal times in the order of the file.
#[must_use]
pub fn applications(plan: &Plan) -> Vec<Application> {
    let mut due: Vec<(Duration, usize)> = plan
        .chaos
        .iter()
        .enumerate()
        .flat_map(|(entry, fault)| fault.repeats(plan.duration).map(move |at| (at, entry)))
        .collect();
    due.sort();
    due.into_iter()
        .enumerate()
        .map(|(id, (at, entry))| Application {
            id: StrikeId(id as u32),
            entry,
            at,
        })
        .collect()
}

/// Who is hit by one application of a fault at clients, in order of time.
///
/// Chosen among the clients that are meant to be there at that time, connected or not: what the
/// choice depends on must not depend on the run.
#[must_use]
pub fn victims(plan: &Plan, application: &Application, stays: &[Stay]) -> Vec<Victim> {
    let fault = &plan.chaos[application.entry];
    let mut candidates: Vec<Stay> = stays
        .iter()
        .filter(|stay| stay.covers(application.at))
        .filter(|stay| {
            fault
                .population
                .is_none_or(|wanted| wanted == stay.population)
        })
        .copied()
        .collect();
    plan.seed
        .stream(Purpose::Fault, application.id.0.into())
        .shuffle(&mut candidates);
    candidates.truncate(fault.clients.of(candidates.len()));
    let step = fault
        .over
        .unwrap_or_default()
        .div_f64(candidates.len().max(1) as f64);
    candidates
        .into_iter()
        .enumerate()
        .map(|(n, stay)| Victim {
            at: application.at + step.mul_f64(n as f64),
            stay,
        })
        .collect()
}
