//! Both sides as a pair in virtual time.

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::message::{Assignment, Hello, HowEnded, Limits, REVISION, Share};
use super::packet::Packet;
use super::peer::{LOST_AFTER, Loss, PREPARATION_LIMIT, Peer, PeerEvent};
use super::worker::{ORPHANED_AFTER, OUTAGE_LIMIT, Why, WorkerEvent, WorkerSide};
use crate::event::StrikeId;
use crate::metrics::Snapshot;
use crate::scenario::{self, Overrides};

/// The worker's clock is this far ahead of the coordinator's.
const AHEAD: Duration = Duration::from_secs(1_000);

fn assignment() -> Assignment {
    let text =
        "duration = \"10s\"\n[target]\nurl = \"http://127.0.0.1:1/\"\n[[clients]]\ncount = 4\n";
    let plan = scenario::parse(text, "test.toml", &Overrides::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    Assignment {
        plan,
        url: Url::parse("http://127.0.0.1:1/").unwrap(),
        ways: Vec::new(),
        share: Share {
            first: 0,
            threads: 1,
            total: 2,
        },
    }
}

fn hello() -> Hello {
    Hello {
        revision: REVISION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        wall_origin: Duration::ZERO,
        limits: Limits {
            cores: 2,
            descriptors: 1024,
            ports: 28_000,
        },
    }
}

fn snapshot(second: u32) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot
        .reported_until
        .insert(0, Duration::from_secs(second.into()));
    snapshot
}

/// A coordinator's peer and a worker, with a carrier between them.
struct Pair {
    now: Duration,
    peer: Peer,
    worker: WorkerSide,
    /// Arrival, whether it goes to the worker, bytes.
    under_way: Vec<(Duration, bool, Bytes)>,
    rng: fastrand::Rng,
    /// Whether the carrier takes packets.
    is_up: bool,
    is_lossy: bool,
    at_coordinator: Vec<PeerEvent>,
    at_worker: Vec<WorkerEvent>,
    /// Answers what a process around the worker would answer at once.
    obeys: bool,
}

impl Pair {
    fn new(seed: u64, hello: Hello) -> Self {
        let now = Duration::ZERO;
        Self {
            now,
            peer: Peer::new(now, assignment()),
            worker: WorkerSide::new(now + AHEAD, hello),
            under_way: Vec::new(),
            rng: fastrand::Rng::with_seed(seed),
            is_up: true,
            is_lossy: seed != 0,
            at_coordinator: Vec::new(),
            at_worker: Vec::new(),
            obeys: true,
        }
    }

    fn post(&mut self, to_worker: bool, packet: &Packet) {
        if !self.is_up || (self.is_lossy && self.rng.u8(..4) == 0) {
            return;
        }
        let copies = if self.is_lossy && self.rng.u8(..8) == 0 {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let way = if self.is_lossy {
                self.rng.u64(..300)
            } else {
                1
            };
            let at = self.now + Duration::from_millis(way);
            self.under_way.push((at, to_worker, packet.encode()));
        }
    }

    fn step(&mut self) {
        while let Some(packet) = self.peer.poll_transmit(self.now) {
            self.post(true, &packet);
        }
        while let Some(packet) = self.worker.poll_transmit(self.now + AHEAD) {
            self.post(false, &packet);
        }
        while let Some(event) = self.peer.poll_event() {
            self.at_coordinator.push(event);
        }
        while let Some(event) = self.worker.poll_event() {
            if self.obeys {
                match &event {
                    WorkerEvent::Prepare(_) => self.worker.prepared(),
                    WorkerEvent::Announce(strike, _) => self.worker.known(*strike),
                    WorkerEvent::Start { .. }
                    | WorkerEvent::Struck(..)
                    | WorkerEvent::FaultOver(..)
                    | WorkerEvent::Stop(_)
                    | WorkerEvent::Over => {}
                }
            }
            self.at_worker.push(event);
        }
    }

