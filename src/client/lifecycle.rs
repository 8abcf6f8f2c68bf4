//! How a client stands: turns what its connection reports into the measured vocabulary.
//!
//! Connection events and times come in, [`Event`]s go to the observer. This is where a loss is put
//! down to a fault, and where a client counts as back. Pure: no socket, no clock.

mod readiness;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use readiness::Readiness;

use super::fault::{Attribution, ClientFaults, Effects, Passed, Strike};
use crate::event::{
    AmbientFault, ConnectPhase, CutOff, DisconnectReason, Event, Failure, Fate, Observer, Origin,
    Stage, StrikeId, TransportKind,
};
use crate::fault::Condition;
use crate::transport::Timings;

/// The faults at large that the clients of one population on one worker may meet, latest last.
pub type Ambient = Rc<RefCell<Vec<AmbientFault>>>;

/// How a client stands.
///
/// ```text
/// Arriving ──► Connected ◄──► Lost
///     │            │            │
///     └────────────┴──► Refused / Kicked
/// ```
#[derive(Debug)]
enum LifecycleState {
    /// Never connected so far, or not to all of its active namespaces at once.
    Arriving,
    /// All its active namespaces are connected.
    Connected,
    /// Was connected, and lost it.
    Lost(Loss),
    /// A step has disconnected it.
    Away {
        /// Whether the end of its first namespace was told.
        is_told: bool,
    },
    /// The server refused its last active namespace, for good.
    Refused,
    /// The server disconnected its last active namespace.
    Kicked,
}

#[derive(Debug)]
struct Loss {
    noticed: Instant,
    mark: Option<Strike>,
    /// Engine opens since.
    attempts: u32,
    /// Recovered, as far as the namespaces so far told.
    recovered: Option<bool>,
}

/// What one client has been through.
pub struct Lifecycle<O> {
    observer: O,
    intended: Instant,
    state: LifecycleState,
    /// All its namespaces.
    namespaces: u16,
    /// Whether all of them were ever connected at once.
    ever_connected: bool,
    /// Whether any of them ever was.
    ever_partly: bool,
    /// CONNECTs that have not been answered so far.
    awaited: u16,
    /// Namespaces that are neither refused nor kicked.
    active: u16,
    /// Of these, refused on the present engine, and asked for again on the next.
    refused: u16,
    /// Of the others, connected.
    up: u16,
    transport: TransportKind,
    opening: Option<Opening>,
    namespace_asked: Option<Instant>,
    upgrade_begun: Option<Instant>,
    faults: ClientFaults,
    ambient: Ambient,
    /// When its first connect could begin, if something came before it.
    connects_from: Option<Instant>,
    /// Nothing for a client that is ready once it is connected.
    readiness: Option<Box<Readiness>>,
}

/// An Engine.IO handshake under way.
#[derive(Debug)]
struct Opening {
    begun: Instant,
    /// Spent on its connection so far: name, TCP and TLS.
    dialed: Duration,
    /// The fault that was at work when it began: it may break the handshake after its own end.
    under: Option<StrikeId>,
}

impl<O: Observer> Lifecycle<O> {
    /// A client that was meant to start at `intended`, with so many namespaces.
    pub fn new(observer: O, intended: Instant, namespaces: u16, ambient: Ambient) -> Self {
        Self {
            observer,
            intended,
            state: LifecycleState::Arriving,
            namespaces,
            ever_connected: false,
            ever_partly: false,
            awaited: 0,
            active: namespaces,
            refused: 0,
            up: 0,
            transport: TransportKind::Polling,
            opening: None,
            namespace_asked: None,
            upgrade_begun: None,
            faults: ClientFaults::default(),
            ambient,
            connects_from: None,
            readiness: None,
        }
    }

    /// Hands an event that needs no interpretation to the observer.
    pub fn report(&self, now: Instant, event: Event) {
        self.observer.observe(now, event);
    }

