//! The hold of a capacity level: when it begins, what was measured in it, when it is over.
//!
//! ```text
//!   Ramping ──all are to be there──► Settling ──steady, or long enough──► Holding ──► Over
//!      └───────────────── a threshold is certain to fail ─────────────────────────────▲
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::metrics::{Counters, Interval, Second, Snapshot, Totals};
use crate::results::summary::{Summary, ThresholdOutcome};

/// Seconds whose figures have to agree before a level counts as steady.
const STEADY_SECONDS: usize = 3;

/// How far percentile 99 of a time may lie from the median of those seconds, as a share of it.
const STEADY_TIME: f64 = 0.25;

/// Times closer than this are the same, whatever their share: timers and schedulers are no finer.
const STEADY_TIME_US: f64 = 2_000.0;

/// How far server CPU may lie from the median of those seconds, in cores.
const STEADY_CORES: f64 = 0.1;

/// How far server memory may lie from the median of those seconds, as a share of it.
const STEADY_MEMORY: f64 = 0.05;

/// What a level asks of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldSpec {
    /// How long clients arrive; whole seconds.
    pub ramp: Duration,
    /// The longest time to settle after that; whole seconds.
    pub settle: Duration,
    /// How long the load is held; whole seconds.
    pub hold: Duration,
    /// Whether settling takes its longest time in any case: faults are planned for a fixed hold.
    pub is_fixed: bool,
    /// Clients that have to be connected when the hold begins; nothing where clients come and go.
    pub clients: Option<u64>,
}

/// Seconds of full load that are left out of the throughput: a server that queues has them to fill.
const QUEUES_FILL: u32 = 2;

/// What became of a hold.
#[derive(Debug, Clone, PartialEq)]
pub struct HoldOutcome {
    /// Its first second; nothing if it never began.
    pub from: Option<u32>,
    /// Seconds that it lasted.
    pub seconds: u32,
    /// Whether the level was steady when it began.
    pub is_steady: bool,
    /// Clients connected when it was to begin.
    pub connected: u64,
    /// Clients that were to be connected.
    pub clients: Option<u64>,
    /// Why the level ended before its time, if it did.
    pub stopped_early: Option<String>,
    /// The threshold, by its place, that was crossed first and stayed so.
    pub gave_way: Option<usize>,
    /// Times of the hold alone, counts and rates of the whole level.
    pub judged: Summary,
    /// Counts under full load: of the hold, and of settling but for its first two seconds.
    pub loaded: Counters,
    /// Seconds of full load that they were counted in.
    pub loaded_seconds: u32,
}

/// Server figures of one second that have to be steady.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct ServerFigures {
    /// In cores.
    pub(super) cpu: Option<f64>,
    /// In bytes.
    pub(super) rss: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Ramping,
    Settling { since: u32 },
    Holding { from: u32 },
    Over,
}

/// A level's way to its hold and through it.
#[derive(Debug)]
pub(super) struct Hold {
    spec: HoldSpec,
    phase: Phase,
    recent: VecDeque<(Second, ServerFigures)>,
    /// The hold alone.
    window: Totals,
    from: Option<u32>,
    seconds: u32,
    is_steady: bool,
    connected: u64,
    loaded: Counters,
    loaded_seconds: u32,
    stopped_early: Option<String>,
    /// Since which second a threshold has been crossed, by its place.
    crossed_since: BTreeMap<usize, u32>,
}

impl Hold {
    pub(super) fn new(spec: HoldSpec, populations: usize, workers: u32) -> Self {
        Self {
            spec,
            phase: Phase::Ramping,
            recent: VecDeque::new(),
            window: Totals::new(populations, workers),
            from: None,
            seconds: 0,
            is_steady: false,
            connected: 0,
            loaded: Counters::default(),
            loaded_seconds: 0,
            stopped_early: None,
            crossed_since: BTreeMap::new(),
        }
    }