    /// Runs until `done`, or until virtual time has gone on by `limit`; says which.
    fn run(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            self.step();
            if done(self) {
                return true;
            }
            if self.now >= end {
                return false;
            }
            let arrivals = self.under_way.iter().map(|(at, ..)| *at);
            let deadlines = [
                self.peer.deadline(),
                self.worker.deadline().saturating_sub(AHEAD),
            ];
            let next = arrivals.chain(deadlines).min().unwrap_or(end);
            self.now = next.clamp(self.now + Duration::from_micros(50), end);
            self.under_way.sort_by_key(|(at, ..)| *at);
            let due = self.under_way.partition_point(|(at, ..)| *at <= self.now);
            for (_, to_worker, bytes) in self.under_way.drain(..due).collect::<Vec<_>>() {
                let packet = Packet::decode(bytes).unwrap();
                if to_worker {
                    self.worker.handle_packet(self.now + AHEAD, packet);
                } else {
                    self.peer.handle_packet(self.now, packet);
                }
            }
            self.peer.handle_timeout(self.now);
            self.worker.handle_timeout(self.now + AHEAD);
        }
    }

    /// A pair under load; the start lay one second ahead.
    fn running(seed: u64) -> Self {
        let mut pair = Self::new(seed, hello());
        let limit = Duration::from_secs(30);
        assert!(pair.run(limit, |pair| pair.peer.is_ready()), "never ready");
        let start = pair.now + Duration::from_secs(1);
        // Later answers may be better; what was sent rests on these.
        let error = pair.peer.clock().error().unwrap();
        pair.peer.start_at(start, Duration::from_secs(7));
        assert!(
            pair.run(limit, |pair| pair.started().is_some()),
            "never started"
        );
        let started = pair.started().unwrap();
        assert!(
            started.abs_diff(start + AHEAD) <= error,
            "{started:?} {start:?} {error:?}"
        );
        pair
    }

    fn started(&self) -> Option<Duration> {
        self.at_worker.iter().find_map(|event| match event {
            WorkerEvent::Start { at, .. } => Some(*at),
            WorkerEvent::Prepare(_)
            | WorkerEvent::Announce(..)
            | WorkerEvent::Struck(..)
            | WorkerEvent::FaultOver(..)
            | WorkerEvent::Stop(_)
            | WorkerEvent::Over => None,
        })
    }

    fn snapshots(&self) -> Vec<Snapshot> {
        let snapshot = |event: &PeerEvent| match event {
            PeerEvent::Snapshot(snapshot) => Some((**snapshot).clone()),
            PeerEvent::Ready | PeerEvent::Ended | PeerEvent::Lost(_) => None,
        };
        self.at_coordinator.iter().filter_map(snapshot).collect()
    }

    fn has_stopped(&self, why: Why) -> bool {
        self.at_worker.contains(&WorkerEvent::Stop(why))
    }

    fn lost(&self) -> Option<&Loss> {
        self.at_coordinator.iter().find_map(|event| match event {
            PeerEvent::Lost(loss) => Some(loss),
            PeerEvent::Ready | PeerEvent::Snapshot(_) | PeerEvent::Ended => None,
        })
    }
}

#[test]
fn everything_measured_arrives_once_and_in_order_whatever_the_carrier_does() {
    for seed in 0..40 {
        let mut pair = Pair::running(seed);
        for second in 0..20 {
            pair.worker.snapshot(snapshot(second));
            pair.run(Duration::from_millis(200), |_| false);
        }
        pair.worker.ended(HowEnded::InOrder);
        let ended = pair.run(Duration::from_secs(60), |pair| {
            pair.peer.is_over() && pair.at_worker.contains(&WorkerEvent::Over)
        });
        assert!(ended, "seed {seed}: {:?}", pair.at_coordinator.last());
        let expected: Vec<Snapshot> = (0..20).map(snapshot).collect();
        assert_eq!(pair.snapshots(), expected, "seed {seed}");
        assert_eq!(pair.lost(), None, "seed {seed}");
    }
}

#[test]
fn a_fault_is_known_when_the_worker_has_said_so_and_has_the_time_of_the_strike() {
    for seed in 0..20 {
        let mut pair = Pair::running(seed);
        let strike = StrikeId(3);
        pair.peer.announce(strike, None);
        assert!(!pair.peer.knows(strike));
        assert!(pair.run(Duration::from_secs(30), |pair| pair.peer.knows(strike)));
        let struck = pair.now;
        let error = pair.peer.clock().error().unwrap();
        pair.peer.struck(strike, struck);
        assert!(!pair.peer.knows(strike));
        assert!(pair.run(Duration::from_secs(30), |pair| pair.peer.knows(strike)));
        let at = pair.at_worker.iter().find_map(|event| match event {
            WorkerEvent::Struck(known, at) => (*known == strike).then_some(*at),
            WorkerEvent::Prepare(_)
            | WorkerEvent::Start { .. }
            | WorkerEvent::Announce(..)
            | WorkerEvent::FaultOver(..)
            | WorkerEvent::Stop(_)
            | WorkerEvent::Over => None,
        });
        assert!(at.unwrap().abs_diff(struck + AHEAD) <= error);
    }
}

