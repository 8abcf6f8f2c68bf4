use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ToxicStage;
use crate::chaos::proxy::chain::{End, Item};

/// The connection is reset, a time after the first that comes this way; that itself is lost.
#[derive(Debug)]
pub(super) struct ResetPeer {
    delay: Duration,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing has come.
    Armed,
    /// Something has, and this is when the reset follows.
    Struck(Instant),
    /// The connection is reset.
    Over,
}

impl ResetPeer {
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            delay,
            state: State::Armed,
        }
    }
}

impl ToxicStage for ResetPeer {
    fn has_room(&self) -> bool {
        matches!(self.state, State::Armed)
    }

    fn take(&mut self, now: Instant, _item: Item) {
        self.state = State::Struck(now + self.delay);
    }

    fn give(&mut self, now: Instant) -> Option<Item> {
        self.wakes_at().filter(|at| *at <= now)?;
        self.state = State::Over;
        Some(Item::End(End::Reset))
    }

    fn wakes_at(&self) -> Option<Instant> {
        match self.state {
            State::Struck(at) => Some(at),
            State::Armed | State::Over => None,
        }
    }

    /// Once something was lost, the connection has no future.
    fn lift(self: Box<Self>) -> VecDeque<Item> {
        self.wakes_at()
            .map(|_| Item::End(End::Reset))
            .into_iter()
            .collect()
    }
}
