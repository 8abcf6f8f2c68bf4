//! One worker, as the coordinator sees it. Pure.
//!
//! ```text
//! Expected ─Hello─► Preparing ─Ready─► Ready ─start─► Running ─Ended─► Ended
//!     │                 │                 │              │
//!     └── too late, Failed, other release, silent, gone ─┴──► Lost
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::clock_offset::ClockOffset;
use super::link::Link;
use super::message::{Assignment, FromWorker, Hello, HowEnded, REVISION, ToWorker, decode, encode};
use super::packet::Packet;
use crate::event::{PopulationId, StrikeId};
use crate::metrics::Snapshot;

/// Time that a worker has to introduce itself and to prepare its share.
pub(crate) const PREPARATION_LIMIT: Duration = Duration::from_secs(60);

/// Silence after which a worker counts as lost; above what a worker bears of an outage.
pub(crate) const LOST_AFTER: Duration = Duration::from_secs(100);

/// Answers about a worker's clock before it may start: the shortest of so few round trips already
/// says the time to a fraction of one.
const CLOCK_ANSWERS: usize = 8;

/// What a worker's messages mean to the run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PeerEvent {
    /// It has prepared its share.
    Ready,
    /// It recorded this.
    Snapshot(Box<Snapshot>),
    /// All its clients have ended.
    Ended,
    /// It takes no further part.
    Lost(Loss),
}

/// Why a worker takes no further part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Loss {
    /// It never said that it is there or ready.
    #[error("was not ready within {} s", PREPARATION_LIMIT.as_secs())]
    NotReady,
    /// Its release speaks another vocabulary.
    #[error("is release {theirs} of sio-load, and this is {}", env!("CARGO_PKG_VERSION"))]
    OtherRelease {
        /// The worker's release.
        theirs: String,
    },
    /// It could not begin.
    #[error("could not begin: {0}")]
    Failed(String),
    /// One of its threads panicked.
    #[error("lost one of its threads by a panic")]
    ThreadLost,
    /// Somebody ended it before the load was over.
    #[error("was ended before the load was over")]
    Withdrawn,
    /// Nothing was heard from it.
    #[error("was not heard for {} s", LOST_AFTER.as_secs())]
    Silent,
    /// Its process ended, or its connection was closed.
    #[error("{0}")]
    Gone(String),
}

#[derive(Debug)]
enum State {
    /// Has not introduced itself.
    Expected { assignment: Box<Assignment> },
    /// Sets up its share.
    Preparing,
    /// Waits for the start.
    Ready,
    /// Under load.
    Running,
    /// Its clients have ended.
    Ended,
    /// Takes no further part.
    Lost,
}

/// One worker of a run.
#[derive(Debug)]
pub(crate) struct Peer {
    state: State,
    begun: Duration,
    link: Link,
    hello: Option<Hello>,
    events: VecDeque<PeerEvent>,
    /// Announced faults that it does not know of yet.
    unknown: Vec<StrikeId>,
    /// The message that told it of a fault's last strike.
    struck: BTreeMap<StrikeId, u64>,
}

impl Peer {
    /// A worker that is expected to introduce itself.
    pub(crate) fn new(now: Duration, assignment: Assignment) -> Self {
        Self {
            state: State::Expected {
                assignment: Box::new(assignment),
            },
            begun: now,
            link: Link::new(now),
            hello: None,
            events: VecDeque::new(),
            unknown: Vec::new(),
            struck: BTreeMap::new(),
        }
    }

    fn say(&mut self, message: &ToWorker) -> u64 {
        self.link.send(&encode(message))
    }

    /// Takes a packet from the worker.
    pub(crate) fn handle_packet(&mut self, now: Duration, packet: Packet) {
        for message in self.link.handle(now, packet) {
            self.handle_message(&message);
        }
    }

    fn handle_message(&mut self, message: &Bytes) {
        match decode(message) {
            Ok(FromWorker::Hello(hello)) => self.handle_hello(hello),
            Ok(FromWorker::Ready) => match self.state {
                State::Preparing => {
                    self.state = State::Ready;
                    self.events.push_back(PeerEvent::Ready);
                }
                State::Expected { .. }
                | State::Ready
                | State::Running
                | State::Ended
                | State::Lost => {}
            },
            Ok(FromWorker::Known { strike }) => self.unknown.retain(|unknown| *unknown != strike),
            // Whatever was measured counts, also from one that was given up.
            Ok(FromWorker::Snapshot(snapshot)) => {
                self.events.push_back(PeerEvent::Snapshot(snapshot));
            }
            Ok(FromWorker::Ended(how)) => match self.state {
                State::Running => self.handle_end(how),
                State::Expected { .. }
                | State::Preparing
                | State::Ready
                | State::Ended
                | State::Lost => {}
            },
            Ok(FromWorker::Failed { why }) => self.lose(Loss::Failed(why)),
            Err(_) => self.lose(Loss::OtherRelease {
                theirs: self.version(),
            }),
        }
    }

    fn handle_end(&mut self, how: HowEnded) {
        match how {
            HowEnded::InOrder => {
                self.state = State::Ended;
                self.events.push_back(PeerEvent::Ended);
            }
            HowEnded::ThreadLost => self.lose(Loss::ThreadLost),
            HowEnded::Withdrawn => self.lose(Loss::Withdrawn),
        }
    }

