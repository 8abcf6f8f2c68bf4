use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Stage;
use crate::chaos::network::chain::{End, Item};

/// The connection is reset, a time after the first that comes this way; that itself is lost.
#[derive(Debug)]
pub(super) struct ResetPeer {
    delay: Duration,
    resets_at: Option<Instant>,
}

impl ResetPeer {
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            delay,
            resets_at: None,
        }
    }
}

impl Stage for ResetPeer {
    fn has_room(&self) -> bool {
        self.resets_at.is_none()
    }

    fn take(&mut self, now: Instant, _item: Item) {
        self.resets_at = Some(now + self.delay);
    }

    fn give(&mut self, now: Instant) -> Option<Item> {
        self.resets_at.filter(|at| *at <= now)?;
        Some(Item::End(End::Reset))
    }

    fn wakes_at(&self) -> Option<Instant> {
        self.resets_at
    }

    /// Once something was lost, the connection has no future.
    fn lift(self: Box<Self>) -> VecDeque<Item> {
        self.resets_at
            .map(|_| Item::End(End::Reset))
            .into_iter()
            .collect()
    }
}
