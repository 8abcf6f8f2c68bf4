//! One virtual client's Manager, engine and sockets.
//!
//! Commands, arrivals and due timers come in; [`Transmit`]s and [`Event`]s go out, to be drained
//! after each call. A call with an id of an engine that is gone changes nothing.
//!
//! Dependencies point one way, from the last line to the first:
//!
//! - `config`, `event`, `transmit`: the vocabulary;
//! - `acks`, `backoff`, `buffers`, `last_transport`, `namespace`, `outbox`, `timer`: the parts;
//! - `session`, `upgrade`: an open engine, and its move to WebSocket;
//! - `manager`: what outlives the engines; `flow`: what may follow for an engine;
//! - `emits`, `sockets`, `heartbeat`, `session_arrivals`: the Manager together with an open engine;
//!   `opening`, `draining`: together with one that is not open yet, or not listened to any more;
//! - `machine`: one engine after another; `arrivals`: the engine that an arrival concerns;
//! - this file: the commands, arrivals and answers that a driver sees.

mod acks;
mod arrivals;
mod backoff;
mod buffers;
mod config;
mod draining;
mod emits;
mod event;
mod flow;
mod heartbeat;
mod last_transport;
mod machine;
mod manager;
mod namespace;
mod opening;
mod outbox;
mod session;
mod session_arrivals;
mod sockets;
#[cfg(test)]
mod tests;
mod timer;
mod transmit;
mod upgrade;

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::frame::{Frame, WebSocketEnd};
use super::socket_io::{encode, msgpack};
use crate::event::{DisconnectReason, Failure, Parser, TransportKind};
use crate::protocol::engine_io::packet::Outgoing;
use flow::SessionFlow;
use machine::EnginePhase;
use manager::TransportChoice;
use namespace::State;
use outbox::EngineQuery;
use session::Session;
use timer::Timer;

pub(crate) use backoff::Backoff;
pub use config::{Config, ReconnectionConfig};
pub use event::{AckRequest, Emit, Emitted, Event, Received, UnansweredAck};
pub use machine::Connection;
pub use transmit::{Answer, EngineId, Method, Request, RequestId, Transmit, WebSocketId};

/// Commands.
impl Connection {
    /// Opens every namespace, and the engine under them.
    pub fn connect(&mut self, now: Instant) {
        for namespace in 0..self.manager.namespaces.len() {
            self.connect_namespace(now, namespace);
        }
    }

    /// Opens one namespace, for the first time or again.
    pub fn connect_namespace(&mut self, now: Instant, namespace: usize) {
        self.fire_due(now);
        let state = &mut self.manager.namespaces[namespace].state;
        if *state == State::Inactive {
            *state = State::Idle;
        }
        match &mut self.engine {
            EnginePhase::Idle => self.ask_query(None),
            EnginePhase::Open(session) => self.manager.open_namespace(session, namespace),
            EnginePhase::Waiting { .. }
            | EnginePhase::AskingQuery { .. }
            | EnginePhase::Opening(_) => {}
        }
    }

    /// Closes every namespace, and with the last one the engine: "io client disconnect".
    pub fn disconnect(&mut self, now: Instant) {
        for namespace in 0..self.manager.namespaces.len() {
            self.disconnect_namespace(now, namespace);
        }
    }

    /// Closes one namespace, and with the last active one the engine.
    pub fn disconnect_namespace(&mut self, now: Instant, namespace: usize) {
        self.fire_due(now);
        let session = self.engine.session_mut();
        let flow = self.manager.close_namespace(session, namespace);
        self.follow_session(now, flow);
        self.pump(now);
    }

    /// Closes the engine under the namespaces: "forced close", and the client comes back.
    pub fn close_engine(&mut self, now: Instant) {
        self.fire_due(now);
        match &mut self.engine {
            EnginePhase::Idle | EnginePhase::Waiting { .. } | EnginePhase::AskingQuery { .. } => {}
            EnginePhase::Opening(opening) => opening.close(&mut self.manager),
            EnginePhase::Open(session) => {
                session.is_closing = true;
                let flow = self.manager.settle(session);
                self.follow_session(now, flow);
            }
        }
    }

