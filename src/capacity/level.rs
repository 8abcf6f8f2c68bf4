//! A level of a search as a plan: so much load, and a hold on which it is judged.

use std::time::Duration;

use crate::run::HoldSpec;
use crate::scenario::plan::{Load, Plan, Vary};
use crate::units::Rate;

/// The shortest ramp: all at once would measure a stampede.
const SHORTEST_RAMP: Duration = Duration::from_secs(1);

/// The longest time that an open population gets to reach its size before levels settle.
const LONGEST_STAY_RAMP: Duration = Duration::from_secs(60);

/// How a level is carried out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    /// What is varied.
    pub(super) vary: Vary,
    /// How fast clients arrive, per second.
    pub(super) arrive_per_s: f64,
    /// The longest time to settle.
    pub(super) settle: Duration,
    /// How long the load is held and judged.
    pub(super) hold: Duration,
}

/// Why a scenario cannot be varied as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaryError {
    /// No population is open.
    #[error(
        "--vary arrivals needs a population with `arrivals` and `stay`: the others have a number of \
         clients, which --vary clients varies"
    )]
    NoArrivals,
    /// Nobody emits anything.
    #[error("--vary emits needs a population with [[clients.emit]]")]
    NoEmits,
}

/// Whether a plan can be varied so.
///
/// # Errors
/// If it has nothing of the kind.
pub(super) fn check(plan: &Plan, vary: Vary) -> Result<(), VaryError> {
    match vary {
        Vary::Clients => Ok(()),
        Vary::Arrivals if total_arrivals(plan) > 0.0 => Ok(()),
        Vary::Arrivals => Err(VaryError::NoArrivals),
        Vary::Emits if emits_per_s(plan) > 0.0 => Ok(()),
        Vary::Emits => Err(VaryError::NoEmits),
    }
}

/// A scenario at so much load: a ramp, time to settle, a hold. Its faults count from the start of
/// the hold; its own arrivals and its duration are left out.
pub(super) fn at(plan: &Plan, load: u64, shape: &Shape) -> (Plan, HoldSpec) {
    let mut plan = plan.clone();
    match shape.vary {
        Vary::Clients => scale_clients(&mut plan, load),
        Vary::Arrivals => scale_arrivals(&mut plan, load),
        Vary::Emits => {
            scale_emits(&mut plan, load);
            let clients = plan.peak_clients();
            scale_clients(&mut plan, clients);
        }
    }
    let ramp = if shape.vary == Vary::Arrivals {
        longest_stay(&plan).min(LONGEST_STAY_RAMP)
    } else {
        ramp(&mut plan, shape.arrive_per_s)
    };
    // Whole seconds, as everything that is judged second by second.
    let ramp = Duration::from_secs(ramp.as_secs_f64().ceil() as u64);
    let begin = ramp + shape.settle;
    for fault in &mut plan.chaos {
        fault.at += begin;
    }
    plan.duration = begin + shape.hold + Duration::from_secs(1);
    let hold = HoldSpec {
        ramp,
        settle: shape.settle,
        hold: shape.hold,
        // Faults are drawn up before the run, so they cannot wait for a steady state.
        is_fixed: !plan.chaos.is_empty(),
        clients: (shape.vary != Vary::Arrivals).then(|| plan.peak_clients()),
    };
    (plan, hold)
}

/// A plan with so many clients, all at once: what the generator needs for them.
pub(super) fn with_clients(plan: &Plan, clients: u64) -> Plan {
    let mut plan = plan.clone();
    scale_clients(&mut plan, clients);
    plan
}

/// The scenario's own load, of what is varied.
pub(super) fn own_load(plan: &Plan, vary: Vary) -> u64 {
    match vary {
        Vary::Clients => plan.peak_clients(),
        Vary::Arrivals => total_arrivals(plan).round() as u64,
        Vary::Emits => emits_per_s(plan).round() as u64,
    }
}

/// Clients, in proportion; each population arrives at its share of the rate.
fn scale_clients(plan: &mut Plan, clients: u64) {
    let peaks: Vec<u64> = plan
        .populations
        .iter()
        .map(|population| population.load.peak_clients(plan.duration))
        .collect();
    let shares = crate::scenario::share_out(clients, &peaks);
    for (population, count) in plan.populations.iter_mut().zip(shares) {
        population.load = Load::Arrive { count, rate: None };
    }
}

/// Lets all clients arrive at a rate, each population in step with the others.
fn ramp(plan: &mut Plan, per_second: f64) -> Duration {
    let all = plan.peak_clients();
    let ramp = Duration::from_secs_f64(all as f64 / per_second).max(SHORTEST_RAMP);
    for population in &mut plan.populations {
        if let Load::Arrive { count, rate } = &mut population.load {
            *rate = Rate::new(*count as f64, ramp);
        }
    }
    ramp
}

fn scale_arrivals(plan: &mut Plan, per_second: u64) {
    let factor = per_second as f64 / total_arrivals(plan);
    for population in &mut plan.populations {
        if let Load::Open { arrivals, .. } = &mut population.load {
            let scaled = Rate::new(arrivals.per_second() * factor, Duration::from_secs(1));
            *arrivals = scaled.unwrap_or(*arrivals);
        }
    }
}

fn scale_emits(plan: &mut Plan, per_second: u64) {
    let factor = per_second as f64 / emits_per_s(plan);
    for population in &mut plan.populations {
        for emit in &mut population.emits {
            emit.every = emit.every.div_f64(factor).max(Duration::from_micros(1));
        }
    }
}

/// Emits per second of all clients together.
fn emits_per_s(plan: &Plan) -> f64 {
    let of = |population: &crate::scenario::plan::Population| {
        let clients = population.load.peak_clients(plan.duration) as f64;
        let emits = population.emits.iter();
        emits
            .map(|emit| clients * f64::from(emit.burst) / emit.every.as_secs_f64())
            .sum::<f64>()
    };
    plan.populations.iter().map(of).sum()
}

fn total_arrivals(plan: &Plan) -> f64 {
    let rates = plan
        .populations
        .iter()
        .map(|population| match population.load {
            Load::Open { arrivals, .. } => arrivals.per_second(),
            Load::Arrive { .. } | Load::Ramp(_) => 0.0,
        });
    rates.sum()
}

fn longest_stay(plan: &Plan) -> Duration {
    let stays = plan
        .populations
        .iter()
        .map(|population| match population.load {
            Load::Open { stay, .. } => stay,
            Load::Arrive { .. } | Load::Ramp(_) => Duration::ZERO,
        });
    stays.max().unwrap_or_default()
}
