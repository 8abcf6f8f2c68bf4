//! The signs of life of an open engine, in both revisions.

use std::time::Instant;

use super::event::Event;
use super::flow::SessionFlow;
use super::manager::Manager;
use super::session::Session;
use super::timer::Timer;
use crate::event::{Cause, Failure, Origin, Stage};
use crate::protocol::engine_io::packet::Outgoing;

impl Manager {
    /// Sets both timers as the session's heartbeat says.
    pub(super) fn await_heartbeat(&mut self, session: &Session) {
        self.timers
            .set(Timer::PingTimeout, session.heartbeat.deadline());
        if let Some(at) = session.heartbeat.ping_at() {
            self.timers.set(Timer::PingInterval, at);
        }
    }

    /// Answers a ping of the server at once; nothing else renews its credit.
    pub(super) fn on_ping(&mut self, session: &mut Session, now: Instant) {
        let Some(late) = session.heartbeat.on_ping(now) else {
            return;
        };
        if !self.is_mute {
            session.send(&mut self.out, Outgoing::PONG);
        }
        self.await_heartbeat(session);
        self.events.push_back(Event::Heartbeat { late });
    }

    /// Revision 3: the answer to our ping.
    pub(super) fn on_pong(&mut self, session: &mut Session, now: Instant) {
        session.heartbeat.on_pong(now);
        self.await_heartbeat(session);
    }

    /// Revision 3: any packet renews the server's credit.
    pub(super) fn on_sign_of_life(&mut self, session: &mut Session, now: Instant) {
        session.heartbeat.on_packet(now);
        self.await_heartbeat(session);
    }

    /// Revision 3: our next ping, and how long its answer may take.
    pub(super) fn ping_is_due(&mut self, session: &mut Session, now: Instant) {
        if self.is_mute {
            session.heartbeat.on_ping_left_out(now);
        } else {
            session.send(&mut self.out, Outgoing::PING);
            session.heartbeat.on_ping_sent(now);
        }
        self.await_heartbeat(session);
    }
}

/// The end of an engine whose server gave no sign of life in time.
pub(super) fn timed_out() -> SessionFlow {
    let failure = Failure::new(Stage::Session, Cause::TimedOut, Origin::Network);
    SessionFlow::timed_out(failure.with_message("no ping in time"))
}
