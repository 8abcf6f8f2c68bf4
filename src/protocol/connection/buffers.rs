//! What waits for its namespace: events to send, events that came too early, events to repeat.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::acks::PendingAck;
use super::event::{AckRequest, Emit, Emitted, Event, Received};
use super::namespace::State;
use super::timer::Timer;
use super::{Connection, Phase};
use crate::protocol::engine_io::packet::Outgoing;
use crate::protocol::socket_io::encode::{self, EventParts};

/// What a namespace keeps while it cannot send or must not deliver.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Sent, in this order, once the namespace is connected.
    to_send: VecDeque<Buffered>,
    /// Delivered, in this order, once the namespace is connected.
    pub(super) early: Vec<Received>,
    /// Sent one at a time, the next when this one's ack has come.
    to_retry: VecDeque<Retried>,
}

/// A packet that was emitted too early.
#[derive(Debug)]
struct Buffered {
    ack: Option<u64>,
    text: Bytes,
    attachments: Vec<Bytes>,
}

/// An event with retries. Each try is a packet of its own, since each has an ack id of its own.
#[derive(Debug)]
struct Retried {
    name: Box<str>,
    args: Box<str>,
    attachments: Vec<Bytes>,
    request: AckRequest,
    tries: u32,
    is_in_flight: bool,
}

impl Buffers {
    pub(super) fn unsent(&self) -> usize {
        let never_tried = |event: &&Retried| event.tries == 0;
        self.to_send.len() + self.to_retry.iter().filter(never_tried).count()
    }

    fn is_empty(&self) -> bool {
        self.to_send.is_empty() && self.early.is_empty() && self.to_retry.is_empty()
    }
}

/// Why a try of a retried event is over without an ack.
#[derive(Debug, Clone, Copy)]
enum Missed {
    TimedOut,
    Lost,
}

impl Missed {
    fn event(self, namespace: usize) -> Event {
        match self {
            Self::TimedOut => Event::AckTimedOut { namespace },
            Self::Lost => Event::AckLost { namespace },
        }
    }
}

impl Connection {
    pub(super) fn emit_event(&mut self, now: Instant, emit: &Emit<'_>) -> Emitted {
        if let Some(request) = emit.ack
            && request.retries > 0
            && !emit.volatile
        {
            return self.emit_with_retries(now, emit, request);
        }
        // A namespace that does not know yet that its engine is to close, which takes no more.
        let is_closing = matches!(&self.phase, Phase::Open(session) if session.is_closing);
        if is_closing && self.namespaces[emit.namespace].state == State::Connected {
            return Emitted::Dropped;
        }
        if emit.volatile && !self.takes_volatile(now) {
            if emit.ack.is_some() {
                // Spent all the same, in the reference client too.
                self.namespaces[emit.namespace].acks.next_id();
            }
            return Emitted::Dropped;
        }
        let id = emit
            .ack
            .map(|request| self.await_ack(now, emit.namespace, request, false));
        let text = self.event_packet(emit, id);
        if self.namespaces[emit.namespace].state == State::Connected {
            self.send_message(text, emit.attachments);
            if let Phase::Open(session) = &mut self.phase {
                session.wrote(now);
            }
            return Emitted::Sent;
        }
        let buffered = Buffered {
            ack: id,
            text,
            attachments: emit.attachments.to_vec(),
        };
        let buffers = self.namespaces[emit.namespace].buffers();
        buffers.to_send.push_back(buffered);
        Emitted::Buffered
    }

    fn event_packet(&self, emit: &Emit<'_>, id: Option<u64>) -> Bytes {
        let parts = EventParts {
            name: emit.event,
            args: emit.args,
            attachments: emit.attachments.len(),
        };
        encode::event(self.name(emit.namespace), id, parts)
    }

    fn send_message(&mut self, text: Bytes, attachments: &[Bytes]) {
        self.send(Outgoing::Text(text));
        for attachment in attachments {
            self.send(Outgoing::Binary(attachment.clone()));
        }
    }

    /// Registers an ack and returns its id.
    fn await_ack(
        &mut self,
        now: Instant,
        namespace: usize,
        request: AckRequest,
        is_retried: bool,
    ) -> u64 {
        let due = request.timeout.and_then(|timeout| now.checked_add(timeout));
        if let Some(due) = due {
            self.timers.set_at_latest(Timer::Acks, due);
        }
        let acks = &mut self.namespaces[namespace].acks;
        let id = acks.next_id();
        acks.add(PendingAck {
            id,
            intended: request.intended,
            sent: now,
            due,
            is_retried,
        });
        id
    }

    fn emit_with_retries(&mut self, now: Instant, emit: &Emit<'_>, request: AckRequest) -> Emitted {
        let buffers = self.namespaces[emit.namespace].buffers();
        buffers.to_retry.push_back(Retried {
            name: emit.event.into(),
            args: emit.args.into(),
            attachments: emit.attachments.to_vec(),
            request,
            tries: 0,
            is_in_flight: false,
        });
        if buffers.to_retry.len() == 1 && self.try_next(now, emit.namespace) == Some(1) {
            Emitted::Sent
        } else {
            Emitted::Buffered
        }
    }

