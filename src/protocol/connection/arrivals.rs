//! Whom an arrival concerns: the engine that opens, the open one, one that leaves, or nobody.

use std::time::Instant;

use bytes::Bytes;

use super::event::Event;
use super::opening::OpeningStep;
use super::session::{Carrier, PollState, Probe, SPIN_DELAY};
use super::timer::Timer;
use super::transmit::{EngineId, RequestId, WebSocketId};
use super::{Connection, Phase, State, upgrade};
use crate::event::{Cause, DisconnectReason, Failure, Origin, Stage};
use crate::protocol::engine_io::error_body;
use crate::protocol::engine_io::packet::{Packet, PacketError};
use crate::protocol::engine_io::payload::PayloadReader;
use crate::protocol::frame::{Frame, WebSocketEnd};
use crate::protocol::socket_io::{decoder, packet};

/// The answer to a poll while its packets are dealt with.
#[derive(Debug)]
pub(super) struct Inbox {
    reader: PayloadReader,
    body: Bytes,
    /// What was found in them, if it is dealt with after the next poll has gone out.
    decoded: Vec<packet::Packet>,
}

/// Whom something of an engine concerns.
enum Owner {
    Opening,
    Session,
    DrainingEngine(usize),
    Nobody,
}

/// Only a 200 is a success, whatever the method.
pub(super) fn judge(status: u16, body: Bytes) -> Result<Bytes, Failure> {
    if status == 200 {
        Ok(body)
    } else {
        Err(error_body::classify(Stage::Open, status, &body))
    }
}

fn closed(stage: Stage, code: Option<u16>) -> Failure {
    // 1009, "message too big", is the one code that names its cause.
    let cause = match code {
        Some(1009) => Cause::PayloadTooLarge,
        Some(_) | None => Cause::ConnectionClosed,
    };
    let mut failure = Failure::new(stage, cause, Origin::Server);
    failure.status = code;
    failure
}

impl Connection {
    fn owner(&self, engine: EngineId) -> Owner {
        match &self.phase {
            Phase::Opening(opening) if opening.head.id == engine => return Owner::Opening,
            Phase::Open(session) if session.head.id == engine => return Owner::Session,
            Phase::Idle
            | Phase::Waiting { .. }
            | Phase::AskingQuery { .. }
            | Phase::Opening(_)
            | Phase::Open(_) => {}
        }
        let is_it = |leaving: &super::DrainingEngine| leaving.session.head.id == engine;
        match self.leaving.iter().position(is_it) {
            Some(index) => Owner::DrainingEngine(index),
            None => Owner::Nobody,
        }
    }

    pub(super) fn response(&mut self, now: Instant, id: RequestId, result: Result<Bytes, Failure>) {
        match self.owner(id.engine) {
            Owner::Opening => self.opening_response(now, id, result),
            Owner::Session => self.session_response(now, id, result),
            Owner::DrainingEngine(index) => self.leaving_response(index, id, result.ok()),
            Owner::Nobody => self.late_response(id, result),
        }
    }

    fn opening_response(&mut self, now: Instant, id: RequestId, result: Result<Bytes, Failure>) {
        let Phase::Opening(opening) = &mut self.phase else {
            return;
        };
        match opening.step {
            OpeningStep::Polling(get) if get == id => {}
            OpeningStep::Polling(_)
            | OpeningStep::ReadingPoll
            | OpeningStep::Dialling(_)
            | OpeningStep::AwaitingOpen(_)
            | OpeningStep::Silent(_) => return self.late_response(id, result),
        }
        match result {
            Err(failure) => self.opening_failed(now, failure),
            Ok(body) => {
                opening.step = OpeningStep::ReadingPoll;
                self.read(now, body);
            }
        }
    }

