//! What arrives at an open engine.

use std::time::Instant;

use bytes::Bytes;

use super::event::Event;
use super::flow::SessionFlow;
use super::manager::Manager;
use super::session::{Carrier, PollState, SPIN_DELAY, Session};
use super::timer::Timer;
use super::transmit::{RequestId, WebSocketId};
use super::upgrade::{self, Probed};
use crate::event::{Cause, DisconnectReason, Failure, Origin, Stage};
use crate::protocol::engine_io::error_body;
use crate::protocol::engine_io::packet::Packet;
use crate::protocol::frame::{Frame, WebSocketEnd};
use crate::protocol::socket_io::{decoder, packet};

/// The failure that a closed carrier is, by the code of its close frame.
pub(super) fn closed(stage: Stage, code: Option<u16>) -> Failure {
    // 1009, "message too big", is the one code that names its cause.
    let cause = match code {
        Some(1009) => Cause::PayloadTooLarge,
        Some(_) | None => Cause::ConnectionClosed,
    };
    let mut failure = Failure::new(stage, cause, Origin::Server);
    failure.status = code;
    failure
}

impl Manager {
    /// The answer to a GET or POST; a GET's packets are left in the inbox.
    pub(super) fn session_response(
        &mut self,
        session: &mut Session,
        id: RequestId,
        result: Result<Bytes, Failure>,
    ) -> SessionFlow {
        let Carrier::Polling(polling) = &mut session.carrier else {
            return SessionFlow::GoesOn;
        };
        let is_post = polling.post == Some(id);
        if !is_post && polling.get != PollState::InFlight(id) {
            return SessionFlow::GoesOn;
        }
        match result {
            Err(failure) => self.session_failed(failure),
            Ok(_) if is_post => {
                session.post_done(&mut self.out);
                self.settle(session)
            }
            Ok(body) => {
                polling.get = PollState::Reading { only_noops: true };
                self.take_in(body);
                SessionFlow::GoesOn
            }
        }
    }

    pub(super) fn session_frame(
        &mut self,
        session: &mut Session,
        now: Instant,
        id: WebSocketId,
        frame: Frame,
    ) -> SessionFlow {
        match session.carrier {
            Carrier::WebSocket { id: ours } if ours == id => {
                match Packet::from_frame(self.out.revision(), frame) {
                    Ok(packet) => self.session_packet(session, now, packet),
                    Err(error) => {
                        let cause = Cause::NotSocketio;
                        let failure = Failure::new(Stage::Session, cause, Origin::Server);
                        self.session_failed(failure.with_message(&error.to_string()))
                    }
                }
            }
            Carrier::Polling(_) if session.is_probe(id) => {
                let probed = session.probe_frame(&self.out, frame);
                self.after_probe(session, probed)
            }
            Carrier::WebSocket { .. } | Carrier::Polling(_) => SessionFlow::GoesOn,
        }
    }

    pub(super) fn session_websocket_closed(
        &mut self,
        session: &mut Session,
        id: WebSocketId,
        end: WebSocketEnd,
    ) -> SessionFlow {
        match session.carrier {
            Carrier::WebSocket { id: ours } if ours == id => {
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
                SessionFlow::lost(reason, failure.at_stage(Stage::Session))
            }
            Carrier::WebSocket { .. } | Carrier::Polling(_) => {
                self.probe_ended(session, id, upgrade::failure_of(end))
            }
        }
    }

    /// The probe's WebSocket could not be opened, or ended.
    pub(super) fn probe_ended(
        &mut self,
        session: &mut Session,
        id: WebSocketId,
        failure: Failure,
    ) -> SessionFlow {
        if !session.is_probe(id) {
            return SessionFlow::GoesOn;
        }
        let probed = session.probe_ended(failure);
        self.after_probe(session, probed)
    }

    /// Reports what came of the probe and goes on from there.
    fn after_probe(&mut self, session: &mut Session, probed: Probed) -> SessionFlow {
        match probed {
            Probed::Unchanged => {}
            Probed::Answered => {
                self.websocket_worked = true;
                self.timers.stop(Timer::NextPoll);
            }
            Probed::Failed(failure) => {
                self.events.push_back(Event::UpgradeFailed { failure });
                self.timers.stop(Timer::NextPoll);
                session.poll_again(&mut self.out);
                if session.only_waits_for_upgrade() {
                    return SessionFlow::closed();
                }
            }
        }
        self.settle(session)
    }

    /// Does what an empty transport allows: the switch to WebSocket, the end of a closing engine.
    pub(super) fn settle(&mut self, session: &mut Session) -> SessionFlow {
        if session.try_switch(&mut self.out) {
            self.events.push_back(Event::Upgraded);
        }
        if session.is_done() {
            SessionFlow::closed()
        } else {
            SessionFlow::GoesOn
        }
    }

    /// Starts a probe on a polling session.
    pub(super) fn start_probe(&mut self, session: &mut Session) {
        self.websocket_worked = false;
        session.start_probe(&mut self.out);
        self.events.push_back(Event::UpgradeStarted);
    }

