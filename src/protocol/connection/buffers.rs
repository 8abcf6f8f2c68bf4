//! What waits for its namespace: events to send, events that came too early, events to repeat.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::event::{AckRequest, Event, Received, UnansweredAck};

/// Events that a namespace keeps while it cannot send or must not deliver.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Sent, in this order, once the namespace is connected.
    pub(super) to_send: VecDeque<Buffered>,
    /// Delivered, in this order, once the namespace is connected.
    pub(super) early: Vec<Received>,
    /// Sent one at a time, the next when this one's ack has come.
    pub(super) to_retry: VecDeque<Retried>,
}

/// A packet that was emitted too early.
#[derive(Debug)]
pub(super) struct Buffered {
    pub(super) ack: Option<u64>,
    pub(super) text: Bytes,
    pub(super) attachments: Vec<Bytes>,
}

/// An event with retries. Each try is a packet of its own, since each has an ack id of its own.
#[derive(Debug)]
pub(super) struct Retried {
    pub(super) name: Box<str>,
    pub(super) args: Box<str>,
    pub(super) attachments: Vec<Bytes>,
    pub(super) request: AckRequest,
    pub(super) tries: u32,
    /// The time of the first try.
    pub(super) first_sent: Option<Instant>,
    pub(super) is_in_flight: bool,
}

/// The reason why a try of a retried event is over without an ack.
#[derive(Debug, Clone, Copy)]
pub(super) enum Missed {
    TimedOut,
    Lost,
}

impl Missed {
    /// The event that reports the loss of an ack.
    pub(super) fn event(self, namespace: usize, ack: UnansweredAck) -> Event {
        let UnansweredAck {
            tag,
            intended,
            sent,
        } = ack;
        match self {
            Self::TimedOut => Event::AckTimedOut {
                namespace,
                tag,
                intended,
                sent,
            },
            Self::Lost => Event::AckLost { namespace, tag },
        }
    }
}

impl Buffers {
    /// The number of events that were never given to a transport.
    pub(super) fn unsent(&self) -> usize {
        let never_tried = |event: &&Retried| event.tries == 0;
        self.to_send.len() + self.to_retry.iter().filter(never_tried).count()
    }

    /// The acks that events with retries still wait for.
    pub(super) fn retried(&self) -> impl Iterator<Item = UnansweredAck> {
        self.to_retry.iter().map(|event| UnansweredAck {
            tag: event.request.tag,
            intended: event.request.intended,
            sent: event.first_sent,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.to_send.is_empty() && self.early.is_empty() && self.to_retry.is_empty()
    }

    /// Notes that the try under way is over without an ack; the event is tried again on the next
    /// occasion, or given up, in which case its ack is returned.
    pub(super) fn try_missed(&mut self) -> Option<UnansweredAck> {
        let head = self.to_retry.front_mut()?;
        head.is_in_flight = false;
        if head.tries <= head.request.retries {
            return None;
        }
        let given_up = self.to_retry.pop_front()?;
        Some(UnansweredAck {
            tag: given_up.request.tag,
            intended: given_up.request.intended,
            sent: given_up.first_sent,
        })
    }
}
