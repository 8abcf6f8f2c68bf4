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
        let Some((clash, why)) = conflict(&first.1, &second.1) else {
            return Ok(());
        };
        match meeting(&first.1, &second.1, clash, end, instances) {
            Some(at) => Err(report(problems, first, second, at, why)),
            None => Ok(()),
        }
    }))
    .map(drop)
}

/// When two faults contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clash {
    /// If they are at work at the same time at all.
    Meeting,
    /// If one of them is there only while the other lasts, which leaves it nothing to do.
    Hiding {
        /// Whether the first leaves the second nothing to do.
        by_first: bool,
        /// Whether the second leaves the first nothing to do.
        by_second: bool,
    },
}

impl Clash {
    fn hiding(by_first: bool, by_second: bool) -> Option<Self> {
        (by_first || by_second).then_some(Self::Hiding {
            by_first,
            by_second,
        })
    }
}

/// How two faults contradict each other and why, if they do.
fn conflict(first: &Fault, second: &Fault) -> Option<(Clash, &'static str)> {
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
            let why = "one cannot act on a server that the other has in hand";
            (share_instance && !restarted).then_some((Clash::Meeting, why))
        }
        (FaultKind::Path(first), FaultKind::Path(second)) if share_population => {
            match (first.toxic, second.toxic) {
                (Toxic::NonSticky, _) | (_, Toxic::NonSticky) => None,
                (Toxic::WebSocketBlocked(first), Toxic::WebSocketBlocked(second)) => {
                    let why = "WebSockets can be blocked in one way at a time";
                    (first != second).then_some((Clash::Meeting, why))
                }
                (first, second) => {
                    let clash = Clash::hiding(first == Toxic::Down, second == Toxic::Down)?;
                    Some((clash, "nothing passes that the other could touch"))
                }
            }
        }
        (FaultKind::Client(_), FaultKind::Client(_)) if share_population => {
            let freezes_all = |fault: &Fault| {
                fault.kind.name() == "freeze" && matches!(fault.clients, Selection::All)
            };
            let clash = Clash::hiding(freezes_all(first), freezes_all(second))?;
            Some((clash, "clients that are frozen do nothing, not even this"))
        }
        _ => None,
    }
}

/// When two faults first contradict each other.
fn meeting(
    first: &Fault,
    second: &Fault,
    clash: Clash,
    end: Duration,
    instances: u16,
) -> Option<Duration> {
    let windows = |fault: &Fault| {
        // What lasts for a moment lasts a millisecond.
        let length = fault.length(end, instances).max(Duration::from_millis(1));
        let times = fault.repeats(end).take(LOOKED_AT as usize);
        times.map(move |at| (at, at + length)).collect::<Vec<_>>()
    };
    let is_within = |inner: (Duration, Duration), outer: (Duration, Duration)| {
        outer.0 <= inner.0 && inner.1 <= outer.1
    };
    let clashes = |one: (Duration, Duration), other: (Duration, Duration)| match clash {
        Clash::Meeting => one.0 < other.1 && other.0 < one.1,
        Clash::Hiding {
            by_first,
            by_second,
        } => (by_first && is_within(other, one)) || (by_second && is_within(one, other)),
    };
    let seconds = windows(second);
    windows(first).into_iter().find_map(|one| {
        let met = seconds.iter().find(|other| clashes(one, **other));
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
