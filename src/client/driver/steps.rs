//! The driver's side of a client's steps: tells them what happened, and does what they ask for.

use std::rc::Rc;
use std::time::Instant;

use super::Driver;
use crate::client::shutdown::ClientPhase;
use crate::client::steps::{
    AckMissed, AckVerdict, Action, StepAnswer, StepToken, Steps, Surroundings, TOKEN_BITS,
};
use crate::event::{DisconnectReason, Event, LabelId, Observer};
use crate::protocol::{AckRequest, Emit, Emitted, Received};
use crate::scenario::plan::{StepDisconnect, StepEmit};

/// Marks the tag of an ack that a step asked for; the others are places of emit tables.
const STEP: u32 = 1 << 31;

/// The tag of an ack that a step asks for.
fn tag(token: StepToken, step: usize) -> u32 {
    STEP | (step as u32) << TOKEN_BITS | token.0
}

/// Who asked for an ack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    Table(usize),
    Step { token: StepToken, step: usize },
}

impl Asker {
    fn of(tag: u32) -> Self {
        if tag & STEP == 0 {
            return Self::Table(tag as usize);
        }
        Self::Step {
            token: StepToken(tag & ((1 << TOKEN_BITS) - 1)),
            step: ((tag & !STEP) >> TOKEN_BITS) as usize,
        }
    }
}

