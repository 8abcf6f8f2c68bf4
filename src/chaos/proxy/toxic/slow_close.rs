use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ToxicStage;
use crate::chaos::proxy::chain::{End, Item};

/// A connection's end comes later.
#[derive(Debug)]
pub(super) struct SlowClose {
    delay: Duration,
    passing: Option<Item>,
    /// An end, and when it may go on.
    ending: Option<(Instant, End)>,
}

impl SlowClose {
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            delay,
            passing: None,
            ending: None,
        }
    }
}

impl ToxicStage for SlowClose {
    fn has_room(&self) -> bool {
        self.passing.is_none() && self.ending.is_none()
    }

    fn take(&mut self, now: Instant, item: Item) {
        match item {
            Item::Data(chunk) => self.passing = Some(Item::Data(chunk)),
            Item::End(end) => self.ending = Some((now + self.delay, end)),
        }
    }

    fn give(&mut self, now: Instant) -> Option<Item> {
        self.passing.take().or_else(|| {
            let (_, end) = self.ending.take_if(|(at, _)| *at <= now)?;
            Some(Item::End(end))
        })
    }

    fn wakes_at(&self) -> Option<Instant> {
        self.ending.map(|(at, _)| at)
    }

    fn lift(self: Box<Self>) -> VecDeque<Item> {
        let end = self.ending.map(|(_, end)| Item::End(end));
        self.passing.into_iter().chain(end).collect()
    }
}
