//! From the wish to connect to an open engine, or to the failure that is told.

use std::time::Instant;

use super::Phase;
use super::event::Event;
use super::last_transport::LastTransport;
use super::outbox::{Head, Outbox};
use super::session::Session;
use super::timer::Timer;
use super::transmit::{EngineId, RequestId, WebSocketId};
use super::{Connection, heartbeat};
use crate::event::{Cause, Failure, Origin, Stage, TransportKind};
use crate::protocol::engine_io::error_body;
use crate::protocol::engine_io::handshake::Handshake;
use crate::protocol::engine_io::packet::{Outgoing, Packet};

/// An engine before its handshake.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) head: Head,
    /// From 1 in each reconnection; nothing outside one.
    pub(super) attempt: Option<u32>,
    /// How many of the transports were given up by `try_all_transports`.
    skipped: usize,
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

    fn transport(&self) -> TransportKind {
        match self.websocket() {
            Some(_) => TransportKind::WebSocket,
            None => TransportKind::Polling,
        }
    }

    /// What it leaves behind if it never opens.
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
}

/// A failure at the handshake keeps the stage of the connection under it.
fn at_open(failure: Failure) -> Failure {
    match failure.stage {
        Stage::Dns | Stage::Tcp | Stage::Tls => failure,
        Stage::Open | Stage::Upgrade | Stage::Namespace | Stage::Session => {
            failure.at_stage(Stage::Open)
        }
    }
}

/// The client itself closed the engine before it was open.
pub(super) fn given_up() -> Failure {
    Failure::new(Stage::Open, Cause::TimedOut, Origin::Scenario)
        .with_message("closed by the client while opening")
}

impl Connection {
    /// Asks for what the next engine's URLs carry.
    pub(super) fn ask_query(&mut self, attempt: Option<u32>) {
        self.phase = Phase::AskingQuery { attempt };
        self.events.push_back(Event::QueryNeeded {
            reconnect_attempt: attempt,
        });
    }

    pub(super) fn start_engine(&mut self, now: Instant, query: Box<str>, attempt: Option<u32>) {
        self.engines = self.engines.wrapping_add(1);
        let head = Head {
            id: EngineId(self.engines),
            query,
        };
        let timeout = self.out.config.timeout;
        if let Some(due) = timeout.and_then(|timeout| now.checked_add(timeout)) {
            self.timers.set(Timer::ConnectTimeout, due);
        }
        self.open_transport(head, attempt, 0);
    }

    fn open_transport(&mut self, head: Head, attempt: Option<u32>, skipped: usize) {
        let transport = self.first_transport(skipped);
        self.events.push_back(Event::EngineOpening {
            transport,
            reconnect_attempt: attempt,
        });
        let step = match transport {
            TransportKind::Polling => OpeningStep::Polling(self.out.open_polling(&head)),
            TransportKind::WebSocket => OpeningStep::Dialling(self.out.open_websocket(&head, None)),
        };
        self.phase = Phase::Opening(Opening {
            head,
            attempt,
            skipped,
            step,
        });
    }

    /// The first of the transports that are left, or WebSocket if it is remembered to work.
    fn first_transport(&self, skipped: usize) -> TransportKind {
        let left = self.transports().get(skipped..).unwrap_or_default();
        let remembered = self.out.config.remember_upgrade && self.websocket_worked;
        if remembered && left.contains(&TransportKind::WebSocket) {
            return TransportKind::WebSocket;
        }
        left.first().copied().unwrap_or(TransportKind::Polling)
    }

    /// The engine reported an error while opening.
    pub(super) fn opening_failed(&mut self, now: Instant, failure: Failure) {
        let Some(opening) = self.take_opening() else {
            return;
        };
        self.websocket_worked = false;
        self.inbox = None;
        let failure = at_open(failure);
        let skipped = opening.skipped + 1;
        if self.out.config.try_all_transports && skipped < self.transports().len() {
            self.events.push_back(Event::TransportFailed {
                transport: opening.transport(),
                failure,
            });
            self.open_transport(opening.head, opening.attempt, skipped);
        } else {
            self.give_up_engine(now, &opening, failure);
        }
    }