#[test]
fn an_outage_of_a_minute_loses_nothing() {
    let mut pair = Pair::running(0);
    pair.is_up = false;
    pair.worker.carrier_down();
    for second in 0..60 {
        pair.worker.snapshot(snapshot(second));
        pair.run(Duration::from_secs(1), |_| false);
    }
    assert!(pair.snapshots().is_empty());
    pair.is_up = true;
    pair.worker.carrier_up(pair.now + AHEAD);
    let all = pair.run(Duration::from_secs(5), |pair| pair.snapshots().len() == 60);
    assert!(all, "{} arrived", pair.snapshots().len());
    assert!(!pair.has_stopped(Why::Orphaned));
    assert_eq!(pair.lost(), None);
}

#[test]
fn a_worker_ends_its_load_when_the_coordinator_falls_silent() {
    let mut pair = Pair::running(0);
    pair.is_up = false;
    let since = pair.now;
    let limit = ORPHANED_AFTER + Duration::from_secs(2);
    assert!(pair.run(limit, |pair| pair.has_stopped(Why::Orphaned)));
    assert!(pair.now - since >= ORPHANED_AFTER - Duration::from_secs(2));
}

#[test]
fn a_worker_whose_carrier_stays_down_ends_its_load_too() {
    let mut pair = Pair::running(0);
    pair.is_up = false;
    pair.worker.carrier_down();
    let limit = OUTAGE_LIMIT + Duration::from_secs(2);
    assert!(pair.run(limit, |pair| pair.has_stopped(Why::Orphaned)));
}

#[test]
fn a_silent_worker_is_lost_and_what_it_measured_counts() {
    let mut pair = Pair::running(0);
    pair.worker.snapshot(snapshot(0));
    assert!(pair.run(Duration::from_secs(5), |pair| !pair.snapshots().is_empty()));
    pair.is_up = false;
    let limit = LOST_AFTER + Duration::from_secs(2);
    assert!(pair.run(limit, |pair| pair.lost().is_some()));
    assert_eq!(pair.lost(), Some(&Loss::Silent));
    assert_eq!(pair.snapshots(), [snapshot(0)]);
    assert!(
        pair.peer.knows(StrikeId(0)),
        "nobody waits for one that is lost"
    );
}

#[test]
fn a_worker_that_never_gets_ready_is_named() {
    let mut pair = Pair::new(0, hello());
    pair.obeys = false;
    let limit = PREPARATION_LIMIT + Duration::from_secs(2);
    assert!(pair.run(limit, |pair| pair.lost().is_some()));
    assert_eq!(pair.lost(), Some(&Loss::NotReady));
}

#[test]
fn a_worker_of_another_release_is_refused() {
    let mut pair = Pair::new(
        0,
        Hello {
            version: "0.0.1".to_owned(),
            ..hello()
        },
    );
    assert!(pair.run(Duration::from_secs(5), |pair| pair.lost().is_some()));
    let theirs = "0.0.1".to_owned();
    assert_eq!(pair.lost(), Some(&Loss::OtherRelease { theirs }));
    let over = |pair: &Pair| pair.at_worker.contains(&WorkerEvent::Over);
    assert!(
        pair.run(Duration::from_secs(5), over),
        "the refused worker waits on"
    );
}

#[test]
fn a_worker_that_cannot_begin_says_why() {
    let mut pair = Pair::new(0, hello());
    pair.obeys = false;
    assert!(pair.run(Duration::from_secs(5), |pair| !pair.at_worker.is_empty()));
    pair.worker.failed("no threads".to_owned());
    assert!(pair.run(Duration::from_secs(5), |pair| pair.lost().is_some()));
    assert_eq!(pair.lost(), Some(&Loss::Failed("no threads".to_owned())));
    let over = |pair: &Pair| pair.at_worker.contains(&WorkerEvent::Over);
    assert!(pair.run(Duration::from_secs(5), over));
}

#[test]
fn a_stop_reaches_the_worker_in_every_state() {
    for seed in 0..10 {
        let mut pair = Pair::running(seed);
        pair.peer.stop();
        assert!(pair.run(Duration::from_secs(30), |pair| {
            pair.has_stopped(Why::Ordered)
        }));
    }
    let mut pair = Pair::new(0, hello());
    assert!(pair.run(Duration::from_secs(5), |pair| pair.peer.is_ready()));
    pair.peer.stop();
    let over = |pair: &Pair| pair.at_worker.contains(&WorkerEvent::Over);
    assert!(pair.run(Duration::from_secs(5), over));
}

#[test]
fn a_worker_that_was_ended_by_somebody_else_is_lost_with_all_that_it_measured() {
    let mut pair = Pair::running(0);
    pair.worker.give_up();
    pair.worker.snapshot(snapshot(0));
    pair.worker.ended(HowEnded::Withdrawn);
    assert!(pair.run(Duration::from_secs(5), |pair| pair.lost().is_some()));
    assert_eq!(pair.lost(), Some(&Loss::Withdrawn));
    assert_eq!(pair.snapshots(), [snapshot(0)]);
}
