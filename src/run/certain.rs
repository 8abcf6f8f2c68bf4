//! Thresholds that nothing can save any more.

use super::hold::Hold;
use crate::event::HistogramMetric;
use crate::metrics::Totals;
use crate::results::summary::Summary;
use crate::scenario::threshold::{Aggregate, Metric, Operator, Threshold};

/// Values beyond a percentile's bound, over those that would cross it, for which the rest of a hold
/// is given up: the number of values that are still to come is an estimate.
const MARGIN: f64 = 1.5;

/// Fewer values beyond a bound than this are no reason to give up.
const FEWEST_BEYOND: u64 = 10;

/// The first threshold that is certain to be crossed at the end of the hold, and why.
///
/// - A count that may not exceed its bound, and did: counts never fall.
/// - The greatest of some times, if one of them was beyond its bound.
/// - A percentile, if more times were beyond its bound than the whole hold may have, at the rate at
///   which they have come so far and half as many again.
pub(super) fn to_fail(thresholds: &[Threshold], judged: &Summary, hold: &Hold) -> Option<String> {
    let crossed = thresholds.iter().zip(&judged.thresholds);
    crossed
        .filter(|(_, outcome)| !outcome.passed)
        .find(|(threshold, outcome)| {
            outcome
                .value
                .is_some_and(|value| is_certain(threshold, value, hold.share(), hold.window()))
        })
        .map(|(_, outcome)| {
            format!(
                "{}: {} was certain to be crossed",
                outcome.metric, outcome.expression
            )
        })
}

fn is_certain(threshold: &Threshold, value: f64, share: Option<f64>, window: &Totals) -> bool {
    let is_beyond = match threshold.operator {
        Operator::Less | Operator::LessOrEqual => true,
        Operator::Equal => value > threshold.bound,
        Operator::Greater | Operator::GreaterOrEqual | Operator::NotEqual => false,
    };
    if !is_beyond {
        return false;
    }
    match (threshold.metric, threshold.aggregate) {
        (Metric::Counter(_), _) | (Metric::Time(_), Aggregate::Max | Aggregate::Count) => true,
        (Metric::Time(metric), Aggregate::P(percentile)) => {
            share.is_some_and(|share| exceeds(threshold, metric, percentile, share, window))
        }
        (Metric::Time(metric), Aggregate::Median) => {
            share.is_some_and(|share| exceeds(threshold, metric, 50.0, share, window))
        }
        (
            Metric::Time(_),
            Aggregate::Min | Aggregate::Mean | Aggregate::Rate | Aggregate::Value,
        )
        | (Metric::Rate(_), _) => false,
    }
}

fn exceeds(
    threshold: &Threshold,
    metric: HistogramMetric,
    percentile: f64,
    share: f64,
    window: &Totals,
) -> bool {
    // A share of a metric waits for the end of the hold.
    if threshold.label.is_some() {
        return false;
    }
    let Some(sample) = window.sample_of(metric, None, threshold.population) else {
        return false;
    };
    let all = sample.all();
    let hdr = all.hdr();
    let beyond = hdr.len() - hdr.count_between(0, threshold.bound.max(0.0) as u64);
    let may_be = (1.0 - percentile / 100.0) * hdr.len() as f64 / share;
    beyond >= FEWEST_BEYOND && beyond as f64 > MARGIN * may_be
}
