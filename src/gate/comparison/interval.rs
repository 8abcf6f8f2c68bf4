use super::aggregate::Aggregate;
use super::rows::Row;
use super::sides::Sides;
use crate::gate::statistics::{
    Interval, Level, Means, PercentileEstimate, independent_blocks, percentile_of, ratio_of_means,
};
use crate::metrics::Histogram;
use crate::results::comparison::Method;
use crate::results::recorded::RecordedRun;

/// Of the seconds between the first value of a metric and the last, so many have to have one: else it
/// happens now and then, and blocks of time say nothing about it.
const STEADY_SHARE: f64 = 0.9;

/// What the two sides measured of a row, and how sure their ratio is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    pub(super) base: Option<f64>,
    pub(super) new: Option<f64>,
    pub(super) interval: Option<Interval>,
    pub(super) method: Method,
    pub(super) note: Option<String>,
}

impl Measured {
    fn without_interval(base: Option<f64>, new: Option<f64>) -> Self {
        Self {
            base,
            new,
            interval: None,
            method: Method::Nothing,
            note: None,
        }
    }
}

/// Whether a row's verdict rests on an interval, of which there must not be too many.
pub(super) fn is_needed(sides: &Sides<'_>, row: &Row) -> bool {
    match row.aggregate {
        Aggregate::Percentile(_) | Aggregate::Mean | Aggregate::Min | Aggregate::Max => true,
        // Where the base has none, no interval is needed to see that there are some now.
        Aggregate::Rate | Aggregate::Count => numbers(&sides.base.used, row)
            .iter()
            .any(|number| *number > 0.0),
    }
}

/// Measures a row on both sides.
pub(super) fn measure(sides: &Sides<'_>, row: &Row, level: Level) -> Measured {
    if let Aggregate::Percentile(percentile) = row.aggregate
        && let Some(measured) = merged_percentile(sides, row, percentile, level)
    {
        return measured;
    }
    means(sides, row, level)
}

/// From the merged histograms of each side; nothing if a run does not keep the metric's.
fn merged_percentile(
    sides: &Sides<'_>,
    row: &Row,
    percentile: f64,
    level: Level,
) -> Option<Measured> {
    let name = row.metric.as_str();
    let base = percentile_of(&histograms(&sides.base.used, name)?, percentile);
    let new = percentile_of(&histograms(&sides.new.used, name)?, percentile);
    let (Some(base), Some(new)) = (base, new) else {
        let value = |side: Option<PercentileEstimate>| side.map(|side| side.value);
        return Some(Measured::without_interval(value(base), value(new)));
    };
    let mut measured = Measured {
        base: Some(base.value),
        new: Some(new.value),
        interval: None,
        method: Method::Runs,
        note: None,
    };
    if !sides.is_one_to_one() {
        measured.interval = Some(PercentileEstimate::ratio(base, new, None, level));
        return Some(measured);
    }
    let earlier = histograms(&sides.history, name)
        .filter(|earlier| earlier.len() > 1)
        .and_then(|earlier| percentile_of(&earlier, percentile));
    if earlier.is_some() {
        measured.interval = Some(PercentileEstimate::ratio(base, new, earlier, level));
        return Some(measured);
    }
    let blocks = |side: &[&RecordedRun]| {
        let seconds = steady_seconds(side.first()?, name)?;
        independent_blocks(&seconds, percentile)
    };
    let of_blocks = |blocks: &[Histogram]| percentile_of(&Vec::from_iter(blocks), percentile);
    if let (Some(a), Some(b)) = (blocks(&sides.base.used), blocks(&sides.new.used))
        && let (Some(a), Some(b)) = (of_blocks(&a), of_blocks(&b))
    {
        measured.interval = Some(PercentileEstimate::ratio(a, b, None, level));
        measured.method = Method::Blocks;
        measured.note = Some(
            "one run on each side: the interval holds what changes within a run, not from run to \
             run"
            .to_owned(),
        );
    } else {
        measured.method = Method::Nothing;
        measured.note = Some(one_run_note());
    }
    Some(measured)
}

fn one_run_note() -> String {
    "one run on each side, and it happens once in a run: more runs, or --history, would tell"
        .to_owned()
}

