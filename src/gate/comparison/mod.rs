//! Whether something got worse, from runs of a base and runs of something new.
//!
//! Recorded runs of both sides come in, a [`Comparison`] with a verdict for each metric and one for
//! all goes out. The run is the sample: values within a run depend on each other. Nothing here reads
//! a file or draws.

mod aggregate;
mod differences;
mod error;
mod errors;
mod interval;
mod judge;
mod rows;
mod sides;
#[cfg(test)]
mod tests;

pub use self::aggregate::{Aggregate, Wanted};
pub use self::error::CompareError;
use self::rows::Row;
use self::sides::Sides;
use super::exit_code;
use super::statistics::Level;
use crate::results::comparison::{
    ComparedMetric, Comparison, ComparisonVerdict, DifferenceKind, MetricVerdict, SCHEMA,
};
use crate::results::recorded::RecordedRun;

/// How a comparison judges.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Smallest relative change that counts. 5 % by default.
    pub min_effect: f64,
    /// Probability that any deciding interval misses the true ratio. 5 % by default.
    pub alpha: f64,
    /// The deciding metrics; those with thresholds, or else the usual ones, if empty.
    pub metrics: Vec<Wanted>,
    /// Whether an inconclusive comparison exits with 0.
    pub inconclusive_passes: bool,
    /// How often the comparison may be judged before it is final: each look takes its share of
    /// `alpha`, so that stopping early costs nothing in trust. 1 by default.
    pub looks: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            min_effect: 0.05,
            alpha: 0.05,
            metrics: Vec::new(),
            inconclusive_passes: false,
            looks: 1,
        }
    }
}

/// Compares two sides, each of at least one run.
///
/// `history` are earlier runs of the same kind: where each side is a single run, their spread from
/// run to run says what a difference is worth.
///
/// # Errors
/// If a metric that was asked for is in no run.
pub fn compare(
    base: &[RecordedRun],
    new: &[RecordedRun],
    history: &[RecordedRun],
    options: &Options,
) -> Result<Comparison, CompareError> {
    let sides = Sides::new(base, new, history);
    let candidates = rows::candidates(&sides, &options.metrics)?;
    let intervals = candidates
        .iter()
        .filter(|row| row.deciding && interval::is_needed(&sides, row))
        .count();
    let level = Level::corrected(options.alpha / options.looks.max(1) as f64, intervals);
    let mut metrics: Vec<_> = candidates
        .iter()
        .map(|row: &Row| judge::judge(&sides, row, level, options.min_effect))
        .collect();
    metrics.sort_by(|a, b| judge::order(a).total_cmp(&judge::order(b)));
    let differences = differences::all(&sides);
    let (verdict, reason) = verdict(&sides, &metrics);
    let mut warnings = sides.warnings();
    warnings.extend(differences::warning(&differences));
    Ok(Comparison {
        schema: SCHEMA.to_owned(),
        scenario: sides.scenario(),
        verdict,
        exit_code: exit_code(verdict, options),
        reason,
        min_effect: options.min_effect,
        alpha: options.alpha,
        confidence: level.confidence(),
        base: sides.base.described(),
        new: sides.new.described(),
        differences,
        metrics,
        errors: errors::compared(&sides),
        warnings,
    })
}

/// Whether the scenarios of the two sides differ, which `--strict` refuses.
#[must_use]
pub fn scenarios_differ(comparison: &Comparison) -> bool {
    let mut differences = comparison.differences.iter();
    differences.any(|difference| difference.kind == DifferenceKind::Scenario)
}

fn verdict(sides: &Sides<'_>, metrics: &[ComparedMetric]) -> (ComparisonVerdict, String) {
    if let Some(reason) = sides.generator_bound() {
        return (ComparisonVerdict::GeneratorBound, reason);
    }
    let named = |verdicts: &[MetricVerdict]| {
        let found = metrics
            .iter()
            .filter(|row| row.deciding && verdicts.contains(&row.verdict));
        let names: Vec<String> = found
            .map(|row| format!("{} {}", row.metric, row.aggregate))
            .collect();
        names
    };
    let worse = named(&[MetricVerdict::Regression]);
    if !worse.is_empty() {
        let reason = format!("worse: {}", listed(&worse));
        return (ComparisonVerdict::Regression, reason);
    }
    let unknown = named(&[MetricVerdict::Inconclusive, MetricVerdict::NotComparable]);
    if !unknown.is_empty() {
        let reason = format!("cannot tell: {}", listed(&unknown));
        return (ComparisonVerdict::Inconclusive, reason);
    }
    let deciding = metrics.iter().filter(|row| row.deciding).count();
    if deciding == 0 {
        let reason = "no deciding metric was measured on either side".to_owned();
        return (ComparisonVerdict::Inconclusive, reason);
    }
    let reason = format!("none of {deciding} deciding figures got worse");
    (ComparisonVerdict::NoRegression, reason)
}

/// The first few, and how many more.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn exit_code(verdict: ComparisonVerdict, options: &Options) -> u8 {
    match verdict {
        ComparisonVerdict::NoRegression => exit_code::SUCCESS,
        ComparisonVerdict::Regression => exit_code::REGRESSION,
        ComparisonVerdict::Inconclusive if options.inconclusive_passes => exit_code::SUCCESS,
        ComparisonVerdict::Inconclusive => exit_code::INCONCLUSIVE,
        ComparisonVerdict::GeneratorBound => exit_code::GENERATOR_BOUND,
    }
}
