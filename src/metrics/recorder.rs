use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::histogram::Histogram;
use super::host;
use super::snapshot::{Interval, Snapshot, WorkerInterval};
use super::tally::{Tally, micros};
use crate::clock::Clock;
use crate::event::{Event, Observer, PopulationId};

/// Counts and times what happens to the clients of one worker thread.
///
/// It lives on that thread alone (it is not `Send`): recording an event is a few additions behind a
/// cell, without locks, without messages, and without allocations but for the first value of a
/// metric in a second and the first failure of its kind.
#[derive(Debug, Clone)]
pub struct Recorder(Rc<RefCell<State>>);

impl Recorder {
    /// One for worker number `worker`, counted from 0, in a run of so many populations whose time
    /// starts at the clock's zero.
    #[must_use]
    pub fn new(worker: u32, populations: usize, clock: Clock) -> Self {
        Self(Rc::new(RefCell::new(State {
            worker,
            current: Current {
                second: 0,
                start: clock.origin(),
                interval_touched: false,
                interval_lag: Histogram::new(),
                populations: (0..populations).map(|_| Live::default()).collect(),
                connected: 0,
                connected_peak: 0,
            },
            pending: Snapshot::default(),
            load_end: None,
            taken: Taken {
                number: 0,
                at: clock.origin(),
                cpu: host::thread_cpu(),
                lag: Histogram::new(),
            },
            clock,
        })))
    }

    /// Where the events of this population's clients go.
    ///
    /// # Panics
    /// On the first event, if the run has no such population.
    #[must_use]
    pub fn observer(&self, population: PopulationId) -> PopulationObserver {
        PopulationObserver {
            state: Rc::clone(&self.0),
            population: usize::from(population.0),
        }
    }

    /// Takes note that a timer of this thread fired so late.
    pub fn observe_lag(&self, at: Instant, lag: Duration) {
        let state = &mut *self.0.borrow_mut();
        state.advance(at);
        let lag = micros(lag);
        state.current.interval_lag.record(lag);
        state.current.interval_touched = true;
        state.taken.lag.record(lag);
    }

    /// Notes that the load ended at this time: how busy the thread is from then on says nothing
    /// about what was measured, and is not reported.
    pub fn end_load(&self, at: Instant) {
        self.0.borrow_mut().load_end = Some(at);
    }

    /// Everything since the last call, with the CPU time that this thread took.
    ///
    /// To be called on the worker's own thread, about once a second.
    #[must_use]
    pub fn take(&self, now: Instant) -> Snapshot {
        self.0.borrow_mut().take(now)
    }
}

/// Records the events of one population's clients; clones share everything.
#[derive(Debug, Clone)]
pub struct PopulationObserver {
    state: Rc<RefCell<State>>,
    population: usize,
}

impl Observer for PopulationObserver {
    fn observe(&self, at: Instant, event: Event) {
        let state = &mut *self.state.borrow_mut();
        state.advance(at);
        state.apply(self.population, at, event);
    }
}

#[derive(Debug)]
pub(super) struct State {
    worker: u32,
    clock: Clock,
    pub(super) current: Current,
    /// Seconds that are over but not taken, and faults.
    pub(super) pending: Snapshot,
    /// When the load ended.
    load_end: Option<Instant>,
    taken: Taken,
}

/// The second of the run that is under way.
#[derive(Debug)]
pub(super) struct Current {
    second: u32,
    start: Instant,
    pub(super) interval_touched: bool,
    interval_lag: Histogram,
    pub(super) populations: Vec<Live>,
    /// Clients connected now, and the most in this second.
    connected: u64,
    connected_peak: u64,
}

/// A population in the second under way.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) tally: Tally,
    pub(super) touched: bool,
    connected: u64,
}

/// The end of the interval before.
#[derive(Debug)]
struct Taken {
    number: u32,
    at: Instant,
    cpu: Duration,
    lag: Histogram,
}

const SECOND: Duration = Duration::from_secs(1);

impl State {
    /// Ends the second under way if `at` lies beyond it.
    ///
    /// An event that comes late for its second counts in the one under way: nothing is lost, and
    /// seconds that were handed out stay as they are.
    fn advance(&mut self, at: Instant) {
        if at.saturating_duration_since(self.current.start) >= SECOND {
            self.end_second();
            let second = self.clock.since_origin(at).as_secs();
            self.current.second = u32::try_from(second).unwrap_or(u32::MAX);
            self.current.start = self.clock.origin() + Duration::from_secs(second);
        }
    }

