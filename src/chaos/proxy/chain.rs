//! One way of a connection: what travels on it, and the toxics that lie on it in a row.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::toxic::{Passing, ToxicStage};
use crate::event::StrikeId;

/// What travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// Bytes.
    Data(Chunk),
    /// Nothing comes after this.
    End(End),
}

/// Bytes that were read at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Never empty.
    pub(super) bytes: Bytes,
    /// When they came, or were meant to come, out of the toxic before.
    pub(super) at: Instant,
}

/// How a way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// FIN: the other way may go on.
    Fin,
    /// RST, for both sides.
    Reset,
    /// A toxic closes the connection, both ways.
    Close,
}

/// The toxics of one way, in the order in which they were laid, as Toxiproxy has them.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// What has come and waits for the first toxic to take it.
    inlet: VecDeque<Item>,
    stages: Vec<(StrikeId, Box<dyn ToxicStage>)>,
}

impl Chain {
    /// Whether what comes can be passed on untouched.
    pub(super) fn is_bare(&self) -> bool {
        self.stages.is_empty() && self.inlet.is_empty()
    }

    /// Whether more may be read. Without it nothing is buffered beyond what the toxics hold.
    pub(super) fn has_room(&self) -> bool {
        self.inlet.is_empty()
    }

    /// Something has come.
    pub(super) fn push(&mut self, item: Item) {
        self.inlet.push_back(item);
    }

    /// What comes out by `now`, if anything.
    pub(super) fn next(&mut self, now: Instant) -> Option<Item> {
        let item = pull(&mut self.stages, &mut self.inlet, now);
        self.stages.retain(|(_, stage)| !stage.is_spent());
        item
    }

    /// When something comes out that does not now.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let mut earliest: Option<Instant> = None;
        for (_, stage) in self.stages.iter().rev() {
            if let Some(at) = stage.wakes_at() {
                earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
            }
            if !stage.has_room() {
                // Those before have to wait for it, whatever their own times are.
                break;
            }
        }
        earliest
    }

    /// Lays a toxic at the end of the row.
    pub(super) fn lay(&mut self, fault: StrikeId, stage: Box<dyn ToxicStage>) {
        self.stages.push((fault, stage));
    }

    /// Takes a fault's toxic away; what it holds goes on in its order.
    pub(super) fn lift(&mut self, fault: StrikeId) {
        let stages = std::mem::take(&mut self.stages);
        for (owner, stage) in stages {
            let stage = if owner == fault {
                Box::new(Passing(stage.lift()))
            } else {
                stage
            };
            if !stage.is_spent() {
                self.stages.push((owner, stage));
            }
        }
    }
}

/// Takes from the last toxic, which takes from the one before if it has nothing and has room.
fn pull(
    stages: &mut [(StrikeId, Box<dyn ToxicStage>)],
    inlet: &mut VecDeque<Item>,
    now: Instant,
) -> Option<Item> {
    let Some(((_, last), before)) = stages.split_last_mut() else {
        return inlet.pop_front();
    };
    loop {
        if let Some(item) = last.give(now) {
            return Some(item);
        }
        if !last.has_room() {
            return None;
        }
        last.take(now, pull(before, inlet, now)?);
    }
}
