//! The only place that reads a clock.
//!
//! What goes in is nothing, what comes out is an instant. A run reads one [`Clock`] when it starts
//! and places everything else on it; the protocol and the schedules get their time as an argument.

use std::time::{Duration, Instant, SystemTime};

/// Now, on the monotonic clock.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads this clock"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Now, on the wall clock.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads this clock"
)]
pub fn wall_now() -> SystemTime {
    SystemTime::now()
}

/// A point that both clocks agree on: where a run's time starts.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    origin_wall: SystemTime,
}

impl Clock {
    /// A clock whose zero is now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: now(),
            origin_wall: wall_now(),
        }
    }

    /// A clock whose zero is so far ahead.
    #[must_use]
    pub fn start_in(delay: Duration) -> Self {
        let now = Self::start();
        Self {
            origin: now.origin + delay,
            origin_wall: now.origin_wall + delay,
        }
    }

    /// A clock whose zero is an instant of this process, past or future.
    #[must_use]
    pub fn start_at(origin: Instant) -> Self {
        let now = Self::start();
        let wall = match origin.checked_duration_since(now.origin) {
            Some(ahead) => now.origin_wall + ahead,
            None => now.origin_wall - now.origin.saturating_duration_since(origin),
        };
        Self {
            origin,
            origin_wall: wall,
        }
    }

    /// A clock whose zero is an instant of this process and a time that somebody else's wall clock
    /// showed then.
    #[must_use]
    pub fn at(origin: Instant, origin_wall: SystemTime) -> Self {
        Self {
            origin,
            origin_wall,
        }
    }

    /// The clock's zero on the wall clock.
    #[must_use]
    pub fn origin_wall(self) -> SystemTime {
        self.origin_wall
    }

    /// The clock's zero.
    #[must_use]
    pub fn origin(self) -> Instant {
        self.origin
    }

    /// How long after the clock's zero, never below zero.
    #[must_use]
    pub fn since_origin(self, at: Instant) -> Duration {
        at.saturating_duration_since(self.origin)
    }

    /// The wall time of an instant of this run; steps of the wall clock during a run don't show.
    #[must_use]
    pub fn wall(self, at: Instant) -> SystemTime {
        self.origin_wall + self.since_origin(at)
    }
}
