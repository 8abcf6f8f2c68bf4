use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::failures::Failures;
use super::sample::Sample;
use crate::event::{Counter, DisconnectReason, HistogramMetric, LabelId};

/// What clients of one population did and met.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Counts.
    pub counters: Counters,
    /// Distributions.
    pub histograms: Histograms,
    /// Counts and distributions of single events and steps.
    #[serde(default, skip_serializing_if = "ByLabel::is_empty")]
    pub labelled: ByLabel,
    /// Failures by kind.
    pub failures: Failures,
    /// Disconnects, by the reason's place in [`DisconnectReason::ALL`].
    pub disconnects: [u64; DisconnectReason::ALL.len()],
    /// Reconnections to servers that had offered recovery.
    pub recovery_offered: u64,
    /// Those of them whose session was recovered.
    pub recovered: u64,
    /// What each `[[clients.listen]]` table counted, by its place.
    pub listens: Vec<u64>,
    /// Clients connected minus clients lost, in each tenth of the second.
    pub connected_change: [i64; 10],
    /// The most clients of one worker that were connected at once.
    pub connected_peak: u64,
    /// Handshakes begun minus handshakes ended.
    pub in_flight_change: i64,
}

impl Tally {
    /// Adds all of another one's.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            counters,
            histograms,
            labelled,
            failures,
            disconnects,
            recovery_offered,
            recovered,
            listens,
            connected_change,
            connected_peak,
            in_flight_change,
        } = other;
        self.counters.merge(counters);
        self.histograms.merge(histograms);
        self.labelled.merge(labelled);
        self.failures.merge(failures);
        add(&mut self.disconnects, disconnects);
        self.recovery_offered += recovery_offered;
        self.recovered += recovered;
        if self.listens.len() < listens.len() {
            self.listens.resize(listens.len(), 0);
        }
        add(&mut self.listens, listens);
        for (ours, theirs) in self.connected_change.iter_mut().zip(connected_change) {
            *ours += theirs;
        }
        self.connected_peak = self.connected_peak.max(*connected_peak);
        self.in_flight_change += in_flight_change;
    }

    pub(super) fn listened(&mut self, table: u16) {
        let table = usize::from(table);
        if self.listens.len() <= table {
            self.listens.resize(table + 1, 0);
        }
        self.listens[table] += 1;
    }

    /// Adds a time; what lies out of range is recorded at the limit, and counted.
    pub(super) fn record(&mut self, metric: HistogramMetric, took: Duration) {
        if self.histograms.record(metric, micros(took)) {
            self.counters.add(Counter::OutOfRange, 1);
        }
    }

    /// Adds a time of which only the age is known that it had reached.
    pub(super) fn censor(&mut self, metric: HistogramMetric, age: Duration) {
        if self.histograms.record_censored(metric, micros(age)) {
            self.counters.add(Counter::OutOfRange, 1);
        }
    }

    /// Adds the age of what was not completed to a metric and to that of one label.
    pub(super) fn censor_split(&mut self, metric: HistogramMetric, label: LabelId, age: Duration) {
        self.censor(metric, age);
        let labelled = self.labelled.of(label);
        labelled.histograms.record_censored(metric, micros(age));
    }

    /// Adds a time to a metric and to that of one label.
    pub(super) fn record_split(&mut self, metric: HistogramMetric, label: LabelId, took: Duration) {
        self.record(metric, took);
        let labelled = self.labelled.of(label);
        labelled.histograms.record(metric, micros(took));
    }

    /// Adds one to a counter and to that of one label.
    pub(super) fn count_split(&mut self, counter: Counter, label: LabelId) {
        self.counters.add(counter, 1);
        self.labelled.of(label).counters.add(counter, 1);
    }
}

fn add(ours: &mut [u64], theirs: &[u64]) {
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours += theirs;
    }
}

/// Whole microseconds, cut off as a stopwatch does.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A number for each [`Counter`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters([u64; Counter::COUNT]);

impl Counters {
    /// Adds to one.
    pub fn add(&mut self, counter: Counter, count: u64) {
        self.0[counter as usize] += count;
    }

    /// Reads one.
    #[must_use]
    pub fn value(&self, counter: Counter) -> u64 {
        self.0[counter as usize]
    }

    /// Adds all of another one's.
    pub fn merge(&mut self, other: &Self) {
        add(&mut self.0, &other.0);
    }

