//! Events on their way out: sent, buffered, repeated, and the acks they wait for.

use std::time::Instant;

use bytes::Bytes;

use super::acks::PendingAck;
use super::buffers::{Buffered, Missed, Retried};
use super::event::{AckRequest, Emit, Emitted, Event};
use super::manager::Manager;
use super::session::Session;
use super::timer::Timer;
use crate::event::Parser;
use crate::protocol::engine_io::packet::Outgoing;
use crate::protocol::socket_io::encode::{self, EventParts};
use crate::protocol::socket_io::msgpack;

impl Manager {
    /// Sends an event over the open engine, if there is one, or keeps it; `is_writable` counts for
    /// volatile events alone.
    pub(super) fn emit(
        &mut self,
        session: Option<&mut Session>,
        now: Instant,
        emit: &Emit<'_>,
        is_writable: bool,
    ) -> Emitted {
        if let Some(request) = emit.ack
            && request.retries > 0
            && !emit.volatile
        {
            return self.emit_with_retries(session, now, emit, request);
        }
        let is_connected = self.is_connected(emit.namespace);
        // A namespace that does not know yet that its engine is to close, which takes no more.
        let is_closing = session.as_ref().is_some_and(|session| session.is_closing);
        if is_closing && is_connected {
            return Emitted::Dropped;
        }
        if emit.volatile && !is_writable {
            if emit.ack.is_some() {
                // Spent all the same, in the reference client too.
                self.acks(emit.namespace).next_id();
            }
            return Emitted::Dropped;
        }
        let id = emit
            .ack
            .map(|request| self.await_ack(now, emit.namespace, request, false));
        let text = self.event_packet(emit, id);
        if is_connected {
            if let Some(session) = session {
                self.send_message(session, text, emit.attachments);
                session.wrote(now);
            }
            return Emitted::Sent;
        }
        let buffers = self.namespaces[emit.namespace].buffers();
        buffers.to_send.push_back(Buffered {
            ack: id,
            text,
            attachments: emit.attachments.to_vec(),
        });
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

    pub(super) fn send_message(
        &mut self,
        session: &mut Session,
        text: Bytes,
        attachments: &[Bytes],
    ) {
        if self.out.config.parser == Parser::Msgpack {
            let packet = msgpack::encode(&text, attachments);
            session.send(&mut self.out, Outgoing::Binary(packet));
            return;
        }
        session.send(&mut self.out, Outgoing::Text(text));
        for attachment in attachments {
            session.send(&mut self.out, Outgoing::Binary(attachment.clone()));
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
        // What is given to a namespace that is not connected waits in its buffer.
        let is_sent = self.is_connected(namespace);
        let due = request.timeout.and_then(|timeout| now.checked_add(timeout));
        if let Some(due) = due {
            self.timers.set_at_latest(Timer::Acks, due);
        }
        let acks = self.acks(namespace);
        let id = acks.next_id();
        acks.add(PendingAck {
            id,
            tag: request.tag,
            intended: request.intended,
            sent: now,
            due,
            is_sent,
            is_retried,
        });
        id
    }

    fn emit_with_retries(
        &mut self,
        session: Option<&mut Session>,
        now: Instant,
        emit: &Emit<'_>,
        request: AckRequest,
    ) -> Emitted {
        let buffers = self.namespaces[emit.namespace].buffers();
        buffers.to_retry.push_back(Retried {
            name: emit.event.into(),
            args: emit.args.into(),
            attachments: emit.attachments.to_vec(),
            request,
            tries: 0,
            first_sent: None,
            is_in_flight: false,
        });
        let is_only = buffers.to_retry.len() == 1;
        if is_only && self.try_next(session, now, emit.namespace) == Some(1) {
            Emitted::Sent
        } else {
            Emitted::Buffered
        }
    }

    /// Sends the head of the retry queue, if it is its turn, and says which try this is.
    fn try_next(
        &mut self,
        session: Option<&mut Session>,
        now: Instant,
        namespace: usize,
    ) -> Option<u32> {
        if !self.is_connected(namespace) {
            return None;
        }
        let buffers = self.namespaces[namespace].buffers.as_mut()?;
        let head = buffers.to_retry.front_mut()?;
        if head.is_in_flight {
            return None;
        }
        head.is_in_flight = true;
        head.tries += 1;
        head.first_sent.get_or_insert(now);
        let (tries, request) = (head.tries, head.request);
        let id = self.await_ack(now, namespace, request, true);
        let buffers = self.namespaces[namespace].buffers.as_ref()?;
        let head = buffers.to_retry.front()?;
        let parts = EventParts {
            name: &head.name,
            args: &head.args,
            attachments: head.attachments.len(),
        };
        let text = encode::event(self.name(namespace), Some(id), parts);
        let attachments = head.attachments.clone();
        if let Some(session) = session {
            self.send_message(session, text, &attachments);
        }
        Some(tries)
    }

    /// Goes on with the retry queue and reports what was sent.
    fn drain_retries(&mut self, session: Option<&mut Session>, now: Instant, namespace: usize) {
        match self.try_next(session, now, namespace) {
            None => {}
            Some(1) => self.events.push_back(Event::BufferedSent { namespace }),
            Some(_) => self.events.push_back(Event::Retried { namespace }),
        }
    }

    pub(super) fn retry_succeeded(
        &mut self,
        session: &mut Session,
        now: Instant,
        namespace: usize,
    ) {
        if let Some(buffers) = &mut self.namespaces[namespace].buffers {
            buffers.to_retry.pop_front();
        }
        self.drain_retries(Some(session), now, namespace);
        self.drop_empty_buffers(namespace);
    }

    fn try_missed(&mut self, namespace: usize, missed: Missed) {
        let buffers = self.namespaces[namespace].buffers.as_mut();
        if let Some(ack) = buffers.and_then(|buffers| buffers.try_missed()) {
            self.events.push_back(missed.event(namespace, ack));
        }
    }

    /// The namespace is connected: early events, buffered packets, then the retry queue.
    pub(super) fn release_buffers(
        &mut self,
        session: &mut Session,
        now: Instant,
        namespace: usize,
    ) {
        let Some(buffers) = &mut self.namespaces[namespace].buffers else {
            return;
        };
        let early = std::mem::take(&mut buffers.early);
        let to_send = std::mem::take(&mut buffers.to_send);
        for received in early {
            self.deliver(received);
        }
        for packet in to_send {
            let acks = self.acks(namespace);
            if let Some(ack) = packet.ack.and_then(|id| acks.get_mut(id)) {
                ack.sent = now;
                ack.is_sent = true;
            }
            self.send_message(session, packet.text, &packet.attachments);
            self.events.push_back(Event::BufferedSent { namespace });
        }
        self.drain_retries(Some(session), now, namespace);
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
                let event = Missed::Lost.event(namespace, ack.unanswered());
                self.events.push_back(event);
            }
        }
        self.drop_empty_buffers(namespace);
    }

    /// Deals with every ack that is late, and waits for the next.
    pub(super) fn acks_are_due(&mut self, mut session: Option<&mut Session>, now: Instant) {
        for namespace in 0..self.namespaces.len() {
            while let Some(ack) = self.acks(namespace).take_due(now) {
                self.ack_timed_out(session.as_deref_mut(), now, namespace, ack);
            }
        }
        let next = self.namespaces.iter().filter_map(|n| n.acks.next_due());
        if let Some(due) = next.min() {
            self.timers.set_at_latest(Timer::Acks, due);
        }
    }

    fn ack_timed_out(
        &mut self,
        session: Option<&mut Session>,
        now: Instant,
        namespace: usize,
        ack: PendingAck,
    ) {
        if ack.is_retried {
            self.try_missed(namespace, Missed::TimedOut);
            self.drain_retries(session, now, namespace);
        } else {
            let event = Missed::TimedOut.event(namespace, ack.unanswered());
            self.events.push_back(event);
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