    /// Takes note of a second that is complete.
    pub(super) fn observe(&mut self, second: &Second, interval: &Interval, server: ServerFigures) {
        let end = second.second + 1;
        match self.phase {
            Phase::Ramping => {
                if u64::from(end) >= self.spec.ramp.as_secs() {
                    self.phase = Phase::Settling { since: end };
                }
            }
            Phase::Settling { since } => {
                if second.second >= since + QUEUES_FILL {
                    self.count(second);
                }
                self.settle(second, server, since);
            }
            Phase::Holding { from } => {
                self.count(second);
                self.window.add(Snapshot {
                    seconds: BTreeMap::from([(second.second - from, interval.clone())]),
                    ..Snapshot::default()
                });
                self.seconds += 1;
                if u64::from(end - from) >= self.spec.hold.as_secs() {
                    self.phase = Phase::Over;
                }
            }
            Phase::Over => {}
        }
    }

    fn count(&mut self, second: &Second) {
        self.loaded.merge(&second.counters);
        self.loaded_seconds += 1;
    }

    fn settle(&mut self, second: &Second, server: ServerFigures, since: u32) {
        self.recent.push_back((second.clone(), server));
        if self.recent.len() > STEADY_SECONDS {
            self.recent.pop_front();
        }
        let end = second.second + 1;
        let is_last = u64::from(end - since) >= self.spec.settle.as_secs();
        let is_steady = self.recent.len() == STEADY_SECONDS
            && self.is_complete(second.connected)
            && is_steady(self.recent.make_contiguous());
        if !is_last && (self.spec.is_fixed || !is_steady) {
            return;
        }
        self.is_steady = is_steady;
        self.connected = second.connected;
        if self.is_complete(second.connected) {
            self.from = Some(end);
            self.phase = Phase::Holding { from: end };
        } else {
            self.stop(format!(
                "{} of {} clients were connected when the hold was to begin",
                second.connected,
                self.spec.clients.unwrap_or(0)
            ));
        }
    }

    fn is_complete(&self, connected: u64) -> bool {
        self.spec.clients.is_none_or(|clients| connected >= clients)
    }