    fn session_response(&mut self, now: Instant, id: RequestId, result: Result<Bytes, Failure>) {
        let Phase::Open(session) = &mut self.phase else {
            return;
        };
        let Carrier::Polling(polling) = &mut session.carrier else {
            return;
        };
        let is_post = polling.post == Some(id);
        if !is_post && polling.get != PollState::InFlight(id) {
            return;
        }
        match result {
            Err(failure) => self.session_failed(now, failure),
            Ok(_) if is_post => {
                session.post_done(&mut self.out);
                self.settle(now);
            }
            Ok(body) => {
                polling.get = PollState::Reading { only_noops: true };
                self.read(now, body);
            }
        }
    }

    /// A handshake that nobody waits for any more may still have made a session.
    fn late_response(&mut self, id: RequestId, result: Result<Bytes, Failure>) {
        self.last_transport_answered(id, result.is_ok());
        let Ok(body) = result else {
            return;
        };
        let mut packets = PayloadReader::new(self.out.revision(), body);
        if id.opening && packets.any(|packet| matches!(packet, Ok(Packet::Open(_)))) {
            self.events.push_back(Event::Zombie);
        }
    }

    fn read(&mut self, now: Instant, body: Bytes) {
        self.inbox = Some(Box::new(Inbox {
            reader: PayloadReader::new(self.out.revision(), body.clone()),
            body,
            decoded: Vec::new(),
        }));
        self.pump(now);
    }

    /// Deals with the packets of a poll one by one. What follows the handshake waits until every
    /// namespace has sent its CONNECT: that is the order on the wire of the reference client.
    pub(super) fn pump(&mut self, now: Instant) {
        while !self.is_asking() {
            self.start_due_probe();
            let Some(inbox) = &mut self.inbox else {
                return;
            };
            match inbox.reader.next() {
                Some(Ok(packet)) => self.packet(now, packet),
                Some(Err(_)) => {
                    let body = std::mem::take(&mut inbox.body);
                    self.deal_with_decoded(now);
                    self.undecodable(now, &body);
                }
                None => {
                    let decoded = std::mem::take(&mut inbox.decoded);
                    self.inbox = None;
                    self.poll_was_read(now);
                    for packet in decoded {
                        self.on_socket_packet(now, packet);
                    }
                }
            }
        }
    }

    fn is_asking(&self) -> bool {
        self.namespaces.iter().any(|n| n.state == State::Asking)
    }

    fn start_due_probe(&mut self) {
        if let Phase::Open(session) = &mut self.phase
            && let Some(Probe::Due) = session.probe_mut()
        {
            self.start_probe();
        }
    }

