use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::failures::FailureKey;
use super::fault::FaultTally;
use super::histogram::Histogram;
use super::sample::Sample;
use super::series::{Connected, Second, SecondP99, unsigned};
use super::snapshot::{Interval, Snapshot, WorkerInterval};
use super::tally::Tally;
use crate::event::{Cause, Counter, HistogramMetric, LabelId, PopulationId, StrikeId};

/// A whole run: all snapshots together, and the run second by second.
#[derive(Debug, Clone)]
pub struct Totals {
    workers: u32,
    populations: Vec<Tally>,
    lag: Histogram,
    faults: BTreeMap<StrikeId, FaultTally>,
    worker_intervals: BTreeMap<u32, BTreeMap<u32, WorkerInterval>>,
    reported_until: BTreeMap<u32, Duration>,
    /// Workers that report nothing more.
    lost: BTreeSet<u32>,
    /// Seconds that some worker has not told everything of.
    open: BTreeMap<u32, Interval>,
    /// Seconds that are complete, from 0 and without gaps.
    series: Vec<Second>,
    connected: Connected,
    connected_by_population: Vec<Connected>,
    in_flight: i64,
    known_failures: BTreeSet<FailureKey>,
    new_failures: Vec<(FailureKey, Option<String>)>,
}

impl Totals {
    /// Nothing yet, of a run with so many populations on so many workers.
    #[must_use]
    pub fn new(populations: usize, workers: u32) -> Self {
        Self {
            workers,
            populations: (0..populations).map(|_| Tally::default()).collect(),
            lag: Histogram::new(),
            faults: BTreeMap::new(),
            worker_intervals: BTreeMap::new(),
            reported_until: BTreeMap::new(),
            lost: BTreeSet::new(),
            open: BTreeMap::new(),
            series: Vec::new(),
            connected: Connected::default(),
            connected_by_population: vec![Connected::default(); populations],
            in_flight: 0,
            known_failures: BTreeSet::new(),
            new_failures: Vec::new(),
        }
    }

    /// Adds what a worker, or several, saw.
    ///
    /// # Panics
    /// If a snapshot speaks of a population that the run does not have.
    pub fn add(&mut self, snapshot: Snapshot) {
        let Snapshot {
            seconds,
            faults,
            workers,
            reported_until,
        } = snapshot;
        for (second, interval) in seconds {
            for (population, tally) in &interval.populations {
                self.populations[usize::from(population.0)].merge(tally);
                for (kind, _, message) in tally.failures.iter() {
                    if self.known_failures.insert(*kind) {
                        self.new_failures.push((*kind, message.map(str::to_owned)));
                    }
                }
            }
            self.lag.merge(&interval.lag);
            // What comes for a second that was closed counts in the first open one, so that the
            // seconds always add up to the whole.
            let place = second.max(self.series.len() as u32);
            self.open.entry(place).or_default().merge(interval);
        }
        for (fault, tally) in faults {
            self.faults.entry(fault).or_default().merge(&tally);
        }
        for (worker, intervals) in workers {
            self.worker_intervals
                .entry(worker)
                .or_default()
                .extend(intervals);
        }
        for (worker, until) in reported_until {
            let known = self.reported_until.entry(worker).or_default();
            *known = until.max(*known);
        }
    }

    /// Waits no longer for a worker: what it reported counts, and no more will come.
    pub fn lose(&mut self, worker: u32) {
        self.lost.insert(worker);
    }

    /// Closes the seconds of which every worker that is left has told everything, and hands out
    /// what was in them; seconds without events are there too, empty.
    pub fn close_seconds(&mut self) -> Vec<(Second, Interval)> {
        let Some(told) = self.reported_until() else {
            return Vec::new();
        };
        self.close_until(u32::try_from(told.as_secs()).unwrap_or(u32::MAX))
    }

    /// The time of the run until which every worker that is left has reported everything; nothing as
    /// long as one has reported nothing, or none is left.
    #[must_use]
    pub fn reported_until(&self) -> Option<Duration> {
        let left = (0..self.workers).filter(|worker| !self.lost.contains(worker));
        let reported = left.map(|worker| self.reported_until.get(&worker).copied());
        reported.min().flatten()
    }

    /// Closes all seconds, also those that a worker has not told everything of: at the end.
    pub fn close_all(&mut self) -> Vec<(Second, Interval)> {
        let last = self.open.keys().next_back().map_or(0, |second| second + 1);
        self.close_until(last)
    }

    fn close_until(&mut self, end: u32) -> Vec<(Second, Interval)> {
        let first = self.series.len() as u32;
        let mut closed = Vec::new();
        for second in first..end {
            let interval = self.open.remove(&second).unwrap_or_default();
            let row = self.close(second, &interval);
            self.series.push(row.clone());
            closed.push((row, interval));
        }
        closed
    }

    fn close(&mut self, second: u32, interval: &Interval) -> Second {
        for (population, tally) in &interval.populations {
            self.connected_by_population[usize::from(population.0)]
                .follow(&tally.connected_change, tally.connected_peak);
        }
        let total = interval.total();
        self.connected
            .follow(&total.connected_change, interval.connected_peak);
        self.in_flight += total.in_flight_change;
        Second {
            second,
            connected: self.connected.now(),
            in_flight: unsigned(self.in_flight),
            errors: total.failures.total(),
            p99_us: SecondP99::of(&total, &interval.lag),
            counters: total.counters,
        }
    }

