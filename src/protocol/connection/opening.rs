//! An engine before it is open.

use bytes::Bytes;

use super::event::Event;
use super::flow::OpeningFlow;
use super::last_transport::LastTransport;
use super::manager::Manager;
use super::outbox::{EngineQuery, Outbox};
use super::session_arrivals::closed;
use super::transmit::{RequestId, WebSocketId};
use crate::event::{Cause, Failure, Origin, Stage, TransportKind};
use crate::protocol::engine_io::error_body;
use crate::protocol::engine_io::handshake::{Handshake, HandshakeError};
use crate::protocol::engine_io::packet::{Outgoing, Packet};
use crate::protocol::engine_io::payload::PayloadReader;
use crate::protocol::frame::{Frame, WebSocketEnd};

/// An engine before its handshake.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) engine: EngineQuery,
    /// From 1 in each reconnection; nothing outside one.
    pub(super) attempt: Option<u32>,
    /// The number of transports given up by `try_all_transports`.
    pub(super) skipped: usize,
    pub(super) step: OpeningStep,
}

/// How far the handshake is.
///
/// ```text
/// Polling ─► ReadingPoll ─┐
/// Dialling ─► AwaitingOpen ┴─► (Session)
///     any ─ closed without an error ─► Silent ─ connect timeout ─► (failed)
/// ```
#[derive(Debug)]
pub(super) enum OpeningStep {
    /// The GET is on its way.
    Polling(RequestId),
    /// The GET was answered; its packets are being dealt with.
    ReadingPoll,
    /// The WebSocket is being opened.
    Dialling(WebSocketId),
    /// The WebSocket is open and has said nothing yet.
    AwaitingOpen(WebSocketId),
    /// The engine closed without an error. The reference client does not notice and waits for its
    /// timeout; what really happened is kept until then.
    Silent(Failure),
}

impl Opening {
    pub(super) fn websocket(&self) -> Option<WebSocketId> {
        match self.step {
            OpeningStep::Dialling(id) | OpeningStep::AwaitingOpen(id) => Some(id),
            OpeningStep::Polling(_) | OpeningStep::ReadingPoll | OpeningStep::Silent(_) => None,
        }
    }

    pub(super) fn transport(&self) -> TransportKind {
        match self.websocket() {
            Some(_) => TransportKind::WebSocket,
            None => TransportKind::Polling,
        }
    }

    /// The state in which its transport is left if it never opens.
    pub(super) fn last_transport(&self) -> LastTransport {
        match self.step {
            OpeningStep::AwaitingOpen(_) => LastTransport::Writable,
            OpeningStep::Polling(_)
            | OpeningStep::ReadingPoll
            | OpeningStep::Dialling(_)
            | OpeningStep::Silent(_) => LastTransport::Busy,
        }
    }

    /// Lets go of a WebSocket; a GET is never aborted, and may come back as a zombie.
    pub(super) fn let_go(&self, out: &mut Outbox) {
        match self.step {
            OpeningStep::Dialling(id) => out.abandon_websocket(id),
            OpeningStep::AwaitingOpen(id) => out.close_websocket(id),
            OpeningStep::Polling(_) | OpeningStep::ReadingPoll | OpeningStep::Silent(_) => {}
        }
    }

    /// The client itself closes the engine before it is open.
    pub(super) fn close(&mut self, manager: &mut Manager) {
        self.let_go(&mut manager.out);
        let failure = Failure::new(Stage::Open, Cause::TimedOut, Origin::Scenario)
            .with_message("closed by the client while opening");
        self.fall_silent(manager, failure);
    }

    /// The engine closed without an error.
    fn fall_silent(&mut self, manager: &mut Manager, failure: Failure) {
        self.step = OpeningStep::Silent(at_open(failure));
        manager.inbox = None;
    }

    /// The answer to a GET; its packets are left in the inbox.
    pub(super) fn response(
        &mut self,
        manager: &mut Manager,
        id: RequestId,
        result: Result<Bytes, Failure>,
    ) -> OpeningFlow {
        match self.step {
            OpeningStep::Polling(get) if get == id => {}
            OpeningStep::Polling(_)
            | OpeningStep::ReadingPoll
            | OpeningStep::Dialling(_)
            | OpeningStep::AwaitingOpen(_)
            | OpeningStep::Silent(_) => {
                manager.late_response(id, result);
                return OpeningFlow::GoesOn;
            }
        }
        match result {
            Err(failure) => OpeningFlow::Failed(at_open(failure)),
            Ok(body) => {
                self.step = OpeningStep::ReadingPoll;
                manager.take_in(body);
                OpeningFlow::GoesOn
            }
        }
    }