impl<O: Observer> Driver<O> {
    /// Lets the steps hear something, and does what they ask for then.
    fn tell_steps(&mut self, now: Instant, tell: impl FnOnce(&mut Steps, &Surroundings<'_>)) {
        let Some(steps) = &mut self.steps else {
            return;
        };
        let around = self.blueprint.surroundings(self.composer.client(), now);
        tell(steps, &around);
        self.obey_steps(now);
    }

    /// An engine is about to open: true if the steps say when it may.
    pub(super) fn steps_come_first(&mut self, now: Instant) -> bool {
        let has_steps = self.steps.is_some();
        self.tell_steps(now, |steps, around| steps.handle_engine(now, around));
        has_steps
    }

    /// Every namespace that the client can have may be connected now.
    pub(super) fn steps_hear_connected(&mut self, now: Instant) {
        if self.lifecycle.is_connected() && self.phase.is_running() {
            self.tell_steps(now, |steps, around| steps.handle_connected(now, around));
        }
    }

    /// The server refused a namespace: true if the steps do something about it.
    pub(super) fn steps_take_rejection(&mut self, now: Instant, namespace: usize) -> bool {
        let around = self.blueprint.surroundings(self.composer.client(), now);
        match &mut self.steps {
            // What they ask for comes after the lifecycle has heard of it.
            Some(steps) if self.phase.is_running() => {
                steps.handle_rejected(now, namespace, &around)
            }
            Some(_) | None => false,
        }
    }

    /// Whether a step has disconnected the client.
    pub(super) fn is_away(&self) -> bool {
        self.steps.as_ref().is_some_and(|steps| steps.is_away())
    }

    /// A namespace is gone.
    pub(super) fn steps_hear_disconnected(&mut self, now: Instant, reason: DisconnectReason) {
        let Some(steps) = &mut self.steps else {
            return;
        };
        if !steps.is_away() {
            if !self.lifecycle.is_connected() {
                steps.handle_lost();
                self.obey_steps(now);
            }
        } else if reason != DisconnectReason::ClientDisconnect {
            // The engine was closed: it must not come back by itself.
            self.connection.disconnect(now);
        }
    }

    pub(super) fn steps_tick(&mut self, now: Instant) -> bool {
        let due = self.steps.as_ref().and_then(|steps| steps.poll_timeout());
        if due.is_none_or(|due| due > now) {
            return false;
        }
        self.tell_steps(now, |steps, around| steps.handle_timeout(now, around));
        true
    }

    pub(super) fn steps_hear_response(
        &mut self,
        now: Instant,
        token: StepToken,
        answer: StepAnswer,
    ) {
        self.tell_steps(now, |steps, around| {
            steps.handle_response(now, token, answer, around);
        });
    }

    pub(super) fn steps_hear_event(&mut self, now: Instant, listen: Option<u16>, event: &Received) {
        self.tell_steps(now, |steps, around| {
            if let Some(table) = listen {
                steps.capture_listened(usize::from(table), event);
            }
            steps.handle_event(now, event, around);
        });
    }

    /// The event whose ack has this tag.
    pub(super) fn ack_label(&self, tag: u32) -> LabelId {
        match Asker::of(tag) {
            Asker::Table(_) => self.blueprint.emit_label(tag),
            Asker::Step { step, .. } => self.blueprint.step_label(step),
        }
    }

    /// An ack came: who asked for it says whether it is the one that was expected.
    pub(super) fn judge_ack(&mut self, now: Instant, tag: u32, arguments: &[u8]) {
        let mut verdict = AckVerdict::Taken;
        self.tell_steps(now, |steps, around| {
            verdict = match Asker::of(tag) {
                Asker::Table(table) => steps.judge_table_ack(table, arguments, around),
                Asker::Step { token, .. } => steps.handle_ack(now, token, arguments, around),
            };
        });
        if verdict == AckVerdict::Rejected {
            let event = self.ack_label(tag);
            self.lifecycle.report(now, Event::AckRejected { event });
        }
    }

    pub(super) fn ack_missed(&mut self, now: Instant, tag: u32, missed: AckMissed) {
        if let Asker::Step { token, .. } = Asker::of(tag) {
            self.tell_steps(now, |steps, around| {
                steps.handle_ack_missed(now, token, missed, around);
            });
        }
    }

    /// The client leaves, or can come to nothing more.
    pub(super) fn stop_steps(&mut self, now: Instant) {
        if let Some(steps) = &mut self.steps {
            steps.stop();
            self.obey_steps(now);
        }
    }

    pub(super) fn obey_steps(&mut self, now: Instant) {
        while let Some(action) = self.steps.as_mut().and_then(|steps| steps.poll_action()) {
            match action {
                Action::Proceed => self.provide_query(now),
                Action::Ready => {
                    self.lifecycle.ready(now);
                    self.start_emitting_everywhere(now);
                }
                Action::Reconnect(namespaces) => {
                    self.lifecycle.retry_refused(namespaces.len());
                    for namespace in namespaces {
                        self.connection.connect_namespace(now, namespace);
                    }
                }
                Action::StayRejected => {
                    self.lifecycle.stay_refused();
                    if self.lifecycle.is_out() {
                        self.stop_emitting(now, now);
                    }
                }
                Action::GiveUp => self.lifecycle.report(now, Event::ReconnectGaveUp),
                Action::Leave => {
                    self.stop_emitting(now, now);
                    if self.phase.is_running() {
                        self.phase = ClientPhase::drain(now, now);
                    }
                }
                Action::Connect => self.connection.connect(now),
                Action::Disconnect(how) => {
                    self.lifecycle.go_away();
                    match how {
                        StepDisconnect::Namespace => self.connection.disconnect(now),
                        StepDisconnect::Close => self.connection.close_engine(now),
                    }
                }
                Action::Request(ask) => self.connections.step_request(*ask),
                Action::Emit {
                    token,
                    step,
                    arguments,
                } => self.emit_step(now, (token, step), &arguments),
                Action::Report(event) => self.lifecycle.report(now, event),
            }
        }
    }

    /// Answers the connection's question for the query of its next engine.
    pub(super) fn provide_query(&mut self, now: Instant) {
        if let Some(journey) = &self.blueprint.journey
            && journey.has_login()
        {
            self.lifecycle.connects_from(now);
        }
        let captures = self.steps.as_ref().map(|steps| steps.captures());
        let handshake = self.composer.handshake(&self.blueprint, now, captures);
        self.connections.new_engine(handshake.headers);
        self.connection.provide_query(now, handshake.query);
    }

    fn emit_step(&mut self, now: Instant, (token, step): (StepToken, usize), arguments: &str) {
        let blueprint = Rc::clone(&self.blueprint);
        let Some(emit) = blueprint
            .journey
            .as_ref()
            .and_then(|journey| journey.emit(step))
        else {
            return;
        };
        let StepEmit {
            event,
            namespace,
            volatile,
            ack,
            ..
        } = emit;
        let emitted = self.connection.emit(
            now,
            &Emit {
                namespace: *namespace,
                event,
                args: arguments,
                attachments: blueprint.step_buffers(step),
                volatile: *volatile,
                ack: ack.map(|ack| AckRequest {
                    timeout: ack.timeout,
                    retries: 0,
                    intended: now,
                    tag: tag(token, step),
                }),
            },
        );
        match emitted {
            Emitted::Sent => self.lifecycle.report(now, Event::Emitted),
            Emitted::Buffered => {}
            Emitted::Dropped => self.lifecycle.report(now, Event::EmitDropped),
        }
        if ack.is_some() && emitted != Emitted::Dropped {
            self.acks_open += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_tells_who_asked() {
        assert_eq!(Asker::of(7), Asker::Table(7));
        let (token, step) = (StepToken((1 << TOKEN_BITS) - 1), 2047);
        assert_eq!(Asker::of(tag(token, step)), Asker::Step { token, step });
    }
}