    /// One population's numbers.
    #[must_use]
    pub fn population(&self, population: PopulationId) -> Option<&Tally> {
        self.populations.get(usize::from(population.0))
    }

    /// The numbers of all populations together.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for tally in &self.populations {
            total.merge(tally);
        }
        total
    }

    /// A count over all populations, as of the last snapshot; the gauge `clients.connected_max` as
    /// of the last closed second.
    #[must_use]
    pub fn counter(&self, counter: Counter) -> u64 {
        if counter == Counter::ClientsConnectedMax {
            return self.connected_max(None);
        }
        self.populations
            .iter()
            .map(|tally| tally.counters.value(counter))
            .sum()
    }

    /// Kinds of failures that were met for the first time since the last call, each with what was
    /// said: for the terminal and events.jsonl.
    pub fn new_failures(&mut self) -> Vec<(FailureKey, Option<String>)> {
        std::mem::take(&mut self.new_failures)
    }

    /// Failures of all stages and populations.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.populations
            .iter()
            .map(|tally| tally.failures.total())
            .sum()
    }

    /// Failures of these causes, of all stages and populations.
    #[must_use]
    pub fn errors_of(&self, causes: &[Cause]) -> u64 {
        let failures = self.populations.iter().flat_map(|t| t.failures.iter());
        failures
            .filter(|(kind, _, _)| causes.contains(&kind.cause))
            .map(|(_, count, _)| count)
            .sum()
    }

    /// The distribution of a metric over all populations; nothing without a value.
    #[must_use]
    pub fn sample(&self, metric: HistogramMetric) -> Option<Sample> {
        self.sample_of(metric, None, None)
    }

    /// The distribution of a metric, of one label if one is given, over one population or all;
    /// nothing without a value.
    #[must_use]
    pub fn sample_of(
        &self,
        metric: HistogramMetric,
        label: Option<LabelId>,
        population: Option<PopulationId>,
    ) -> Option<Sample> {
        if metric == HistogramMetric::GeneratorLag && population.is_none() {
            return (!self.lag.is_empty()).then(|| self.lag.clone().into());
        }
        let populations = self.populations.iter().enumerate();
        let meant = populations.filter(|(place, _)| {
            population.is_none_or(|population| usize::from(population.0) == *place)
        });
        let mut whole: Option<Sample> = None;
        for (_, tally) in meant {
            let histograms = match label {
                None => Some(&tally.histograms),
                Some(label) => tally
                    .labelled
                    .get(label)
                    .map(|of_label| &of_label.histograms),
            };
            let part = histograms.and_then(|histograms| histograms.sample(metric));
            match (&mut whole, part) {
                (Some(whole), Some(part)) => whole.merge(part),
                (None, Some(part)) => whole = Some(part.clone()),
                (_, None) => {}
            }
        }
        whole
    }

    /// Clients connected as of the last snapshot.
    #[must_use]
    pub fn connected(&self) -> u64 {
        let sum: i64 = self
            .populations
            .iter()
            .flat_map(|tally| tally.connected_change)
            .sum();
        unsigned(sum)
    }

    /// The most clients connected at once, of one population or of all, in the closed seconds.
    ///
    /// Exact on one worker; on several, changes within a tenth of a second are seen as one.
    #[must_use]
    pub fn connected_max(&self, population: Option<PopulationId>) -> u64 {
        match population {
            None => self.connected.max(),
            Some(PopulationId(place)) => self
                .connected_by_population
                .get(usize::from(place))
                .map_or(0, Connected::max),
        }
    }

    /// How late timers fired, over all workers, in microseconds.
    #[must_use]
    pub fn lag(&self) -> &Histogram {
        &self.lag
    }

    /// What a fault did; nothing if no client felt it.
    #[must_use]
    pub fn fault(&self, fault: StrikeId) -> Option<&FaultTally> {
        self.faults.get(&fault)
    }

    /// The closed seconds, from 0 and without gaps.
    #[must_use]
    pub fn series(&self) -> &[Second] {
        &self.series
    }

    /// The most Engine.IO handshakes begun within one of the seconds that `from..=until` touches.
    #[must_use]
    pub fn peak_handshakes(&self, from: Duration, until: Option<Duration>) -> u64 {
        let last = until.map_or(u64::MAX, |until| until.as_secs());
        self.series
            .iter()
            .filter(|row| (from.as_secs()..=last).contains(&u64::from(row.second)))
            .map(|row| row.counters.value(Counter::HandshakeAttempts))
            .max()
            .unwrap_or(0)
    }

    /// How each worker fared, interval by interval, by worker and number.
    #[must_use]
    pub fn worker_intervals(&self) -> &BTreeMap<u32, BTreeMap<u32, WorkerInterval>> {
        &self.worker_intervals
    }

    /// How many workers the run has.
    #[must_use]
    pub fn workers(&self) -> u32 {
        self.workers
    }
}
