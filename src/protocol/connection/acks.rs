use std::collections::VecDeque;
use std::time::Instant;

use super::event::UnansweredAck;

/// An ack that is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PendingAck {
    pub(super) id: u64,
    /// As given with the emit.
    pub(super) tag: u32,
    pub(super) intended: Instant,
    /// When its event was given to the transport; when it was buffered, until then.
    pub(super) sent: Instant,
    pub(super) due: Option<Instant>,
    /// Whether its event has left the buffer.
    pub(super) is_sent: bool,
    /// Whether its event is at the head of the retry queue.
    pub(super) is_retried: bool,
}

impl PendingAck {
    /// The ack as one that does not come.
    pub(super) fn unanswered(&self) -> UnansweredAck {
        UnansweredAck {
            tag: self.tag,
            intended: self.intended,
            sent: self.is_sent.then_some(self.sent),
        }
    }
}

/// The acks that a namespace awaits, by ascending id: ids are given out in that order, and most
/// acks come in that order too.
#[derive(Debug, Default)]
pub(super) struct Acks {
    next_id: u64,
    pending: VecDeque<PendingAck>,
}

impl Acks {
    /// The id for the next event; never used again, not even by a later engine.
    pub(super) fn next_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    pub(super) fn add(&mut self, ack: PendingAck) {
        self.pending.push_back(ack);
    }

    pub(super) fn take(&mut self, id: u64) -> Option<PendingAck> {
        let index = self.index(id)?;
        self.pending.remove(index)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut PendingAck> {
        let index = self.index(id)?;
        self.pending.get_mut(index)
    }

    /// Takes one that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<PendingAck> {
        let is_due = |ack: &PendingAck| ack.due.is_some_and(|due| due <= now);
        let index = self.pending.iter().position(is_due)?;
        self.pending.remove(index)
    }

    /// Those that are awaited, but for those of events with retries.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = UnansweredAck> {
        let own = self.pending.iter().filter(|ack| !ack.is_retried);
        own.map(PendingAck::unanswered)
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.pending.iter().filter_map(|ack| ack.due).min()
    }

    /// Takes all but those in `kept`, whose ids ascend.
    pub(super) fn take_except(&mut self, kept: impl Iterator<Item = u64>) -> Vec<PendingAck> {
        let mut kept = kept.peekable();
        let mut taken = Vec::new();
        self.pending.retain(|ack| {
            while kept.next_if(|id| *id < ack.id).is_some() {}
            let keep = kept.peek() == Some(&ack.id);
            if !keep {
                taken.push(*ack);
            }
            keep
        });
        if self.pending.is_empty() {
            self.pending = VecDeque::new();
        }
        taken
    }

    fn index(&self, id: u64) -> Option<usize> {
        if self.pending.front()?.id == id {
            return Some(0);
        }
        self.pending.binary_search_by_key(&id, |ack| ack.id).ok()
    }
}
