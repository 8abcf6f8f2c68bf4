//! Whether the generator could keep up: a pure judgement of what its workers told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::snapshot::WorkerInterval;
use super::totals::Totals;
use crate::event::{Cause, Counter};

/// A worker is saturated from this share of a core on.
pub const SATURATED_CPU: f64 = 0.9;

/// A worker lags when percentile 99 of its timers is later than this.
pub const LAGGING: Duration = Duration::from_millis(50);

/// A worker whose timers are later than this at percentile 99 cannot keep up whatever the reason: a
/// container's CPU quota and a core that the target takes show as lag, never as CPU use.
pub const OVERDUE: Duration = Duration::from_millis(200);

/// The generator was the bottleneck from this share of the run's intervals on …
pub const BOUND_SHARE: f64 = 0.2;

/// … and never by fewer intervals than this: a hiccup at the start of a short run is none.
pub const BOUND_INTERVALS: usize = 3;

/// Late starts are worth a warning from this share of all starts on.
pub const LATE_STARTS_SHARE: f64 = 0.01;

/// The generator was the bottleneck when so many of all handshakes failed for want of descriptors,
/// ports or memory of its own.
pub const SHORTAGE_SHARE: f64 = 0.01;

/// What fails for want of something that this machine has too little of.
const SHORTAGES: [Cause; 3] = [
    Cause::NoDescriptors,
    Cause::NoLocalPorts,
    Cause::NoResources,
];

/// Shorter intervals (the last one of a run) say nothing about CPU use.
const SHORTEST: Duration = Duration::from_millis(200);

/// How the generator fared over a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// It, not the server, limited the run: exit code 92.
    pub bottleneck: bool,
    /// Intervals judged, one for each second of the run.
    pub intervals: usize,
    /// Intervals in which a worker had no CPU time left and lagged.
    pub saturated: usize,
    /// Intervals in which a worker lagged though it had CPU time left.
    pub starved: usize,
    /// Those of the starved in which the lag was beyond [`OVERDUE`].
    pub overdue: usize,
    /// CPU use of the busiest worker over the run, 1 is a whole core.
    pub cpu_busiest: f64,
    /// What a reader must know.
    pub warnings: Vec<HealthWarning>,
}

/// What a reader must know about the generator before using the numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum HealthWarning {
    /// A worker had no CPU time left and lagged, in so many of all intervals.
    Saturated {
        /// So many.
        intervals: usize,
        /// Of so many.
        of: usize,
        /// The worst lag, in microseconds.
        lag_max_us: u64,
    },
    /// A worker lagged without using its core: something else on this machine did.
    Starved {
        /// So many.
        intervals: usize,
        /// Of so many.
        of: usize,
        /// The worst lag, in microseconds.
        lag_max_us: u64,
    },
    /// Clients started late.
    LateStarts {
        /// So many.
        late: u64,
        /// Of so many.
        of: u64,
    },
    /// This machine had no descriptors, ports or memory left.
    Shortage {
        /// For so many connections of the clients.
        clients: u64,
        /// For so many connections of the run's own balancer or proxy.
        proxies: u64,
    },
}

impl HealthWarning {
    /// The stable word in `warnings`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Saturated { .. } => "generator_saturated",
            Self::Starved { .. } => "generator_lag",
            Self::LateStarts { .. } => "late_starts",
            Self::Shortage { .. } => "generator_shortage",
        }
    }
}

impl std::fmt::Display for HealthWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Saturated {
                intervals,
                of,
                lag_max_us,
            } => write!(
                f,
                "a worker thread of the generator was saturated in {intervals} of {of} intervals \
                 (at least {:.0} % of its core, timers up to {} ms late): times measured then \
                 include the generator's own delay",
                SATURATED_CPU * 100.0,
                lag_max_us / 1000,
            ),
            Self::Starved {
                intervals,
                of,
                lag_max_us,
            } => write!(
                f,
                "the generator's timers were up to {} ms late in {intervals} of {of} intervals \
                 though it had CPU time left: other processes on this machine took its cores",
                lag_max_us / 1000,
            ),
            Self::LateStarts { late, of } => write!(
                f,
                "{late} of {of} clients started over 10 ms after their intended start; connect.time \
                 counts from the intended start",
            ),
            Self::Shortage { clients, proxies } => write!(
                f,
                "the generator had no file descriptors, ports or memory left for {clients} \
                 connections of its clients and {proxies} of its own balancer or proxy: these \
                 failures, and what answered 502 or closed for want of them, are not the server's; \
                 raise the limit, or use fewer clients",
            ),
        }
    }
}

