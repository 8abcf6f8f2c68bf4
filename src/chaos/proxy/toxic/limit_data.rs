use std::collections::VecDeque;
use std::time::Instant;

use super::ToxicStage;
use crate::chaos::proxy::chain::{Chunk, End, Item};
use crate::units::ByteSize;

/// The connection is closed after so many bytes.
#[derive(Debug)]
pub(super) struct LimitData {
    /// In bytes.
    left: usize,
    held: VecDeque<Item>,
}

impl LimitData {
    pub(super) fn new(bytes: ByteSize) -> Self {
        Self {
            left: bytes.0 as usize,
            held: VecDeque::new(),
        }
    }
}

impl ToxicStage for LimitData {
    fn has_room(&self) -> bool {
        self.held.is_empty()
    }

    fn take(&mut self, _now: Instant, item: Item) {
        let Item::Data(Chunk { mut bytes, at }) = item else {
            self.held.push_back(item);
            return;
        };
        bytes.truncate(self.left);
        self.left -= bytes.len();
        if !bytes.is_empty() {
            self.held.push_back(Item::Data(Chunk { bytes, at }));
        }
        if self.left == 0 {
            self.held.push_back(Item::End(End::Close));
        }
    }

    fn give(&mut self, _now: Instant) -> Option<Item> {
        self.held.pop_front()
    }

    fn wakes_at(&self) -> Option<Instant> {
        None
    }

    fn lift(self: Box<Self>) -> VecDeque<Item> {
        self.held
    }
}
