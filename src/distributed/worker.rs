//! The worker's side: waits for work, prepares, starts on time, reports, ends. Pure.
//!
//! ```text
//! Greeting ─Assign─► Preparing ─prepared─► Standby ─StartAt─► Running ─ended─► Flushing ─all there─► Over
//!     │                  │ failed             │                  │                │
//!     │                  └──────► Flushing    │ Stop             │ Stop, orphaned │
//!     └──────── nothing heard for too long ───┴──────────────────┴────────────────┴──► Over
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::link::Link;
use super::message::{Assignment, FromWorker, Hello, HowEnded, ToWorker, decode, encode};
use super::packet::Packet;
use crate::event::{PopulationId, StrikeId};
use crate::metrics::Snapshot;

/// Silence of a reachable coordinator after which its workers end the load by themselves.
///
/// With the time that clients need to disconnect in order, all of them are gone 30 s after the
/// coordinator.
pub(crate) const ORPHANED_AFTER: Duration = Duration::from_secs(15);

/// Silence that a worker bears while its own carrier is down: an outage of a minute is survived.
pub(crate) const OUTAGE_LIMIT: Duration = Duration::from_secs(90);

/// What the process around this state machine is to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WorkerEvent {
    /// Set up threads and clients, then call [`WorkerSide::prepared`] or [`WorkerSide::failed`].
    Prepare(Box<Assignment>),
    /// Start the load at this time of this process's clock, which is that of the run's wall clock.
    Start {
        /// This process's time.
        at: Duration,
        /// The run's wall clock, since 1970.
        wall: Duration,
    },
    /// Make a fault known to all threads, then call [`WorkerSide::known`].
    Announce(StrikeId, Option<PopulationId>),
    /// An announced fault struck.
    Struck(StrikeId, Duration),
    /// An announced fault is over.
    FaultOver(StrikeId, Duration),
    /// End the load: clients disconnect in order.
    Stop(Why),
    /// Nothing remains to be done.
    Over,
}

/// Why a load ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The coordinator wants it.
    Ordered,
    /// The coordinator has not been heard for too long.
    Orphaned,
    /// The coordinator is of another release.
    OtherRelease,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Introduced itself; has no work.
    Greeting,
    /// Sets up its share.
    Preparing,
    /// Prepared; waits for the start.
    Standby,
    /// Under load, or about to be.
    Running,
    /// Under load, which is to end.
    Stopping,
    /// Ended; what it measured is on its way.
    Flushing,
    /// Everything was delivered, or nobody is there to take it.
    Over,
}

/// The worker's end of a run.
#[derive(Debug)]
pub(crate) struct WorkerSide {
    state: State,
    link: Link,
    events: VecDeque<WorkerEvent>,
    is_carrier_down: bool,
    /// When the carrier came back last, or when it began.
    carrier_up: Duration,
}

impl WorkerSide {
    /// A worker that introduces itself.
    pub(crate) fn new(now: Duration, hello: Hello) -> Self {
        let mut side = Self {
            state: State::Greeting,
            link: Link::new(now),
            events: VecDeque::new(),
            is_carrier_down: false,
            carrier_up: now,
        };
        side.say(&FromWorker::Hello(hello));
        side
    }

    fn say(&mut self, message: &FromWorker) {
        self.link.send(&encode(message));
    }

    /// Takes a packet from the coordinator.
    pub(crate) fn handle_packet(&mut self, now: Duration, packet: Packet) {
        for message in self.link.handle(now, packet) {
            self.handle_message(&message);
        }
        self.settle();
    }

    fn handle_message(&mut self, message: &Bytes) {
        match decode(message) {
            Ok(ToWorker::Assign(assignment)) => {
                if self.state == State::Greeting {
                    self.state = State::Preparing;
                    self.events.push_back(WorkerEvent::Prepare(assignment));
                }
            }
            Ok(ToWorker::StartAt { at, wall }) => {
                if self.state == State::Standby {
                    self.state = State::Running;
                    self.events.push_back(WorkerEvent::Start { at, wall });
                }
            }
            Ok(ToWorker::Announce { strike, population }) => {
                self.events
                    .push_back(WorkerEvent::Announce(strike, population));
            }
            Ok(ToWorker::Struck { strike, at }) => {
                self.events.push_back(WorkerEvent::Struck(strike, at));
            }
            Ok(ToWorker::Over { strike, at }) => {
                self.events.push_back(WorkerEvent::FaultOver(strike, at));
            }
            Ok(ToWorker::Stop) => self.stop(Why::Ordered),
            Err(_) => self.stop(Why::OtherRelease),
        }
    }