    /// All packets of a poll were dealt with, but for those that wait for the next poll to go out.
    pub(super) fn poll_was_read(
        &mut self,
        session: &mut Session,
        now: Instant,
        deferred: Vec<packet::Packet>,
    ) -> SessionFlow {
        if session.poll_done(&mut self.out) {
            self.timers.set(Timer::NextPoll, now + SPIN_DELAY);
        }
        if session.try_switch(&mut self.out) {
            self.events.push_back(Event::Upgraded);
        }
        match self.on_socket_packets(session, now, deferred) {
            SessionFlow::GoesOn => self.settle(session),
            end @ (SessionFlow::Ends(_) | SessionFlow::ManagerCloses) => end,
        }
    }

    /// The rest of a poll's answer is no packet.
    pub(super) fn session_undecodable(
        &mut self,
        session: &mut Session,
        now: Instant,
        said: &[u8],
    ) -> SessionFlow {
        match self.deal_with_decoded(session, now) {
            SessionFlow::GoesOn => {
                let failure = error_body::undecodable(Stage::Session, said);
                self.session_failed(failure.with_status(200))
            }
            end @ (SessionFlow::Ends(_) | SessionFlow::ManagerCloses) => end,
        }
    }

    fn session_failed(&mut self, failure: Failure) -> SessionFlow {
        self.websocket_worked = false;
        SessionFlow::failed(failure)
    }

    pub(super) fn session_packet(
        &mut self,
        session: &mut Session,
        now: Instant,
        packet: Packet,
    ) -> SessionFlow {
        self.on_sign_of_life(session, now);
        if packet != Packet::Noop {
            session.saw_content();
        }
        match packet {
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => SessionFlow::GoesOn,
            Packet::Close => self.on_close(session, now),
            Packet::Ping(_) => {
                self.on_ping(session, now);
                SessionFlow::GoesOn
            }
            Packet::Pong(_) => {
                self.on_pong(session, now);
                SessionFlow::GoesOn
            }
            Packet::Text(text) => {
                let decoded = self.decoder.take_text(text);
                self.decoded(session, now, decoded)
            }
            Packet::Binary(bytes) => {
                let decoded = self.decoder.take_binary(bytes);
                self.decoded(session, now, decoded)
            }
        }
    }

    fn decoded(
        &mut self,
        session: &mut Session,
        now: Instant,
        decoded: Result<Option<packet::Packet>, decoder::DecodeError>,
    ) -> SessionFlow {
        let defers = self.out.revision().polls_before_sockets_hear();
        match (decoded, &mut self.inbox) {
            (Ok(Some(packet)), Some(inbox)) if defers => {
                inbox.decoded.push(packet);
                SessionFlow::GoesOn
            }
            (Ok(Some(packet)), _) => self.on_socket_packet(session, now, packet),
            (Ok(None), _) => SessionFlow::GoesOn,
            (Err(error), _) => match self.deal_with_decoded(session, now) {
                SessionFlow::GoesOn => {
                    let cause = Cause::ProtocolViolation;
                    let failure = Failure::new(Stage::Session, cause, Origin::Server);
                    SessionFlow::unparsable(failure.with_message(&error.to_string()))
                }
                end @ (SessionFlow::Ends(_) | SessionFlow::ManagerCloses) => end,
            },
        }
    }

    /// The namespaces hear what came before the end of their engine. In the reference client they
    /// hear it after that end, and so on the next engine, if there ever is one.
    pub(super) fn deal_with_decoded(&mut self, session: &mut Session, now: Instant) -> SessionFlow {
        let inbox = self.inbox.as_deref_mut();
        let decoded = inbox.map(|inbox| std::mem::take(&mut inbox.decoded));
        self.on_socket_packets(session, now, decoded.unwrap_or_default())
    }

    /// Deals with packets up to the one that ends the engine, if any does.
    fn on_socket_packets(
        &mut self,
        session: &mut Session,
        now: Instant,
        packets: Vec<packet::Packet>,
    ) -> SessionFlow {
        for packet in packets {
            match self.on_socket_packet(session, now, packet) {
                SessionFlow::GoesOn => {}
                end @ (SessionFlow::Ends(_) | SessionFlow::ManagerCloses) => return end,
            }
        }
        SessionFlow::GoesOn
    }

    /// The server's close packet means something by poll only: a WebSocket says it by closing.
    fn on_close(&mut self, session: &mut Session, now: Instant) -> SessionFlow {
        match session.carrier {
            Carrier::WebSocket { .. } => SessionFlow::GoesOn,
            Carrier::Polling(_) => match self.deal_with_decoded(session, now) {
                SessionFlow::GoesOn => {
                    let failure = closed(Stage::Session, None);
                    SessionFlow::lost(DisconnectReason::TransportClose, failure)
                }
                end @ (SessionFlow::Ends(_) | SessionFlow::ManagerCloses) => end,
            },
        }
    }
}
