//! The client's engines, one at a time, and what comes after each.

use std::rc::Rc;
use std::time::Instant;

use super::backoff::Drawn;
use super::config::Config;
use super::draining::Draining;
use super::event::Event;
use super::flow::{OpeningFlow, Parting, SessionEnd, SessionFlow};
use super::last_transport::LastTransport;
use super::manager::Manager;
use super::opening::{Opening, OpeningStep};
use super::outbox::EngineQuery;
use super::session::Session;
use super::timer::Timer;
use crate::event::{Cause, DisconnectReason, Failure, Origin, Stage, TransportKind};
use crate::protocol::engine_io::handshake::Handshake;
use crate::protocol::engine_io::heartbeat::Heartbeat;

/// One virtual client: a Manager, its engine, and a Socket per namespace.
///
/// After every call of a command or a `handle_*`, drain [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event), and wake at [`poll_timeout`](Self::poll_timeout).
///
/// # Panics
/// Methods that take a namespace panic if [`Config::namespaces`] has no such index.
#[derive(Debug)]
pub struct Connection {
    pub(super) engine: EnginePhase,
    pub(super) draining: Draining,
    pub(super) manager: Manager,
}

/// What the Manager is at.
///
/// ```text
/// Idle ─► AskingQuery ─► Opening ─► Open
///             ▲             │         │
///             └── Waiting ◄─┴─────────┘
/// ```
#[derive(Debug)]
pub(super) enum EnginePhase {
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

impl EnginePhase {
    pub(super) fn session(&self) -> Option<&Session> {
        match self {
            Self::Open(session) => Some(session),
            Self::Idle | Self::Waiting { .. } | Self::AskingQuery { .. } | Self::Opening(_) => None,
        }
    }

    pub(super) fn session_mut(&mut self) -> Option<&mut Session> {
        match self {
            Self::Open(session) => Some(session),
            Self::Idle | Self::Waiting { .. } | Self::AskingQuery { .. } | Self::Opening(_) => None,
        }
    }

    fn take_opening(&mut self) -> Option<Opening> {
        match std::mem::replace(self, Self::Idle) {
            Self::Opening(opening) => Some(opening),
            other @ (Self::Idle
            | Self::Waiting { .. }
            | Self::AskingQuery { .. }
            | Self::Open(_)) => {
                *self = other;
                None
            }
        }
    }

    fn take_session(&mut self) -> Option<Session> {
        match std::mem::replace(self, Self::Idle) {
            Self::Open(session) => Some(session),
            other @ (Self::Idle
            | Self::Waiting { .. }
            | Self::AskingQuery { .. }
            | Self::Opening(_)) => {
                *self = other;
                None
            }
        }
    }
}

/// From the wish to connect to an open engine.
impl Connection {
    /// A client that has done nothing yet.
    #[must_use]
    pub fn new(config: Rc<Config>, backoff_rng: fastrand::Rng, wire_rng: fastrand::Rng) -> Self {
        Self {
            engine: EnginePhase::Idle,
            draining: Draining::default(),
            manager: Manager::new(config, backoff_rng, wire_rng),
        }
    }

    /// Asks for what the next engine's URLs carry.
    pub(super) fn ask_query(&mut self, attempt: Option<u32>) {
        self.engine = EnginePhase::AskingQuery { attempt };
        self.manager.events.push_back(Event::QueryNeeded {
            reconnect_attempt: attempt,
        });
    }

    pub(super) fn start_engine(&mut self, now: Instant, query: Box<str>, attempt: Option<u32>) {
        let id = self.manager.next_engine();
        let timeout = self.manager.out.config.timeout;
        if let Some(due) = timeout.and_then(|timeout| now.checked_add(timeout)) {
            self.manager.timers.set(Timer::ConnectTimeout, due);
        }
        self.open_transport(EngineQuery { id, query }, attempt, 0);
    }

