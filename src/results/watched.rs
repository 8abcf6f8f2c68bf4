//! What was read of watched servers: the log of a run, and its figures in the summary.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::{Second, Slope, slope};

/// Resident memory of the run's servers together.
pub const SERVER_RSS: &str = "server.rss";
/// Resident memory for each connected client.
pub const RSS_PER_CLIENT: &str = "server.rss_per_client";
/// The share of the memory added by clients that was released after they had left.
pub const RSS_RETURNED: &str = "server.rss_returned";

/// Less added memory than this says nothing about what is returned.
const LEAST_ADDED_BYTES: f64 = (1 << 20) as f64;

/// Seconds after the last arrival that still count to the ramp: memory follows with a delay.
const SECONDS_AFTER_RAMP: usize = 5;

/// What a watched figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatchUnit {
    /// Bytes.
    Bytes,
    /// CPU cores in use: 1 is a whole core.
    Cores,
    /// A plain number.
    Count,
    /// A fraction.
    Share,
    /// As the exporter has it.
    Unknown,
}

/// The readings of a run, by series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WatchLog {
    series: Vec<WatchSeries>,
}

/// The readings of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchSeries {
    /// As thresholds and timeline.csv name it.
    pub selector: String,
    /// What it counts.
    pub unit: WatchUnit,
    /// Before the load began.
    before: Option<f64>,
    /// By second; the last one of each.
    values: BTreeMap<u32, f64>,
    /// Seconds in which a reading was due and failed.
    gaps: BTreeSet<u32>,
    /// After the last client had left.
    after: Option<f64>,
}

/// A figure that a watched server showed over a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WatchedFigure {
    /// What it counts.
    pub unit: WatchUnit,
    /// Number of readings.
    pub samples: u64,
    /// Readings that failed: a gap is no zero.
    pub gaps: u64,
    /// The least.
    pub min: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
    /// The last one under load; of figures over the whole run, the figure itself.
    pub value: Option<f64>,
    /// Half the width of the 95 % interval of `value`, where it is an estimate.
    pub error: Option<f64>,
}

impl WatchLog {
    /// A log of these series, without readings.
    #[must_use]
    pub fn new(series: impl IntoIterator<Item = (String, WatchUnit)>) -> Self {
        let series = series.into_iter().map(|(selector, unit)| WatchSeries {
            selector,
            unit,
            before: None,
            values: BTreeMap::new(),
            gaps: BTreeSet::new(),
            after: None,
        });
        Self {
            series: series.collect(),
        }
    }

    /// Whether nothing is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The series in the order of timeline.csv.
    #[must_use]
    pub fn series(&self) -> &[WatchSeries] {
        &self.series
    }

    /// Adds a reading of a series; one of before the load has no second.
    pub fn add(&mut self, series: usize, second: Option<u32>, value: Option<f64>) {
        let Some(series) = self.series.get_mut(series) else {
            return;
        };
        match (second, value) {
            (None, value) => series.before = value.or(series.before),
            (Some(second), Some(value)) => {
                series.gaps.remove(&second);
                series.values.insert(second, value);
            }
            (Some(second), None) if !series.values.contains_key(&second) => {
                series.gaps.insert(second);
            }
            (Some(_), None) => {}
        }
    }

    /// Adds a reading of a series from after the last client had left.
    pub fn add_after(&mut self, series: usize, value: Option<f64>) {
        if let Some(series) = self.series.get_mut(series) {
            series.after = value;
        }
    }

    /// The readings of one second, in the order of the series.
    #[must_use]
    pub fn row(&self, second: u32) -> Vec<Option<f64>> {
        let value = |series: &WatchSeries| series.values.get(&second).copied();
        self.series.iter().map(value).collect()
    }

    fn by_name(&self, selector: &str) -> Option<&WatchSeries> {
        self.series
            .iter()
            .find(|series| series.selector == selector)
    }

    /// The readings of a series from one second to before another.
    #[must_use]
    pub fn between(&self, selector: &str, from: u32, until: u32) -> Vec<f64> {
        let series = self.by_name(selector);
        let values = series.map(|series| series.values.range(from..until.max(from)));
        values
            .into_iter()
            .flatten()
            .map(|(_, value)| *value)
            .collect()
    }

    /// Narrows the figures of all series down to the readings of some seconds.
    pub fn narrow(&self, figures: &mut BTreeMap<String, WatchedFigure>, from: u32, until: u32) {
        for series in &self.series {
            let mut part = series.clone();
            part.values
                .retain(|second, _| (from..until).contains(second));
            part.gaps.retain(|second| (from..until).contains(second));
            figures.insert(series.selector.clone(), part.figure());
        }
    }

    /// Memory of the servers before the first client.
    #[must_use]
    pub fn memory_before(&self) -> Option<f64> {
        self.by_name(SERVER_RSS)?.before
    }

