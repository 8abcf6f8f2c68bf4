//! The only loop of a client: feeds its connection with what arrives, carries out what it asks for.
//!
//! One task owns one client. The loop is a hand-written future, because an idle client must stay
//! small: what a handshake needs is boxed and gone when it is over.

mod faults;
mod steps;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::behaviour::{Behaviour, Tick};
use super::blueprint::{Blueprint, Stamp};
use super::command::{Command, Mailbox};
use super::connections::{Arrival, Connections};
use super::fault::Leftovers;
use super::lifecycle::Lifecycle;
use super::message::Composer;
use super::shutdown::ClientPhase;
use super::steps::{AckMissed, Steps};
use super::timer::Timer;
use super::wire_log::WireLog;
use crate::clock;
use crate::event::{ClientId, Event, Observer};
use crate::protocol::{
    AckRequest, Answer, Connection, Emit, Emitted, Event as ConnectionEvent, Received, Transmit,
};
use crate::seed::Purpose;

/// Arrivals that one wake-up may deal with, and likewise emits, before other clients get their turn,
/// and the worker its own. Each has a share of its own: neither a server that floods a client nor a
/// client with more to emit than the machine can send keeps it from the other, or from its end.
const FAIR_SHARE: u32 = 64;

/// One virtual client, from its first connect to its goodbye.
pub struct Driver<O> {
    blueprint: Rc<Blueprint>,
    lifecycle: Lifecycle<O>,
    connection: Connection,
    connections: Connections,
    behaviour: Behaviour,
    composer: Composer,
    mailbox: Rc<Mailbox>,
    timer: Timer,
    phase: ClientPhase,
    /// Acks asked for and neither here nor given up.
    acks_open: u32,
    /// What faults have left to be done; nothing for most.
    leftovers: Option<Box<Leftovers>>,
    /// Nothing for a population that only connects, emits and listens.
    steps: Option<Box<Steps>>,
    /// Events received by listen table; empty if none expects a number.
    listened: Box<[u64]>,
    /// Of the one client that is followed. Boxed: all others have none.
    wire_log: Option<Box<WireLog>>,
}

impl<O: Observer> Driver<O> {
    /// A client that connects when it is first polled, and was meant to do so at `intended`.
    pub fn new(
        blueprint: Rc<Blueprint>,
        lifecycle: Lifecycle<O>,
        client: ClientId,
        mailbox: Rc<Mailbox>,
        timer: Timer,
    ) -> Self {
        let random = |purpose| blueprint.random(purpose, client.0);
        let connection = Connection::new(
            Rc::clone(&blueprint.connection),
            random(Purpose::Backoff),
            random(Purpose::Wire),
        );
        let steps = blueprint.journey.as_ref().map(|journey| {
            let random = (random(Purpose::Steps), random(Purpose::StepBackoff));
            Box::new(Steps::new(Rc::clone(journey), random.0, random.1))
        });
        let lifecycle = match &blueprint.journey {
            Some(journey) if journey.delays_ready() => lifecycle.with_readiness(),
            Some(_) | None => lifecycle,
        };
        let connections = blueprint.connections(client);
        if steps.is_some() {
            connections.share_cookies();
        }
        Self {
            lifecycle,
            connection,
            connections,
            behaviour: Behaviour::new(&blueprint.emits, &mut random(Purpose::Schedule)),
            composer: Composer::new(client, random(Purpose::Template)),
            mailbox,
            timer,
            phase: ClientPhase::New,
            acks_open: 0,
            leftovers: None,
            steps,
            listened: blueprint.expectations(),
            wire_log: blueprint.wire_log(client).map(Box::new),
            blueprint,
        }
    }

    fn begin(&mut self, now: Instant) {
        self.phase = ClientPhase::Running;
        self.lifecycle.started(now);
        self.connection.connect(now);
        self.pump(now);
    }

    // What comes in.