    fn open_transport(&mut self, engine: EngineQuery, attempt: Option<u32>, skipped: usize) {
        let manager = &mut self.manager;
        let transport = manager.first_transport(skipped);
        manager.events.push_back(Event::EngineOpening {
            transport,
            reconnect_attempt: attempt,
        });
        let out = &mut manager.out;
        let step = match transport {
            TransportKind::Polling => OpeningStep::Polling(out.open_polling(&engine)),
            TransportKind::WebSocket => OpeningStep::Dialling(out.open_websocket(&engine, None)),
        };
        self.engine = EnginePhase::Opening(Opening {
            engine,
            attempt,
            skipped,
            step,
        });
    }

    /// Does what follows from something that happened to the opening engine.
    pub(super) fn follow_opening(&mut self, now: Instant, flow: OpeningFlow) {
        match flow {
            OpeningFlow::GoesOn => {}
            OpeningFlow::Opened(handshake) => {
                if let Some(opening) = self.engine.take_opening() {
                    self.opened(now, opening, handshake);
                }
            }
            OpeningFlow::Failed(failure) => {
                if let Some(opening) = self.engine.take_opening() {
                    self.opening_failed(now, opening, failure);
                }
            }
        }
    }

    fn opened(&mut self, now: Instant, opening: Opening, handshake: Handshake) {
        let manager = &mut self.manager;
        manager.timers.stop(Timer::ConnectTimeout);
        let transport = opening.transport();
        manager.websocket_worked = transport == TransportKind::WebSocket;
        let websocket = opening.websocket();
        let left = manager
            .transports()
            .get(opening.skipped..)
            .unwrap_or_default();
        let knows_websocket = left.contains(&TransportKind::WebSocket);
        let heartbeat = Heartbeat::new(
            manager.out.revision(),
            handshake.ping_interval,
            handshake.ping_timeout,
            now,
        );
        let mut session = Session::new(opening.engine, handshake, heartbeat, websocket);
        if knows_websocket && manager.upgrades() {
            session.plan_upgrade();
        }
        manager.await_heartbeat(&session);
        manager.events.push_back(Event::EngineOpened { transport });
        for namespace in 0..manager.namespaces.len() {
            manager.open_namespace(&mut session, namespace);
        }
        manager.backoff.reset();
        self.engine = EnginePhase::Open(session);
    }

    /// The engine reported an error while opening.
    fn opening_failed(&mut self, now: Instant, opening: Opening, failure: Failure) {
        self.manager.websocket_worked = false;
        self.manager.inbox = None;
        let skipped = opening.skipped + 1;
        let has_next = skipped < self.manager.transports().len();
        if self.manager.out.config.try_all_transports && has_next {
            self.manager.events.push_back(Event::TransportFailed {
                transport: opening.transport(),
                failure,
            });
            self.open_transport(opening.engine, opening.attempt, skipped);
        } else {
            self.give_up_engine(now, &opening, failure);
        }
    }

    pub(super) fn connect_timed_out(&mut self, now: Instant) {
        let Some(opening) = self.engine.take_opening() else {
            return;
        };
        opening.let_go(&mut self.manager.out);
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
        let manager = &mut self.manager;
        manager.timers.stop(Timer::ConnectTimeout);
        manager.last_transport = opening.last_transport();
        manager.out.engine_ended(opening.engine.id);
        manager.events.push_back(Event::EngineFailed { failure });
        self.schedule_reconnect(now);
    }
}

/// The ends of an open engine.
impl Connection {
    /// Does what follows from something that happened to the open engine.
    pub(super) fn follow_session(&mut self, now: Instant, flow: SessionFlow) {
        match flow {
            SessionFlow::GoesOn => {}
            SessionFlow::Ends(end) => self.end_session(now, *end),
            SessionFlow::ManagerCloses => self.close_manager(),
        }
    }