/// How the generator fared; its own balancer and proxy were `shortages` times short of something.
#[must_use]
pub fn judge(totals: &Totals, shortages: u64) -> Health {
    let mut worst = Worst::default();
    let workers = totals.worker_intervals();
    for told in by_second(workers).values() {
        worst.note(told);
    }
    let cpu_busiest = workers
        .values()
        .map(|intervals| cpu_use(intervals.values()))
        .fold(0.0, f64::max);
    let mut warnings = worst.warnings();
    warnings.extend(late_starts(totals));
    let clients = totals.errors_of(&SHORTAGES);
    let starved = clients + shortages;
    if starved > 0 {
        warnings.push(HealthWarning::Shortage {
            clients,
            proxies: shortages,
        });
    }
    let attempts = totals.counter(Counter::HandshakeAttempts);
    let is_short = starved > 0 && starved as f64 >= SHORTAGE_SHARE * attempts as f64;
    Health {
        bottleneck: worst.is_bound() || is_short,
        intervals: worst.intervals,
        saturated: worst.saturated,
        starved: worst.starved,
        overdue: worst.overdue,
        cpu_busiest,
        warnings,
    }
}

/// What the workers told of each second of the run. One that is stuck tells of many seconds at once,
/// and each of them counts.
fn by_second(
    workers: &BTreeMap<u32, BTreeMap<u32, WorkerInterval>>,
) -> BTreeMap<u64, Vec<&WorkerInterval>> {
    let nearest = |at: Duration| at.as_secs_f64().round() as u64;
    let mut seconds: BTreeMap<u64, Vec<&WorkerInterval>> = BTreeMap::new();
    for intervals in workers.values() {
        let mut end = Duration::ZERO;
        for interval in intervals.values() {
            let begin = nearest(end);
            end += interval.wall;
            if interval.wall >= SHORTEST {
                for second in begin..nearest(end).max(begin + 1) {
                    seconds.entry(second).or_default().push(interval);
                }
            }
        }
    }
    seconds
}

fn late_starts(totals: &Totals) -> Option<HealthWarning> {
    let late = totals.counter(Counter::GeneratorLateStarts);
    let of = totals.counter(Counter::ClientsStarted);
    (late as f64 > LATE_STARTS_SHARE * of as f64).then_some(HealthWarning::LateStarts { late, of })
}

fn cpu_use<'a>(intervals: impl Iterator<Item = &'a WorkerInterval>) -> f64 {
    let (mut cpu, mut wall) = (Duration::ZERO, Duration::ZERO);
    for interval in intervals {
        cpu += interval.cpu;
        wall += interval.wall;
    }
    if wall.is_zero() {
        0.0
    } else {
        cpu.as_secs_f64() / wall.as_secs_f64()
    }
}

#[derive(Default)]
struct Worst {
    intervals: usize,
    saturated: usize,
    saturated_lag_max_us: u64,
    starved: usize,
    overdue: usize,
    starved_lag_max_us: u64,
}

impl Worst {
    /// Takes note of one second, as each worker told it.
    fn note(&mut self, told: &[&WorkerInterval]) {
        let mut overdue = false;
        let (mut saturated, mut starved) = (None::<u64>, None::<u64>);
        for interval in told {
            if u128::from(interval.lag_p99_us) <= LAGGING.as_micros() {
                continue;
            }
            let busy = cpu_use(std::iter::once(*interval)) >= SATURATED_CPU;
            let which = if busy { &mut saturated } else { &mut starved };
            overdue |= !busy && u128::from(interval.lag_p99_us) > OVERDUE.as_micros();
            *which = Some(which.unwrap_or(0).max(interval.lag_max_us));
        }
        self.intervals += 1;
        if let Some(lag) = saturated {
            self.saturated += 1;
            self.saturated_lag_max_us = self.saturated_lag_max_us.max(lag);
        } else if let Some(lag) = starved {
            self.starved += 1;
            self.overdue += usize::from(overdue);
            self.starved_lag_max_us = self.starved_lag_max_us.max(lag);
        }
    }

    fn is_bound(&self) -> bool {
        let bound = self.saturated + self.overdue;
        bound >= BOUND_INTERVALS && bound as f64 >= BOUND_SHARE * self.intervals as f64
    }

