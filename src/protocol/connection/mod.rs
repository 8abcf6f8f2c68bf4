//! One virtual client's Manager, engine and sockets.
//!
//! Commands, arrivals and due timers come in; [`Transmit`]s and [`Event`]s go out, to be drained
//! after each call. A call with an id of an engine that is gone changes nothing.
//!
//! The files follow the client's life: `opening`, `session`, `upgrade`, `heartbeat`, `ending`,
//! `leaving`, `reconnect` for the engine and its Manager; `namespace`, `buffers`, `acks`, `writable`
//! for the sockets; `arrivals` tells whom an arrival concerns.

mod acks;
mod arrivals;
mod backoff;
mod buffers;
mod config;
mod draining;
mod ending;
mod event;
mod heartbeat;
mod last_transport;
mod namespace;
mod opening;
mod outbox;
mod reconnect;
mod session;
#[cfg(test)]
mod tests;
mod timer;
mod transmit;
mod upgrade;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::frame::{Frame, WebSocketEnd};
use super::socket_io::decoder::Decoder;
use super::socket_io::encode;
use crate::event::{DisconnectReason, Failure, TransportKind};
use crate::protocol::engine_io::packet::Outgoing;
use arrivals::Inbox;
use backoff::Backoff;
use draining::DrainingEngine;
use last_transport::LastTransport;
use namespace::{Namespace, State};
use opening::Opening;
use outbox::{Head, Outbox};
use session::Session;
use timer::{Timer, Timers};

pub use config::{Config, ReconnectionConfig};
pub use event::{AckRequest, Emit, Emitted, Event, Received};
pub use transmit::{EngineId, Method, Request, RequestId, Transmit, WebSocketId};

/// One virtual client: a Manager, its engine, and a Socket per namespace.
///
/// After every call of a command or a `handle_*`, drain [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event), and wake at [`poll_timeout`](Self::poll_timeout).
///
/// # Panics
/// Methods that take a namespace panic if [`Config::namespaces`] has no such index.
#[derive(Debug)]
pub struct Connection {
    phase: Phase,
    out: Outbox,
    events: VecDeque<Event>,
    namespaces: Box<[Namespace]>,
    timers: Timers,
    backoff: Backoff,
    decoder: Decoder,
    /// The rest of a poll's answer; there is one only while the driver owes an auth payload.
    inbox: Option<Box<Inbox>>,
    leaving: Vec<DrainingEngine>,
    choice: Option<Box<Choice>>,
    /// What `remember_upgrade` remembers.
    websocket_worked: bool,
    last_transport: LastTransport,
    /// Whether the server gets no heartbeat.
    is_mute: bool,
    engines: u32,
}

/// What the Manager is at.
///
/// ```text
/// Idle ─► AskingQuery ─► Opening ─► Open
///             ▲             │         │
///             └── Waiting ◄─┴─────────┘
/// ```
#[derive(Debug)]
enum Phase {
    /// Nothing: not begun, closed, or given up.
    Idle,
    /// The next attempt is on the clock.
    Waiting { attempt: u32 },
    /// The driver owes the next engine's query.
    AskingQuery { attempt: Option<u32> },
    /// An engine is at its handshake.
    Opening(Opening),
    /// An engine is open.
    Open(Session),
}

/// Transports other than the configured ones.
#[derive(Debug)]
struct Choice {
    transports: Vec<TransportKind>,
    upgrade: bool,
}

/// Commands.
impl Connection {
    /// A client that has done nothing yet.
    #[must_use]
    pub fn new(config: Rc<Config>, backoff_rng: fastrand::Rng, wire_rng: fastrand::Rng) -> Self {
        let namespaces = config.namespaces.iter().map(|_| Namespace::default());
        Self {
            phase: Phase::Idle,
            namespaces: namespaces.collect(),
            decoder: Decoder::new(config.revision),
            out: Outbox::new(config, wire_rng),
            events: VecDeque::new(),
            timers: Timers::default(),
            backoff: Backoff::new(backoff_rng),
            inbox: None,
            leaving: Vec::new(),
            choice: None,
            websocket_worked: false,
            last_transport: LastTransport::default(),
            is_mute: false,
            engines: 0,
        }
    }