    /// Ends the level before its time.
    pub(super) fn stop(&mut self, why: String) {
        if self.phase != Phase::Over {
            self.phase = Phase::Over;
            self.stopped_early = Some(why);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The share of the hold that is over, above 0; nothing while it has not begun.
    pub(super) fn share(&self) -> Option<f64> {
        let whole = self.spec.hold.as_secs().max(1) as f64;
        (self.seconds > 0).then(|| (f64::from(self.seconds) / whole).min(1.0))
    }

    /// Its first second, and the one after its last so far.
    pub(super) fn span(&self) -> Option<(u32, u32)> {
        self.from.map(|from| (from, from + self.seconds))
    }

    /// The numbers of the hold alone.
    pub(super) fn window(&self) -> &Totals {
        &self.window
    }

    /// Takes note of how the thresholds stand after the seconds so far.
    pub(super) fn note_thresholds(&mut self, thresholds: &[ThresholdOutcome], second: u32) {
        for (place, threshold) in thresholds.iter().enumerate() {
            if threshold.passed {
                self.crossed_since.remove(&place);
            } else if threshold.value.is_some() {
                self.crossed_since.entry(place).or_insert(second);
            }
        }
    }

    /// What became of it; `judged` has the thresholds as they stand at the end.
    pub(super) fn finish(self, judged: Summary) -> HoldOutcome {
        let crossed = judged.thresholds.iter().enumerate();
        let crossed = crossed.filter(|(_, threshold)| !threshold.passed);
        let since = |place: &usize| self.crossed_since.get(place).copied().unwrap_or(u32::MAX);
        let gave_way = crossed.map(|(place, _)| place).min_by_key(since);
        HoldOutcome {
            from: self.from,
            seconds: self.seconds,
            is_steady: self.is_steady,
            connected: self.connected,
            clients: self.spec.clients,
            stopped_early: self.stopped_early,
            gave_way,
            loaded: self.loaded,
            loaded_seconds: self.loaded_seconds,
            judged,
        }
    }
}

/// Whether times and server figures of these seconds agree.
fn is_steady(seconds: &[(Second, ServerFigures)]) -> bool {
    let agree = |of: &dyn Fn(&(Second, ServerFigures)) -> Option<f64>,
                 within: &dyn Fn(f64) -> f64| {
        let mut values: Vec<f64> = seconds.iter().filter_map(of).collect();
        if values.is_empty() {
            return true;
        }
        values.sort_by(f64::total_cmp);
        let median = values[values.len() / 2];
        let limit = within(median);
        values.iter().all(|value| (value - median).abs() <= limit)
    };
    let time = |median: f64| (STEADY_TIME * median).max(STEADY_TIME_US);
    agree(&|(second, _)| second.p99_us.ack.map(|us| us as f64), &time)
        && agree(
            &|(second, _)| second.p99_us.event.map(|us| us as f64),
            &time,
        )
        && agree(&|(_, server)| server.cpu, &|_| STEADY_CORES)
        && agree(&|(_, server)| server.rss, &|median| STEADY_MEMORY * median)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::SecondP99;

    const SPEC: HoldSpec = HoldSpec {
        ramp: Duration::from_secs(2),
        settle: Duration::from_secs(6),
        hold: Duration::from_secs(3),
        is_fixed: false,
        clients: Some(100),
    };

    fn second(number: u32, connected: u64, ack_us: u64) -> Second {
        Second {
            second: number,
            connected,
            in_flight: 0,
            counters: Counters::default(),
            errors: 0,
            p99_us: SecondP99 {
                ack: Some(ack_us),
                ..SecondP99::default()
            },
        }
    }

    /// Runs a level through seconds of so many clients and such a percentile 99, until it is over.
    fn through(spec: HoldSpec, seconds: &[(u64, u64)]) -> (Hold, usize) {
        let mut hold = Hold::new(spec, 1, 1);
        for (number, (connected, ack_us)) in seconds.iter().enumerate() {
            let second = second(number as u32, *connected, *ack_us);
            hold.observe(&second, &Interval::default(), ServerFigures::default());
            if hold.is_over() {
                return (hold, number + 1);
            }
        }
        (hold, seconds.len())
    }

    #[test]
    fn a_steady_level_is_held_as_soon_as_it_is() {
        let (hold, seconds) = through(SPEC, &[(100, 10_000); 20]);
        assert_eq!(
            (hold.from, hold.seconds, hold.is_steady),
            (Some(5), 3, true)
        );
        assert_eq!(seconds, 2 + 3 + 3);
        assert_eq!(hold.stopped_early, None);
    }

    #[test]
    fn a_level_that_never_settles_is_held_all_the_same_and_says_so() {
        let restless: Vec<_> = (0..20).map(|n| (100, 10_000 + 20_000 * (n % 2))).collect();
        let (hold, seconds) = through(SPEC, &restless);
        assert_eq!((hold.from, hold.is_steady), (Some(8), false));
        assert_eq!(seconds, 2 + 6 + 3);
    }

    #[test]
    fn a_level_with_faults_is_held_at_the_planned_time() {
        let spec = HoldSpec {
            is_fixed: true,
            ..SPEC
        };
        let (hold, _) = through(spec, &[(100, 10_000); 20]);
        assert_eq!((hold.from, hold.is_steady), (Some(8), true));
    }

    #[test]
    fn a_level_without_its_clients_is_over_before_its_hold() {
        let (hold, seconds) = through(SPEC, &[(99, 10_000); 20]);
        assert_eq!((hold.from, seconds), (None, 8));
        let why = hold.stopped_early.unwrap();
        assert!(why.starts_with("99 of 100 clients"), "{why}");
    }

    #[test]
    fn the_threshold_that_gave_way_is_the_one_that_was_crossed_first() {
        let outcome = |passed| ThresholdOutcome {
            metric: "ack.time".to_owned(),
            expression: "p(99) < 1s".to_owned(),
            value: Some(1.0),
            passed,
            at_least: false,
            explained_by_lag: false,
        };
        let mut hold = Hold::new(SPEC, 1, 1);
        hold.note_thresholds(&[outcome(false), outcome(true), outcome(true)], 3);
        hold.note_thresholds(&[outcome(true), outcome(true), outcome(false)], 4);
        hold.note_thresholds(&[outcome(false), outcome(false), outcome(false)], 5);
        let mut judged = crate::results::summary::samples::healthy();
        judged.thresholds = vec![outcome(false), outcome(false), outcome(false)];
        assert_eq!(hold.finish(judged).gave_way, Some(2));
    }
}
