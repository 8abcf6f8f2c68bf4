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
    /// Begins to wait: for the server's first ping, or for the time of our own.
    pub(super) fn start_heartbeat(&mut self, session: &Session, now: Instant) {
        if self.out.revision().server_pings() {
            self.timers
                .set(Timer::PingTimeout, session.heartbeat_end(now));
        } else {
            self.timers
                .set(Timer::PingInterval, now + session.ping_interval);
        }
    }

    /// Answers a ping of the server at once; nothing else renews its credit.
    pub(super) fn on_ping(&mut self, session: &mut Session, now: Instant) {
        if !self.out.revision().server_pings() {
            return;
        }
        if !self.is_mute {
            session.send(&mut self.out, Outgoing::PONG);
        }
        let expected = self
            .timers
            .get(Timer::PingTimeout)
            .and_then(|end| end.checked_sub(session.ping_timeout));
        self.timers
            .set(Timer::PingTimeout, session.heartbeat_end(now));
        if let Some(expected) = expected {
            let late = now.saturating_duration_since(expected);
            self.events.push_back(Event::Heartbeat { late });
        }
    }

    /// Revision 3: the answer to our ping.
    pub(super) fn on_pong(&mut self, session: &Session, now: Instant) {
        if !self.out.revision().server_pings() {
            self.timers
                .set(Timer::PingInterval, now + session.ping_interval);
        }
    }

    /// Revision 3: any packet renews the server's credit.
    pub(super) fn on_sign_of_life(&mut self, session: &Session, now: Instant) {
        if !self.out.revision().server_pings() {
            self.timers
                .set(Timer::PingTimeout, session.heartbeat_end(now));
        }
    }

    /// Revision 3: our next ping, and how long its answer may take.
    pub(super) fn ping_is_due(&mut self, session: &mut Session, now: Instant) {
        if self.is_mute {
            // No ping, so no answer to wait for; the next one is due as ever.
            self.timers
                .set(Timer::PingInterval, now + session.ping_interval);
            self.timers
                .set(Timer::PingTimeout, session.heartbeat_end(now));
            return;
        }
        session.send(&mut self.out, Outgoing::PING);
        self.timers
            .set(Timer::PingTimeout, now + session.ping_timeout);
    }
}

/// The end of an engine whose server gave no sign of life in time.
pub(super) fn timed_out() -> SessionFlow {
    let failure = Failure::new(Stage::Session, Cause::TimedOut, Origin::Network);
    SessionFlow::timed_out(failure.with_message("no ping in time"))
}
