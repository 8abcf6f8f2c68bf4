//! The toxics that work on the bytes of one way, in Toxiproxy's meanings; without I/O and clock.
//!
//! Each takes what comes, holds it, and gives it when its time has come.

mod bandwidth;
mod latency;
mod limit_data;
mod reset_peer;
mod slicer;
mod slow_close;
mod timeout;

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use super::chain::Item;
use crate::fault::toxic::ToxicKind;

/// A toxic on one way of one connection.
pub(super) trait ToxicStage: fmt::Debug {
    /// Whether it takes something now.
    fn has_room(&self) -> bool;
    /// Takes something; only while it has room.
    fn take(&mut self, now: Instant, item: Item);
    /// What it gives by `now`.
    fn give(&mut self, now: Instant) -> Option<Item>;
    /// When it gives something that it does not give now.
    fn wakes_at(&self) -> Option<Instant>;
    /// What it holds, as it goes on when the toxic is taken away.
    fn lift(self: Box<Self>) -> VecDeque<Item>;
    /// Whether it has become superfluous.
    fn is_spent(&self) -> bool {
        false
    }
}

/// A toxic of a plan at work on one direction of one connection, from `now` on.
pub(super) fn stage(toxic: ToxicKind, now: Instant, random: fastrand::Rng) -> Box<dyn ToxicStage> {
    match toxic {
        ToxicKind::Latency(toxic) => {
            Box::new(latency::Latency::new(toxic.latency, toxic.jitter, random))
        }
        ToxicKind::Bandwidth(toxic) => Box::new(bandwidth::Bandwidth::new(toxic.rate, now)),
        ToxicKind::Slicer(toxic) => Box::new(slicer::Slicer::new(toxic.size, toxic.delay, now)),
        ToxicKind::SlowClose(toxic) => Box::new(slow_close::SlowClose::new(toxic.delay)),
        ToxicKind::Timeout(toxic) => Box::new(timeout::Timeout::new(toxic.delay, now)),
        ToxicKind::ResetPeer(toxic) => Box::new(reset_peer::ResetPeer::new(toxic.delay)),
        ToxicKind::LimitData(toxic) => Box::new(limit_data::LimitData::new(toxic.bytes)),
    }
}

/// What is left of a toxic that was taken away: it gives what it holds, and takes nothing before.
#[derive(Debug)]
pub(super) struct Passing(pub(super) VecDeque<Item>);

impl ToxicStage for Passing {
    fn has_room(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, _now: Instant, item: Item) {
        self.0.push_back(item);
    }

    fn give(&mut self, _now: Instant) -> Option<Item> {
        self.0.pop_front()
    }

    fn wakes_at(&self) -> Option<Instant> {
        None
    }

    fn lift(self: Box<Self>) -> VecDeque<Item> {
        self.0
    }

    fn is_spent(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests;
