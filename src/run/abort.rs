//! Thresholds that end a run early.

use std::time::Duration;

use super::conductor::Conductor;
use crate::gate::exit_code;
use crate::results::summarise;
use crate::results::summary::{Summary, Verdict};

/// How often they are checked.
const EVERY: Duration = Duration::from_secs(1);

/// When the thresholds were checked last.
#[derive(Debug, Default)]
pub(super) struct AbortWatch {
    checked: Duration,
}

/// A threshold that has ended the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Abort {
    /// From the start of the run.
    pub(super) at: Duration,
    /// `handshake.error_rate rate < 60%`.
    by: String,
}

impl Conductor {
    /// Checks the thresholds that may end the run, if a second has passed; the crossed one, if
    /// there is one. A metric without a value crosses nothing yet.
    pub(super) fn crossed(&mut self, watch: &mut AbortWatch) -> Option<Abort> {
        let at = self.elapsed();
        if at < watch.checked + EVERY {
            return None;
        }
        watch.checked = at;
        let thresholds = &self.plan.thresholds;
        let is_due = |after: Option<Duration>| after.is_some_and(|after| after <= at);
        if !thresholds.iter().any(|one| is_due(one.abort_after)) {
            return None;
        }
        let facts = self.facts.at(at, self.watch.log());
        let mut summary = summarise(facts, &self.totals);
        summary.thresholds = self.thresholds(&summary, &self.totals);
        let mut judged = thresholds.iter().zip(&summary.thresholds);
        let (_, crossed) = judged.find(|(threshold, outcome)| {
            is_due(threshold.abort_after) && !outcome.passed && outcome.value.is_some()
        })?;
        let by = format!("{} {}", crossed.metric, crossed.expression);
        self.progress
            .notice(at, &format!("aborted: {by} does not hold; clients leave"));
        Some(Abort { at, by })
    }
}

/// Says what has ended the run; a run that was aborted has not passed, whatever held at its end.
pub(super) fn conclude(summary: &mut Summary, abort: Option<&Abort>) {
    let Some(abort) = abort else { return };
    summary.aborted_by = Some(abort.by.clone());
    if summary.exit_code == exit_code::SUCCESS {
        summary.verdict = Verdict::Failed;
        summary.exit_code = exit_code::THRESHOLDS_CROSSED;
    }
}