    pub(super) fn since_origin(&self, at: Instant) -> Duration {
        self.clock.since_origin(at)
    }

    /// Moves what the second under way holds to what is pending.
    fn end_second(&mut self) {
        let current = &mut self.current;
        if !current.interval_touched {
            return;
        }
        current.interval_touched = false;
        let mut interval = Interval {
            populations: BTreeMap::new(),
            lag: std::mem::take(&mut current.interval_lag),
            connected_peak: std::mem::replace(&mut current.connected_peak, current.connected),
        };
        for (place, live) in current.populations.iter_mut().enumerate() {
            if std::mem::take(&mut live.touched) {
                let tally = std::mem::take(&mut live.tally);
                live.tally.connected_peak = live.connected;
                interval
                    .populations
                    .insert(PopulationId(place as u16), tally);
            }
        }
        let pending = self.pending.seconds.entry(current.second).or_default();
        pending.merge(interval);
    }

    fn take(&mut self, now: Instant) -> Snapshot {
        self.advance(now);
        self.end_second();
        let taken = &mut self.taken;
        let cpu = host::thread_cpu();
        let interval = WorkerInterval {
            wall: now.saturating_duration_since(taken.at),
            cpu: cpu.saturating_sub(taken.cpu),
            lag_p99_us: taken.lag.value_at_percentile(99.0),
            lag_max_us: taken.lag.value_at_percentile(100.0),
        };
        let mut snapshot = std::mem::take(&mut self.pending);
        if self.load_end.is_none_or(|end| taken.at < end) {
            snapshot
                .workers
                .insert(self.worker, BTreeMap::from([(taken.number, interval)]));
        }
        snapshot
            .reported_until
            .insert(self.worker, self.clock.since_origin(now));
        *taken = Taken {
            number: taken.number + 1,
            at: now,
            cpu,
            lag: Histogram::new(),
        };
        snapshot
    }
}

impl Current {
    pub(super) fn client_connected(&mut self, population: usize, at: Instant) {
        let tenth = self.tenth(at);
        let live = &mut self.populations[population];
        live.connected += 1;
        live.tally.connected_change[tenth] += 1;
        live.tally.connected_peak = live.tally.connected_peak.max(live.connected);
        self.connected += 1;
        self.connected_peak = self.connected_peak.max(self.connected);
    }

    /// Only a client that was counted as connected is lost ([`Event::Disconnected`]'s `first`);
    /// whatever events come, the gauge stays above zero.
    pub(super) fn client_lost(&mut self, population: usize, at: Instant) {
        let tenth = self.tenth(at);
        let live = &mut self.populations[population];
        if live.connected > 0 {
            live.connected -= 1;
            live.tally.connected_change[tenth] -= 1;
            self.connected -= 1;
        }
    }

