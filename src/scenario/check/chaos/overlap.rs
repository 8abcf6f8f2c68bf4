//! Faults that cannot both be had at the same time.

use std::time::Duration;

use super::World;
use crate::diagnostic::Place;
use crate::scenario::plan::{Fault, FaultKind, ServerFault, Toxic};
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
        let Some(why) = conflict(&first.1, &second.1) else {
            return Ok(());
        };
        match meeting(&first.1, &second.1, end, instances) {
            Some(at) => Err(report(problems, first, second, at, why)),
            None => Ok(()),
        }
    }))
    .map(drop)
}

/// Why two faults cannot be had at once, if they cannot.
fn conflict(first: &Fault, second: &Fault) -> Option<&'static str> {
    let share_population = match (first.population, second.population) {
        (Some(first), Some(second)) => first == second,
        (None, _) | (_, None) => true,
    };
    match (&first.kind, &second.kind) {
        (FaultKind::Server(first), FaultKind::Server(second)) => {
            let share_instance = match (first.instance(), second.instance()) {
                (Some(first), Some(second)) => first == second,
                (None, _) | (_, None) => true,
            };
            let restarted = matches!(first, ServerFault::Kill { .. })
                && matches!(second, ServerFault::Restart { .. });
            (share_instance && !restarted)
                .then_some("one cannot act on a server that the other has in hand")
        }
        (FaultKind::Path(first), FaultKind::Path(second)) if share_population => {
            match (first.toxic, second.toxic) {
                (Toxic::NonSticky, _) | (_, Toxic::NonSticky) => None,
                (Toxic::Down, _) | (_, Toxic::Down) => {
                    Some("nothing passes that the other could touch")
                }
                (Toxic::WebSocketBlocked(first), Toxic::WebSocketBlocked(second)) => {
                    (first != second).then_some("WebSockets can be blocked in one way at a time")
                }
                _ => None,
            }
        }
        (FaultKind::Client(_), FaultKind::Client(_)) if share_population => {
            let freezes_all = |fault: &Fault| {
                fault.kind.name() == "freeze" && matches!(fault.clients, Selection::All)
            };
            (freezes_all(first) || freezes_all(second))
                .then_some("clients that are frozen do nothing, not even this")
        }
        _ => None,
    }
}

/// When two faults are first there at the same time.
fn meeting(first: &Fault, second: &Fault, end: Duration, instances: u16) -> Option<Duration> {
    let windows = |fault: &Fault| {
        // What lasts for a moment lasts a millisecond.
        let length = fault.length(end, instances).max(Duration::from_millis(1));
        let times = fault.repeats(end).take(LOOKED_AT as usize);
        times.map(move |at| (at, at + length)).collect::<Vec<_>>()
    };
    let seconds = windows(second);
    windows(first).into_iter().find_map(|(begin, over)| {
        let met = seconds
            .iter()
            .find(|(other, other_over)| begin < *other_over && *other < over);
        met.map(|(other, _)| begin.max(*other))
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