    /// Sends the head of the retry queue, if it is its turn, and says which try this is.
    fn try_next(&mut self, now: Instant, namespace: usize) -> Option<u32> {
        let socket = &mut self.namespaces[namespace];
        if socket.state != State::Connected {
            return None;
        }
        let head = socket.buffers.as_mut()?.to_retry.front_mut()?;
        if head.is_in_flight {
            return None;
        }
        head.is_in_flight = true;
        head.tries += 1;
        let (tries, request) = (head.tries, head.request);
        let id = self.await_ack(now, namespace, request, true);
        let head = self.namespaces[namespace]
            .buffers
            .as_ref()?
            .to_retry
            .front()?;
        let parts = EventParts {
            name: &head.name,
            args: &head.args,
            attachments: head.attachments.len(),
        };
        let text = encode::event(self.name(namespace), Some(id), parts);
        let attachments = head.attachments.clone();
        self.send_message(text, &attachments);
        Some(tries)
    }

    /// Goes on with the retry queue and tells what was sent.
    fn drain_retries(&mut self, now: Instant, namespace: usize) {
        match self.try_next(now, namespace) {
            None => {}
            Some(1) => self.events.push_back(Event::BufferedSent { namespace }),
            Some(_) => self.events.push_back(Event::Retried { namespace }),
        }
    }

    pub(super) fn retry_succeeded(&mut self, now: Instant, namespace: usize) {
        if let Some(buffers) = &mut self.namespaces[namespace].buffers {
            buffers.to_retry.pop_front();
        }
        self.drain_retries(now, namespace);
        self.drop_empty_buffers(namespace);
    }

    /// A try is over: the event is tried again on the next occasion, or given up.
    fn try_missed(&mut self, namespace: usize, missed: Missed) {
        let Some(buffers) = &mut self.namespaces[namespace].buffers else {
            return;
        };
        let Some(head) = buffers.to_retry.front_mut() else {
            return;
        };
        head.is_in_flight = false;
        if head.tries > head.request.retries {
            buffers.to_retry.pop_front();
            self.events.push_back(missed.event(namespace));
        }
    }

    /// The namespace is connected: early events, buffered packets, then the retry queue.
    pub(super) fn release_buffers(&mut self, now: Instant, namespace: usize) {
        let Some(buffers) = &mut self.namespaces[namespace].buffers else {
            return;
        };
        let early = std::mem::take(&mut buffers.early);
        let to_send = std::mem::take(&mut buffers.to_send);
        for received in early {
            self.deliver(received);
        }
        for packet in to_send {
            if let Some(ack) = packet
                .ack
                .and_then(|id| self.namespaces[namespace].acks.get_mut(id))
            {
                ack.sent = now;
            }
            self.send_message(packet.text, &packet.attachments);
            self.events.push_back(Event::BufferedSent { namespace });
        }
        self.drain_retries(now, namespace);
        self.drop_empty_buffers(namespace);
    }

    /// The acks of what was sent cannot come any more; those of what is still buffered can.
    pub(super) fn lose_acks(&mut self, namespace: usize) {
        let socket = &mut self.namespaces[namespace];
        let buffers = socket.buffers.as_deref();
        let to_send = buffers.into_iter().flat_map(|buffers| &buffers.to_send);
        let lost = socket
            .acks
            .take_except(to_send.filter_map(|packet| packet.ack));
        for ack in lost {
            if ack.is_retried {
                self.try_missed(namespace, Missed::Lost);
            } else {
                self.events.push_back(Event::AckLost { namespace });
            }
        }
        self.drop_empty_buffers(namespace);
    }

    /// Deals with every ack that is late, and waits for the next.
    pub(super) fn acks_are_due(&mut self, now: Instant) {
        for namespace in 0..self.namespaces.len() {
            while let Some(ack) = self.namespaces[namespace].acks.take_due(now) {
                self.ack_timed_out(now, namespace, ack);
            }
        }
        let next = self.namespaces.iter().filter_map(|n| n.acks.next_due());
        if let Some(due) = next.min() {
            self.timers.set_at_latest(Timer::Acks, due);
        }
    }

    fn ack_timed_out(&mut self, now: Instant, namespace: usize, ack: PendingAck) {
        if ack.is_retried {
            self.try_missed(namespace, Missed::TimedOut);
            self.drain_retries(now, namespace);
        } else {
            self.events.push_back(Event::AckTimedOut { namespace });
            if let Some(buffers) = &mut self.namespaces[namespace].buffers {
                let is_it = |packet: &Buffered| packet.ack == Some(ack.id);
                if let Some(index) = buffers.to_send.iter().position(is_it) {
                    buffers.to_send.remove(index);
                    self.events.push_back(Event::DroppedUnsent { namespace });
                }
            }
        }
        self.drop_empty_buffers(namespace);
    }

    fn drop_empty_buffers(&mut self, namespace: usize) {
        let buffers = &mut self.namespaces[namespace].buffers;
        if buffers.as_ref().is_some_and(|buffers| buffers.is_empty()) {
            *buffers = None;
        }
    }
}
