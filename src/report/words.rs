//! What is said in the same words in every report.

use std::collections::BTreeMap;

use super::number;
use crate::event::Counter;
use crate::results::RESULTS_INCOMPLETE;
use crate::results::summary::{Distribution, ErrorGroup, FaultOutcome, Summary, Verdict, Warning};
use crate::results::watched::WatchUnit;

/// A figure of a watched server, in its unit.
pub(super) fn watched(unit: WatchUnit, value: f64) -> String {
    match unit {
        WatchUnit::Bytes => number::bytes(value.max(0.0) as u64),
        WatchUnit::Cores | WatchUnit::Share => number::percentage(value),
        WatchUnit::Count | WatchUnit::Unknown => number::rate(value),
    }
}

/// A verdict in one word, in capitals.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "PASSED",
        Verdict::Failed => "FAILED",
        Verdict::GeneratorBound => "GENERATOR-BOUND",
        Verdict::Interrupted => "INTERRUPTED",
    }
}

/// Why the verdict is what it is.
pub(super) fn reason(summary: &Summary) -> String {
    match summary.verdict {
        Verdict::Interrupted => {
            format!(
                "ended after {}, before its time; what was measured is here",
                number::seconds(summary.duration_s)
            )
        }
        Verdict::GeneratorBound if summary.thresholds.iter().any(|t| t.explained_by_lag) => {
            "thresholds were crossed only while the generator's own timers were late".to_owned()
        }
        Verdict::GeneratorBound => "the generator, not the server, was the bottleneck".to_owned(),
        Verdict::Failed if summary.counters.get("clients.connected_max") == Some(&0) => {
            "no client ever connected".to_owned()
        }
        Verdict::Failed if summary.thresholds.iter().all(|threshold| threshold.passed) => {
            failed_faults(summary)
        }
        Verdict::Failed | Verdict::Passed => thresholds(summary),
    }
}

/// The clients that were not served as they should have been; nothing if all were.
///
/// A run can hold every threshold without them, and has them at the top all the same.
pub(super) fn unserved(summary: &Summary) -> Option<String> {
    let count = |counter: Counter| summary.counters.get(counter.name()).copied().unwrap_or(0);
    let unserved: Vec<String> = [
        (Counter::ClientsRejected, "rejected by the server"),
        (Counter::ClientsKicked, "kicked by the server"),
        (Counter::ClientsGaveUp, "gave up reconnecting"),
        (Counter::ClientsNeverConnected, "never connected"),
        (Counter::ClientsNeverBack, "never back"),
    ]
    .into_iter()
    .filter(|(counter, _)| count(*counter) > 0)
    .map(|(counter, what)| format!("{} {what}", number::count(count(counter))))
    .collect();
    let started = number::counted(count(Counter::ClientsStarted), "client");
    (!unserved.is_empty()).then(|| format!("of {started}: {}", unserved.join(", ")))
}

/// A percentile as people read it: with `≥` where it is a lower bound.
pub(super) fn percentile(distribution: &Distribution, name: &str, figure: &str) -> String {
    if distribution.is_at_least(name) {
        format!("≥ {figure}")
    } else {
        figure.to_owned()
    }
}

/// The number of completed values, and of those that are known by a lower bound alone.
pub(super) fn count(distribution: &Distribution) -> String {
    let count = number::count(distribution.count);
    match distribution.censored {
        0 => count,
        censored => format!("{count} +{}", number::count(censored)),
    }
}

/// The explanation of `≥` and of the second number of [`count`].
pub(super) const AT_LEAST: &str = "+N: values that are not complete, because they timed out or were \
    still open when their client left. Percentiles take them at their age, and ≥ marks those that \
    would be greater if they were.";

/// Why a run failed that had clients and held its thresholds.
fn failed_faults(summary: &Summary) -> String {
    let is_lost = |warning: &Warning| warning.code == RESULTS_INCOMPLETE;
    if summary.warnings.iter().any(is_lost) {
        return "results could not be written".to_owned();
    }
    let has_died = |warning: &Warning| warning.code == "server_ended";
    match summary.faults.iter().filter(|f| f.failed.is_some()).count() {
        0 if summary.warnings.iter().any(has_died) => {
            "a server of the run died by itself".to_owned()
        }
        0 => "a part of the load was lost with its worker thread".to_owned(),
        1 => "a fault could not be carried out".to_owned(),
        faults => format!("{faults} faults could not be carried out"),
    }
}

fn thresholds(summary: &Summary) -> String {
    let all = summary.thresholds.len();
    let crossed = summary.thresholds.iter().filter(|t| !t.passed).count();
    match (all, crossed) {
        (0, _) => "the run ended in order; it sets no thresholds".to_owned(),
        (1, 0) => "the threshold held".to_owned(),
        (1, _) => "the threshold was crossed".to_owned(),
        (all, 0) => format!("all {all} thresholds held"),
        (all, 1) => format!("1 of {all} thresholds was crossed"),
        (all, crossed) => format!("{crossed} of {all} thresholds were crossed"),
    }
}

/// Counts by name, the most frequent first; without those that are zero.
pub(super) fn by_count(counts: &BTreeMap<String, u64>) -> impl Iterator<Item = (&str, String)> {
    let mut counts: Vec<_> = counts.iter().filter(|(_, count)| **count > 0).collect();
    counts.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    counts
        .into_iter()
        .map(|(name, count)| (name.as_str(), number::count(*count)))
}

/// The victims of a fault that it did not touch, by the reason.
pub(super) fn missed(fault: &FaultOutcome) -> impl Iterator<Item = String> {
    let missed = [
        (fault.not_connected, "not connected at the time"),
        (fault.not_applicable, "left as they were"),
        (fault.refused, "refused by the system"),
    ];
    missed
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("{} {why}", number::count(count)))
}
/// Failures that faults explain: for each fault its number, how many they are, and their causes,
/// most frequent first.
pub(super) fn by_fault(errors: &[&ErrorGroup]) -> Vec<(u32, u64, String)> {
    let mut faults: BTreeMap<u32, BTreeMap<&str, u64>> = BTreeMap::new();
    for error in errors {
        if let Some(fault) = error.fault {
            let causes = faults.entry(fault).or_default();
            *causes.entry(error.cause.as_str()).or_default() += error.count;
        }
    }
    let line = |(fault, causes): (u32, BTreeMap<&str, u64>)| {
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let count = causes.iter().map(|(_, count)| count).sum();
        let words = causes
            .iter()
            .map(|(cause, count)| format!("{cause} {}", number::count(*count)));
        (fault, count, words.collect::<Vec<_>>().join(" · "))
    };
    faults.into_iter().map(line).collect()
}
