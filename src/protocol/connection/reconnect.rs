//! When the client tries again, and when it stops trying.

use std::time::Instant;

use super::backoff::Drawn;
use super::event::Event;
use super::timer::Timer;
use super::{Connection, Phase};

impl Connection {
    /// Puts the next attempt on the clock, counted from now, unless there is none.
    pub(super) fn schedule_reconnect(&mut self, now: Instant) {
        self.phase = Phase::Idle;
        let Some(reconnection) = self.out.config.reconnection else {
            return;
        };
        let used_up = |limit| self.backoff.attempts() >= limit;
        if reconnection.attempts.is_some_and(used_up) {
            self.backoff.reset();
            self.events.push_back(Event::GaveUp);
            return;
        }
        let Drawn { delay, stripe } = self.backoff.next(&reconnection);
        let attempt = self.backoff.attempts();
        if let Some(due) = now.checked_add(delay) {
            self.timers.set(Timer::Reconnect, due);
        }
        self.phase = Phase::Waiting { attempt };
        self.events.push_back(Event::ReconnectScheduled {
            attempt,
            delay,
            stripe,
        });
    }

    pub(super) fn reconnect_is_due(&mut self) {
        if let Phase::Waiting { attempt } = self.phase {
            self.ask_query(Some(attempt));
        }
    }
}
