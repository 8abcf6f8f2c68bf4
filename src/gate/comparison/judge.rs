use super::aggregate::Aggregate;
use super::interval::{self, Measured};
use super::rows::Row;
use super::sides::Sides;
use crate::event::definition;
use crate::gate::statistics::{Interval, Level};
use crate::results::comparison::{Better, ComparedMetric, Method, MetricVerdict};
use crate::results::recorded::RecordedRun;

/// Measures a row and judges it.
pub(super) fn judge(sides: &Sides<'_>, row: &Row, level: Level, min_effect: f64) -> ComparedMetric {
    let mut measured = interval::measure(sides, row, level);
    open_ends(sides, row, &mut measured);
    let (verdict, note) = if is_redefined(sides, &row.metric) {
        let note = "the two sides' versions of sio-load measure different things by this name";
        (MetricVerdict::NotComparable, Some(note.to_owned()))
    } else {
        verdict(row, &mut measured, min_effect)
    };
    let ratio = measured.base.zip(measured.new);
    let ratio = ratio
        .filter(|(base, _)| *base != 0.0)
        .map(|(base, new)| new / base);
    let bounds = measured.interval.filter(|_| ratio.is_some());
    ComparedMetric {
        metric: row.metric.clone(),
        aggregate: row.aggregate.to_string(),
        unit: unit(sides, row).to_owned(),
        base: measured.base,
        new: measured.new,
        ratio,
        interval: bounds.map(|interval| {
            [interval.low, interval.high].map(|bound| Some(bound).filter(|b| b.is_finite()))
        }),
        verdict,
        deciding: row.deciding,
        better: row.better,
        method: measured.method,
        note: note.or(measured.note).or_else(|| apart(ratio, bounds)),
    }
}

/// Says so where all values together tell another story than the runs one by one.
fn apart(ratio: Option<f64>, bounds: Option<Interval>) -> Option<String> {
    let (ratio, bounds) = (ratio?, bounds?);
    let is_within = (bounds.low..=bounds.high).contains(&ratio);
    (!is_within).then(|| {
        "the runs of a side differ so much that the ratio over all values lies outside the interval \
         for typical runs"
            .to_owned()
    })
}

/// Sorts what a reader should see first to the front: deciding before others, then the worst.
pub(super) fn order(row: &ComparedMetric) -> f64 {
    let class = match row.verdict {
        MetricVerdict::Regression => 0.0,
        MetricVerdict::NotComparable => 1.0,
        MetricVerdict::Inconclusive => 2.0,
        MetricVerdict::None => 3.0,
        MetricVerdict::Improvement => 4.0,
    };
    let worse = row.ratio.map_or(0.0, |ratio| match row.better {
        Better::Lower => ratio.max(1e-9).ln(),
        Better::Higher => -ratio.max(1e-9).ln(),
    });
    let deciding = if row.deciding { 0.0 } else { 1e6 };
    // Within a class by how much worse it got; no ratio comes near the distance of two classes.
    deciding + class * 1e3 - worse.clamp(-400.0, 400.0)
}