    fn tenth(&self, at: Instant) -> usize {
        let into = at.saturating_duration_since(self.start).as_millis() / 100;
        usize::try_from(into).unwrap_or(usize::MAX).min(9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{
        Cause, Counter, DisconnectReason, Failure, Origin, Stage, StrikeId, TransportKind,
    };
    use crate::metrics::Totals;

    const MS: Duration = Duration::from_millis(1);
    const WEB: PopulationId = PopulationId(0);

    /// One worker, and what it told until now.
    struct Bench {
        clock: Clock,
        recorder: Recorder,
        totals: Totals,
    }

    impl Bench {
        fn new() -> Self {
            let clock = Clock::start();
            Self {
                clock,
                recorder: Recorder::new(0, 1, clock),
                totals: Totals::new(1, 1),
            }
        }

        fn observe(&self, at_ms: u64, event: Event) {
            let at = self.clock.origin() + Duration::from_millis(at_ms);
            self.recorder.observer(WEB).observe(at, event);
        }

        fn take(&mut self, at_ms: u64) -> &Totals {
            let at = self.clock.origin() + Duration::from_millis(at_ms);
            self.totals.add(self.recorder.take(at));
            self.totals.close_seconds();
            &self.totals
        }
    }

    fn connected() -> Event {
        Event::Connected {
            since_intended: MS,
            transport: TransportKind::WebSocket,
        }
    }

    fn lost(fault: Option<StrikeId>) -> Event {
        Event::Disconnected {
            reason: DisconnectReason::TransportClose,
            fault,
            detect: fault.map(|_| MS),
            first: true,
        }
    }

    fn back(fault: Option<StrikeId>, outage_ms: u64) -> Event {
        Event::Reconnected {
            took: MS,
            outage: fault.map(|_| Duration::from_millis(outage_ms)),
            fault,
            attempts: 2,
            transport: TransportKind::Polling,
            recovered: Some(false),
            is_ready: true,
        }
    }

    #[test]
    fn an_event_counts_in_the_second_in_which_it_happened() {
        let mut bench = Bench::new();
        bench.observe(200, Event::Emitted);
        bench.observe(1999, Event::Emitted);
        bench.observe(2000, Event::Emitted);
        bench.take(2100);
        bench.observe(2900, Event::Emitted);
        let totals = bench.take(5000);
        let emits: Vec<u64> = totals
            .series()
            .iter()
            .map(|row| row.counters.value(Counter::Emits))
            .collect();
        assert_eq!(emits, [1, 1, 2, 0, 0]);
    }

    #[test]
    fn the_greatest_number_of_clients_is_seen_even_within_a_tenth_of_a_second() {
        let mut bench = Bench::new();
        for _ in 0..3 {
            bench.observe(110, connected());
        }
        for _ in 0..3 {
            bench.observe(120, lost(None));
        }
        bench.observe(1500, back(None, 0));
        let totals = bench.take(3000);
        assert_eq!(totals.connected_max(None), 3);
        assert_eq!(totals.connected_max(Some(WEB)), 3);
        assert_eq!(totals.connected(), 1);
        let gauge: Vec<u64> = totals.series().iter().map(|row| row.connected).collect();
        assert_eq!(gauge, [0, 1, 1]);
    }

    #[test]
    fn clients_that_move_between_workers_are_not_counted_twice_at_once() {
        let clock = Clock::start();
        let workers = [0, 1].map(|worker| Recorder::new(worker, 1, clock));
        let at = |ms| clock.origin() + Duration::from_millis(ms);
        workers[0].observer(WEB).observe(at(50), connected());
        workers[0].observer(WEB).observe(at(450), lost(None));
        workers[1].observer(WEB).observe(at(650), connected());
        let mut totals = Totals::new(1, 2);
        totals.add(workers[0].take(at(1000)));
        assert!(
            totals.close_seconds().is_empty(),
            "a worker has not told yet"
        );
        totals.add(workers[1].take(at(1000)));
        assert_eq!(totals.close_seconds().len(), 1);
        assert_eq!(totals.connected_max(None), 1);
    }

    #[test]
    fn a_loss_without_a_connect_does_not_turn_the_gauge_around() {
        let mut bench = Bench::new();
        bench.observe(10, lost(None));
        bench.observe(20, connected());
        assert_eq!(bench.take(1000).connected(), 1);
    }

    #[test]
    fn a_fault_is_restored_when_its_share_of_the_affected_is_back() {
        let mut bench = Bench::new();
        let fault = StrikeId(4);
        for client in 1..=10u64 {
            bench.observe(0, connected());
            bench.observe(100, Event::FaultFelt { fault });
            if client <= 8 {
                bench.observe(101, lost(Some(fault)));
                bench.observe(1000 * client, back(Some(fault), 1000 * client));
            }
        }
        let outage = Duration::from_secs(9);
        let ago = Duration::from_secs(5);
        bench.observe(14_100, Event::FaultPassed { fault, outage, ago });
        let totals = bench.take(20_000);
        let tally = totals.fault(fault).unwrap();
        assert_eq!((tally.affected, tally.restored), (10, 9));
        assert_eq!(tally.last_restored, Some(Duration::from_millis(9100)));
        assert_eq!(tally.restored_after(0.5), Some(Duration::from_secs(5)));
        assert_eq!(tally.restored_after(0.9), Some(Duration::from_secs(9)));
        assert_eq!(tally.restored_after(0.95), None);
        assert_eq!(
            tally.disconnects[DisconnectReason::TransportClose as usize],
            8
        );
        assert_eq!((tally.back_on_polling, tally.back_on_websocket), (8, 0));
        assert_eq!((tally.recovery_offered, tally.recovered), (8, 0));
        assert_eq!(totals.counter(Counter::Reconnects), 8);
        assert_eq!(totals.fault(StrikeId(0)), None);
    }

    #[test]
    fn a_fault_is_there_from_its_first_application_to_its_last_end_on_whatever_worker() {
        let clock = Clock::start();
        let fault = StrikeId(2);
        let mut totals = Totals::new(1, 2);
        for (worker, from, to) in [(1, 300, 900), (0, 200, 1400)] {
            let recorder = Recorder::new(worker, 1, clock);
            let at = |ms| clock.origin() + Duration::from_millis(ms);
            let observer = recorder.observer(WEB);
            observer.observe(at(from), Event::FaultApplied { fault });
            observer.observe(at(to), Event::FaultLifted { fault });
            totals.add(recorder.take(at(2000)));
        }
        let tally = totals.fault(fault).unwrap();
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(
            (tally.applied_first, tally.lifted_last),
            (ms(200), ms(1400))
        );
        assert_eq!((tally.applications, tally.lifts), (2, 2));
        assert_eq!(totals.reported_until(), ms(2000));
    }

    #[test]
    fn the_peak_of_handshakes_is_that_of_the_seconds_asked_for() {
        let mut bench = Bench::new();
        let transport = TransportKind::Polling;
        for (second, handshakes) in [(0, 9), (1, 2), (2, 5), (3, 7)] {
            for _ in 0..handshakes {
                bench.observe(second * 1000 + 1, Event::EngineOpening { transport });
            }
        }
        let totals = bench.take(4000);
        let at = Duration::from_millis;
        assert_eq!(totals.peak_handshakes(at(1500), Some(at(2100))), 5);
        assert_eq!(totals.peak_handshakes(at(1500), None), 7);
        assert_eq!(totals.peak_handshakes(at(8000), None), 0);
    }

    #[test]
    fn failures_are_counted_by_kind_and_keep_one_message() {
        let mut bench = Bench::new();
        let failure = Failure::new(Stage::Open, Cause::HttpStatus, Origin::Server);
        for status in [502, 503, 502] {
            let failure = failure.clone().with_status(status).with_message("bad");
            let cut_off = None;
            bench.observe(0, Event::EngineFailed { failure, cut_off });
        }
        let failure = failure.at_stage(Stage::Session);
        let cut_off = None;
        bench.observe(1200, Event::SessionFailed { failure, cut_off });
        let totals = bench.take(2000);
        let total = totals.total();
        let kinds: Vec<_> = total
            .failures
            .iter()
            .map(|(key, count, message)| (key.stage, key.status, count, message))
            .collect();
        assert_eq!(
            kinds,
            [
                (Stage::Open, Some(502), 2, Some("bad")),
                (Stage::Open, Some(503), 1, Some("bad")),
                (Stage::Session, None, 1, None),
            ]
        );
        assert_eq!(totals.counter(Counter::HandshakeErrors), 3);
        assert_eq!(totals.counter(Counter::SessionErrors), 1);
        let errors: Vec<u64> = totals.series().iter().map(|row| row.errors).collect();
        assert_eq!(errors, [3, 1]);
        let met = |bench: &mut Bench| bench.totals.new_failures().len();
        assert_eq!(met(&mut bench), 3);
        assert_eq!(met(&mut bench), 0, "each kind is new once");
    }

    #[test]
    fn a_start_is_late_above_ten_milliseconds() {
        let mut bench = Bench::new();
        for late_ms in [0, 10, 11] {
            let late = Duration::from_millis(late_ms);
            bench.observe(0, Event::ClientStarted { late });
        }
        let totals = bench.take(1000);
        assert_eq!(totals.counter(Counter::ClientsStarted), 3);
        assert_eq!(totals.counter(Counter::GeneratorLateStarts), 1);
    }

    #[test]
    fn lag_is_kept_for_the_run_and_for_each_interval() {
        let mut bench = Bench::new();
        bench.recorder.observe_lag(bench.clock.origin(), 80 * MS);
        bench.take(1000);
        let totals = bench.take(2000);
        assert_eq!(totals.lag().count(), 1);
        let intervals = &totals.worker_intervals()[&0];
        assert!(intervals[&0].lag_max_us >= 80_000);
        assert_eq!(intervals[&1].lag_max_us, 0);
        assert_eq!(intervals[&1].wall, Duration::from_secs(1));
    }
}
