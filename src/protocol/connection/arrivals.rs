//! The engine that an arrival concerns: the one that opens, the open one, one that drains, or none.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::draining::Draining;
use super::machine::{Connection, EnginePhase};
use super::opening::Opening;
use super::session::Session;
use super::timer::Timer;
use super::transmit::{Answer, EngineId, RequestId, WebSocketId};
use super::upgrade;
use crate::event::Failure;
use crate::protocol::engine_io::error_body::{self, RequestKind};
use crate::protocol::engine_io::packet::Packet;
use crate::protocol::frame::{Frame, WebSocketEnd};
use crate::protocol::socket_io;

/// An engine of the client, with what it owns.
enum Owner<'a> {
    Opening(&'a mut Opening),
    Session(&'a mut Session),
    /// Its place among the draining ones.
    Draining(usize),
    Nobody,
}

impl<'a> Owner<'a> {
    fn find(phase: &'a mut EnginePhase, draining: &Draining, engine: EngineId) -> Self {
        match phase {
            EnginePhase::Opening(opening) if opening.engine.id == engine => Self::Opening(opening),
            EnginePhase::Open(session) if session.engine.id == engine => Self::Session(session),
            EnginePhase::Idle
            | EnginePhase::Waiting { .. }
            | EnginePhase::AskingQuery { .. }
            | EnginePhase::Opening(_)
            | EnginePhase::Open(_) => draining.find(engine).map_or(Self::Nobody, Self::Draining),
        }
    }
}

/// Packets of one poll that are dealt with at once.
const PACKET_BATCH: u32 = 256;

/// Any time at all: the clock moves on before the next look at it.
const A_MOMENT: Duration = Duration::from_nanos(1);

/// Only a 200 is a success, whatever the method.
pub(super) fn judge(id: RequestId, answer: Answer) -> Result<Bytes, Failure> {
    let Answer { status, body, note } = answer;
    let kind = match (status, id.opening) {
        (200, _) => return Ok(body),
        (_, true) => RequestKind::Handshake,
        (_, false) => RequestKind::Session,
    };
    let failure = error_body::classify(kind, status, &body);
    let Some(note) = note else {
        return Err(failure);
    };
    let said = failure.message.as_deref().unwrap_or_default();
    let separator = if said.is_empty() { "" } else { ": " };
    let message = format!("{note}{separator}{said}");
    Err(failure.with_message(&message))
}

impl Connection {
    pub(super) fn response(&mut self, now: Instant, id: RequestId, result: Result<Bytes, Failure>) {
        let manager = &mut self.manager;
        match Owner::find(&mut self.engine, &self.draining, id.engine) {
            Owner::Opening(opening) => {
                let flow = opening.response(manager, id, result);
                self.follow_opening(now, flow);
                self.pump(now);
            }
            Owner::Session(session) => {
                let flow = manager.session_response(session, id, result);
                self.follow_session(now, flow);
                self.pump(now);
            }
            Owner::Draining(index) => self.draining.response(manager, index, id, result.ok()),
            Owner::Nobody => manager.late_response(id, result),
        }
    }

    /// Deals with the packets of a poll one by one. What follows the handshake waits until every
    /// namespace has sent its CONNECT: that is the order on the wire of the reference client.
    ///
    /// After [`PACKET_BATCH`] of them other timers, and so the whole client, get their turn.
    pub(super) fn pump(&mut self, now: Instant) {
        let mut left = PACKET_BATCH;
        while !self.manager.is_asking() {
            if left == 0 {
                return self.put_off_inbox(now);
            }
            left -= 1;
            if let EnginePhase::Open(session) = &mut self.engine
                && session.probe_is_due()
            {
                self.manager.start_probe(session);
            }
            let Some(inbox) = &mut self.manager.inbox else {
                return;
            };
            match inbox.reader.next() {
                Some(Ok(packet)) => self.packet(now, packet),
                Some(Err(_)) => {
                    let body = std::mem::take(&mut inbox.body);
                    self.undecodable(now, &body);
                }
                None => {
                    let decoded = std::mem::take(&mut inbox.decoded);
                    self.manager.inbox = None;
                    self.poll_was_read(now, decoded);
                }
            }
        }
    }

    /// Goes on with the rest of a poll in a moment. What was put off until the next poll has gone
    /// out is dealt with now, so that it does not pile up.
    fn put_off_inbox(&mut self, now: Instant) {
        self.manager.timers.set(Timer::Inbox, now + A_MOMENT);
        if let EnginePhase::Open(session) = &mut self.engine {
            let flow = self.manager.deal_with_decoded(session, now);
            self.follow_session(now, flow);
        }
    }

    fn packet(&mut self, now: Instant, packet: Packet) {
        match &mut self.engine {
            EnginePhase::Idle | EnginePhase::Waiting { .. } | EnginePhase::AskingQuery { .. } => {}
            EnginePhase::Opening(opening) => {
                let flow = opening.packet(&mut self.manager, packet);
                self.follow_opening(now, flow);
            }
            EnginePhase::Open(session) => {
                let flow = self.manager.session_packet(session, now, packet);
                self.follow_session(now, flow);
            }
        }
    }

    fn undecodable(&mut self, now: Instant, said: &[u8]) {
        match &mut self.engine {
            EnginePhase::Idle | EnginePhase::Waiting { .. } | EnginePhase::AskingQuery { .. } => {}
            EnginePhase::Opening(opening) => {
                let flow = opening.undecodable(&mut self.manager, said);
                self.follow_opening(now, flow);
            }
            EnginePhase::Open(session) => {
                let flow = self.manager.session_undecodable(session, now, said);
                self.follow_session(now, flow);
            }
        }
    }

    fn poll_was_read(&mut self, now: Instant, decoded: Vec<socket_io::packet::Packet>) {
        match &mut self.engine {
            EnginePhase::Idle | EnginePhase::Waiting { .. } | EnginePhase::AskingQuery { .. } => {}
            EnginePhase::Opening(opening) => opening.poll_was_read(&mut self.manager),
            EnginePhase::Open(session) => {
                let flow = self.manager.poll_was_read(session, now, decoded);
                self.follow_session(now, flow);
            }
        }
    }

    pub(super) fn websocket_open(&mut self, id: WebSocketId) {
        match Owner::find(&mut self.engine, &self.draining, id.engine) {
            Owner::Opening(opening) => opening.websocket_open(id),
            Owner::Session(session) => session.websocket_open(&mut self.manager.out, id),
            Owner::Draining(index) => {
                let session = self.draining.session_mut(index);
                session.websocket_open(&mut self.manager.out, id);
            }
            Owner::Nobody => {}
        }
    }

    pub(super) fn websocket_refused(&mut self, now: Instant, id: WebSocketId, failure: Failure) {
        match Owner::find(&mut self.engine, &self.draining, id.engine) {
            Owner::Opening(opening) => {
                let flow = opening.websocket_refused(id, failure);
                self.follow_opening(now, flow);
            }
            Owner::Session(session) => {
                let flow = self.manager.probe_ended(session, id, failure);
                self.follow_session(now, flow);
            }
            Owner::Draining(index) => self.draining_probe_ended(index, id, failure),
            Owner::Nobody => {}
        }
    }

    pub(super) fn websocket_closed(&mut self, now: Instant, id: WebSocketId, end: WebSocketEnd) {
        let manager = &mut self.manager;
        match Owner::find(&mut self.engine, &self.draining, id.engine) {
            Owner::Opening(opening) => {
                let flow = opening.websocket_closed(manager, id, end);
                self.follow_opening(now, flow);
            }
            Owner::Session(session) => {
                let flow = manager.session_websocket_closed(session, id, end);
                self.follow_session(now, flow);
            }
            Owner::Draining(index) => {
                self.draining_probe_ended(index, id, upgrade::failure_of(end));
            }
            Owner::Nobody => {}
        }
    }

    fn draining_probe_ended(&mut self, index: usize, id: WebSocketId, failure: Failure) {
        let session = self.draining.session_mut(index);
        if session.is_probe(id) {
            let probed = session.probe_ended(failure);
            self.draining.probed(&mut self.manager, index, &probed);
        }
    }

    pub(super) fn frame(&mut self, now: Instant, id: WebSocketId, frame: Frame) {
        let manager = &mut self.manager;
        match Owner::find(&mut self.engine, &self.draining, id.engine) {
            Owner::Session(session) => {
                let flow = manager.session_frame(session, now, id, frame);
                self.follow_session(now, flow);
            }
            Owner::Opening(opening) => {
                let flow = opening.frame(manager, id, frame);
                self.follow_opening(now, flow);
                self.pump(now);
            }
            Owner::Draining(index) => {
                let session = self.draining.session_mut(index);
                if session.is_probe(id) {
                    let probed = session.probe_frame(&manager.out, frame);
                    self.draining.probed(manager, index, &probed);
                }
            }
            Owner::Nobody => {}
        }
    }
}