    fn warnings(&self) -> Vec<HealthWarning> {
        let of = self.intervals;
        let mut warnings = Vec::new();
        if self.saturated > 0 {
            warnings.push(HealthWarning::Saturated {
                intervals: self.saturated,
                of,
                lag_max_us: self.saturated_lag_max_us,
            });
        }
        if self.starved > 0 {
            warnings.push(HealthWarning::Starved {
                intervals: self.starved,
                of,
                lag_max_us: self.starved_lag_max_us,
            });
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::event::{Event, Failure, Observer, Origin, PopulationId, Stage, TransportKind};
    use crate::metrics::{Recorder, Snapshot};

    /// A run of one worker, each second with a CPU share in percent and a lag in milliseconds.
    fn run(seconds: &[(u64, u64)]) -> Health {
        let intervals = seconds
            .iter()
            .zip(0..)
            .map(|((cpu_percent, lag_ms), number)| {
                let interval = WorkerInterval {
                    wall: Duration::from_secs(1),
                    cpu: Duration::from_millis(cpu_percent * 10),
                    lag_p99_us: lag_ms * 1000,
                    lag_max_us: lag_ms * 1000,
                };
                (number, interval)
            })
            .collect();
        let mut totals = Totals::new(1, 1);
        totals.add(Snapshot {
            workers: BTreeMap::from([(0, intervals)]),
            ..Snapshot::default()
        });
        judge(&totals, 0)
    }

    fn codes(health: &Health) -> Vec<&'static str> {
        health.warnings.iter().map(HealthWarning::code).collect()
    }

    #[test]
    fn a_generator_at_ease_is_not_spoken_of() {
        let health = run(&[(99, 10), (50, 49), (10, 0)]);
        assert_eq!(health.warnings, []);
        assert!(!health.bottleneck);
        assert!(
            (health.cpu_busiest - 0.53).abs() < 1e-9,
            "{}",
            health.cpu_busiest
        );
    }

    #[test]
    fn a_single_saturated_interval_is_a_warning_and_no_bottleneck() {
        let health = run(&[(99, 80), (10, 0)]);
        assert_eq!(codes(&health), ["generator_saturated"]);
        assert!(!health.bottleneck);
    }

    #[test]
    fn a_fifth_of_the_run_saturated_makes_the_generator_the_bottleneck() {
        let seconds = |saturated| -> Vec<(u64, u64)> {
            (0..20)
                .map(|second| {
                    if second < saturated {
                        (95, 60)
                    } else {
                        (20, 1)
                    }
                })
                .collect()
        };
        assert!(!run(&seconds(3)).bottleneck);
        assert!(run(&seconds(4)).bottleneck);
        assert!(run(&[(95, 60); 3]).bottleneck);
    }

    #[test]
    fn a_worker_that_is_stuck_for_seconds_is_no_single_hiccup() {
        let interval = WorkerInterval {
            wall: Duration::from_secs(14),
            cpu: Duration::from_secs(14),
            lag_p99_us: 13_000_000,
            lag_max_us: 13_900_000,
        };
        let mut totals = Totals::new(1, 1);
        totals.add(Snapshot {
            workers: BTreeMap::from([(0, BTreeMap::from([(0, interval)]))]),
            ..Snapshot::default()
        });
        assert!(judge(&totals, 0).bottleneck);
    }

    #[test]
    fn seconds_are_judged_once_however_the_workers_count_them() {
        let interval = |seconds, lag_ms: u64| WorkerInterval {
            wall: Duration::from_secs(seconds),
            cpu: Duration::from_secs(seconds),
            lag_p99_us: lag_ms * 1000,
            lag_max_us: lag_ms * 1000,
        };
        // One of two is stuck from second 3 to second 7, and again in the last.
        let stuck = [(1, 0), (1, 0), (1, 0), (4, 3900), (1, 0), (1, 0), (1, 90)];
        let stuck = stuck.map(|(seconds, lag_ms)| interval(seconds, lag_ms));
        let awake = [0, 0, 0, 0, 0, 0, 0, 0, 0, 90].map(|lag_ms| interval(1, lag_ms));
        let mut totals = Totals::new(1, 2);
        totals.add(Snapshot {
            workers: BTreeMap::from([
                (0, (0..).zip(stuck).collect()),
                (1, (0..).zip(awake).collect()),
            ]),
            ..Snapshot::default()
        });
        let health = judge(&totals, 0);
        assert_eq!((health.saturated, health.intervals), (5, 10));
    }

    #[test]
    fn some_lag_without_cpu_use_is_another_processes_doing() {
        let health = run(&[(30, 190); 10]);
        assert_eq!(codes(&health), ["generator_lag"]);
        assert!(!health.bottleneck);
        assert!(health.warnings[0].to_string().contains("190 ms"));
    }

    /// A run of so many handshakes, some of which found no descriptor.
    fn handshakes(count: u64, without_descriptor: u64) -> Totals {
        let clock = Clock::start();
        let recorder = Recorder::new(0, 1, clock);
        let web = recorder.observer(PopulationId(0));
        let transport = TransportKind::WebSocket;
        for _ in 0..count {
            web.observe(clock.origin(), Event::EngineOpening { transport });
        }
        for _ in 0..without_descriptor {
            let failure = Failure::new(Stage::Tcp, Cause::NoDescriptors, Origin::Generator);
            let cut_off = None;
            web.observe(clock.origin(), Event::EngineFailed { failure, cut_off });
        }
        let mut totals = Totals::new(1, 1);
        totals.add(recorder.take(clock.origin()));
        totals
    }

    #[test]
    fn a_generator_without_descriptors_says_so_and_is_the_bottleneck_from_one_percent_on() {
        let few = judge(&handshakes(1_000, 9), 0);
        assert_eq!(codes(&few), ["generator_shortage"]);
        assert!(few.warnings[0].to_string().contains("9 connections"));
        assert!(!few.bottleneck);
        assert!(judge(&handshakes(1_000, 10), 0).bottleneck);
        let of_both = judge(&handshakes(1_000, 5), 5);
        assert!(of_both.bottleneck, "its balancer's count as its own");
        assert_eq!(codes(&judge(&handshakes(1_000, 0), 0)), [""; 0]);
    }

    #[test]
    fn a_generator_that_gets_no_cpu_time_is_a_bottleneck_too() {
        let health = run(&[(30, 900); 10]);
        assert_eq!((health.starved, health.overdue), (10, 10));
        assert!(health.bottleneck);
    }
}