    /// Each counter with its number, in [`Counter::ALL`]'s order.
    pub fn iter(&self) -> impl Iterator<Item = (Counter, u64)> {
        Counter::ALL.iter().copied().zip(self.0)
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self([0; Counter::COUNT])
    }
}

/// Written by name, those at zero left out.
impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.iter()
                .filter(|(_, count)| *count > 0)
                .map(|(counter, count)| (counter.name(), count)),
        )
    }
}

impl<'de> Deserialize<'de> for Counters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut counters = Self::default();
        for (name, count) in BTreeMap::<String, u64>::deserialize(deserializer)? {
            let counter = Counter::from_name(&name)
                .ok_or_else(|| D::Error::custom(format_args!("no counter is named {name:?}")))?;
            counters.add(counter, count);
        }
        Ok(counters)
    }
}

/// What was counted and timed of one event, step or listener.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Labelled {
    /// Counts.
    pub counters: Counters,
    /// Distributions.
    pub histograms: Histograms,
}

impl Labelled {
    /// Adds all of another one's.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            counters,
            histograms,
        } = other;
        self.counters.merge(counters);
        self.histograms.merge(histograms);
    }
}

/// Counts and distributions by label: those labels of which something was recorded.
///
/// There are at most as many as the plan has names; a population whose events need no label costs
/// nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ByLabel(BTreeMap<LabelId, Box<Labelled>>);

impl ByLabel {
    /// What was recorded of a label, to add to it.
    pub fn of(&mut self, label: LabelId) -> &mut Labelled {
        self.0.entry(label).or_default()
    }

    /// What was recorded of a label, if anything was.
    #[must_use]
    pub fn get(&self, label: LabelId) -> Option<&Labelled> {
        self.0.get(&label).map(Box::as_ref)
    }

    /// Each label of which something was recorded.
    pub fn iter(&self) -> impl Iterator<Item = (LabelId, &Labelled)> {
        self.0.iter().map(|(label, labelled)| (*label, &**labelled))
    }

    /// Whether nothing was recorded of any label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds all of another one's.
    pub fn merge(&mut self, other: &Self) {
        for (label, theirs) in &other.0 {
            self.of(*label).merge(theirs);
        }
    }
}

/// The values of each [`HistogramMetric`] that has any.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histograms([Option<Box<Sample>>; HistogramMetric::COUNT]);

impl Histograms {
    /// Adds a completed value to a metric; true if it was recorded at the limit.
    pub fn record(&mut self, metric: HistogramMetric, value: u64) -> bool {
        self.0[metric as usize]
            .get_or_insert_default()
            .record(value)
    }

    /// Adds a value of which only a lower bound is known; true if it was recorded at the limit.
    pub fn record_censored(&mut self, metric: HistogramMetric, age: u64) -> bool {
        self.0[metric as usize]
            .get_or_insert_default()
            .record_censored(age)
    }

    /// The values of a metric, if it has any.
    #[must_use]
    pub fn sample(&self, metric: HistogramMetric) -> Option<&Sample> {
        self.0[metric as usize].as_deref()
    }

    /// Adds all of another one's.
    pub fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            match (ours, theirs) {
                (Some(ours), Some(theirs)) => ours.merge(theirs),
                (ours @ None, Some(theirs)) => *ours = Some(theirs.clone()),
                (_, None) => {}
            }
        }
    }

    /// Those that have a value, in [`HistogramMetric::ALL`]'s order.
    pub fn iter(&self) -> impl Iterator<Item = (HistogramMetric, &Sample)> {
        HistogramMetric::ALL
            .iter()
            .zip(&self.0)
            .filter_map(|(metric, sample)| Some((*metric, sample.as_deref()?)))
    }
}

/// Written by name, the empty ones left out.
impl Serialize for Histograms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(metric, sample)| (metric.name(), sample)))
    }
}

impl<'de> Deserialize<'de> for Histograms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut histograms = Self::default();
        for (name, sample) in BTreeMap::<String, Sample>::deserialize(deserializer)? {
            let metric = HistogramMetric::from_name(&name)
                .ok_or_else(|| D::Error::custom(format_args!("no metric is named {name:?}")))?;
            histograms.0[metric as usize] = Some(Box::new(sample));
        }
        Ok(histograms)
    }
}
