use std::time::Instant;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// The engine must be open by then.
    ConnectTimeout,
    /// The next reconnection attempt.
    Reconnect,
    /// Revision 4: the server's next ping must be here by then. Revision 3: any packet.
    PingTimeout,
    /// Revision 3: our next ping.
    PingInterval,
    /// A poll that was put off so as not to spin.
    NextPoll,
    /// The rest of a poll with very many packets.
    Inbox,
    /// The earliest ack timeout, or earlier: an ack that comes does not move it.
    Acks,
    /// The earliest ping timeout among engines that only drain their queue.
    DrainingEngine,
}

impl Timer {
    const ALL: [Self; 8] = [
        Self::ConnectTimeout,
        Self::Reconnect,
        Self::PingTimeout,
        Self::PingInterval,
        Self::NextPoll,
        Self::Inbox,
        Self::Acks,
        Self::DrainingEngine,
    ];
}

/// When each timer is due, if it runs.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: [Option<Instant>; Timer::ALL.len()],
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, due: Instant) {
        self.due[timer as usize] = Some(due);
    }

    /// Sets it unless it is due even earlier.
    pub(super) fn set_at_latest(&mut self, timer: Timer, due: Instant) {
        let slot = &mut self.due[timer as usize];
        *slot = Some(slot.map_or(due, |old| old.min(due)));
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.due[timer as usize] = None;
    }

    pub(super) fn get(&self, timer: Timer) -> Option<Instant> {
        self.due[timer as usize]
    }

    /// When the first of them is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.iter().flatten().min().copied()
    }

    /// Stops and returns the timer that has been due for longest.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let due = |timer: &Timer| self.get(*timer).filter(|due| *due <= now);
        let first = Timer::ALL
            .into_iter()
            .filter(|timer| due(timer).is_some())
            .min_by_key(due)?;
        self.stop(first);
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant has no other beginning"
    )]
    fn timers_fire_in_the_order_in_which_they_are_due() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        timers.set(Timer::ConnectTimeout, at(3));
        timers.set(Timer::Acks, at(2));
        timers.set_at_latest(Timer::Acks, at(4));
        timers.set(Timer::Reconnect, at(9));
        assert_eq!(timers.next(), Some(at(2)));
        assert_eq!(timers.take_due(at(1)), None);
        assert_eq!(timers.take_due(at(5)), Some(Timer::Acks));
        assert_eq!(timers.take_due(at(5)), Some(Timer::ConnectTimeout));
        assert_eq!(timers.take_due(at(5)), None);
    }
}
