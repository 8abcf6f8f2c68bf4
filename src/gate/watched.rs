use std::collections::BTreeMap;

use crate::results::summary::ThresholdOutcome;
use crate::results::watched::WatchedFigure;
use crate::scenario::threshold::{Aggregate, WatchBound};

/// Judges each bound on a watched server, in the order given.
///
/// What was never read cannot have held: its value is null and the bound crossed.
#[must_use]
pub fn judge_watched(
    bounds: &[WatchBound],
    figures: &BTreeMap<String, WatchedFigure>,
) -> Vec<ThresholdOutcome> {
    let judge = |bound: &WatchBound| {
        let figure = figure(&bound.selector, figures);
        let value = figure.and_then(|figure| match bound.aggregate {
            Aggregate::Min => figure.min,
            Aggregate::Max => figure.max,
            Aggregate::Mean => figure.mean,
            Aggregate::Value => figure.value,
            // Readings are a second apart: nothing stands for those between them.
            Aggregate::P(_) | Aggregate::Median | Aggregate::Count | Aggregate::Rate => None,
        });
        ThresholdOutcome {
            metric: bound.selector.clone(),
            expression: bound.text.clone(),
            value,
            passed: value.is_some_and(|value| bound.operator.holds(value, bound.bound)),
            at_least: false,
            explained_by_lag: false,
        }
    };
    bounds.iter().map(judge).collect()
}

/// A server that is the only one has one series for itself and for all of them.
fn figure<'a>(
    selector: &str,
    figures: &'a BTreeMap<String, WatchedFigure>,
) -> Option<&'a WatchedFigure> {
    let of_all = || figures.get(selector.strip_suffix("{instance=0}")?);
    figures.get(selector).or_else(of_all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::watched::WatchUnit;

    #[test]
    fn a_bound_looks_at_its_figure_and_what_was_not_read_does_not_hold() {
        let figure = WatchedFigure {
            unit: WatchUnit::Cores,
            samples: 9,
            gaps: 1,
            min: Some(0.1),
            mean: Some(0.5),
            max: Some(0.95),
            value: Some(0.6),
            error: None,
        };
        let figures = BTreeMap::from([("server.cpu".to_owned(), figure)]);
        let judged = |selector: &str, text: &str| {
            let bound = WatchBound::parse(selector, text).unwrap();
            let outcome = judge_watched(&[bound], &figures).remove(0);
            (outcome.value, outcome.passed)
        };
        assert_eq!(judged("server.cpu", "max < 90%"), (Some(0.95), false));
        assert_eq!(judged("server.cpu", "avg <= 50%"), (Some(0.5), true));
        let first = judged("server.cpu{instance=0}", "min > 0");
        assert_eq!(first, (Some(0.1), true));
        assert_eq!(judged("server.rss", "max < 1GB"), (None, false));
    }
}