    /// Opens every namespace, and the engine under them.
    pub fn connect(&mut self, now: Instant) {
        for namespace in 0..self.namespaces.len() {
            self.connect_namespace(now, namespace);
        }
    }

    /// Opens one namespace, for the first time or again.
    pub fn connect_namespace(&mut self, now: Instant, namespace: usize) {
        self.fire_due(now);
        let state = &mut self.namespaces[namespace].state;
        if *state == State::Inactive {
            *state = State::Idle;
        }
        match self.phase {
            Phase::Idle => self.ask_query(None),
            Phase::Open(_) => self.open_namespace(namespace),
            Phase::Waiting { .. } | Phase::AskingQuery { .. } | Phase::Opening(_) => {}
        }
    }

    /// Closes every namespace, and with the last one the engine: "io client disconnect".
    pub fn disconnect(&mut self, now: Instant) {
        for namespace in 0..self.namespaces.len() {
            self.disconnect_namespace(now, namespace);
        }
    }

    /// Closes one namespace, and with the last active one the engine.
    pub fn disconnect_namespace(&mut self, now: Instant, namespace: usize) {
        self.fire_due(now);
        self.close_namespace(namespace);
        self.pump(now);
    }

    /// Closes the engine under the namespaces: "forced close", and the client comes back.
    pub fn close_engine(&mut self, now: Instant) {
        self.fire_due(now);
        match &mut self.phase {
            Phase::Idle | Phase::Waiting { .. } | Phase::AskingQuery { .. } => {}
            Phase::Opening(opening) => {
                opening.let_go(&mut self.out);
                self.opening_fell_silent(opening::given_up());
            }
            Phase::Open(session) => {
                session.is_closing = true;
                self.settle(now);
            }
        }
    }

    /// Takes other transports for the engines after the present one. Never empty.
    pub fn set_transports(&mut self, transports: Vec<TransportKind>, upgrade: bool) {
        self.choice = Some(Box::new(Choice {
            transports,
            upgrade,
        }));
    }

    /// Takes the configured transports again for the engines after the present one.
    pub fn reset_transports(&mut self) {
        self.choice = None;
    }

    /// Whether to keep the heartbeat from the server: pongs in revision 4, pings in revision 3.
    /// Everything else goes on, this side's own timers included.
    pub fn set_mute(&mut self, is_mute: bool) {
        self.is_mute = is_mute;
    }

    /// Probes WebSocket now, whatever the transports; false if the session is not open on polling,
    /// is being upgraded already, or was not offered WebSocket.
    pub fn start_upgrade(&mut self, now: Instant) -> bool {
        self.fire_due(now);
        let can = self.can_upgrade();
        if can {
            self.start_probe();
        }
        can
    }

    /// Answers [`Event::QueryNeeded`]: percent-encoded `k=v&k=v`, or empty.
    pub fn provide_query(&mut self, now: Instant, query: Box<str>) {
        self.fire_due(now);
        if let Phase::AskingQuery { attempt } = self.phase {
            self.start_engine(now, query, attempt);
        }
    }

    /// Answers [`Event::AuthNeeded`]: the JSON text of an object, or nothing.
    pub fn provide_auth(&mut self, now: Instant, namespace: usize, auth: Option<&str>) {
        if self.namespaces[namespace].state == State::Asking {
            self.send_connect(namespace, auth);
            self.pump(now);
        }
    }

    /// Sends an event, or keeps it until it can be sent.
    pub fn emit(&mut self, now: Instant, emit: &Emit<'_>) -> Emitted {
        self.fire_due(now);
        self.emit_event(now, emit)
    }

    /// Sends an engine packet as it stands, sound or not; false if no engine is open.
    pub fn send_packet(&mut self, now: Instant, packet: Bytes) -> bool {
        self.fire_due(now);
        let is_open = matches!(self.phase, Phase::Open(_));
        self.send(Outgoing::Text(packet));
        is_open
    }