    /// Takes other transports for the engines after the present one. Never empty.
    pub fn set_transports(&mut self, transports: Vec<TransportKind>, upgrade: bool) {
        self.manager.choice = Some(Box::new(TransportChoice {
            transports,
            upgrade,
        }));
    }

    /// Takes the configured transports again for the engines after the present one.
    pub fn reset_transports(&mut self) {
        self.manager.choice = None;
    }

    /// Whether to keep the heartbeat from the server: pongs in revision 4, pings in revision 3.
    /// Everything else goes on, this side's own timers included.
    pub fn set_mute(&mut self, is_mute: bool) {
        self.manager.is_mute = is_mute;
    }

    /// Probes WebSocket now, whatever the transports; false if the session is not open on polling,
    /// is being upgraded already, or was not offered WebSocket.
    pub fn start_upgrade(&mut self, now: Instant) -> bool {
        self.fire_due(now);
        match self.engine.session_mut() {
            Some(session) if session.can_upgrade() => {
                self.manager.start_probe(session);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Answers [`Event::QueryNeeded`]: percent-encoded `k=v&k=v`, or empty.
    pub fn provide_query(&mut self, now: Instant, query: Box<str>) {
        self.fire_due(now);
        if let EnginePhase::AskingQuery { attempt } = self.engine {
            self.start_engine(now, query, attempt);
        }
    }

    /// Answers [`Event::AuthNeeded`]: the JSON text of an object, or nothing.
    pub fn provide_auth(&mut self, now: Instant, namespace: usize, auth: Option<&str>) {
        if let EnginePhase::Open(session) = &mut self.engine
            && self.manager.namespaces[namespace].state == State::Asking
        {
            self.manager.send_connect(session, namespace, auth);
            self.pump(now);
        }
    }

    /// Sends an event, or keeps it until it can be sent.
    pub fn emit(&mut self, now: Instant, emit: &Emit<'_>) -> Emitted {
        self.fire_due(now);
        let is_writable = !emit.volatile || self.takes_volatile(now);
        let session = self.engine.session_mut();
        self.manager.emit(session, now, emit, is_writable)
    }

    /// Sends an engine packet as it stands, sound or not; false if no engine is open.
    pub fn send_packet(&mut self, now: Instant, packet: Bytes) -> bool {
        self.fire_due(now);
        self.send(Outgoing::Text(packet))
    }

    /// Asks for a session besides the open one, over polling, to leave it alone: if it is granted,
    /// it comes back as [`Event::Zombie`]. False if no engine is open.
    pub fn open_stray(&mut self, now: Instant) -> bool {
        self.fire_due(now);
        let EnginePhase::Open(session) = &self.engine else {
            return false;
        };
        let engine = EngineQuery {
            id: self.manager.next_engine(),
            query: session.engine.query.clone(),
        };
        self.manager.out.open_polling(&engine);
        self.manager.out.engine_ended(engine.id);
        true
    }

    /// Sends the ack that a [`Received`] asks for; `args` is JSON text without brackets.
    pub fn ack(&mut self, now: Instant, namespace: usize, id: u64, args: &str) {
        self.fire_due(now);
        let packet = encode::ack(self.manager.name(namespace), id, args);
        self.send(match self.manager.out.config.parser {
            Parser::Json => Outgoing::Text(packet),
            Parser::Msgpack => Outgoing::Binary(msgpack::encode(&packet, &[])),
        });
    }

    /// Gives a packet to the open engine; without one it is lost, and false is returned.
    fn send(&mut self, packet: Outgoing) -> bool {
        match self.engine.session_mut() {
            Some(session) => {
                session.send(&mut self.manager.out, packet);
                true
            }
            None => false,
        }
    }
}

/// Arrivals. As in an event loop of JavaScript, timers that are due come first.
impl Connection {
    /// An HTTP response came, whatever its status.
    pub fn handle_response(&mut self, now: Instant, id: RequestId, answer: Answer) {
        self.fire_due(now);
        self.response(now, id, arrivals::judge(id, answer));
    }

    /// An HTTP request brought no response.
    pub fn handle_request_failed(&mut self, now: Instant, id: RequestId, failure: Failure) {
        self.fire_due(now);
        self.response(now, id, Err(failure));
    }

    /// A WebSocket is open.
    pub fn handle_websocket_open(&mut self, now: Instant, id: WebSocketId) {
        self.fire_due(now);
        self.websocket_open(id);
    }

    /// A WebSocket could not be opened.
    pub fn handle_websocket_refused(&mut self, now: Instant, id: WebSocketId, failure: Failure) {
        self.fire_due(now);
        self.websocket_refused(now, id, failure);
    }

    /// A WebSocket message came.
    pub fn handle_frame(&mut self, now: Instant, id: WebSocketId, frame: Frame) {
        self.fire_due(now);
        self.frame(now, id, frame);
    }

    /// An open WebSocket ended.
    pub fn handle_websocket_closed(&mut self, now: Instant, id: WebSocketId, end: WebSocketEnd) {
        self.fire_due(now);
        self.websocket_closed(now, id, end);
    }

    /// The system says that the network is gone, as it tells a browser by the `offline` event. The
    /// reference client then closes the open engine at once: "transport close". No goodbye goes out:
    /// there is nothing left that would carry it.
    pub fn handle_network_lost(&mut self, now: Instant, failure: Failure) {
        self.fire_due(now);
        let flow = SessionFlow::lost(DisconnectReason::TransportClose, failure);
        self.follow_session(now, flow);
    }

    /// [`Connection::poll_timeout`] is due; too early is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.manager.timers.take_due(now) {
            match timer {
                Timer::ConnectTimeout => self.connect_timed_out(now),
                Timer::Reconnect => self.reconnect_is_due(),
                Timer::PingTimeout => self.follow_session(now, heartbeat::timed_out()),
                Timer::PingInterval => {
                    if let Some(session) = self.engine.session_mut() {
                        self.manager.ping_is_due(session, now);
                    }
                }
                Timer::Inbox => self.pump(now),
                Timer::NextPoll => {
                    if let Some(session) = self.engine.session_mut() {
                        session.poll_again(&mut self.manager.out);
                    }
                }
                Timer::Acks => self.manager.acks_are_due(self.engine.session_mut(), now),
                Timer::DrainingEngine => self.draining.timed_out(&mut self.manager, now),
            }
        }
    }

    fn fire_due(&mut self, now: Instant) {
        if self.manager.timers.next().is_some_and(|due| due <= now) {
            self.handle_timeout(now);
        }
    }
}

/// What to do next.
impl Connection {
    /// What the driver has to do, in this order.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.manager.out.take()
    }

