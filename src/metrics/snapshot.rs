use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::FaultTally;
use super::histogram::Histogram;
use super::tally::Tally;
use crate::event::{PopulationId, StrikeId};

/// What recorders saw since they were last asked.
///
/// Everything in it is a change or a maximum, so snapshots of any workers and any times merge in
/// any order to the same numbers, and the empty one changes nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// By second of the run, from 0; only those in which something happened.
    pub seconds: BTreeMap<u32, Interval>,
    /// What faults did, however long ago they were applied.
    pub faults: BTreeMap<StrikeId, FaultTally>,
    /// How the workers themselves fared: by worker, then by number of the interval.
    pub workers: BTreeMap<u32, BTreeMap<u32, WorkerInterval>>,
    /// Up to which time of the run each worker has told everything.
    pub reported_until: BTreeMap<u32, Duration>,
}

impl Snapshot {
    /// Adds all of another one's.
    pub fn merge(&mut self, other: Self) {
        let Self {
            seconds,
            faults,
            workers,
            reported_until,
        } = other;
        for (second, theirs) in seconds {
            merge_entry(&mut self.seconds, second, theirs, Interval::merge);
        }
        for (fault, theirs) in faults {
            self.faults.entry(fault).or_default().merge(&theirs);
        }
        for (worker, intervals) in workers {
            let ours = self.workers.entry(worker).or_default();
            for (number, theirs) in intervals {
                ours.entry(number).or_default().merge(&theirs);
            }
        }
        for (worker, until) in reported_until {
            let ours = self.reported_until.entry(worker).or_default();
            *ours = until.max(*ours);
        }
    }
}

/// Moves a value in where there was none yet, which spares a copy of its histograms.
fn merge_entry<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V, merge: impl Fn(&mut V, V)) {
    match map.entry(key) {
        Entry::Vacant(free) => {
            free.insert(value);
        }
        Entry::Occupied(mut taken) => merge(taken.get_mut(), value),
    }
}

/// What happened within one second.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Interval {
    /// To the clients of each population to which anything happened.
    pub populations: BTreeMap<PopulationId, Tally>,
    /// How late the workers' timers fired, in microseconds.
    pub lag: Histogram,
    /// The most clients of one worker, of whatever population, that were connected at once.
    pub connected_peak: u64,
}

impl Interval {
    /// Adds all of another one's.
    pub fn merge(&mut self, other: Self) {
        let Self {
            populations,
            lag,
            connected_peak,
        } = other;
        for (population, theirs) in populations {
            merge_entry(&mut self.populations, population, theirs, |ours, theirs| {
                ours.merge(&theirs);
            });
        }
        self.lag.merge(&lag);
        self.connected_peak = self.connected_peak.max(connected_peak);
    }

    /// All populations together.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for tally in self.populations.values() {
            total.merge(tally);
        }
        total
    }
}

/// How a worker thread fared between two snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorkerInterval {
    /// How long it was.
    pub wall: Duration,
    /// CPU time of the thread within it.
    pub cpu: Duration,
    /// Percentile 99 of how late its timers fired, in microseconds.
    pub lag_p99_us: u64,
    /// The worst of it.
    pub lag_max_us: u64,
}

impl WorkerInterval {
    /// Adds another one's; a worker tells each interval once, so this serves the laws of merging.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            wall,
            cpu,
            lag_p99_us,
            lag_max_us,
        } = *other;
        self.wall += wall;
        self.cpu += cpu;
        self.lag_p99_us = self.lag_p99_us.max(lag_p99_us);
        self.lag_max_us = self.lag_max_us.max(lag_max_us);
    }
}
