//! What a run's verdict is in words, the same in every report.

use crate::results::summary::{Summary, Verdict};

use super::number;

/// One word, in capitals.
#[must_use]
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "PASSED",
        Verdict::Failed => "FAILED",
        Verdict::GeneratorBound => "GENERATOR-BOUND",
        Verdict::Interrupted => "INTERRUPTED",
    }
}

/// Why the verdict is what it is.
#[must_use]
pub fn reason(summary: &Summary) -> String {
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