    fn stop(&mut self, why: Why) {
        match self.state {
            State::Running => {
                self.state = State::Stopping;
                self.events.push_back(WorkerEvent::Stop(why));
            }
            State::Greeting | State::Preparing | State::Standby => self.finish(),
            State::Stopping | State::Flushing | State::Over => {}
        }
    }

    fn finish(&mut self) {
        if self.state != State::Over {
            self.state = State::Over;
            self.events.push_back(WorkerEvent::Over);
        }
    }

    /// Everything is set up.
    pub(crate) fn prepared(&mut self) {
        if self.state == State::Preparing {
            self.state = State::Standby;
            self.say(&FromWorker::Ready);
        }
    }

    /// The process around it is to end: the load ends first.
    pub(crate) fn give_up(&mut self) {
        self.stop(Why::Ordered);
    }

    /// The work cannot begin.
    pub(crate) fn failed(&mut self, why: String) {
        if self.state != State::Over {
            self.state = State::Flushing;
            self.say(&FromWorker::Failed { why });
        }
    }

    /// Every thread knows of an announced fault.
    pub(crate) fn known(&mut self, strike: StrikeId) {
        self.say(&FromWorker::Known { strike });
    }

    /// Hands over what was recorded.
    pub(crate) fn snapshot(&mut self, snapshot: Snapshot) {
        self.say(&FromWorker::Snapshot(Box::new(snapshot)));
    }

    /// All threads have ended.
    pub(crate) fn ended(&mut self, how: HowEnded) {
        if matches!(self.state, State::Running | State::Stopping) {
            self.state = State::Flushing;
            self.say(&FromWorker::Ended(how));
        }
    }

    /// The way to the coordinator is broken, and may come back.
    pub(crate) fn carrier_down(&mut self) {
        self.is_carrier_down = true;
    }

    /// The way to the coordinator is there again.
    pub(crate) fn carrier_up(&mut self, now: Duration) {
        if std::mem::take(&mut self.is_carrier_down) {
            self.carrier_up = now;
        }
    }

    /// The coordinator is gone for good.
    pub(crate) fn coordinator_gone(&mut self) {
        match self.state {
            State::Running => self.stop(Why::Orphaned),
            // Clients that are leaving may do so in order.
            State::Stopping => {}
            State::Greeting | State::Preparing | State::Standby | State::Flushing | State::Over => {
                self.finish();
            }
        }
    }

    /// Does what its deadline is for.
    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        if self.orphaned_at() <= now {
            self.coordinator_gone();
        }
    }

    fn orphaned_at(&self) -> Duration {
        let heard = self.link.last_heard();
        if self.is_carrier_down {
            heard + OUTAGE_LIMIT
        } else {
            heard.max(self.carrier_up) + ORPHANED_AFTER
        }
    }

    fn settle(&mut self) {
        if self.state == State::Flushing && self.link.is_drained() {
            self.finish();
        }
    }

    /// Returns the next packet for the coordinator, if one is due.
    pub(crate) fn poll_transmit(&mut self, now: Duration) -> Option<Packet> {
        self.link.poll_transmit(now)
    }

    /// Returns what the process is to do next.
    pub(crate) fn poll_event(&mut self) -> Option<WorkerEvent> {
        self.events.pop_front()
    }

    /// When [`WorkerSide::handle_timeout`] and [`WorkerSide::poll_transmit`] are due next.
    pub(crate) fn deadline(&self) -> Duration {
        let orphaned_at = match self.state {
            // Told already; the threads end the load.
            State::Stopping | State::Over => Duration::MAX,
            State::Greeting
            | State::Preparing
            | State::Standby
            | State::Running
            | State::Flushing => self.orphaned_at(),
        };
        self.link.deadline().min(orphaned_at)
    }
}
