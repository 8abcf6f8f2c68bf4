use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failures::Failures;
use super::histogram::{HIGHEST, Histogram};
use super::stripes::Stripes;
use super::tally::micros;
use crate::event::{DisconnectReason, Missed, TransportKind};

/// What one application of a fault did to the clients that felt it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FaultTally {
    /// The first time that a client had it applied to it, from the start of the run; nothing for
    /// faults elsewhere, whose times their executors report.
    pub applied_first: Option<Duration>,
    /// The last time that it was lifted at a client, from the start of the run.
    pub lifted_last: Option<Duration>,
    /// Clients to which it was applied.
    pub applications: u64,
    /// Clients at which it was lifted again.
    pub lifts: u64,
    /// Clients that felt it.
    pub affected: u64,
    /// Victims that were not connected at the time.
    pub not_connected: u64,
    /// Victims to which there was nothing to do.
    pub not_applicable: u64,
    /// Victims whose sockets the operating system would not let it touch.
    pub refused: u64,
    /// Clients that were well again.
    pub restored: u64,
    /// How the affected noticed, each client once, by the reason's place in
    /// [`DisconnectReason::ALL`].
    pub disconnects: [u64; DisconnectReason::ALL.len()],
    /// Fault → noticed, in microseconds.
    pub detect: ExactDistribution,
    /// Fault → well again, in microseconds.
    pub outage: ExactDistribution,
    /// Engine opens per reconnection.
    pub attempts: ExactDistribution,
    /// Clients that came back on polling.
    pub back_on_polling: u64,
    /// Clients that came back on WebSocket.
    pub back_on_websocket: u64,
    /// Clients back to whom the server had offered recovery.
    pub recovery_offered: u64,
    /// Those of them whose session was recovered.
    pub recovered: u64,
    /// When the last of those well again was so, from the start of the run.
    pub last_restored: Option<Duration>,
    /// The first delays that clients drew after it, by stripe.
    pub first_delays: Stripes,
    /// Engine opens of clients on their way back that failed.
    pub failed_opens: u64,
    /// Those of them that failed while the fault still lasted.
    pub failed_while_it_lasted: u64,
    /// All that failed for clients on their way back.
    pub failures: Failures,
}

impl FaultTally {
    /// `at` is the time of the run.
    pub(super) fn applied(&mut self, at: Duration) {
        self.applied_first = earlier(self.applied_first, Some(at));
        self.applications += 1;
    }

    /// `at` is the time of the run.
    pub(super) fn lifted(&mut self, at: Duration) {
        self.lifted_last = self.lifted_last.max(Some(at));
        self.lifts += 1;
    }

    pub(super) fn disconnected(&mut self, reason: DisconnectReason, detect: Option<Duration>) {
        self.disconnects[reason as usize] += 1;
        if let Some(detect) = detect {
            self.detect.record(micros(detect));
        }
    }

    pub(super) fn missed(&mut self, why: Missed) {
        match why {
            Missed::NotConnected => self.not_connected += 1,
            Missed::NotApplicable => self.not_applicable += 1,
            Missed::Refused => self.refused += 1,
        }
    }

    pub(super) fn open_failed(&mut self, fault_lasts: bool) {
        self.failed_opens += 1;
        self.failed_while_it_lasted += u64::from(fault_lasts);
    }

    /// `at` is the time of the run.
    pub(super) fn passed(&mut self, at: Duration, outage: Duration) {
        self.restored += 1;
        self.last_restored = self.last_restored.max(Some(at));
        self.outage.record(micros(outage));
    }

    pub(super) fn reconnected(
        &mut self,
        transport: TransportKind,
        attempts: u32,
        recovered: Option<bool>,
    ) {
        self.attempts.record(u64::from(attempts));
        match transport {
            TransportKind::Polling => self.back_on_polling += 1,
            TransportKind::WebSocket => self.back_on_websocket += 1,
        }
        if let Some(recovered) = recovered {
            self.recovery_offered += 1;
            self.recovered += u64::from(recovered);
        }
    }