    pub(super) fn end_session(&mut self, now: Instant, end: SessionEnd) {
        let Some(mut session) = self.engine.take_session() else {
            return;
        };
        let SessionEnd {
            reason,
            failure,
            parting,
        } = end;
        let manager = &mut self.manager;
        // A probe that ends with its session failed, unless the client itself wanted the end.
        if session.is_upgrading()
            && let Some(failure) = &failure
        {
            manager.events.push_back(Event::UpgradeFailed {
                failure: failure.clone().at_stage(Stage::Upgrade),
            });
        }
        match parting {
            Parting::Goodbye => {
                session.say_goodbye(&mut manager.out);
                manager.engine_left(&session);
            }
            Parting::Lost => {
                session.drop_probe(&mut manager.out);
                manager.engine_left(&session);
            }
            Parting::Drained => self.draining.add(manager, session),
        }
        self.engine_closed(now, reason, failure);
    }

    /// What the Manager does when an open engine closes under it.
    fn engine_closed(&mut self, now: Instant, reason: DisconnectReason, failure: Option<Failure>) {
        self.manager.forget_engine();
        if let Some(failure) = failure {
            self.manager
                .events
                .push_back(Event::SessionFailed { failure });
        }
        for namespace in 0..self.manager.namespaces.len() {
            self.manager.namespace_lost(namespace, reason);
        }
        self.schedule_reconnect(now);
    }

    /// No namespace is active any more: the Manager closes, for good.
    pub(super) fn close_manager(&mut self) {
        let manager = &mut self.manager;
        match std::mem::replace(&mut self.engine, EnginePhase::Idle) {
            EnginePhase::Idle | EnginePhase::AskingQuery { .. } => {}
            EnginePhase::Waiting { .. } => manager.timers.stop(Timer::Reconnect),
            EnginePhase::Opening(opening) => {
                manager.timers.stop(Timer::ConnectTimeout);
                opening.let_go(&mut manager.out);
                manager.last_transport = opening.last_transport();
                manager.out.engine_ended(opening.engine.id);
            }
            EnginePhase::Open(session) => self.draining.add(manager, session),
        }
        manager.forget_engine();
    }
}

/// When the client tries again, and when it stops trying.
impl Connection {
    /// Puts the next attempt on the clock, counted from now, unless there is none.
    fn schedule_reconnect(&mut self, now: Instant) {
        let manager = &mut self.manager;
        let Some(reconnection) = manager.out.config.reconnection else {
            return;
        };
        let used_up = |limit| manager.backoff.attempts() >= limit;
        if reconnection.attempts.is_some_and(used_up) {
            manager.backoff.reset();
            manager.events.push_back(Event::GaveUp);
            return;
        }
        let Drawn { delay, stripe } = manager.backoff.next(&reconnection);
        let attempt = manager.backoff.attempts();
        if let Some(due) = now.checked_add(delay) {
            manager.timers.set(Timer::Reconnect, due);
        }
        self.engine = EnginePhase::Waiting { attempt };
        manager.events.push_back(Event::ReconnectScheduled {
            attempt,
            delay,
            stripe,
        });
    }

    pub(super) fn reconnect_is_due(&mut self) {
        if let EnginePhase::Waiting { attempt } = self.engine {
            self.ask_query(Some(attempt));
        }
    }

    /// Whether the transport of the last engine says that it is writable.
    pub(super) fn takes_volatile(&self, now: Instant) -> bool {
        match &self.engine {
            EnginePhase::Open(session) => session.is_writable(now),
            EnginePhase::Opening(opening) => matches!(opening.step, OpeningStep::AwaitingOpen(_)),
            EnginePhase::Idle | EnginePhase::Waiting { .. } | EnginePhase::AskingQuery { .. } => {
                let last = self.draining.last();
                match last.filter(|session| self.manager.is_last(session.engine.id)) {
                    Some(session) => session.is_writable(now),
                    None => self.manager.last_transport == LastTransport::Writable,
                }
            }
        }
    }
}
