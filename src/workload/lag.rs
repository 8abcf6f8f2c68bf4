//! How late a worker's timers fire: the measure of whether its thread keeps up.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::client::timer::Timers;
use crate::clock;

/// How often a probe is due.
const EVERY: Duration = Duration::from_millis(10);

/// A timer that is due every 10 ms, on one worker's thread, and how late it was each time.
pub struct LagProbe {
    due: Cell<Instant>,
    tell: Box<dyn Fn(Instant, Duration)>,
}

impl LagProbe {
    /// A probe whose first time is 10 ms from now; `tell` hears when it was looked at, and by how
    /// much it was late.
    #[must_use]
    pub fn new(tell: impl Fn(Instant, Duration) + 'static) -> Rc<Self> {
        Rc::new(Self {
            due: Cell::new(clock::now() + EVERY),
            tell: Box::new(tell),
        })
    }

    /// Probes, for ever.
    pub async fn run(self: Rc<Self>, timers: Rc<Timers>) {
        loop {
            timers.sleep_until(self.due.get()).await;
            self.catch_up(clock::now());
        }
    }

    /// Tells of every probe that is due by now, also of those whose timer has not fired yet.
    ///
    /// Probes that a stall swallowed count too, or the worst times would weigh the least. To be
    /// called before an interval ends: what was late within it would else be told in the next one.
    pub fn catch_up(&self, now: Instant) {
        let mut due = self.due.get();
        while due <= now {
            (self.tell)(now, now - due);
            due += EVERY;
        }
        self.due.set(due);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A probe, and what it told in milliseconds; its first time is 10 ms after the instant.
    fn probe() -> (Rc<LagProbe>, Rc<RefCell<Vec<u128>>>, Instant) {
        let told = Rc::new(RefCell::new(Vec::new()));
        let sink = Rc::clone(&told);
        let probe = LagProbe::new(move |_, lag| sink.borrow_mut().push(lag.as_millis()));
        let start = probe.due.get() - EVERY;
        (probe, told, start)
    }

    #[test]
    fn a_probe_that_is_not_due_says_nothing() {
        let (probe, told, start) = probe();
        probe.catch_up(start + Duration::from_millis(9));
        assert_eq!(*told.borrow(), []);
    }

    #[test]
    fn every_probe_that_a_stall_swallowed_counts_once() {
        let (probe, told, start) = probe();
        probe.catch_up(start + Duration::from_millis(45));
        probe.catch_up(start + Duration::from_millis(45));
        assert_eq!(*told.borrow(), [35, 25, 15, 5]);
        probe.catch_up(start + Duration::from_millis(50));
        assert_eq!(*told.borrow(), [35, 25, 15, 5, 0]);
    }
}
