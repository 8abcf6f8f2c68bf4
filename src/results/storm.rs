//! The reconnect storm after a fault: who came back, in which waves, against what.

use std::collections::BTreeMap;
use std::time::Duration;

use super::aftermath::{self, Herd, Times};
use super::facts::{FaultFacts, RunFacts};
use super::summary::{DelayStripe, Storm};
use crate::event::Counter;
use crate::metrics::{Failures, FaultTally, Second, Stripe, Totals};

/// The storm after a fault; nothing if it cut off nobody.
pub(super) fn storm(fault: &FaultFacts, run: &RunFacts, totals: &Totals) -> Option<Storm> {
    let tally = totals.fault(fault.id)?;
    let struck = fault.applied?;
    let herd = tally.herd();
    if herd == 0 {
        return None;
    }
    let until = end(tally).unwrap_or(run.duration);
    let times = times(fault, struck, tally, run, totals);
    let out = tally.affected.saturating_sub(tally.restored);
    let sides = aftermath::compare(totals.series(), times, Herd { size: herd, out });
    let peak = peak(totals.series(), struck, until);
    Some(Storm {
        herd,
        duration_s: until.saturating_sub(struck).as_secs_f64(),
        peak_handshakes_per_s: peak.map_or(0, |(_, handshakes)| handshakes),
        peak_at_s: peak.map(|(second, _)| f64::from(second)),
        first_delays: tally
            .first_delays
            .apart()
            .iter()
            .filter_map(stripe)
            .collect(),
        failed_attempts: tally.failed_opens,
        failed_attempts_during_fault: tally.failed_while_it_lasted,
        failures: by_cause(&tally.failures),
        handshakes_per_s: sides.handshakes,
        errors_per_s: sides.errors,
        aftermath: sides.aftermath,
    })
}

/// When the last of the affected was well again; nothing if one never was.
pub(super) fn end(tally: &FaultTally) -> Option<Duration> {
    (tally.restored >= tally.affected)
        .then_some(tally.last_restored)
        .flatten()
}

fn times(
    fault: &FaultFacts,
    struck: Duration,
    tally: &FaultTally,
    run: &RunFacts,
    totals: &Totals,
) -> Times {
    // Faults that cut off nobody disturb nothing, however long they last.
    let storms = run.faults.iter().filter(|other| other.id != fault.id);
    let storms = storms.filter_map(|other| {
        let tally = totals.fault(other.id).filter(|tally| tally.herd() > 0)?;
        Some((other, other.applied?, tally))
    });
    let mut quiet_from = Duration::ZERO;
    let mut quiet_until = run.duration;
    for (other, applied, tally) in storms {
        if applied > struck {
            quiet_until = quiet_until.min(applied);
        } else {
            let over = settled(other, applied, tally).unwrap_or(run.duration);
            quiet_from = quiet_from.max(over);
        }
    }
    Times {
        quiet_from,
        struck,
        over: over(fault, struck),
        last_back: tally.last_restored,
        quiet_until,
    }
}

/// When a fault was over and all that came back were back; nothing if it never was over.
fn settled(fault: &FaultFacts, struck: Duration, tally: &FaultTally) -> Option<Duration> {
    let over = over(fault, struck)?;
    Some(over.max(tally.last_restored.unwrap_or_default()))
}

/// When a fault was over at all its victims; nothing if it never was.
fn over(fault: &FaultFacts, struck: Duration) -> Option<Duration> {
    Some(fault.ended?.max(struck + fault.spread))
}

/// The second with the most handshakes, of those that a storm touches.
fn peak(series: &[Second], struck: Duration, until: Duration) -> Option<(u32, u64)> {
    let touched = struck.as_secs()..=until.as_secs();
    let seconds = series
        .iter()
        .filter(|row| touched.contains(&u64::from(row.second)));
    let handshakes =
        seconds.map(|row| (row.second, row.counters.value(Counter::HandshakeAttempts)));
    // The first of several that are as great.
    handshakes.reduce(|most, next| if next.1 > most.1 { next } else { most })
}

fn stripe(stripe: &Stripe) -> Option<DelayStripe> {
    let (from_ms, to_ms) = stripe.range_ms?;
    Some(DelayStripe {
        from_ms,
        to_ms,
        clients: stripe.count,
    })
}

fn by_cause(failures: &Failures) -> BTreeMap<String, u64> {
    let mut causes = BTreeMap::new();
    for (kind, count, _) in failures.iter() {
        *causes.entry(kind.cause.name().to_owned()).or_default() += count;
    }
    causes
}