    pub(super) fn connect_timed_out(&mut self, now: Instant) {
        let Some(opening) = self.take_opening() else {
            return;
        };
        opening.let_go(&mut self.out);
        let failure = match &opening.step {
            OpeningStep::Silent(failure) => failure.clone(),
            OpeningStep::Polling(_)
            | OpeningStep::ReadingPoll
            | OpeningStep::Dialling(_)
            | OpeningStep::AwaitingOpen(_) => {
                Failure::new(Stage::Open, Cause::TimedOut, Origin::Server)
            }
        };
        self.give_up_engine(now, &opening, failure);
    }

    fn give_up_engine(&mut self, now: Instant, opening: &Opening, failure: Failure) {
        self.timers.stop(Timer::ConnectTimeout);
        self.last_transport = opening.last_transport();
        self.out.engine_ended(opening.head.id);
        self.events.push_back(Event::EngineFailed { failure });
        self.schedule_reconnect(now);
    }

    /// The engine closed without an error while opening.
    pub(super) fn opening_fell_silent(&mut self, failure: Failure) {
        if let Phase::Opening(opening) = &mut self.phase {
            opening.step = OpeningStep::Silent(at_open(failure));
            self.inbox = None;
        }
    }

    /// A packet before the handshake, or the handshake itself.
    pub(super) fn opening_packet(&mut self, now: Instant, packet: Packet) {
        let Phase::Opening(opening) = &self.phase else {
            return;
        };
        match packet {
            Packet::Open(json) => match Handshake::read(&json) {
                Ok(handshake) => self.opened(now, handshake),
                Err(_) => self.opening_undecodable(now, &json),
            },
            Packet::Ping(_) => {
                if let OpeningStep::AwaitingOpen(id) = opening.step {
                    self.out.frame(id, Outgoing::PONG);
                }
            }
            Packet::Close => {
                if matches!(opening.step, OpeningStep::ReadingPoll) {
                    let cause = Cause::ConnectionClosed;
                    let failure = Failure::new(Stage::Open, cause, Origin::Server);
                    self.opening_fell_silent(failure);
                }
            }
            Packet::Pong(_)
            | Packet::Text(_)
            | Packet::Binary(_)
            | Packet::Upgrade
            | Packet::Noop => {}
        }
    }

    /// What came instead of the handshake is no packet, or not a handshake.
    pub(super) fn opening_undecodable(&mut self, now: Instant, said: &[u8]) {
        if let Phase::Opening(opening) = &self.phase {
            opening.let_go(&mut self.out);
        }
        self.opening_failed(now, error_body::undecodable(Stage::Open, said));
    }

    fn opened(&mut self, now: Instant, handshake: Handshake) {
        let Some(opening) = self.take_opening() else {
            return;
        };
        self.timers.stop(Timer::ConnectTimeout);
        let transport = opening.transport();
        self.websocket_worked = transport == TransportKind::WebSocket;
        let websocket = opening.websocket();
        let left = self.transports().get(opening.skipped..).unwrap_or_default();
        let knows_websocket = left.contains(&TransportKind::WebSocket);
        let mut session = Session::new(opening.head, handshake, websocket);
        if knows_websocket && self.upgrades() {
            session.plan_upgrade();
        }
        heartbeat::start(self.out.revision(), &session, &mut self.timers, now);
        self.phase = Phase::Open(session);
        self.events.push_back(Event::EngineOpened { transport });
        for namespace in 0..self.namespaces.len() {
            self.open_namespace(namespace);
        }
        self.backoff.reset();
    }

    fn take_opening(&mut self) -> Option<Opening> {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Opening(opening) => Some(opening),
            other @ (Phase::Idle
            | Phase::Waiting { .. }
            | Phase::AskingQuery { .. }
            | Phase::Open(_)) => {
                self.phase = other;
                None
            }
        }
    }
}
