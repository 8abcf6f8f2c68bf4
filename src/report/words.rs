//! What is said in the same words in every report.

use std::collections::BTreeMap;

use super::number;
use crate::results::summary::{FaultOutcome, Summary, Verdict};

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

/// Why a run failed that had clients and held its thresholds.
fn failed_faults(summary: &Summary) -> String {
    match summary.faults.iter().filter(|f| f.failed.is_some()).count() {
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
