use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Stage;
use crate::chaos::network::chain::{Chunk, Item};

/// Toxiproxy's buffer, in chunks.
const CHUNKS: usize = 1024;

/// What one way of a connection holds at most, in bytes: beyond it the sender has to wait, as
/// it would for a full pipe.
const BYTES: usize = 1 << 20;

/// Data come later; order is kept, whatever the jitter.
#[derive(Debug)]
pub(super) struct Latency {
    latency: Duration,
    jitter: Duration,
    random: fastrand::Rng,
    held: VecDeque<Item>,
    bytes: usize,
}

impl Latency {
    pub(super) fn new(latency: Duration, jitter: Duration, random: fastrand::Rng) -> Self {
        Self {
            latency,
            jitter,
            random,
            held: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The latency, more or less the jitter.
    fn delay(&mut self) -> Duration {
        let jitter = self.jitter.as_nanos() as u64;
        if jitter == 0 {
            return self.latency;
        }
        let more = Duration::from_nanos(self.random.u64(..2 * jitter));
        (self.latency + more).saturating_sub(self.jitter)
    }
}

impl Stage for Latency {
    fn has_room(&self) -> bool {
        self.held.len() < CHUNKS && self.bytes < BYTES
    }

    fn take(&mut self, _now: Instant, item: Item) {
        let item = match item {
            Item::Data(chunk) => {
                self.bytes += chunk.bytes.len();
                let at = chunk.at + self.delay();
                Item::Data(Chunk { at, ..chunk })
            }
            // An end waits for what came before it, and no longer.
            Item::End(end) => Item::End(end),
        };
        self.held.push_back(item);
    }

    fn give(&mut self, now: Instant) -> Option<Item> {
        let is_due = match self.held.front()? {
            Item::Data(chunk) => chunk.at <= now,
            Item::End(_) => true,
        };
        if !is_due {
            return None;
        }
        let item = self.held.pop_front()?;
        if let Item::Data(chunk) = &item {
            self.bytes -= chunk.bytes.len();
        }
        Some(item)
    }

    fn wakes_at(&self) -> Option<Instant> {
        match self.held.front()? {
            Item::Data(chunk) => Some(chunk.at),
            Item::End(_) => None,
        }
    }

    fn lift(self: Box<Self>) -> VecDeque<Item> {
        self.held
    }
}