    /// The figures of the summary; `seconds` say how many clients were connected.
    #[must_use]
    pub fn figures(&self, seconds: &[Second]) -> BTreeMap<String, WatchedFigure> {
        let own = self.series.iter();
        let mut figures: BTreeMap<_, _> = own
            .map(|series| (series.selector.clone(), series.figure()))
            .collect();
        if let Some(rss) = self.by_name(SERVER_RSS) {
            let per_client = rss.per_client(seconds);
            let figure = derived(
                WatchUnit::Bytes,
                per_client.map(|slope| slope.value),
                per_client.map(|slope| slope.error),
            );
            figures.insert(RSS_PER_CLIENT.to_owned(), figure);
            let returned = derived(WatchUnit::Share, rss.returned(), None);
            figures.insert(RSS_RETURNED.to_owned(), returned);
        }
        figures
    }
}

impl WatchSeries {
    fn figure(&self) -> WatchedFigure {
        let values = || self.values.values().copied();
        let count = self.values.len() as f64;
        let has_any = !self.values.is_empty();
        WatchedFigure {
            unit: self.unit,
            samples: self.values.len() as u64,
            gaps: self.gaps.len() as u64,
            min: values().reduce(f64::min),
            mean: has_any.then(|| values().sum::<f64>() / count),
            max: values().reduce(f64::max),
            value: values().next_back(),
            error: None,
        }
    }

    /// Bytes for each client, over the ramp: from before the first client until a few seconds after
    /// the most of them were there.
    fn per_client(&self, seconds: &[Second]) -> Option<Slope> {
        let most = seconds.iter().map(|second| second.connected).max()?;
        let full = seconds.iter().position(|second| second.connected == most)?;
        let ramp = seconds.iter().take(full + 1 + SECONDS_AFTER_RAMP);
        let mut before = 0;
        let mut points: Vec<(f64, f64)> = self.before.map(|rss| (0.0, rss)).into_iter().collect();
        for second in ramp {
            // Readings are taken in the middle of a second.
            let clients = (before + second.connected) as f64 / 2.0;
            before = second.connected;
            let rss = self.values.get(&second.second);
            points.extend(rss.map(|rss| (clients, *rss)));
        }
        slope(&points)
    }

    /// The share of the memory added by clients that was released after they had left.
    fn returned(&self) -> Option<f64> {
        let (before, after) = (self.before?, self.after?);
        let most = self.values.values().copied().reduce(f64::max)?;
        let added = most - before;
        (added >= LEAST_ADDED_BYTES).then(|| (most - after) / added)
    }
}

fn derived(unit: WatchUnit, value: Option<f64>, error: Option<f64>) -> WatchedFigure {
    WatchedFigure {
        unit,
        samples: u64::from(value.is_some()),
        gaps: 0,
        min: None,
        mean: None,
        max: None,
        value,
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Counters, SecondP99};

    fn seconds(connected: &[u64]) -> Vec<Second> {
        let second = |(number, connected): (usize, &u64)| Second {
            second: number as u32,
            connected: *connected,
            in_flight: 0,
            counters: Counters::default(),
            errors: 0,
            p99_us: SecondP99::default(),
        };
        connected.iter().enumerate().map(second).collect()
    }

    fn log(before: f64, values: &[Option<f64>], after: f64) -> WatchLog {
        let mut log = WatchLog::new([(SERVER_RSS.to_owned(), WatchUnit::Bytes)]);
        log.add(0, None, Some(before));
        for (second, value) in values.iter().enumerate() {
            log.add(0, Some(second as u32), *value);
        }
        log.add_after(0, Some(after));
        log
    }

    #[test]
    fn memory_per_client_is_the_slope_over_the_ramp() {
        let mb = |clients: f64| Some(50e6 + 40_000.0 * clients);
        // Read in the middle of each second, while 100 came in each.
        let values = [50.0, 150.0, 250.0, 300.0, 300.0, 300.0].map(mb);
        let figures = log(50e6, &values, 50e6).figures(&seconds(&[100, 200, 300, 300, 300, 300]));
        let per_client = &figures[RSS_PER_CLIENT];
        assert!(
            (per_client.value.unwrap() - 40_000.0).abs() < 1.0,
            "{per_client:?}"
        );
        assert!(per_client.error.unwrap() < 1.0);
        let returned = &figures[RSS_RETURNED];
        assert!((returned.value.unwrap() - 1.0).abs() < 1e-9, "all of it");
    }

    #[test]
    fn a_server_that_keeps_half_of_the_memory_has_returned_half() {
        let figures = log(10e6, &[Some(10e6), Some(30e6)], 20e6).figures(&seconds(&[0, 100]));
        assert_eq!(figures[RSS_RETURNED].value, Some(0.5));
        let little = log(10e6, &[Some(10.1e6)], 10e6).figures(&seconds(&[1]));
        assert_eq!(little[RSS_RETURNED].value, None, "too little to tell");
    }

    #[test]
    fn a_gap_is_counted_and_is_no_zero() {
        let mut log = log(1.0, &[Some(4.0), None, Some(2.0)], 1.0);
        let figure = &log.figures(&[])[SERVER_RSS];
        assert_eq!((figure.samples, figure.gaps), (2, 1));
        assert_eq!(
            (figure.min, figure.mean, figure.max),
            (Some(2.0), Some(3.0), Some(4.0))
        );
        assert_eq!(log.row(1), [None]);
        log.add(0, Some(1), Some(3.0));
        assert_eq!(log.figures(&[])[SERVER_RSS].gaps, 0, "it came after all");
        assert_eq!(log.between(SERVER_RSS, 1, 3), [3.0, 2.0]);
    }
}
