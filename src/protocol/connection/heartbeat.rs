//! The signs of life of an open engine, in both revisions.

use std::time::Instant;

use super::event::Event;
use super::session::Session;
use super::timer::{Timer, Timers};
use super::{Connection, Phase};
use crate::event::{Cause, DisconnectReason, EngineRevision, Failure, Origin, Stage};
use crate::protocol::engine_io::packet::Outgoing;

/// Begins to wait: for the server's first ping, or for the time of our own.
pub(super) fn start(
    revision: EngineRevision,
    session: &Session,
    timers: &mut Timers,
    now: Instant,
) {
    if revision.server_pings() {
        timers.set(Timer::PingTimeout, session.heartbeat_window(now));
    } else {
        timers.set(Timer::PingInterval, now + session.ping_interval);
    }
}

impl Connection {
    /// A ping of the server: answered at once, and the only thing that renews its credit.
    pub(super) fn on_ping(&mut self, now: Instant) {
        let Phase::Open(session) = &mut self.phase else {
            return;
        };
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
            .set(Timer::PingTimeout, session.heartbeat_window(now));
        if let Some(expected) = expected {
            let late = now.saturating_duration_since(expected);
            self.events.push_back(Event::Heartbeat { late });
        }
    }

    /// Revision 3: the answer to our ping.
    pub(super) fn on_pong(&mut self, now: Instant) {
        if let Phase::Open(session) = &self.phase
            && !self.out.revision().server_pings()
        {
            self.timers
                .set(Timer::PingInterval, now + session.ping_interval);
        }
    }

    /// Revision 3: any packet renews the server's credit.
    pub(super) fn on_sign_of_life(&mut self, now: Instant) {
        if let Phase::Open(session) = &self.phase
            && !self.out.revision().server_pings()
        {
            self.timers
                .set(Timer::PingTimeout, session.heartbeat_window(now));
        }
    }

    /// Revision 3: our next ping, and how long its answer may take.
    pub(super) fn ping_is_due(&mut self, now: Instant) {
        if let Phase::Open(session) = &mut self.phase {
            if self.is_mute {
                // No ping, so no answer to wait for; the next one is due as ever.
                self.timers
                    .set(Timer::PingInterval, now + session.ping_interval);
                self.timers
                    .set(Timer::PingTimeout, session.heartbeat_window(now));
                return;
            }
            session.send(&mut self.out, Outgoing::PING);
            self.timers
                .set(Timer::PingTimeout, now + session.ping_timeout);
        }
    }

    pub(super) fn ping_timed_out(&mut self, now: Instant) {
        let failure = Failure::new(Stage::Session, Cause::TimedOut, Origin::Network);
        self.end_session(
            now,
            DisconnectReason::PingTimeout,
            Some(failure.with_message("no ping in time")),
        );
    }
}
