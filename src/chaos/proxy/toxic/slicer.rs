use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::ToxicStage;
use crate::chaos::proxy::chain::{Chunk, Item};
use crate::units::ByteSize;

/// Data come in small slices, each a packet of its own.
#[derive(Debug)]
pub(super) struct Slicer {
    /// No slice is larger, in bytes.
    size: usize,
    delay: Duration,
    held: VecDeque<Item>,
    /// When the next slice may go.
    next: Instant,
}

impl Slicer {
    pub(super) fn new(size: ByteSize, delay: Duration, now: Instant) -> Self {
        Self {
            size: (size.0 as usize).max(1),
            delay,
            held: VecDeque::new(),
            next: now,
        }
    }

    /// Halves what is too large, again and again, as Toxiproxy does without `size_variation`.
    fn slice(&mut self, mut bytes: Bytes, at: Instant) {
        if bytes.len() <= self.size {
            self.held.push_back(Item::Data(Chunk { bytes, at }));
            return;
        }
        let left = bytes.split_to(bytes.len() / 2);
        self.slice(left, at);
        self.slice(bytes, at);
    }
}

impl ToxicStage for Slicer {
    fn has_room(&self) -> bool {
        self.held.is_empty()
    }

    fn take(&mut self, _now: Instant, item: Item) {
        match item {
            Item::Data(chunk) => self.slice(chunk.bytes, chunk.at),
            Item::End(end) => self.held.push_back(Item::End(end)),
        }
    }

    fn give(&mut self, now: Instant) -> Option<Item> {
        if now < self.next {
            return None;
        }
        let item = self.held.pop_front()?;
        self.next = now + self.delay;
        Some(item)
    }

    fn wakes_at(&self) -> Option<Instant> {
        (!self.held.is_empty()).then_some(self.next)
    }

    fn lift(self: Box<Self>) -> VecDeque<Item> {
        self.held
    }
}
