//! What a client sends, and when: open loop, from the first connect of each namespace on.
//!
//! The n-th event of a table is due at a time that depends on nothing but the schedule, so a slow
//! server or a lost connection never thins out the load.

use std::time::{Duration, Instant};

use crate::scenario::plan::Emit;

/// The emit schedules of one client.
#[derive(Debug)]
pub struct Behaviour {
    schedules: Box<[Schedule]>,
}

#[derive(Debug)]
struct Schedule {
    /// The namespace that it emits in.
    namespace: usize,
    /// Set by the namespace's first connect; nothing before it, and after its end.
    origin: Option<Instant>,
    /// In [0, every).
    phase: Duration,
    every: Duration,
    /// Ticks so far.
    ticks: u64,
}

impl Schedule {
    /// When the next tick is due, if the schedule runs.
    fn due(&self) -> Option<Instant> {
        // Beyond 2^32 ticks of an emit schedule a run has lasted for weeks at 1 kHz.
        let since_first = self.every * u32::try_from(self.ticks).unwrap_or(u32::MAX);
        Some(self.origin? + self.phase + since_first)
    }
}

impl Schedule {
    /// The number of ticks that are due within `run` of the origin, and not polled.
    fn unpolled(&self, run: Duration) -> u64 {
        let Some(since_first) = run.checked_sub(self.phase) else {
            return 0;
        };
        let due = since_first.as_nanos() / self.every.as_nanos().max(1) + 1;
        u64::try_from(due)
            .unwrap_or(u64::MAX)
            .saturating_sub(self.ticks)
    }
}

/// One tick of one schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// Index of the emit table.
    pub table: usize,
    /// From 0.
    pub number: u64,
    /// When it was due.
    pub intended: Instant,
}

impl Behaviour {
    /// Schedules with phases drawn from `random`, so that clients don't send in step.
    pub fn new(emits: &[Emit], random: &mut fastrand::Rng) -> Self {
        let schedules = emits.iter().map(|emit| Schedule {
            phase: emit.every.mul_f64(random.f64()),
            every: emit.every,
            ticks: 0,
            namespace: emit.namespace,
            origin: None,
        });
        Self {
            schedules: schedules.collect(),
        }
    }

    /// Runs the schedules of one namespace from `now` on; only the first call counts.
    pub fn start(&mut self, namespace: usize, now: Instant) {
        for schedule in &mut self.schedules {
            if schedule.namespace == namespace {
                schedule.origin.get_or_insert(now);
            }
        }
    }

    /// No more ticks. By table, the number of those that were due by `until` and not polled.
    pub fn stop(&mut self, until: Instant) -> impl Iterator<Item = (usize, u64)> + use<> {
        let schedules = std::mem::take(&mut self.schedules).into_iter();
        schedules.enumerate().map(move |(table, schedule)| {
            let origin = schedule.origin;
            let run = origin.map(|origin| until.saturating_duration_since(origin));
            (table, run.map_or(0, |run| schedule.unpolled(run)))
        })
    }