    fn poll_was_read(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Idle | Phase::Waiting { .. } | Phase::AskingQuery { .. } => {}
            Phase::Opening(_) => {
                let failure = Failure::new(Stage::Open, Cause::NotSocketio, Origin::Server);
                self.opening_fell_silent(failure.with_message("no open packet"));
            }
            Phase::Open(session) => {
                if session.poll_done(&mut self.out) {
                    self.timers.set(Timer::NextPoll, now + SPIN_DELAY);
                }
                self.settle(now);
            }
        }
    }

    pub(super) fn poll_is_due(&mut self) {
        if let Phase::Open(session) = &mut self.phase {
            session.poll_again(&mut self.out);
        }
    }

    fn undecodable(&mut self, now: Instant, said: &[u8]) {
        match &self.phase {
            Phase::Idle | Phase::Waiting { .. } | Phase::AskingQuery { .. } => {}
            Phase::Opening(_) => self.opening_undecodable(now, said),
            Phase::Open(_) => {
                self.session_failed(now, error_body::undecodable(Stage::Session, said));
            }
        }
    }

    fn packet(&mut self, now: Instant, packet: Packet) {
        match &self.phase {
            Phase::Idle | Phase::Waiting { .. } | Phase::AskingQuery { .. } => {}
            Phase::Opening(_) => self.opening_packet(now, packet),
            Phase::Open(_) => self.session_packet(now, packet),
        }
    }

    fn session_packet(&mut self, now: Instant, packet: Packet) {
        self.on_sign_of_life(now);
        if let Phase::Open(session) = &mut self.phase
            && packet != Packet::Noop
        {
            session.saw_content();
        }
        match packet {
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => {}
            Packet::Close => self.on_close(now),
            Packet::Ping(_) => self.on_ping(now),
            Packet::Pong(_) => self.on_pong(now),
            Packet::Text(text) => {
                let decoded = self.decoder.take_text(text);
                self.decoded(now, decoded);
            }
            Packet::Binary(bytes) => {
                let decoded = self.decoder.take_binary(bytes);
                self.decoded(now, decoded);
            }
        }
    }

    fn decoded(
        &mut self,
        now: Instant,
        decoded: Result<Option<packet::Packet>, decoder::DecodeError>,
    ) {
        let defers = self.out.revision().polls_before_sockets_hear();
        match (decoded, &mut self.inbox) {
            (Ok(Some(packet)), Some(inbox)) if defers => inbox.decoded.push(packet),
            (Ok(Some(packet)), _) => self.on_socket_packet(now, packet),
            (Ok(None), _) => {}
            (Err(error), _) => {
                self.deal_with_decoded(now);
                self.parse_failed(now, error);
            }
        }
    }

    /// The namespaces hear what came before the end of their engine. In the reference client they
    /// hear it after that end, and so on the next engine, if there ever is one.
    fn deal_with_decoded(&mut self, now: Instant) {
        let inbox = self.inbox.as_deref_mut();
        let decoded = inbox.map(|inbox| std::mem::take(&mut inbox.decoded));
        for packet in decoded.unwrap_or_default() {
            self.on_socket_packet(now, packet);
        }
    }

    /// The server's close packet means something by poll only: a WebSocket says it by closing.
    fn on_close(&mut self, now: Instant) {
        if let Phase::Open(session) = &self.phase
            && let Carrier::Polling(_) = session.carrier
        {
            self.deal_with_decoded(now);
            let failure = closed(Stage::Session, None);
            self.session_lost(now, DisconnectReason::TransportClose, failure);
        }
    }

    pub(super) fn websocket_open(&mut self, id: WebSocketId) {
        match self.owner(id.engine) {
            Owner::Opening => {
                if let Phase::Opening(opening) = &mut self.phase
                    && let OpeningStep::Dialling(dialled) = opening.step
                    && dialled == id
                {
                    opening.step = OpeningStep::AwaitingOpen(id);
                }
            }
            Owner::Session => {
                if let Phase::Open(session) = &mut self.phase
                    && session.is_probe(id)
                {
                    session.probe_opened(&mut self.out);
                }
            }
            Owner::DrainingEngine(index) => {
                let session = &mut self.leaving[index].session;
                if session.is_probe(id) {
                    session.probe_opened(&mut self.out);
                }
            }
            Owner::Nobody => {}
        }
    }

    pub(super) fn websocket_refused(&mut self, now: Instant, id: WebSocketId, failure: Failure) {
        match self.owner(id.engine) {
            Owner::Opening => {
                if self.is_opening_websocket(id) {
                    self.opening_failed(now, failure);
                }
            }
            Owner::Session | Owner::DrainingEngine(_) => self.probe_ended(now, id, failure),
            Owner::Nobody => {}
        }
    }

    fn is_opening_websocket(&self, id: WebSocketId) -> bool {
        matches!(&self.phase, Phase::Opening(opening) if opening.websocket() == Some(id))
    }

    fn probe_ended(&mut self, now: Instant, id: WebSocketId, failure: Failure) {
        match self.owner(id.engine) {
            Owner::Session => {
                if let Phase::Open(session) = &mut self.phase
                    && session.is_probe(id)
                {
                    let probed = session.probe_ended(failure);
                    self.after_probe(now, probed);
                }
            }
            Owner::DrainingEngine(index) => {
                let session = &mut self.leaving[index].session;
                if session.is_probe(id) {
                    let probed = session.probe_ended(failure);
                    self.leaving_probed(index, &probed);
                }
            }
            Owner::Opening | Owner::Nobody => {}
        }
    }

    pub(super) fn frame(&mut self, now: Instant, id: WebSocketId, frame: Frame) {
        match self.owner(id.engine) {
            Owner::Session => self.session_frame(now, id, frame),
            Owner::Opening => self.opening_frame(now, id, frame),
            Owner::DrainingEngine(index) => {
                let session = &mut self.leaving[index].session;
                if session.is_probe(id) {
                    let probed = session.probe_frame(&self.out, frame);
                    self.leaving_probed(index, &probed);
                }
            }
            Owner::Nobody => {}
        }
    }

    fn session_frame(&mut self, now: Instant, id: WebSocketId, frame: Frame) {
        let Phase::Open(session) = &mut self.phase else {
            return;
        };
        match session.carrier {
            Carrier::WebSocket { id: ours } if ours == id => {
                match Packet::from_frame(self.out.revision(), frame) {
                    Ok(packet) => self.session_packet(now, packet),
                    Err(error) => self.session_broken(now, error),
                }
            }
            Carrier::Polling(_) if session.is_probe(id) => {
                let probed = session.probe_frame(&self.out, frame);
                self.after_probe(now, probed);
            }
            Carrier::WebSocket { .. } | Carrier::Polling(_) => {}
        }
    }

    fn session_broken(&mut self, now: Instant, error: PacketError) {
        let failure = Failure::new(Stage::Session, Cause::NotSocketio, Origin::Server);
        self.session_failed(now, failure.with_message(&error.to_string()));
    }

    fn opening_frame(&mut self, now: Instant, id: WebSocketId, frame: Frame) {
        if !self.is_opening_websocket(id) {
            return;
        }
        let said = frame.payload().clone();
        match Packet::from_frame(self.out.revision(), frame) {
            Ok(packet) => self.opening_packet(now, packet),
            Err(_) => self.opening_undecodable(now, &said),
        }
        self.pump(now);
    }

    pub(super) fn websocket_closed(&mut self, now: Instant, id: WebSocketId, end: WebSocketEnd) {
        match self.owner(id.engine) {
            Owner::Opening => {
                if self.is_opening_websocket(id) {
                    self.opening_closed(now, end);
                }
            }
            Owner::Session => {
                let is_carrier = matches!(
                    &self.phase,
                    Phase::Open(session)
                        if matches!(session.carrier, Carrier::WebSocket { id: ours } if ours == id)
                );
                if is_carrier {
                    self.session_closed(now, end);
                } else {
                    self.probe_ended(now, id, upgrade::failure_of(end));
                }
            }
            Owner::DrainingEngine(_) => self.probe_ended(now, id, upgrade::failure_of(end)),
            Owner::Nobody => {}
        }
    }

    fn opening_closed(&mut self, now: Instant, end: WebSocketEnd) {
        match end {
            WebSocketEnd::Closed { code } => self.opening_fell_silent(closed(Stage::Open, code)),
            WebSocketEnd::Dropped(failure) => self.opening_fell_silent(failure),
            WebSocketEnd::Failed(failure) => self.opening_failed(now, failure),
        }
    }

    fn session_closed(&mut self, now: Instant, end: WebSocketEnd) {
        let (reason, failure) = match end {
            WebSocketEnd::Closed { code } => (
                DisconnectReason::TransportClose,
                closed(Stage::Session, code),
            ),
            WebSocketEnd::Dropped(failure) => (DisconnectReason::TransportClose, failure),
            WebSocketEnd::Failed(failure) => {
                self.websocket_worked = false;
                (DisconnectReason::TransportError, failure)
            }
        };
        self.session_lost(now, reason, failure.at_stage(Stage::Session));
    }
}