    /// A poll was answered, but by no handshake.
    pub(super) fn poll_was_read(&mut self, manager: &mut Manager) {
        let failure = Failure::new(Stage::Open, Cause::NotSocketio, Origin::Server);
        let failure = failure.with_status(200);
        self.fall_silent(manager, failure.with_message("no open packet"));
    }

    pub(super) fn websocket_open(&mut self, id: WebSocketId) {
        if let OpeningStep::Dialling(dialled) = self.step
            && dialled == id
        {
            self.step = OpeningStep::AwaitingOpen(id);
        }
    }

    pub(super) fn websocket_refused(&self, id: WebSocketId, failure: Failure) -> OpeningFlow {
        if self.websocket() == Some(id) {
            OpeningFlow::Failed(at_open(failure))
        } else {
            OpeningFlow::GoesOn
        }
    }

    pub(super) fn websocket_closed(
        &mut self,
        manager: &mut Manager,
        id: WebSocketId,
        end: WebSocketEnd,
    ) -> OpeningFlow {
        if self.websocket() != Some(id) {
            return OpeningFlow::GoesOn;
        }
        match end {
            WebSocketEnd::Closed { code } => self.fall_silent(manager, closed(Stage::Open, code)),
            WebSocketEnd::Dropped(failure) => self.fall_silent(manager, failure),
            WebSocketEnd::Failed(failure) => return OpeningFlow::Failed(at_open(failure)),
        }
        OpeningFlow::GoesOn
    }

    pub(super) fn frame(
        &mut self,
        manager: &mut Manager,
        id: WebSocketId,
        frame: Frame,
    ) -> OpeningFlow {
        if self.websocket() != Some(id) {
            return OpeningFlow::GoesOn;
        }
        let said = frame.payload().clone();
        match Packet::from_frame(manager.out.revision(), frame) {
            Ok(packet) => self.packet(manager, packet),
            Err(_) => self.undecodable(manager, &said),
        }
    }

    /// A packet before the handshake, or the handshake itself.
    pub(super) fn packet(&mut self, manager: &mut Manager, packet: Packet) -> OpeningFlow {
        match packet {
            Packet::Open(json) => {
                return match Handshake::read(&json) {
                    Ok(handshake) => OpeningFlow::Opened(handshake),
                    Err(error @ HandshakeError::SidTooLong { .. }) => {
                        self.let_go(&mut manager.out);
                        let cause = Cause::TooLarge;
                        let failure = Failure::new(Stage::Open, cause, Origin::Server);
                        OpeningFlow::Failed(failure.with_message(&error.to_string()))
                    }
                    Err(HandshakeError::Unreadable(_)) => self.undecodable(manager, &json),
                };
            }
            Packet::Ping(_) => {
                if let OpeningStep::AwaitingOpen(id) = self.step {
                    manager.out.frame(id, Outgoing::PONG);
                }
            }
            Packet::Close => {
                if matches!(self.step, OpeningStep::ReadingPoll) {
                    let cause = Cause::ConnectionClosed;
                    let failure = Failure::new(Stage::Open, cause, Origin::Server);
                    self.fall_silent(manager, failure);
                }
            }
            Packet::Pong(_)
            | Packet::Text(_)
            | Packet::Binary(_)
            | Packet::Upgrade
            | Packet::Noop => {}
        }
        OpeningFlow::GoesOn
    }

    /// What came instead of the handshake is no packet, or not a handshake.
    pub(super) fn undecodable(&self, manager: &mut Manager, said: &[u8]) -> OpeningFlow {
        self.let_go(&mut manager.out);
        let mut failure = error_body::undecodable(Stage::Open, said);
        // What came over HTTP came with a 200, which pages of proxies have, too.
        failure.status = (self.transport() == TransportKind::Polling).then_some(200);
        OpeningFlow::Failed(failure)
    }
}

impl Manager {
    /// A handshake that nobody waits for any more may still have made a session.
    pub(super) fn late_response(&mut self, id: RequestId, result: Result<Bytes, Failure>) {
        self.last_transport_answered(id, result.is_ok());
        let Ok(body) = result else {
            return;
        };
        let mut packets = PayloadReader::new(self.out.revision(), body);
        if id.opening && packets.any(|packet| matches!(packet, Ok(Packet::Open(_)))) {
            self.events.push_back(Event::Zombie);
        }
    }
}

/// A failure at the handshake keeps the stage of the connection under it.
fn at_open(failure: Failure) -> Failure {
    match failure.stage {
        Stage::Dns | Stage::Tcp | Stage::Tls => failure,
        Stage::Open | Stage::Upgrade | Stage::Namespace | Stage::Session | Stage::Step => {
            failure.at_stage(Stage::Open)
        }
    }
}