    /// When the next tick is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.schedules.iter().filter_map(Schedule::due).min()
    }

    /// The next tick that is due by `now`, in order of time.
    pub fn poll_tick(&mut self, now: Instant) -> Option<Tick> {
        let due = |(table, schedule): (usize, &Schedule)| Some((schedule.due()?, table));
        let (intended, table) = self.schedules.iter().enumerate().filter_map(due).min()?;
        if intended > now {
            return None;
        }
        let schedule = &mut self.schedules[table];
        let number = schedule.ticks;
        schedule.ticks += 1;
        Some(Tick {
            table,
            number,
            intended,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::template::JsonTemplate;

    fn emit(every: Duration) -> Emit {
        Emit {
            event: "tick".to_owned(),
            data: JsonTemplate::default(),
            size: None,
            binary: false,
            every,
            burst: 1,
            namespace: 0,
            volatile: false,
            ack: None,
            expect: Vec::new(),
            captures: Vec::new(),
        }
    }

    fn behaviour(every: &[u64], seed: u64) -> Behaviour {
        let emits: Vec<Emit> = every
            .iter()
            .map(|ms| emit(Duration::from_millis(*ms)))
            .collect();
        Behaviour::new(&emits, &mut fastrand::Rng::with_seed(seed))
    }

    #[test]
    fn nothing_is_due_before_the_first_connect() {
        let mut behaviour = behaviour(&[10], 1);
        assert_eq!(behaviour.next_due(), None);
        assert_eq!(behaviour.poll_tick(crate::clock::now()), None);
    }

    #[test]
    fn the_first_tick_comes_within_one_period_and_none_is_lost_to_a_stall() {
        for seed in 0..100 {
            let mut behaviour = behaviour(&[100], seed);
            let origin = crate::clock::now();
            behaviour.start(0, origin);
            let first = behaviour.next_due().unwrap();
            assert!(first - origin < Duration::from_millis(100));
            let stalled = origin + Duration::from_secs(10);
            let ticks: Vec<Tick> = std::iter::from_fn(|| behaviour.poll_tick(stalled)).collect();
            assert_eq!(ticks.len(), 100);
            for (n, tick) in ticks.iter().enumerate() {
                assert_eq!(tick.intended, first + Duration::from_millis(100) * n as u32);
                assert_eq!(tick.number, n as u64);
            }
        }
    }

    #[test]
    fn a_namespace_that_never_connects_holds_up_no_other() {
        let mut emits = [
            emit(Duration::from_millis(10)),
            emit(Duration::from_millis(10)),
        ];
        emits[1].namespace = 1;
        let mut behaviour = Behaviour::new(&emits, &mut fastrand::Rng::with_seed(1));
        let origin = crate::clock::now();
        behaviour.start(0, origin);
        let end = origin + Duration::from_secs(1);
        let ticks: Vec<Tick> = std::iter::from_fn(|| behaviour.poll_tick(end)).collect();
        assert_eq!(ticks.len(), 100);
        assert!(ticks.iter().all(|tick| tick.table == 0));
        behaviour.start(1, end);
        assert!(behaviour.next_due().is_some_and(|due| due >= end));
    }

    #[test]
    fn what_was_due_and_not_polled_is_known_at_the_end() {
        let mut behaviour = behaviour(&[100, 30], 5);
        let origin = crate::clock::now();
        behaviour.start(0, origin);
        let due_first = |schedule: &Schedule| schedule.due().expect("started") - origin;
        let phases: Vec<Duration> = behaviour.schedules.iter().map(due_first).collect();
        let polled_until = origin + Duration::from_millis(500);
        while behaviour.poll_tick(polled_until).is_some() {}
        let end = Duration::from_millis(1500);
        let due = |phase: Duration, every: u64, until: Duration| {
            let ticks = (0..).map(|n| phase + Duration::from_millis(every) * n);
            ticks.take_while(|due| *due <= until).count() as u64
        };
        let half = Duration::from_millis(500);
        let expected: Vec<(usize, u64)> = [100, 30]
            .into_iter()
            .enumerate()
            .map(|(n, every)| (n, due(phases[n], every, end) - due(phases[n], every, half)))
            .collect();
        let unsent: Vec<(usize, u64)> = behaviour.stop(origin + end).collect();
        assert_eq!(unsent, expected);
        assert_eq!(
            behaviour.stop(origin + 2 * end).count(),
            0,
            "stopped already"
        );
    }

    #[test]
    fn ticks_of_several_tables_come_in_order_of_time() {
        let mut behaviour = behaviour(&[30, 70], 3);
        let origin = crate::clock::now();
        behaviour.start(0, origin);
        let end = origin + Duration::from_millis(2100);
        let ticks: Vec<Tick> = std::iter::from_fn(|| behaviour.poll_tick(end)).collect();
        assert!(ticks.is_sorted_by_key(|tick| tick.intended));
        assert!((99..=101).contains(&ticks.len()), "{}", ticks.len());
    }

    #[test]
    fn phases_are_spread_over_the_period() {
        let origin = crate::clock::now();
        let phase = |seed| {
            let mut behaviour = behaviour(&[1000], seed);
            behaviour.start(0, origin);
            (behaviour.next_due().unwrap() - origin).as_millis() / 100
        };
        let tenths: std::collections::BTreeSet<u128> = (0..200).map(phase).collect();
        assert_eq!(tenths.len(), 10);
    }
}
