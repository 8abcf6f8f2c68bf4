use super::histogram::Histogram;
use super::tally::{Counters, Tally};
use crate::event::HistogramMetric;

/// One second of the run, complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Second {
    /// Its number, from 0: it lasts from so many seconds after the start to one more.
    pub second: u32,
    /// Clients connected at its end.
    pub connected: u64,
    /// Handshakes under way at its end.
    pub in_flight: u64,
    /// What was counted in it.
    pub counters: Counters,
    /// All failures in it, of any stage.
    pub errors: u64,
    /// Percentile 99 of some metrics in it, in microseconds; nothing where nothing was timed.
    pub p99_us: SecondP99,
}

/// Percentiles 99 within one second, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SecondP99 {
    /// `connect.time`.
    pub connect: Option<u64>,
    /// `reconnect.time`.
    pub reconnect: Option<u64>,
    /// `ack.time`.
    pub ack: Option<u64>,
    /// `event.time`.
    pub event: Option<u64>,
    /// `generator.lag`.
    pub lag: Option<u64>,
}

impl SecondP99 {
    pub(super) fn of(total: &Tally, lag: &Histogram) -> Self {
        let p99 = |histogram: &Histogram| histogram.value_at_percentile(99.0);
        let of = |metric| {
            let sample = total.histograms.sample(metric)?;
            Some(p99(&sample.all()))
        };
        Self {
            connect: of(HistogramMetric::ConnectTime),
            reconnect: of(HistogramMetric::ReconnectTime),
            ack: of(HistogramMetric::AckTime),
            event: of(HistogramMetric::EventTime),
            lag: (!lag.is_empty()).then(|| p99(lag)),
        }
    }
}

/// A gauge that is put together from changes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Connected {
    now: i64,
    max: u64,
}

impl Connected {
    /// Follows the changes of one second, tenth by tenth; a worker's own peak is exact.
    pub(super) fn follow(&mut self, changes: &[i64], peak_of_one_worker: u64) {
        for change in changes {
            self.now += change;
            self.max = self.max.max(unsigned(self.now));
        }
        self.max = self.max.max(peak_of_one_worker);
    }

    pub(super) fn now(&self) -> u64 {
        unsigned(self.now)
    }

    pub(super) fn max(&self) -> u64 {
        self.max
    }
}

pub(super) fn unsigned(gauge: i64) -> u64 {
    u64::try_from(gauge).unwrap_or(0)
}