    fn version(&self) -> String {
        let hello = self.hello.as_ref();
        hello.map_or_else(|| "unknown".to_owned(), |hello| hello.version.clone())
    }

    fn handle_hello(&mut self, hello: Hello) {
        let is_ours = hello.revision == REVISION && hello.version == env!("CARGO_PKG_VERSION");
        self.hello = Some(hello);
        match std::mem::replace(&mut self.state, State::Preparing) {
            State::Expected { assignment } if is_ours => {
                self.say(&ToWorker::Assign(assignment));
            }
            State::Expected { .. } => {
                let theirs = self.version();
                self.lose(Loss::OtherRelease { theirs });
            }
            other @ (State::Preparing
            | State::Ready
            | State::Running
            | State::Ended
            | State::Lost) => self.state = other,
        }
    }

    /// It takes no further part: its process ended, its connection is closed.
    pub(crate) fn gone(&mut self, why: String) {
        self.lose(Loss::Gone(why));
    }

    fn lose(&mut self, loss: Loss) {
        match self.state {
            State::Ended | State::Lost => {}
            State::Expected { .. } | State::Preparing | State::Ready | State::Running => {
                self.say(&ToWorker::Stop);
                self.state = State::Lost;
                self.unknown.clear();
                self.events.push_back(PeerEvent::Lost(loss));
            }
        }
    }

    /// The load starts at this time of the coordinator's clock, and of its wall clock.
    ///
    /// # Panics
    /// If the worker is not ready.
    pub(crate) fn start_at(&mut self, at: Duration, wall: Duration) {
        assert!(self.is_ready(), "only a worker that is ready starts");
        let at = self.its_time(at);
        self.say(&ToWorker::StartAt { at, wall });
        self.state = State::Running;
    }

    /// A time of the coordinator's clock on the worker's.
    fn its_time(&self, ours: Duration) -> Duration {
        // Each link begins with questions, and their answers come before anything else.
        self.link.offset().to_peer(ours).unwrap_or(ours)
    }

    /// A fault is about to strike.
    pub(crate) fn announce(&mut self, strike: StrikeId, population: Option<PopulationId>) {
        if self.is_running() {
            self.unknown.push(strike);
            self.say(&ToWorker::Announce { strike, population });
        }
    }

    /// A fault struck.
    pub(crate) fn struck(&mut self, strike: StrikeId, at: Duration) {
        if self.is_running() {
            let at = self.its_time(at);
            let message = self.say(&ToWorker::Struck { strike, at });
            self.struck.insert(strike, message);
        }
    }

    /// A fault is over.
    pub(crate) fn over(&mut self, strike: StrikeId, at: Duration) {
        if self.is_running() {
            let at = self.its_time(at);
            self.say(&ToWorker::Over { strike, at });
        }
    }

    /// Whether it knows of an announced fault and of its strikes so far, or cannot any more.
    pub(crate) fn knows(&self, strike: StrikeId) -> bool {
        let knows_last = || {
            let last = self.struck.get(&strike);
            last.is_none_or(|message| self.link.is_delivered(*message))
        };
        !self.is_running() || (!self.unknown.contains(&strike) && knows_last())
    }

    /// The load ends now.
    pub(crate) fn stop(&mut self) {
        match self.state {
            State::Expected { .. } | State::Preparing | State::Ready | State::Running => {
                self.say(&ToWorker::Stop);
            }
            State::Ended | State::Lost => {}
        }
    }

    /// Whether the load may start as far as this worker goes.
    pub(crate) fn is_ready(&self) -> bool {
        match self.state {
            State::Ready => self.link.offset().answers() >= CLOCK_ANSWERS,
            State::Expected { .. }
            | State::Preparing
            | State::Running
            | State::Ended
            | State::Lost => false,
        }
    }

    fn is_running(&self) -> bool {
        matches!(self.state, State::Running)
    }

    /// Whether nothing more is expected of it.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Ended | State::Lost)
    }

    /// What it said about itself and its machine, once it has.
    pub(crate) fn introduction(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// What is known about its clock.
    pub(crate) fn clock(&self) -> &ClockOffset {
        self.link.offset()
    }

    /// Does what its deadline is for.
    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        if self.gives_up_at().is_some_and(|at| at <= now) {
            self.lose(match self.state {
                State::Expected { .. } | State::Preparing => Loss::NotReady,
                State::Ready | State::Running | State::Ended | State::Lost => Loss::Silent,
            });
        }
    }

    fn gives_up_at(&self) -> Option<Duration> {
        match self.state {
            State::Expected { .. } | State::Preparing => Some(self.begun + PREPARATION_LIMIT),
            State::Ready | State::Running => Some(self.link.last_heard() + LOST_AFTER),
            State::Ended | State::Lost => None,
        }
    }

    /// Returns the next packet for the worker, if one is due.
    pub(crate) fn poll_transmit(&mut self, now: Duration) -> Option<Packet> {
        self.link.poll_transmit(now)
    }

    /// Returns the next thing that the run should know.
    pub(crate) fn poll_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// When [`Peer::handle_timeout`] and [`Peer::poll_transmit`] are due next.
    pub(crate) fn deadline(&self) -> Duration {
        let gives_up_at = self.gives_up_at().unwrap_or(Duration::MAX);
        self.link.deadline().min(gives_up_at)
    }
}