    /// Asks for a session besides the open one, over polling, to leave it alone: if it is granted,
    /// it comes back as [`Event::Zombie`]. False if no engine is open.
    pub fn open_stray(&mut self, now: Instant) -> bool {
        self.fire_due(now);
        let Phase::Open(session) = &self.phase else {
            return false;
        };
        self.engines = self.engines.wrapping_add(1);
        let head = Head {
            id: EngineId(self.engines),
            query: session.head.query.clone(),
        };
        self.out.open_polling(&head);
        self.out.engine_ended(head.id);
        true
    }

    /// Sends the ack that a [`Received`] asks for; `args` is JSON text without brackets.
    pub fn ack(&mut self, now: Instant, namespace: usize, id: u64, args: &str) {
        self.fire_due(now);
        let packet = encode::ack(self.name(namespace), id, args);
        self.send(Outgoing::Text(packet));
    }
}

/// Arrivals. As in an event loop of JavaScript, timers that are due come first.
impl Connection {
    /// An HTTP response came, whatever its status.
    pub fn handle_response(&mut self, now: Instant, id: RequestId, status: u16, body: Bytes) {
        self.fire_due(now);
        self.response(now, id, arrivals::judge(status, body));
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
        self.session_lost(now, DisconnectReason::TransportClose, failure);
    }

    /// [`Connection::poll_timeout`] is due; too early is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::ConnectTimeout => self.connect_timed_out(now),
                Timer::Reconnect => self.reconnect_is_due(),
                Timer::PingTimeout => self.ping_timed_out(now),
                Timer::PingInterval => self.ping_is_due(now),
                Timer::NextPoll => self.poll_is_due(),
                Timer::Acks => self.acks_are_due(now),
                Timer::DrainingEngine => self.leaving_timed_out(now),
            }
        }
    }

    fn fire_due(&mut self, now: Instant) {
        if self.timers.next().is_some_and(|due| due <= now) {
            self.handle_timeout(now);
        }
    }
}

/// What to do next.
impl Connection {
    /// What the driver has to do, in this order.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.take()
    }

    /// What happened, in this order.
    pub fn poll_event(&mut self) -> Option<Event> {
        outbox::take_or_shrink(&mut self.events)
    }

    /// When to call [`Connection::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }
}

/// What it is like.
impl Connection {
    /// The transport of the open engine.
    #[must_use]
    pub fn transport(&self) -> Option<TransportKind> {
        self.session().map(Session::transport)
    }

    fn session(&self) -> Option<&Session> {
        match &self.phase {
            Phase::Open(session) => Some(session),
            Phase::Idle | Phase::Waiting { .. } | Phase::AskingQuery { .. } | Phase::Opening(_) => {
                None
            }
        }
    }

    /// How long the open engine waits for a sign of life, as its server told it: pingInterval and
    /// pingTimeout.
    #[must_use]
    pub fn heartbeat_window(&self) -> Option<Duration> {
        let session = self.session()?;
        Some(session.ping_interval + session.ping_timeout)
    }

    /// The longest message that the server of the open engine takes, in bytes, where it told.
    #[must_use]
    pub fn max_payload(&self) -> Option<usize> {
        self.session()?.max_payload
    }

    /// Whether a namespace is connected.
    #[must_use]
    pub fn is_connected(&self, namespace: usize) -> bool {
        self.namespaces[namespace].state == State::Connected
    }

    /// Whether nothing more will happen by itself: no engine, no attempt on the clock, nothing left
    /// to write.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle) && self.leaving.is_empty()
    }

    /// Events that were emitted and never sent, over all namespaces.
    #[must_use]
    pub fn unsent(&self) -> usize {
        let buffers = self.namespaces.iter().filter_map(|n| n.buffers.as_ref());
        buffers.map(|buffers| buffers.unsent()).sum()
    }

    fn transports(&self) -> &[TransportKind] {
        match &self.choice {
            Some(choice) => &choice.transports,
            None => &self.out.config.transports,
        }
    }

    fn upgrades(&self) -> bool {
        match &self.choice {
            Some(choice) => choice.upgrade,
            None => self.out.config.upgrade,
        }
    }
}