    /// Adds all of another one's.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            applied_first,
            lifted_last,
            applications,
            lifts,
            affected,
            not_connected,
            not_applicable,
            refused,
            restored,
            disconnects,
            detect,
            outage,
            attempts,
            back_on_polling,
            back_on_websocket,
            recovery_offered,
            recovered,
            last_restored,
            first_delays,
            failed_opens,
            failed_while_it_lasted,
            failures,
        } = other;
        self.applied_first = earlier(self.applied_first, *applied_first);
        self.lifted_last = self.lifted_last.max(*lifted_last);
        self.applications += applications;
        self.lifts += lifts;
        self.affected += affected;
        self.not_connected += not_connected;
        self.not_applicable += not_applicable;
        self.refused += refused;
        self.restored += restored;
        for (ours, theirs) in self.disconnects.iter_mut().zip(disconnects) {
            *ours += theirs;
        }
        self.detect.merge(detect);
        self.outage.merge(outage);
        self.attempts.merge(attempts);
        self.back_on_polling += back_on_polling;
        self.back_on_websocket += back_on_websocket;
        self.recovery_offered += recovery_offered;
        self.recovered += recovered;
        self.last_restored = self.last_restored.max(*last_restored);
        self.first_delays.merge(first_delays);
        self.failed_opens += failed_opens;
        self.failed_while_it_lasted += failed_while_it_lasted;
        self.failures.merge(failures);
    }

    /// Clients that lost their connection by it.
    #[must_use]
    pub fn herd(&self) -> u64 {
        self.disconnects.iter().sum()
    }

    /// When so great a share of the affected, in (0, 1], was well again, counted from the fault;
    /// nothing if that many never were.
    #[must_use]
    pub fn restored_after(&self, share: f64) -> Option<Duration> {
        let needed = (share * self.affected as f64).ceil() as u64;
        (needed > 0)
            .then(|| self.outage.value_at_rank(needed))
            .flatten()
            .map(Duration::from_micros)
    }
}

fn earlier(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    [one, other].into_iter().flatten().min()
}

/// Values with how often each came, exactly as they were.
///
/// Faults can be many (`every`) and their clients few: this costs a few bytes per distinct value
/// where a [`Histogram`] costs up to 200 KiB.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct ExactDistribution(BTreeMap<u64, u64>);

impl ExactDistribution {
    /// Adds a value; above [`HIGHEST`] it counts as that.
    pub fn record(&mut self, value: u64) {
        *self.0.entry(value.min(HIGHEST)).or_default() += 1;
    }

    /// Adds all of another one's.
    pub fn merge(&mut self, other: &Self) {
        for (value, times) in &other.0 {
            *self.0.entry(*value).or_default() += times;
        }
    }

    /// The value of number `rank` when they are put in order, from 1; nothing beyond the last.
    #[must_use]
    pub fn value_at_rank(&self, rank: u64) -> Option<u64> {
        let mut seen = 0;
        self.0
            .iter()
            .find(|(_, times)| {
                seen += **times;
                seen >= rank
            })
            .map(|(value, _)| *value)
    }

    /// The same values as a histogram.
    #[must_use]
    pub fn to_histogram(&self) -> Histogram {
        let mut histogram = Histogram::new();
        for (value, times) in &self.0 {
            histogram.record_n(*value, *times);
        }
        histogram
    }
}

impl From<Vec<(u64, u64)>> for ExactDistribution {
    fn from(values: Vec<(u64, u64)>) -> Self {
        let mut spread = Self::default();
        for (value, times) in values {
            *spread.0.entry(value).or_default() += times;
        }
        spread
    }
}

impl From<ExactDistribution> for Vec<(u64, u64)> {
    fn from(spread: ExactDistribution) -> Self {
        spread.0.into_iter().collect()
    }
}