    fn take_arrival(&mut self, now: Instant, arrival: Arrival) {
        if let Some(log) = &self.wire_log {
            log.arrival(&arrival);
        }
        let Some(arrival) = self.intercept(now, arrival) else {
            return;
        };
        match arrival {
            Arrival::Response {
                id,
                status,
                body,
                note,
                dialed,
            } => {
                self.lifecycle.handshake_dialed(now, dialed);
                let answer = Answer { status, body, note };
                self.connection.handle_response(now, id, answer);
            }
            Arrival::RequestFailed {
                id,
                failure,
                dialed,
            } => {
                self.lifecycle.handshake_dialed(now, dialed);
                self.connection.handle_request_failed(now, id, failure);
            }
            Arrival::WebSocketOpen { id, dialed } => {
                self.lifecycle.handshake_dialed(now, dialed);
                self.connection.handle_websocket_open(now, id);
            }
            Arrival::WebSocketRefused {
                id,
                failure,
                dialed,
            } => {
                self.lifecycle.handshake_dialed(now, dialed);
                self.connection.handle_websocket_refused(now, id, failure);
            }
            Arrival::Frame { id, frame } => self.connection.handle_frame(now, id, frame),
            Arrival::WebSocketEnded { id, end } => {
                self.connection.handle_websocket_closed(now, id, end);
            }
            Arrival::StepResponse { token, answer } => {
                self.steps_hear_response(now, token, answer);
            }
        }
        self.pump(now);
    }

    fn obey(&mut self, now: Instant, command: Command) {
        match command {
            Command::Fault { fault, action } => self.strike(now, fault, action),
            Command::Leave { due, not_before } => {
                self.end_all_faults(now);
                self.stop_emitting(now, due);
                self.stop_steps(now);
                if self.phase.is_running() {
                    self.phase = ClientPhase::drain(now, not_before);
                }
            }
        }
        self.pump(now);
    }

    // What goes out.

    /// Carries out what the connection asks for until it asks for nothing more.
    fn pump(&mut self, now: Instant) {
        loop {
            if let Some(event) = self.connection.poll_event() {
                self.take_event(now, event);
            } else if let Some(transmit) = self.connection.poll_transmit() {
                self.transmit(now, transmit);
            } else {
                return;
            }
        }
    }

