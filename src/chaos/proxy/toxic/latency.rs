use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ToxicStage;
use crate::chaos::proxy::chain::{Chunk, Item};

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
    /// Each with the time at which it goes on; an end waits for what came before it, and no longer.
    held: VecDeque<(Option<Instant>, Item)>,
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

impl ToxicStage for Latency {
    fn has_room(&self) -> bool {
        self.held.len() < CHUNKS && self.bytes < BYTES
    }

    fn take(&mut self, _now: Instant, item: Item) {
        let due = match &item {
            Item::Data(chunk) => {
                self.bytes += chunk.bytes.len();
                Some(chunk.at + self.delay())
            }
            Item::End(_) => None,
        };
        self.held.push_back((due, item));
    }

    fn give(&mut self, now: Instant) -> Option<Item> {
        let (due, _) = self.held.front()?;
        if due.is_some_and(|due| due > now) {
            return None;
        }
        let (due, item) = self.held.pop_front()?;
        Some(match item {
            Item::Data(chunk) => {
                self.bytes -= chunk.bytes.len();
                // By the schedule and not by the clock, so that latencies add up exactly.
                let at = due.unwrap_or(chunk.at);
                Item::Data(Chunk { at, ..chunk })
            }
            Item::End(end) => Item::End(end),
        })
    }

    fn wakes_at(&self) -> Option<Instant> {
        self.held.front()?.0
    }

    fn lift(self: Box<Self>) -> VecDeque<Item> {
        self.held.into_iter().map(|(_, item)| item).collect()
    }
}