/// Of every run that has values of the metric; nothing if one of them keeps no histogram of it.
fn histograms<'a>(runs: &[&'a RecordedRun], name: &str) -> Option<Vec<&'a Histogram>> {
    let mut found = Vec::new();
    for run in runs {
        match run.histograms.get(name) {
            Some(tagged) => found.push(&tagged.whole),
            None if run.summary.distribution(name).is_some() => return None,
            None => {}
        }
    }
    Some(found)
}

/// The seconds of a metric that goes on all the time, without the first and the last, which are not
/// whole; nothing for one that happens now and then, and in runs with faults.
fn steady_seconds(run: &RecordedRun, name: &str) -> Option<Vec<Histogram>> {
    let seconds = &run.histograms.get(name)?.seconds;
    let (first, last) = (seconds.first()?.0, seconds.last()?.0);
    let span = (last - first + 1) as f64;
    let lasts = span >= run.summary.duration_s * STEADY_SHARE / 2.0;
    let is_steady = seconds.len() as f64 >= span * STEADY_SHARE;
    if !run.summary.faults.is_empty() || !lasts || !is_steady || seconds.len() < 3 {
        return None;
    }
    let whole = &seconds[1..seconds.len() - 1];
    Some(
        whole
            .iter()
            .map(|(_, histogram)| histogram.clone())
            .collect(),
    )
}

/// From one number for each run.
fn means(sides: &Sides<'_>, row: &Row, level: Level) -> Measured {
    let (of_base, of_new) = (
        numbers(&sides.base.used, row),
        numbers(&sides.new.used, row),
    );
    let shown = |runs: &[&RecordedRun], means: Option<Means>| {
        pooled_rate(runs, row).or_else(|| means.map(|means| means.mean))
    };
    let (base, new) = (Means::of(&of_base), Means::of(&of_new));
    let mut measured =
        Measured::without_interval(shown(&sides.base.used, base), shown(&sides.new.used, new));
    let (Some(base), Some(new)) = (base, new) else {
        return measured;
    };
    let earlier = sides
        .is_one_to_one()
        .then(|| Means::of(&numbers(&sides.history, row)))
        .flatten();
    let interval = ratio_of_means(base, new, earlier, level);
    measured.method = Method::Runs;
    if interval == Interval::UNBOUNDED && sides.is_one_to_one() {
        measured.method = Method::Nothing;
        measured.note = Some(one_run_note());
    } else {
        measured.interval = Some(interval);
    }
    if matches!(row.aggregate, Aggregate::Percentile(_)) {
        let note = "no histograms of it are stored: the mean of the runs' own percentiles";
        measured.note.get_or_insert_with(|| note.to_owned());
    }
    measured
}

/// The row's number in each run that has it.
pub(super) fn numbers(runs: &[&RecordedRun], row: &Row) -> Vec<f64> {
    let number = |run: &&RecordedRun| {
        let summary = &run.summary;
        match row.aggregate {
            Aggregate::Rate => summary.rate(&row.metric),
            // Clients that were to come back later count as lost in a run that was cut off.
            Aggregate::Count if run.is_partial() => None,
            Aggregate::Count => summary.counter(&row.metric).map(|count| count as f64),
            Aggregate::Percentile(percentile) => {
                summary.distribution(&row.metric)?.percentile(percentile)
            }
            Aggregate::Mean => Some(summary.distribution(&row.metric)?.mean),
            Aggregate::Min => summary.distribution(&row.metric)?.min,
            Aggregate::Max => summary.distribution(&row.metric)?.max,
        }
    };
    runs.iter().filter_map(number).collect()
}

/// Of all runs together, where both counts behind the rate are stored.
fn pooled_rate(runs: &[&RecordedRun], row: &Row) -> Option<f64> {
    if row.aggregate != Aggregate::Rate {
        return None;
    }
    let (stem, _) = row.metric.split_once("error_rate")?;
    let sum = |name: &str| {
        let counts = runs
            .iter()
            .map(|run| run.summary.counter(&format!("{stem}{name}")));
        counts.sum::<Option<u64>>()
    };
    let (errors, attempts) = (sum("errors")?, sum("attempts")?);
    (attempts > 0).then(|| errors as f64 / attempts as f64)
}
