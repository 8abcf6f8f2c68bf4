use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ToxicStage;
use crate::chaos::proxy::chain::{End, Item};

/// No data get through; the connection is closed when none have come for a time.
#[derive(Debug)]
pub(super) struct Timeout {
    /// Zero: the connection stays open until the toxic is taken away.
    delay: Duration,
    closes_at: Option<Instant>,
    ending: Option<End>,
}

impl Timeout {
    pub(super) fn new(delay: Duration, now: Instant) -> Self {
        Self {
            delay,
            closes_at: (!delay.is_zero()).then(|| now + delay),
            ending: None,
        }
    }
}

impl ToxicStage for Timeout {
    fn has_room(&self) -> bool {
        self.ending.is_none()
    }

    fn take(&mut self, now: Instant, item: Item) {
        match item {
            // Each chunk winds the clock up again, in Toxiproxy too.
            Item::Data(_) => self.closes_at = (!self.delay.is_zero()).then(|| now + self.delay),
            Item::End(end) => self.ending = Some(end),
        }
    }

    fn give(&mut self, now: Instant) -> Option<Item> {
        if let Some(end) = self.ending.take() {
            return Some(Item::End(end));
        }
        self.closes_at.take_if(|at| *at <= now)?;
        Some(Item::End(End::Close))
    }

    fn wakes_at(&self) -> Option<Instant> {
        self.closes_at
    }

    /// A stream with a hole in it is of no use: it is closed.
    fn lift(self: Box<Self>) -> VecDeque<Item> {
        VecDeque::from([Item::End(End::Close)])
    }
}
