//! Faults that cannot both be had at the same time.

use std::time::Duration;

use super::World;
use crate::diagnostic::Place;
use crate::fault::Clash;
use crate::scenario::plan::Fault;
use crate::scenario::problem::{Checked, Code, Problems, Reported};
use crate::scenario::reader::all;
use crate::units::{Selection, format_duration};

/// Repeats of one fault that are looked at; the rest repeats the same pattern.
const LOOKED_AT: u32 = 500;

/// Reports every pair of faults that contradict each other while both last.
pub(super) fn check(
    problems: &Problems,
    faults: &[(Place, Fault)],
    world: &World<'_>,
) -> Checked<()> {
    let Some(end) = world.duration else {
        return Ok(());
    };
    let instances = world.server.flatten().map_or(1, |(instances, _)| instances);
    let pairs = faults
        .iter()
        .enumerate()
        .flat_map(|(n, first)| faults[n + 1..].iter().map(move |second| (first, second)));
    all(pairs.map(|(first, second)| {
        let Some(found) = conflict(&first.1, &second.1) else {
            return Ok(());
        };
        match meeting(&first.1, &second.1, found, (end, instances)) {
            Some(at) => Err(report(problems, first, second, at, found.why)),
            None => Ok(()),
        }
    }))
    .map(drop)
}

/// How two faults that are at work at the same time contradict each other and why, if they do.
fn conflict(first: &Fault, second: &Fault) -> Option<Contradiction> {
    let share_population = match (first.population, second.population) {
        (Some(first), Some(second)) => first == second,
        (None, _) | (_, None) => true,
    };
    if !share_population {
        return None;
    }
    let by = |one: &Fault, other: &Fault| {
        let conflict = one.kind.conflict(&other.kind)?;
        let strikes_all = one.clients == Selection::All;
        (conflict.clash != Clash::Hiding || strikes_all).then_some(conflict)
    };
    let (by_first, by_second) = (by(first, second), by(second, first));
    let why = by_first.or(by_second)?.why;
    Some(Contradiction {
        by_first: by_first.map(|conflict| conflict.clash),
        by_second: by_second.map(|conflict| conflict.clash),
        why,
    })
}

/// Two faults that contradict each other at certain times.
#[derive(Debug, Clone, Copy)]
struct Contradiction {
    by_first: Option<Clash>,
    by_second: Option<Clash>,
    why: &'static str,
}

/// The time in which a fault is at work: from its beginning to its end.
type Window = (Duration, Duration);

/// Whether a fault clashes with another one, given when both are at work.
fn clashes(clash: Clash, own: Window, other: Window) -> bool {
    match clash {
        Clash::Meeting => own.0 < other.1 && other.0 < own.1,
        Clash::Beginning => other.0 <= own.0 && own.0 < other.1,
        Clash::Hiding => own.0 <= other.0 && other.1 <= own.1,
    }
}

/// When two faults first contradict each other.
fn meeting(
    first: &Fault,
    second: &Fault,
    found: Contradiction,
    (end, instances): (Duration, u16),
) -> Option<Duration> {
    let windows = |fault: &Fault| -> Vec<Window> {
        // What is over at once counts as a millisecond.
        let length = fault.length(end, instances).max(Duration::from_millis(1));
        let times = fault.repeats(end).take(LOOKED_AT as usize);
        times.map(|at| (at, at + length)).collect()
    };
    let meet = |one: Window, other: Window| {
        let by_first = found.by_first.map(|clash| clashes(clash, one, other));
        let by_second = found.by_second.map(|clash| clashes(clash, other, one));
        by_first == Some(true) || by_second == Some(true)
    };
    let seconds = windows(second);
    windows(first).into_iter().find_map(|one| {
        let met = seconds.iter().find(|other| meet(one, **other));
        met.map(|other| one.0.max(other.0))
    })
}

fn report(
    problems: &Problems,
    first: &(Place, Fault),
    second: &(Place, Fault),
    at: Duration,
    why: &str,
) -> Reported {
    let (one, other) = (first.1.kind.name(), second.1.kind.name());
    let message = format!("{other} and {one} contradict each other");
    problems.report(Code::Contradiction, second.0, message, |d| {
        d.label(format!(
            "both are at work {} into the run",
            format_duration(at)
        ))
        .key("chaos")
        .related(first.0, format!("while this {one} lasts"))
        .help(format!("let one be over before the other begins: {why}"))
    })
}
