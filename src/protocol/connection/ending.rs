//! The ends of an open engine, and what the namespaces hear of them.

use std::time::Instant;

use super::event::Event;
use super::session::Session;
use super::timer::Timer;
use super::{Connection, Phase};
use crate::event::{Cause, DisconnectReason, Failure, Origin, Stage};
use crate::protocol::socket_io::decoder::DecodeError;

impl Connection {
    /// The engine ends from our side, with whatever goodbye its carrier still takes.
    pub(super) fn end_session(
        &mut self,
        now: Instant,
        reason: DisconnectReason,
        failure: Option<Failure>,
    ) {
        if let Some(mut session) = self.take_session() {
            self.tell_upgrade(&session, failure.as_ref());
            session.say_goodbye(&mut self.out);
            self.last_transport = session.last_transport();
            self.out.engine_ended(session.head.id);
            self.engine_closed(now, reason, failure);
        }
    }

    /// The engine ended because its carrier did.
    pub(super) fn session_lost(
        &mut self,
        now: Instant,
        reason: DisconnectReason,
        failure: Failure,
    ) {
        if let Some(mut session) = self.take_session() {
            self.tell_upgrade(&session, Some(&failure));
            session.drop_probe(&mut self.out);
            self.last_transport = session.last_transport();
            self.out.engine_ended(session.head.id);
            self.engine_closed(now, reason, Some(failure));
        }
    }

    /// A request failed, or a packet makes no sense: "transport error".
    pub(super) fn session_failed(&mut self, now: Instant, failure: Failure) {
        self.websocket_worked = false;
        let failure = failure.at_stage(Stage::Session);
        self.end_session(now, DisconnectReason::TransportError, Some(failure));
    }

    /// A message is no Socket.IO packet. The Manager turns away from the engine, which may still
    /// have to write what it was given.
    pub(super) fn parse_failed(&mut self, now: Instant, error: DecodeError) {
        if let Some(session) = self.take_session() {
            let failure = Failure::new(Stage::Session, Cause::ProtocolViolation, Origin::Server)
                .with_message(&error.to_string());
            self.tell_upgrade(&session, Some(&failure));
            self.leave(session);
            self.engine_closed(now, DisconnectReason::ParseError, Some(failure));
        }
    }

    /// No namespace is active any more: the Manager closes, for good.
    pub(super) fn close_manager(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle | Phase::AskingQuery { .. } => {}
            Phase::Waiting { .. } => self.timers.stop(Timer::Reconnect),
            Phase::Opening(opening) => {
                self.timers.stop(Timer::ConnectTimeout);
                opening.let_go(&mut self.out);
                self.last_transport = opening.last_transport();
                self.out.engine_ended(opening.head.id);
            }
            Phase::Open(session) => self.leave(session),
        }
        self.forget_engine();
        self.backoff.reset();
    }

    /// What the Manager does when an open engine closes under it.
    fn engine_closed(&mut self, now: Instant, reason: DisconnectReason, failure: Option<Failure>) {
        self.forget_engine();
        self.backoff.reset();
        if let Some(failure) = failure {
            self.events.push_back(Event::SessionFailed { failure });
        }
        for namespace in 0..self.namespaces.len() {
            self.namespace_lost(namespace, reason);
        }
        self.schedule_reconnect(now);
    }

    /// Drops all that belonged to an engine that the Manager no longer listens to.
    fn forget_engine(&mut self) {
        for timer in [Timer::PingTimeout, Timer::PingInterval, Timer::NextPoll] {
            self.timers.stop(timer);
        }
        self.inbox = None;
        self.decoder.reset();
    }

    /// A probe that ends with its session failed, unless the client itself wanted the end.
    fn tell_upgrade(&mut self, session: &Session, failure: Option<&Failure>) {
        if session.is_upgrading()
            && let Some(failure) = failure
        {
            self.events.push_back(Event::UpgradeFailed {
                failure: failure.clone().at_stage(Stage::Upgrade),
            });
        }
    }

    fn take_session(&mut self) -> Option<Session> {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Open(session) => Some(session),
            other @ (Phase::Idle
            | Phase::Waiting { .. }
            | Phase::AskingQuery { .. }
            | Phase::Opening(_)) => {
                self.phase = other;
                None
            }
        }
    }
}