    /// The client's first connect is begun now.
    pub fn started(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.intended);
        self.report(now, Event::ClientStarted { late });
    }

    /// Whether it is connected as far as the server lets it.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, LifecycleState::Connected)
    }

    /// Whether any of its namespaces is connected.
    pub fn has_namespace(&self) -> bool {
        self.up > 0
    }

    /// Reports, at the end of the client's time, the namespaces that it never had.
    pub fn report_missing(&self, now: Instant) {
        for _ in 0..self.awaited {
            self.report(now, Event::NamespaceUnanswered);
        }
        if self.ever_partly && !self.ever_connected {
            self.report(now, Event::PartlyConnected);
        }
    }

    /// Whether nothing more can come of it: refused or kicked.
    pub fn is_out(&self) -> bool {
        matches!(self.state, LifecycleState::Refused | LifecycleState::Kicked)
    }

    /// How it stands now.
    pub fn fate(&self) -> Fate {
        match self.state {
            LifecycleState::Arriving | LifecycleState::Lost(_) if self.is_refused() => {
                Fate::Rejected
            }
            LifecycleState::Arriving => Fate::NeverConnected,
            LifecycleState::Connected => self.connected_fate(),
            LifecycleState::Away { .. } => Fate::Connected,
            LifecycleState::Lost(_) => Fate::NeverBack,
            LifecycleState::Refused => Fate::Rejected,
            LifecycleState::Kicked => Fate::Kicked,
        }
    }

    /// Reports that its part in the run is over at `now`.
    pub fn ended(&self, now: Instant) {
        let since = match &self.state {
            LifecycleState::Arriving => Some(self.intended),
            LifecycleState::Lost(loss) => Some(loss.noticed),
            LifecycleState::Connected
            | LifecycleState::Away { .. }
            | LifecycleState::Refused
            | LifecycleState::Kicked => None,
        };
        self.report(
            now,
            Event::ClientEnded {
                fate: self.fate(),
                ever_connected: self.ever_connected,
                open_for: since.map(|since| now.saturating_duration_since(since)),
            },
        );
    }

    /// Whether the server has refused all that was asked of it, and may be asked again.
    fn is_refused(&self) -> bool {
        self.refused > 0 && self.obtainable() == 0
    }

    /// How many namespaces the present engine can have.
    fn obtainable(&self) -> u16 {
        self.active - self.refused
    }

    // The engine.

    /// An Engine.IO handshake is begun.
    pub fn engine_opening(&mut self, now: Instant, transport: TransportKind) {
        self.refused = 0;
        self.opening = Some(Opening {
            begun: now,
            dialed: Duration::ZERO,
            under: self.fault_at_work(),
        });
        if let LifecycleState::Lost(loss) = &mut self.state {
            loss.attempts += 1;
        }
        self.report(now, Event::EngineOpening { transport });
    }

    /// The connection that carries the handshake was made, in this time.
    pub fn handshake_dialed(&mut self, now: Instant, timings: Option<Timings>) {
        let (Some(opening), Some(timings)) = (&mut self.opening, timings) else {
            return;
        };
        let phases = [
            (ConnectPhase::Dns, timings.dns),
            (ConnectPhase::Tcp, Some(timings.tcp)),
            (ConnectPhase::Tls, timings.tls),
        ];
        opening.dialed = phases.iter().filter_map(|(_, took)| *took).sum();
        for (phase, took) in phases {
            if let Some(took) = took {
                self.report(now, Event::PhaseTimed { phase, took });
            }
        }
    }

    /// The open packet came.
    pub fn engine_opened(&mut self, now: Instant, transport: TransportKind) {
        self.transport = transport;
        if let Some(opening) = self.opening.take() {
            let took = (now - opening.begun).saturating_sub(opening.dialed);
            let phase = ConnectPhase::Open;
            self.report(now, Event::PhaseTimed { phase, took });
        }
        self.report(now, Event::EngineOpened { transport });
    }

    /// The handshake failed.
    pub fn engine_failed(&mut self, now: Instant, failure: Failure) {
        let begun_under = self.opening.take().and_then(|opening| opening.under);
        let failure = match begun_under {
            Some(fault) if failure.cause.can_be_a_faults_doing() => failure.explained_by(fault),
            Some(_) | None => self.explain(now, failure),
        };
        let cut_off = self.cut_off();
        self.report(now, Event::EngineFailed { failure, cut_off });
    }

    /// The client leaves; a handshake under way comes to no end.
    pub fn give_up_handshake(&mut self, now: Instant) {
        if self.opening.take().is_some() {
            self.report(now, Event::EngineGivenUp);
        }
    }

    /// Something failed on an established session.
    pub fn session_failed(&mut self, now: Instant, failure: Failure) {
        let failure = self.explain(now, failure);
        let cut_off = self.cut_off();
        self.report(now, Event::SessionFailed { failure, cut_off });
    }

    /// A reconnection attempt is on the clock.
    pub fn reconnect_scheduled(&mut self, now: Instant, attempt: u32, delay: Duration, stripe: u8) {
        let event = Event::ReconnectScheduled {
            attempt,
            delay,
            stripe,
            fault: self.cut_off().map(|cut_off| cut_off.fault),
        };
        self.report(now, event);
    }

    /// A probe is begun.
    pub fn upgrade_started(&mut self, now: Instant) {
        self.upgrade_begun = Some(now);
        self.report(now, Event::UpgradeStarted);
    }

    /// The transport is WebSocket now.
    pub fn upgraded(&mut self, now: Instant) {
        self.transport = TransportKind::WebSocket;
        if let Some(begun) = self.upgrade_begun.take() {
            self.report(now, Event::Upgraded { took: now - begun });
        }
        self.pass(now);
    }

    /// The session stays on polling.
    pub fn upgrade_failed(&mut self, now: Instant, failure: Failure) {
        self.upgrade_begun = None;
        let failure = self.explain(now, failure);
        self.report(now, Event::UpgradeFailed { failure });
        self.pass(now);
    }

    // The namespaces.

    /// A CONNECT packet went out.
    pub fn namespace_connecting(&mut self, now: Instant) {
        // With several at once the phase runs from the first to each reply.
        self.namespace_asked.get_or_insert(now);
        self.awaited += 1;
        self.report(now, Event::NamespaceConnecting);
    }

    /// A namespace is connected.
    pub fn namespace_connected(&mut self, now: Instant, recovered: Option<bool>) {
        self.up += 1;
        self.ever_partly = true;
        self.awaited = self.awaited.saturating_sub(1);
        self.report(now, Event::NamespaceConnected);
        if let Some(asked) = self.namespace_asked {
            let (phase, took) = (ConnectPhase::Namespace, now - asked);
            self.report(now, Event::PhaseTimed { phase, took });
        }
        if let LifecycleState::Lost(loss) = &mut self.state {
            // Recovered means: every namespace that could be, was.
            loss.recovered = match (loss.recovered, recovered) {
                (Some(before), Some(this)) => Some(before && this),
                (before, this) => before.or(this),
            };
        }
        self.settle(now);
    }

    /// A namespace was refused; if it stays active, the next engine asks for it again.
    pub fn namespace_failed(&mut self, now: Instant, failure: Failure, stays_active: bool) {
        let failure = self.explain(now, failure);
        let cut_off = self.cut_off();
        self.awaited = self.awaited.saturating_sub(1);
        self.report(now, Event::NamespaceFailed { failure, cut_off });
        if stays_active {
            self.refused = self.active.min(self.refused + 1);
        } else {
            self.active = self.active.saturating_sub(1);
        }
        if self.active == 0 {
            self.state = LifecycleState::Refused;
        } else if self.obtainable() > 0 {
            self.settle(now);
        }
    }

    /// Connected again, or for the first time, if all namespaces are that can be.
    fn settle(&mut self, now: Instant) {
        if self.up < self.obtainable() {
            return;
        }
        self.namespace_asked = None;
        if self.up == self.namespaces && !self.ever_connected {
            self.ever_connected = true;
            self.report(now, Event::FullyConnected);
        }
        let transport = self.transport;
        match std::mem::replace(&mut self.state, LifecycleState::Connected) {
            LifecycleState::Arriving => {
                let since_intended = self.since_connect_began(now);
                self.report(
                    now,
                    Event::Connected {
                        since_intended,
                        transport,
                    },
                );
            }
            LifecycleState::Lost(loss) => {
                let event = Event::Reconnected {
                    took: now - loss.noticed,
                    outage: loss.mark.map(|mark| now - mark.struck),
                    fault: loss.mark.map(|mark| mark.fault),
                    attempts: loss.attempts,
                    transport,
                    recovered: loss.recovered,
                    is_ready: self.is_ready_when_connected(),
                };
                self.report(now, event);
                if self.is_ready_when_connected() {
                    self.dismiss_faults(now);
                }
            }
            LifecycleState::Away { .. } => self.report(now, Event::Rejoined),
            LifecycleState::Connected | LifecycleState::Refused | LifecycleState::Kicked => {}
        }
    }

    /// A namespace was closed.
    pub fn disconnected(&mut self, now: Instant, reason: DisconnectReason, was_connected: bool) {
        self.namespace_asked = None;
        self.opening = None;
        self.upgrade_begun = None;
        if !was_connected {
            if self.awaited > 0 {
                self.awaited -= 1;
                // A request that failed took the CONNECT along: the server never had to answer it.
                if reason != DisconnectReason::TransportError {
                    self.report(now, Event::NamespaceUnanswered);
                }
            }
            self.report(now, Event::ClosedUnconnected { reason });
            return;
        }
        self.up = self.up.saturating_sub(1);
        let kicked = reason == DisconnectReason::ServerDisconnect;
        if kicked {
            self.active = self.active.saturating_sub(1);
            self.refused = self.refused.min(self.active);
        }
        if kicked && self.obtainable() > 0 {
            // The client stays connected with the namespaces that it has left.
            self.report_disconnect(now, reason, None, false);
            return;
        }
        if let LifecycleState::Away { is_told } = &mut self.state
            && !kicked
        {
            let first = !std::mem::replace(is_told, true);
            self.report_disconnect(now, reason, None, first);
            return;
        }
        if let LifecycleState::Lost(loss) = &self.state {
            let mark = loss.mark;
            self.report_disconnect(now, reason, mark, false);
            return;
        }
        if matches!(self.state, LifecycleState::Arriving) && !kicked {
            // It never had all that it came for: nothing of it is lost, and its first connect, from
            // its intended start on, is still to come.
            self.report_disconnect(now, reason, None, false);
            return;
        }
        let first = self.is_connected();
        let mark = self.blame(now, reason);
        self.state = if kicked {
            LifecycleState::Kicked
        } else {
            let loss = Loss {
                noticed: now,
                mark,
                attempts: 0,
                recovered: None,
            };
            self.unready(&loss);
            LifecycleState::Lost(loss)
        };
        self.report_disconnect(now, reason, mark, first);
    }

    /// The client leaves by itself at the end of its time: counted, and no loss.
    pub fn left(&mut self, now: Instant) {
        let first = self.is_connected();
        self.report_disconnect(now, DisconnectReason::ClientDisconnect, None, first);
    }

    fn report_disconnect(
        &self,
        now: Instant,
        reason: DisconnectReason,
        mark: Option<Strike>,
        first: bool,
    ) {
        self.report(
            now,
            Event::Disconnected {
                reason,
                fault: mark.map(|mark| mark.fault),
                detect: mark.map(|mark| now.saturating_duration_since(mark.struck)),
                first,
            },
        );
    }

    // Faults.

    /// An impulse is carried out on this client now; its effect must show by `settles`.
    pub fn fault_felt(&mut self, now: Instant, fault: StrikeId, settles: Instant) {
        self.faults.strike(now, fault, settles);
        self.fault_applied(now, fault);
        self.report(now, Event::FaultLifted { fault });
    }

    /// A condition is to begin now and to last until a time, or until the client leaves. Once its
    /// effects are there, [`Lifecycle::fault_applied`] follows, else [`Lifecycle::withdraw_fault`].
    pub fn begin_fault(
        &mut self,
        now: Instant,
        fault: StrikeId,
        condition: Condition,
        until: Option<Instant>,
    ) {
        self.faults.begin(now, fault, condition, until);
    }

    /// A fault has been applied to this client.
    pub fn fault_applied(&mut self, now: Instant, fault: StrikeId) {
        self.report(now, Event::FaultApplied { fault });
        self.report(now, Event::FaultFelt { fault });
    }

    /// A condition could not take effect: it never began.
    pub fn withdraw_fault(&mut self, fault: StrikeId) {
        self.faults.withdraw(fault);
    }

    /// The effects of all conditions that are not over.
    pub(super) fn fault_effects(&self) -> Effects {
        self.faults.effects()
    }

    /// When the next condition is over.
    pub fn next_fault_end(&self) -> Option<Instant> {
        self.faults.next_end()
    }

    /// Ends the conditions that are over by now; what they did must show by `settles`. Returns
    /// whether there were any.
    pub fn end_faults(&mut self, now: Instant, settles: Instant) -> bool {
        let mut has_ended = false;
        while let Some(fault) = self.faults.end_next(now, settles) {
            self.report(now, Event::FaultLifted { fault });
            has_ended = true;
        }
        has_ended
    }

    /// Ends all conditions, over or not, since the client leaves. Returns whether there were any.
    pub fn end_all_faults(&mut self, now: Instant, settles: Instant) -> bool {
        let mut has_ended = false;
        while let Some(fault) = self.faults.cut_short(now, settles) {
            self.report(now, Event::FaultLifted { fault });
            has_ended = true;
        }
        has_ended
    }

    /// When [`Lifecycle::settle_faults`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.faults.deadline().filter(|_| self.is_connected())
    }

    /// Lets faults pass whose effect would have shown by now.
    pub fn settle_faults(&mut self, now: Instant) {
        while self.is_connected()
            && let Some(passed) = self.faults.settle(now)
        {
            self.report_passed(now, passed);
        }
    }

    /// Nothing more can come of any fault: the client leaves as it is.
    pub fn finish_faults(&mut self, now: Instant) {
        if self.is_connected() {
            self.dismiss_faults(now);
        }
    }

    fn dismiss_faults(&mut self, now: Instant) {
        while let Some(passed) = self.faults.dismiss() {
            self.report_passed(now, passed);
        }
    }

    fn blame(&mut self, now: Instant, reason: DisconnectReason) -> Option<Strike> {
        match self.faults.blame(now, reason, &self.ambient.borrow()) {
            Attribution::Own(mark) => Some(mark),
            Attribution::AtLarge(mark) => {
                let fault = mark.fault;
                self.report(now, Event::FaultFelt { fault });
                Some(mark)
            }
            Attribution::Nobody => None,
        }
    }

    /// The failure as a fault's doing, if one explains it: a fault that is at work, or one to which a
    /// loss at this time would be attributed.
    fn explain(&self, now: Instant, failure: Failure) -> Failure {
        let at_work = self
            .fault_at_work()
            .filter(|_| failure.cause.can_be_a_faults_doing());
        let suspect = || {
            // Whoever is cut off already has nothing left to lose.
            self.is_connected().then_some(())?;
            let is_own = failure.origin == Origin::Scenario;
            let suspect = self.faults.suspect(now, &self.ambient.borrow())?;
            let is_likely = match suspect {
                Attribution::Own(_) => is_own || failure.stage == Stage::Session,
                Attribution::AtLarge(_) => failure.cause.can_be_a_faults_doing(),
                Attribution::Nobody => false,
            };
            match suspect {
                Attribution::Own(strike) | Attribution::AtLarge(strike) if is_likely => {
                    Some(strike.fault)
                }
                Attribution::Own(_) | Attribution::AtLarge(_) | Attribution::Nobody => None,
            }
        };
        match at_work.or_else(suspect) {
            Some(fault) => failure.explained_by(fault),
            None => failure,
        }
    }

    /// The latest fault that is at work on this client: a condition of its own, or a global fault.
    fn fault_at_work(&self) -> Option<StrikeId> {
        let own = self.faults.latest_condition();
        let ambient = self.ambient.borrow();
        let mut global = ambient.iter().rev().filter(|fault| fault.lasts());
        own.or_else(|| global.next().map(|fault| fault.fault))
    }

    /// The fault that it has not come back from.
    fn cut_off(&self) -> Option<CutOff> {
        let LifecycleState::Lost(loss) = &self.state else {
            return None;
        };
        let fault = loss.mark?.fault;
        let ambient = self.ambient.borrow();
        let lasts = |at_large: &AmbientFault| at_large.fault == fault && at_large.lasts();
        Some(CutOff {
            fault,
            lasts: ambient.iter().any(lasts),
        })
    }

    /// The fault for a moment that was felt last does no harm to this client.
    pub fn fault_harmless(&mut self, now: Instant) {
        self.pass(now);
    }

    /// A fault of the client's own turned out to need no reconnection.
    fn pass(&mut self, now: Instant) {
        if self.is_connected()
            && let Some(passed) = self.faults.pass_latest(now)
        {
            self.report_passed(now, passed);
        }
    }

    fn report_passed(&self, now: Instant, passed: Passed) {
        let event = Event::FaultPassed {
            fault: passed.fault,
            outage: passed.outage,
            ago: now.saturating_duration_since(passed.well_at),
        };
        self.report(now, event);
    }
}

#[cfg(test)]
mod tests;
