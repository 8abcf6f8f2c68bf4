//! Every exchange of an examination, in order, trimmed and without secrets.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::exchange::{Exchange, Times};

/// The exchanges so far; each is known by its number.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) began: Instant,
    exchanges: RefCell<Vec<Exchange>>,
}

impl Evidence {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            exchanges: RefCell::default(),
        }
    }

    /// Keeps an exchange and returns its number.
    pub(super) fn add(&self, exchange: Exchange) -> usize {
        let mut exchanges = self.exchanges.borrow_mut();
        exchanges.push(exchange);
        exchanges.len() - 1
    }

    /// Returns the number of the last exchange of a check.
    pub(super) fn last_of(&self, check: &str) -> Option<usize> {
        let exchanges = self.exchanges.borrow();
        exchanges.iter().rposition(|one| one.check == check)
    }

    /// Returns the method and target of an exchange, without session and time.
    pub(super) fn request_of(&self, id: usize) -> String {
        self.exchanges.borrow()[id].kind()
    }

    pub(super) fn times_of(&self, id: usize) -> Times {
        self.exchanges.borrow()[id].times
    }

    /// Whether any request was answered with anything but a limit.
    pub(super) fn has_answers(&self) -> bool {
        let exchanges = self.exchanges.borrow();
        let mut answers = exchanges.iter().filter_map(|one| one.answer.as_ref());
        answers.any(|answer| matches!(answer.status, 101 | 200..=299))
    }

    /// Returns the shortest time between a request and its answer: the round trip, with as little
    /// of the server's own work as was seen.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        let exchanges = self.exchanges.borrow();
        let answered = exchanges.iter().filter(|one| one.answer.is_some());
        let shortest = answered
            .map(|one| one.times.total_ms)
            .min_by(f64::total_cmp)?;
        Some(Duration::from_secs_f64(shortest / 1e3))
    }

    /// Returns the check that made an exchange.
    pub(super) fn check_of(&self, id: usize) -> &'static str {
        self.exchanges.borrow()[id].check
    }

    pub(super) fn take(&self) -> Vec<Exchange> {
        self.exchanges.take()
    }
}