fn unit(sides: &Sides<'_>, row: &Row) -> &'static str {
    match row.aggregate {
        Aggregate::Rate => "fraction",
        Aggregate::Count => "count",
        Aggregate::Percentile(_) | Aggregate::Mean | Aggregate::Min | Aggregate::Max => {
            let mut runs = sides.both().into_iter().flat_map(|side| &side.used);
            let distribution = runs.find_map(|run| run.summary.distribution(&row.metric));
            match distribution {
                Some(distribution) if distribution.unit == "count" => "count",
                Some(_) | None => "us",
            }
        }
    }
}

/// Whether the two sides mean different things by a metric's name.
fn is_redefined(sides: &Sides<'_>, metric: &str) -> bool {
    let name = metric.split('{').next().unwrap_or(metric);
    let revision = |run: &&RecordedRun| {
        let recorded = run.summary.definitions.get(name).copied();
        recorded.unwrap_or(definition::FIRST)
    };
    let mut all = sides
        .both()
        .into_iter()
        .flat_map(|side| &side.used)
        .map(revision);
    let first = all.next();
    all.any(|revision| Some(revision) != first)
}

/// A percentile with values still open at the end is a lower bound: the interval gives way there.
fn open_ends(sides: &Sides<'_>, row: &Row, measured: &mut Measured) {
    let Some(interval) = &mut measured.interval else {
        return;
    };
    let name = row.aggregate.to_string().replace('.', "");
    let is_open = |runs: &[&RecordedRun]| {
        runs.iter().any(|run| {
            let distribution = run.summary.distribution(&row.metric);
            distribution.is_some_and(|d| d.at_least.contains(&name))
        })
    };
    let (base, new) = (is_open(&sides.base.used), is_open(&sides.new.used));
    if base {
        interval.low = 0.0;
    }
    if new {
        interval.high = f64::INFINITY;
    }
    if base || new {
        measured.note =
            Some("values were still open at the end: a side is a lower bound".to_owned());
    }
}

fn verdict(row: &Row, measured: &mut Measured, min_effect: f64) -> (MetricVerdict, Option<String>) {
    let (Some(base), Some(new)) = (measured.base, measured.new) else {
        let side = match (measured.base, measured.new) {
            (None, None) => "measured on neither side",
            (None, Some(_)) => "measured on the new side alone",
            (Some(_), None) => "measured on the base side alone",
            (Some(_), Some(_)) => "",
        };
        return (MetricVerdict::Inconclusive, Some(side.to_owned()));
    };
    let is_worse = match row.better {
        Better::Lower => new > base,
        Better::Higher => new < base,
    };
    if base == 0.0 && new == 0.0 {
        measured.interval = None;
        measured.note = None;
        return (MetricVerdict::None, None);
    }
    let counts = matches!(row.aggregate, Aggregate::Rate | Aggregate::Count);
    if counts && row.better == Better::Lower && base == 0.0 {
        measured.method = Method::Count;
        measured.interval = None;
        measured.note = None;
        let never_worse = row.never_worse || row.metric.ends_with("error_rate");
        return match (is_worse, never_worse) {
            (false, _) => (MetricVerdict::None, None),
            (true, true) => (
                MetricVerdict::Regression,
                Some("the base has none at all".to_owned()),
            ),
            (true, false) => (
                MetricVerdict::Inconclusive,
                Some("the base has none: there is no ratio".to_owned()),
            ),
        };
    }
    if counts && !is_worse && (row.never_worse || base == new) {
        measured.note = None;
        return (MetricVerdict::None, None);
    }
    let tolerance = if row.never_worse { 0.0 } else { min_effect };
    let Some(interval) = measured.interval else {
        return (MetricVerdict::Inconclusive, None);
    };
    (within(interval, row.better, tolerance), None)
}

/// Where an interval lies against the tolerance.
///
/// What is certainly not worse than tolerated is no regression, however much better it may be.
fn within(interval: Interval, better: Better, tolerance: f64) -> MetricVerdict {
    let (least, most) = match better {
        Better::Lower => (interval.low, interval.high),
        Better::Higher => (1.0 / interval.high, 1.0 / interval.low),
    };
    let limit = 1.0 + tolerance;
    if least > limit {
        MetricVerdict::Regression
    } else if most < 1.0 / limit {
        MetricVerdict::Improvement
    } else if most <= limit {
        MetricVerdict::None
    } else {
        MetricVerdict::Inconclusive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_judged_by_where_it_lies_against_the_tolerance() {
        for (low, high, expected) in [
            (1.06, 1.2, MetricVerdict::Regression),
            (0.98, 1.04, MetricVerdict::None),
            (0.5, 1.04, MetricVerdict::None),
            (0.98, 1.06, MetricVerdict::Inconclusive),
            (1.04, 1.2, MetricVerdict::Inconclusive),
            (0.5, 0.9, MetricVerdict::Improvement),
            (0.0, f64::INFINITY, MetricVerdict::Inconclusive),
            (1.2, f64::INFINITY, MetricVerdict::Regression),
        ] {
            let interval = Interval { low, high };
            assert_eq!(
                within(interval, Better::Lower, 0.05),
                expected,
                "{interval:?}"
            );
        }
    }

    #[test]
    fn where_more_is_better_the_interval_is_turned_over() {
        let of = |low, high| within(Interval { low, high }, Better::Higher, 0.05);
        assert_eq!(of(0.5, 0.9), MetricVerdict::Regression);
        assert_eq!(of(0.99, 1.5), MetricVerdict::None);
        assert_eq!(of(1.1, 1.5), MetricVerdict::Improvement);
        assert_eq!(of(0.0, f64::INFINITY), MetricVerdict::Inconclusive);
    }
}
