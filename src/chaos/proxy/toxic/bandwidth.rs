use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ToxicStage;
use crate::chaos::proxy::chain::{Chunk, Item};
use crate::units::ByteRate;

/// The time that the largest piece takes; Toxiproxy sends in intervals of this length.
const INTERVAL: Duration = Duration::from_millis(100);

/// Chunks that wait: with one more than the one under way the line never runs dry.
const CHUNKS: usize = 2;

/// No more than so much gets through.
#[derive(Debug)]
pub(super) struct Bandwidth {
    rate: ByteRate,
    /// Each with the time at which it was taken.
    held: VecDeque<(Instant, Item)>,
    /// When the line has carried what it was given. Kept by the schedule and not by the clock, so
    /// that late timers cost no bandwidth.
    free: Instant,
}

impl Bandwidth {
    pub(super) fn new(rate: ByteRate, now: Instant) -> Self {
        Self {
            rate,
            held: VecDeque::new(),
            free: now,
        }
    }

    /// The largest piece, in bytes.
    fn piece(&self) -> usize {
        let bytes = self.rate.bytes_per_second() as f64 * INTERVAL.as_secs_f64();
        (bytes as usize).max(1)
    }

    /// When the next piece has got through, and its length.
    fn next(&self) -> Option<(Instant, usize)> {
        let (taken, item) = self.held.front()?;
        let start = self.free.max(*taken);
        Some(match item {
            Item::Data(chunk) => {
                let length = chunk.bytes.len().min(self.piece());
                (start + self.rate.time_for(length as u64), length)
            }
            Item::End(_) => (self.free, 0),
        })
    }
}

impl ToxicStage for Bandwidth {
    fn has_room(&self) -> bool {
        self.held.len() < CHUNKS
    }

    fn take(&mut self, now: Instant, item: Item) {
        self.held.push_back((now, item));
    }

    fn give(&mut self, now: Instant) -> Option<Item> {
        let (at, length) = self.next().filter(|(at, _)| *at <= now)?;
        self.free = at;
        let (taken, item) = self.held.pop_front()?;
        Some(match item {
            Item::Data(mut chunk) => {
                let bytes = chunk.bytes.split_to(length);
                let piece = Chunk { bytes, ..chunk };
                if !chunk.bytes.is_empty() {
                    self.held.push_front((taken, Item::Data(chunk)));
                }
                Item::Data(piece)
            }
            Item::End(end) => Item::End(end),
        })
    }

    fn wakes_at(&self) -> Option<Instant> {
        self.next().map(|(at, _)| at)
    }

    fn lift(self: Box<Self>) -> VecDeque<Item> {
        self.held.into_iter().map(|(_, item)| item).collect()
    }
}