    /// What happened, in this order.
    pub fn poll_event(&mut self) -> Option<Event> {
        outbox::take_or_shrink(&mut self.manager.events)
    }

    /// When to call [`Connection::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.manager.timers.next()
    }
}

/// What it is like.
impl Connection {
    /// The transport of the open engine.
    #[must_use]
    pub fn transport(&self) -> Option<TransportKind> {
        self.engine.session().map(Session::transport)
    }

    /// How long the open engine waits for a sign of life, as its server told it: pingInterval and
    /// pingTimeout.
    #[must_use]
    pub fn heartbeat_window(&self) -> Option<Duration> {
        let session = self.engine.session()?;
        Some(session.heartbeat.window())
    }

    /// The longest message that the server of the open engine takes, in bytes, where it told.
    #[must_use]
    pub fn max_payload(&self) -> Option<usize> {
        self.engine.session()?.max_payload
    }

    /// Whether a namespace is connected.
    #[must_use]
    pub fn is_connected(&self, namespace: usize) -> bool {
        self.manager.is_connected(namespace)
    }

    /// Whether nothing more will happen by itself: no engine, no attempt on the clock, nothing left
    /// to write.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.engine, EnginePhase::Idle) && self.draining.is_empty()
    }

    /// Acks that were asked for and have neither come nor been given up, over all namespaces.
    pub fn unanswered(&self) -> impl Iterator<Item = UnansweredAck> {
        let namespaces = self.manager.namespaces.iter();
        namespaces.flat_map(|namespace| namespace.unanswered())
    }

    /// Events that were emitted and never sent, over all namespaces.
    #[must_use]
    pub fn unsent(&self) -> usize {
        let buffers = self
            .manager
            .namespaces
            .iter()
            .filter_map(|n| n.buffers.as_ref());
        buffers.map(|buffers| buffers.unsent()).sum()
    }
}
