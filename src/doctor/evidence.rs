//! Every exchange of an examination, in order, trimmed and without secrets.

use std::cell::RefCell;
use std::time::Instant;

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

    /// Returns the method and target of an exchange.
    pub(super) fn request_of(&self, id: usize) -> String {
        self.exchanges.borrow()[id].request.clone()
    }

    pub(super) fn times_of(&self, id: usize) -> Times {
        self.exchanges.borrow()[id].times
    }

    pub(super) fn take(&self) -> Vec<Exchange> {
        self.exchanges.take()
    }
}