    fn transmit(&mut self, now: Instant, transmit: Transmit) {
        if let Some(log) = &self.wire_log {
            log.transmit(&transmit);
        }
        match transmit {
            Transmit::Request(request) => self.connections.request(*request),
            Transmit::OpenWebSocket { id, query, probe } => {
                if probe {
                    self.note_probe(id);
                }
                self.connections.open_websocket(id, &query, probe);
            }
            Transmit::Frame { id, frame } => self.connections.send(id, frame),
            Transmit::CloseWebSocket { id } => self.connections.close_websocket(id, now),
            Transmit::AbandonWebSocket { id } => self.connections.abandon_websocket(id),
            Transmit::EngineEnded { engine } => self.connections.engine_ended(engine),
        }
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each event: the table of what the lifecycle hears"
    )]
    fn take_event(&mut self, now: Instant, mut event: ConnectionEvent) {
        if let ConnectionEvent::TransportFailed { failure, .. }
        | ConnectionEvent::EngineFailed { failure }
        | ConnectionEvent::UpgradeFailed { failure }
        | ConnectionEvent::Rejected { failure, .. }
        | ConnectionEvent::SessionFailed { failure } = &mut event
        {
            self.composer.mask_secrets(failure);
        }
        if let Some(log) = &self.wire_log {
            log.event(&event);
        }
        let lifecycle = &mut self.lifecycle;
        match event {
            ConnectionEvent::QueryNeeded { .. } => {
                if !self.steps_come_first(now) {
                    self.provide_query(now);
                }
            }
            ConnectionEvent::AuthNeeded { namespace } => {
                let captures = self.steps.as_ref().map(|steps| steps.captures());
                let auth = self.composer.auth(&self.blueprint, now, captures);
                self.connection
                    .provide_auth(now, namespace, auth.as_deref());
            }
            ConnectionEvent::EngineOpening { transport, .. } => {
                lifecycle.engine_opening(now, transport);
            }
            ConnectionEvent::TransportFailed { failure, .. } => {
                // Each transport tried is an open of its own: it is on the wire, too.
                lifecycle.engine_failed(now, failure);
            }
            ConnectionEvent::EngineOpened { transport } => {
                lifecycle.engine_opened(now, transport);
            }
            ConnectionEvent::EngineFailed { failure } => lifecycle.engine_failed(now, failure),
            ConnectionEvent::Zombie => lifecycle.report(now, Event::ZombieSession),
            ConnectionEvent::UpgradeStarted => lifecycle.upgrade_started(now),
            ConnectionEvent::Upgraded => lifecycle.upgraded(now),
            ConnectionEvent::UpgradeFailed { failure } => lifecycle.upgrade_failed(now, failure),
            ConnectionEvent::NamespaceConnecting { .. } => lifecycle.namespace_connecting(now),
            ConnectionEvent::Connected {
                namespace,
                recovered,
            } => {
                lifecycle.namespace_connected(now, recovered);
                if let Some(steps) = &mut self.steps {
                    steps.note_recovered(recovered);
                }
                self.start_emitting(now, namespace);
                self.steps_hear_connected(now);
            }
            ConnectionEvent::Rejected {
                namespace,
                failure,
                active,
            } => {
                let is_mended = self.steps_take_rejection(now, namespace);
                self.lifecycle
                    .namespace_failed(now, failure, active || is_mended);
                self.obey_steps(now);
                self.steps_hear_connected(now);
                self.stop_if_out(now);
            }
            ConnectionEvent::SessionFailed { failure } => {
                lifecycle.session_failed(now, failure);
            }
            ConnectionEvent::Disconnected {
                reason,
                was_connected,
                ..
            } => {
                if self.phase.is_leaving() {
                    if was_connected {
                        lifecycle.left(now);
                    }
                } else {
                    lifecycle.disconnected(now, reason, was_connected);
                    self.steps_hear_disconnected(now, reason);
                    self.stop_if_out(now);
                }
            }
            ConnectionEvent::ReconnectScheduled {
                attempt,
                delay,
                stripe,
            } => {
                if !self.is_away() {
                    self.lifecycle
                        .reconnect_scheduled(now, attempt, delay, stripe);
                }
            }
            ConnectionEvent::GaveUp => {
                lifecycle.report(now, Event::ReconnectGaveUp);
                self.stop_emitting(now, now);
            }
            ConnectionEvent::Received(received) => self.receive(now, &received),
            ConnectionEvent::Acked {
                tag,
                intended,
                sent,
                arguments,
                ..
            } => {
                self.acks_open = self.acks_open.saturating_sub(1);
                let since_intended = now.saturating_duration_since(intended);
                let since_sent = now.saturating_duration_since(sent);
                self.lifecycle.report(
                    now,
                    Event::Acked {
                        event: self.ack_label(tag),
                        since_intended,
                        since_sent,
                    },
                );
                self.judge_ack(now, tag, &arguments);
            }
            ConnectionEvent::AckTimedOut {
                tag,
                intended,
                sent,
                ..
            } => {
                self.acks_open = self.acks_open.saturating_sub(1);
                let event = self.ack_label(tag);
                self.lifecycle.report(
                    now,
                    Event::AckTimedOut {
                        event,
                        since_intended: now.saturating_duration_since(intended),
                        since_sent: sent.map(|sent| now.saturating_duration_since(sent)),
                    },
                );
                self.ack_missed(now, tag, AckMissed::TimedOut);
            }
            ConnectionEvent::AckLost { tag, .. } => {
                self.acks_open = self.acks_open.saturating_sub(1);
                // Those that its own goodbye leaves unanswered were reported before it.
                if !self.phase.is_leaving() {
                    let event = self.ack_label(tag);
                    self.lifecycle.report(now, Event::AckLost { event });
                }
                self.ack_missed(now, tag, AckMissed::Lost);
            }
            ConnectionEvent::Retried { .. } => lifecycle.report(now, Event::EmitRetried),
            ConnectionEvent::BufferedSent { .. } => lifecycle.report(now, Event::Emitted),
            ConnectionEvent::DroppedUnsent { .. } => lifecycle.report(now, Event::EmitDropped),
            ConnectionEvent::Heartbeat { late } => lifecycle.report(now, Event::Heartbeat { late }),
        }
    }

    fn receive(&mut self, now: Instant, received: &Received) {
        let (listen, stamp) = self.blueprint.recognise(now, received);
        let event = listen.map(|table| self.blueprint.listen_label(table));
        if let Some(count) = listen.and_then(|table| self.listened.get_mut(usize::from(table))) {
            *count += 1;
        }
        let since_stamp = match stamp {
            Stamp::None => None,
            Stamp::Past(since) => Some(since),
            Stamp::Future => {
                self.lifecycle.report(now, Event::FutureStamp);
                None
            }
        };
        self.lifecycle.report(
            now,
            Event::Received {
                since_stamp,
                listen,
                event,
            },
        );
        self.steps_hear_event(now, listen, received);
        if let Some(id) = received.ack {
            self.answer(now, listen, (received.namespace, id));
        }
    }

    /// Answers a server that asks for an ack, as the `reply` of the table that listens has it.
    fn answer(&mut self, now: Instant, listen: Option<u16>, (namespace, id): (usize, u64)) {
        let blueprint = Rc::clone(&self.blueprint);
        let captures = self.steps.as_ref().map(|steps| steps.captures());
        let reply = listen.and_then(|table| self.composer.reply(&blueprint, table, now, captures));
        match reply {
            Some(arguments) => {
                self.connection.ack(now, namespace, id, &arguments);
                drop(arguments);
                self.lifecycle.report(now, Event::AckSent);
            }
            None => self.lifecycle.report(now, Event::AckOwed),
        }
    }

    /// Begins to emit in a namespace that has just been connected, unless the client has something
    /// to do before it is ready. A namespace that is refused or never answered holds up no other.
    fn start_emitting(&mut self, now: Instant, namespace: usize) {
        let journey = self.blueprint.journey.as_ref();
        let waits = journey.is_some_and(|journey| journey.delays_ready());
        if self.phase.is_running() && !waits {
            self.behaviour.start(namespace, now);
        }
    }

    /// Begins to emit in every namespace that is connected: the client is ready.
    fn start_emitting_everywhere(&mut self, now: Instant) {
        for namespace in 0..usize::from(self.blueprint.namespaces()) {
            if self.connection.is_connected(namespace) {
                self.behaviour.start(namespace, now);
            }
        }
    }

    fn stop_if_out(&mut self, now: Instant) {
        if self.lifecycle.is_out() {
            self.stop_emitting(now, now);
            self.stop_steps(now);
        }
    }

    /// Emits nothing more; what was due by `until` and not emitted is reported.
    fn stop_emitting(&mut self, now: Instant, until: Instant) {
        let emits = &self.blueprint.emits;
        let due = self.behaviour.stop(until).map(|(table, ticks)| {
            let burst = emits.get(table).map_or(1, |emit| emit.burst);
            ticks * u64::from(burst)
        });
        let count = due.sum();
        if count > 0 {
            self.lifecycle.report(now, Event::EmitsUnsent { count });
        }
    }

    /// Reports the acks that have not come, before a goodbye makes them impossible.
    fn report_unanswered(&self, now: Instant) {
        for unanswered in self.connection.unanswered() {
            self.lifecycle.report(
                now,
                Event::AckUnanswered {
                    event: self.ack_label(unanswered.tag),
                    since_intended: now.saturating_duration_since(unanswered.intended),
                    since_sent: unanswered
                        .sent
                        .map(|sent| now.saturating_duration_since(sent)),
                },
            );
        }
    }

    fn emit(&mut self, now: Instant, tick: Tick) {
        let blueprint = Rc::clone(&self.blueprint);
        let table = &blueprint.emits[tick.table];
        for in_burst in 0..table.burst {
            let number = tick.number * u64::from(table.burst) + u64::from(in_burst);
            let captures = self.steps.as_ref().map(|steps| steps.captures());
            let message = self.composer.message(&blueprint, tick, number, captures);
            let emitted = self.connection.emit(
                now,
                &Emit {
                    namespace: table.namespace,
                    event: &table.event,
                    args: message.arguments(),
                    attachments: message.attachments(),
                    volatile: table.volatile,
                    ack: table.ack.map(|ack| AckRequest {
                        timeout: ack.timeout,
                        retries: ack.retries,
                        intended: tick.intended,
                        tag: tick.table as u32,
                    }),
                },
            );
            match emitted {
                Emitted::Sent => self.lifecycle.report(now, Event::Emitted),
                Emitted::Buffered => {}
                Emitted::Dropped => self.lifecycle.report(now, Event::EmitDropped),
            }
            if table.ack.is_some() && emitted != Emitted::Dropped {
                self.acks_open += 1;
            }
            self.pump(now);
        }
    }

    /// Does what is due by now, within its share; true if anything was.
    fn tick(&mut self, now: Instant, share: &mut u32) -> bool {
        let mut moved = false;
        if self.connection.poll_timeout().is_some_and(|due| due <= now) {
            self.connection.handle_timeout(now);
            self.pump(now);
            *share = share.saturating_sub(1);
            moved = true;
        }
        if self.steps_tick(now) {
            self.pump(now);
            *share = share.saturating_sub(1);
            moved = true;
        }
        while *share > 0
            && let Some(tick) = self.behaviour.poll_tick(now)
        {
            // A time of its own: each tick is a turn of the event loop that a real client has.
            self.emit(clock::now(), tick);
            *share = share.saturating_sub(self.blueprint.emits[tick.table].burst);
            moved = true;
        }
        moved
    }

    /// Moves on with the goodbye; true when it is over.
    fn advance_farewell(&mut self, now: Instant) -> bool {
        let is_drained = self.phase.is_drained(now, self.acks_open > 0);
        // One that is not connected has nothing to wait for, and no connection to close.
        if is_drained || (self.phase.is_draining() && !self.lifecycle.has_namespace()) {
            self.lifecycle.finish_faults(now);
            self.lifecycle.report_missing(now);
            self.lifecycle.ended(now);
            for mismatch in self.blueprint.mismatches(&self.listened) {
                self.lifecycle.report(now, mismatch);
            }
            self.report_unanswered(now);
            self.phase = ClientPhase::leave(now);
            for _ in 0..self.connection.unsent() {
                self.lifecycle.report(now, Event::EmitDropped);
            }
            self.connection.disconnect(now);
            self.pump(now);
            self.lifecycle.give_up_handshake(now);
        }
        match self.phase {
            ClientPhase::Leaving { until } => until <= now || self.connections.is_quiet(),
            ClientPhase::New | ClientPhase::Running | ClientPhase::Draining { .. } => false,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        [
            self.connection.poll_timeout(),
            self.behaviour.next_due(),
            self.phase.deadline(),
            self.connections.deadline(),
            self.lifecycle.deadline(),
            self.lifecycle.next_fault_end(),
            self.leftovers.as_ref().and_then(|left| left.deadline()),
            self.steps.as_ref().and_then(|steps| steps.poll_timeout()),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

impl<O: Observer + Unpin> Future for Driver<O> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if matches!(this.phase, ClientPhase::New) {
            this.begin(clock::now());
        }
        let (mut arrivals, mut share) = (FAIR_SHARE, FAIR_SHARE);
        loop {
            while let Some(command) = this.mailbox.take(cx) {
                this.obey(clock::now(), command);
            }
            this.end_faults(clock::now());
            if this.is_frozen() {
                let thaw = this.lifecycle.next_fault_end();
                if this.timer.poll(cx, thaw).is_pending() {
                    return Poll::Pending;
                }
                continue;
            }
            while arrivals > 0
                && let Poll::Ready(arrival) = this.connections.poll_next(cx)
            {
                this.take_arrival(clock::now(), arrival);
                arrivals -= 1;
            }
            if this.break_off_handshake() {
                continue;
            }
            let now = clock::now();
            let ticked = this.tick(now, &mut share);
            if this.advance_farewell(now) {
                return Poll::Ready(());
            }
            if share == 0 || arrivals == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // What was sent just now may have made something new to poll.
            if ticked || this.connections.has_news() {
                continue;
            }
            if this.timer.poll(cx, this.deadline()).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
