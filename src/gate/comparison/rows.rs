use std::collections::BTreeSet;

use super::aggregate::{Aggregate, Wanted};
use super::error::CompareError;
use super::sides::Sides;
use crate::results::comparison::Better;
use crate::results::recorded::RecordedRun;

/// Deciding times where the scenario bounds nothing.
const USUAL_TIMES: [&str; 5] = [
    "connect.time",
    "reconnect.time",
    "ready.time",
    "ack.time",
    "event.time",
];

/// Counts that must never get worse, by any amount.
const NEVER_WORSE: [&str; 6] = [
    "clients.never_back",
    "clients.never_connected",
    "clients.never_ready",
    "delivery.lost",
    "delivery.duplicated",
    "delivery.reordered",
];

/// Of these more is better; of everything else, less.
const HIGHER_IS_BETTER: [&str; 10] = [
    "acks",
    "clients.connected_max",
    "connects",
    "emits",
    "events",
    "fanout.reach",
    "iterations",
    "reconnects",
    "recovery.rate",
    "upgrades",
];

/// A figure to compare.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// The metric, or a selector.
    pub(super) metric: String,
    pub(super) aggregate: Aggregate,
    pub(super) deciding: bool,
    pub(super) better: Better,
    /// Whether it must not get worse by any amount.
    pub(super) never_worse: bool,
}

/// Every figure that either side has, each once.
pub(super) fn candidates(sides: &Sides<'_>, wanted: &[Wanted]) -> Result<Vec<Row>, CompareError> {
    let known = Known::of(sides);
    let mut rows = known.rows();
    let deciding = if wanted.is_empty() {
        from_thresholds(sides, &known)
    } else {
        Some(asked_for(wanted, sides, &known)?)
    };
    for (metric, aggregate) in deciding.unwrap_or_else(|| known.usual()) {
        let found = rows
            .iter()
            .position(|row| row.metric == metric && row.aggregate == aggregate);
        let place = found.unwrap_or_else(|| {
            rows.push(row(&metric, aggregate));
            rows.len() - 1
        });
        rows[place].deciding = true;
    }
    Ok(rows)
}

fn row(metric: &str, aggregate: Aggregate) -> Row {
    let name = metric.split('{').next().unwrap_or(metric);
    Row {
        metric: metric.to_owned(),
        aggregate,
        deciding: false,
        better: if HIGHER_IS_BETTER.contains(&name) {
            Better::Higher
        } else {
            Better::Lower
        },
        never_worse: NEVER_WORSE.contains(&name),
    }
}

/// The names that any compared run has.
struct Known {
    /// With their unit.
    distributions: BTreeSet<(String, bool)>,
    rates: BTreeSet<String>,
    counters: BTreeSet<String>,
}

impl Known {
    fn of(sides: &Sides<'_>) -> Self {
        let mut known = Self {
            distributions: BTreeSet::new(),
            rates: BTreeSet::new(),
            counters: BTreeSet::new(),
        };
        for run in runs(sides) {
            let summary = &run.summary;
            let distributions = summary.metrics.iter();
            known
                .distributions
                .extend(distributions.map(|(name, values)| (name.clone(), values.unit != "count")));
            // Without a summary the interval log alone tells.
            let is_new = |name: &&String| !summary.metrics.contains_key(*name);
            let logged = run.histograms.keys().filter(is_new);
            known
                .distributions
                .extend(logged.map(|name| (name.clone(), name != "reconnect.attempts")));
            let measured = summary.rates.iter().filter(|(_, rate)| rate.is_some());
            known.rates.extend(measured.map(|(name, _)| name.clone()));
            known.counters.extend(summary.counters.keys().cloned());
        }
        known
    }

    fn rows(&self) -> Vec<Row> {
        let times = self.distributions.iter().flat_map(|(name, is_time)| {
            let usual = usual_aggregates(*is_time).iter();
            usual.map(|aggregate| row(name, *aggregate))
        });
        let rates = self.rates.iter().map(|name| row(name, Aggregate::Rate));
        let counts = NEVER_WORSE
            .iter()
            .filter(|name| self.counters.contains(**name))
            .map(|name| row(name, Aggregate::Count));
        counts.chain(rates).chain(times).collect()
    }

    /// What decides where nothing else says so.
    fn usual(&self) -> Vec<(String, Aggregate)> {
        self.rows()
            .into_iter()
            .filter(|row| {
                row.never_worse
                    || USUAL_TIMES.contains(&row.metric.as_str())
                    || (row.aggregate == Aggregate::Rate && row.metric.ends_with("error_rate"))
            })
            .map(|row| (row.metric, row.aggregate))
            .collect()
    }

    /// The usual aggregates of a name; nothing if no run has it.
    fn aggregates(&self, sides: &Sides<'_>, name: &str) -> Option<Vec<Aggregate>> {
        if self.rates.contains(name) || runs(sides).any(|run| run.summary.rate(name).is_some()) {
            return Some(vec![Aggregate::Rate]);
        }
        if self.counters.contains(name)
            || runs(sides).any(|run| run.summary.counter(name).is_some())
        {
            return Some(vec![Aggregate::Count]);
        }
        let is_time = |is_time| self.distributions.contains(&(name.to_owned(), is_time));
        let selected = runs(sides).find_map(|run| run.summary.distribution(name));
        let is_time = match selected {
            Some(distribution) => distribution.unit != "count",
            None if is_time(true) => true,
            None if is_time(false) => false,
            None => return None,
        };
        Some(usual_aggregates(is_time).to_vec())
    }

    fn names(&self) -> String {
        let distributions = self.distributions.iter().map(|(name, _)| name);
        let names = distributions.chain(&self.rates).chain(&self.counters);
        names.map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// Of a time, or of a number of attempts.
fn usual_aggregates(is_time: bool) -> &'static [Aggregate] {
    if is_time {
        &[Aggregate::Percentile(50.0), Aggregate::Percentile(99.0)]
    } else {
        &[Aggregate::Mean]
    }
}

fn runs<'a>(sides: &'a Sides<'_>) -> impl Iterator<Item = &'a RecordedRun> {
    sides
        .both()
        .into_iter()
        .flat_map(|side| side.used.iter().copied())
}

/// What the scenarios' thresholds bound; nothing if they have none.
fn from_thresholds(sides: &Sides<'_>, known: &Known) -> Option<Vec<(String, Aggregate)>> {
    let mut deciding = Vec::new();
    let mut any = false;
    for threshold in runs(sides).flat_map(|run| &run.summary.thresholds) {
        any = true;
        let name = threshold.metric.as_str();
        let is_distribution = known.distributions.iter().any(|(known, _)| known == name)
            || runs(sides).any(|run| run.summary.distribution(name).is_some());
        let aggregate = Aggregate::of_threshold(&threshold.expression, is_distribution);
        let entry = aggregate.map(|aggregate| (name.to_owned(), aggregate));
        deciding.extend(entry.filter(|entry| !deciding.contains(entry)));
    }
    any.then_some(deciding)
}

fn asked_for(
    wanted: &[Wanted],
    sides: &Sides<'_>,
    known: &Known,
) -> Result<Vec<(String, Aggregate)>, CompareError> {
    let mut deciding = Vec::new();
    for Wanted { metric, aggregate } in wanted {
        let usual = known.aggregates(sides, metric);
        let usual = usual.ok_or_else(|| CompareError::UnknownMetric {
            name: metric.clone(),
            known: known.names(),
        })?;
        let aggregates = aggregate.map_or(usual, |one| vec![one]);
        deciding.extend(aggregates.into_iter().map(|one| (metric.clone(), one)));
    }
    Ok(deciding)
}
