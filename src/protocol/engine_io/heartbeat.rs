//! The signs of life of an open engine, in both revisions.

use std::time::{Duration, Instant};

use crate::event::EngineRevision;

/// The heartbeat of one engine as its client keeps it: by when the server has to show life, and
/// when the client has to.
///
/// In revision 4 the server pings, and only a ping renews its credit. In revision 3 the client
/// pings, any packet renews the server's credit, and each ping shortens it to `pingTimeout`.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    server_pings: bool,
    interval: Duration,
    timeout: Duration,
    deadline: Instant,
    /// Revision 3: when our next ping is due; `None` while one awaits its answer.
    ping_at: Option<Instant>,
    /// Revision 3: when our last ping went out, until it is answered.
    pinged: Option<Instant>,
}

impl Heartbeat {
    /// Begins to wait: for the server's first ping, or for the time of our own.
    #[must_use]
    pub fn new(
        revision: EngineRevision,
        interval: Duration,
        timeout: Duration,
        now: Instant,
    ) -> Self {
        let server_pings = revision.server_pings();
        Self {
            server_pings,
            interval,
            timeout,
            deadline: now + interval + timeout,
            ping_at: (!server_pings).then_some(now + interval),
            pinged: None,
        }
    }

    /// Returns how long a server may show no life: pingInterval and pingTimeout.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.interval + self.timeout
    }

    /// Returns the instant at which the engine is given up for want of a sign of life.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns when our next ping is due; always `None` in revision 4.
    #[must_use]
    pub fn ping_at(&self) -> Option<Instant> {
        self.ping_at
    }

    /// Notes a ping of the server and returns how late it is; `None` in revision 3, where servers
    /// do not ping.
    pub fn on_ping(&mut self, now: Instant) -> Option<Duration> {
        if !self.server_pings {
            return None;
        }
        let due = self.deadline.checked_sub(self.timeout);
        self.deadline = now + self.window();
        due.map(|due| now.saturating_duration_since(due))
    }

    /// Notes the answer to our ping and returns how long it took; `None` in revision 4.
    pub fn on_pong(&mut self, now: Instant) -> Option<Duration> {
        if self.server_pings {
            return None;
        }
        self.ping_at = Some(now + self.interval);
        let pinged = self.pinged.take()?;
        Some(now.saturating_duration_since(pinged))
    }

    /// Notes any packet: in revision 3 each renews the server's credit.
    pub fn on_packet(&mut self, now: Instant) {
        if !self.server_pings {
            self.deadline = now + self.window();
        }
    }

    /// Notes that our ping goes out: its answer is due within `pingTimeout`. A second ping before
    /// the first is answered gains the server no time.
    pub fn on_ping_sent(&mut self, now: Instant) {
        self.ping_at = None;
        if self.pinged.is_none() {
            self.pinged = Some(now);
            self.deadline = now + self.timeout;
        }
    }

    /// Leaves out a ping that is due: there is no answer to wait for, and the next one is due as
    /// ever.
    pub fn on_ping_left_out(&mut self, now: Instant) {
        self.ping_at = Some(now + self.interval);
        self.deadline = now + self.window();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn heartbeat(revision: EngineRevision) -> (Heartbeat, Instant) {
        let start = crate::clock::now();
        let heartbeat = Heartbeat::new(revision, 25 * SECOND, 20 * SECOND, start);
        (heartbeat, start)
    }

    #[test]
    fn only_pings_renew_the_credit_of_a_revision_4_server() {
        let (mut heartbeat, start) = heartbeat(EngineRevision::V4);
        heartbeat.on_packet(start + 10 * SECOND);
        assert_eq!(heartbeat.deadline(), start + 45 * SECOND);
        assert_eq!(heartbeat.on_ping(start + 27 * SECOND), Some(2 * SECOND));
        assert_eq!(heartbeat.deadline(), start + 72 * SECOND);
        assert_eq!(
            (heartbeat.ping_at(), heartbeat.on_pong(start)),
            (None, None)
        );
    }

    #[test]
    fn a_ping_of_a_revision_3_client_is_due_again_once_it_is_answered() {
        let (mut heartbeat, start) = heartbeat(EngineRevision::V3);
        assert_eq!(heartbeat.ping_at(), Some(start + 25 * SECOND));
        heartbeat.on_ping_sent(start + 25 * SECOND);
        assert_eq!(heartbeat.ping_at(), None);
        assert_eq!(heartbeat.deadline(), start + 45 * SECOND);
        heartbeat.on_packet(start + 26 * SECOND);
        assert_eq!(heartbeat.on_pong(start + 26 * SECOND), Some(SECOND));
        assert_eq!(heartbeat.ping_at(), Some(start + 51 * SECOND));
        assert_eq!(heartbeat.deadline(), start + 71 * SECOND);
        assert_eq!(heartbeat.on_ping(start), None);
    }
}
