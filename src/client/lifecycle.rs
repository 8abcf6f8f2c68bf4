//! How a client stands: turns what its connection reports into the measured vocabulary.
//!
//! Connection events and times come in, [`Event`]s go to the observer. This is where a loss is put
//! down to a fault, and where a client counts as back. Pure: no socket, no clock.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::event::{
    AmbientFault, CutOff, DisconnectReason, Event, Failure, Fate, FaultId, Observer, Phase,
    TransportKind,
};
use crate::transport::Timings;

/// The faults at large that the clients of one population on one worker may meet, latest last.
pub type Ambient = Rc<RefCell<Vec<AmbientFault>>>;

/// A fault that touched this client, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    fault: FaultId,
    struck: Instant,
}

/// How a client stands.
///
/// ```text
/// Arriving ──► Connected ◄──► Lost
///     │            │            │
///     └────────────┴──► Refused / Kicked
/// ```
#[derive(Debug)]
enum Standing {
    /// Never connected so far.
    Arriving,
    /// All its active namespaces are connected.
    Connected,
    /// Was connected, and lost it.
    Lost(Loss),
    /// The server refused its last active namespace, for good.
    Refused,
    /// The server disconnected its last active namespace.
    Kicked,
}

#[derive(Debug)]
struct Loss {
    noticed: Instant,
    mark: Option<Mark>,
    /// Engine opens since.
    attempts: u32,
    /// Recovered, as far as the namespaces so far told.
    recovered: Option<bool>,
}

/// What one client has been through.
pub struct Lifecycle<O> {
    observer: O,
    intended: Instant,
    standing: Standing,
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
    /// A fault of this client's own that has not shown its effect yet.
    mark: Option<Mark>,
    ambient: Ambient,
    /// Faults at large that this client has felt, each with its last strike; empty for most.
    felt: Vec<Mark>,
}

/// An Engine.IO handshake under way.
#[derive(Debug)]
struct Opening {
    begun: Instant,
    /// Spent on its connection so far: name, TCP and TLS.
    dialed: Duration,
}

impl<O: Observer> Lifecycle<O> {
    /// A client that was meant to start at `intended`, with so many namespaces.
    pub fn new(observer: O, intended: Instant, namespaces: u16, ambient: Ambient) -> Self {
        Self {
            observer,
            intended,
            standing: Standing::Arriving,
            active: namespaces,
            refused: 0,
            up: 0,
            transport: TransportKind::Polling,
            opening: None,
            namespace_asked: None,
            upgrade_begun: None,
            mark: None,
            ambient,
            felt: Vec::new(),
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
        matches!(self.standing, Standing::Connected)
    }

    /// Whether nothing more can come of it: refused or kicked.
    pub fn is_out(&self) -> bool {
        matches!(self.standing, Standing::Refused | Standing::Kicked)
    }

    /// How it stands now.
    pub fn fate(&self) -> Fate {
        match self.standing {
            Standing::Arriving | Standing::Lost(_) if self.is_refused() => Fate::Rejected,
            Standing::Arriving => Fate::NeverConnected,
            Standing::Connected => Fate::Connected,
            Standing::Lost(_) => Fate::NeverBack,
            Standing::Refused => Fate::Rejected,
            Standing::Kicked => Fate::Kicked,
        }
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
        });
        if let Standing::Lost(loss) = &mut self.standing {
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
            (Phase::Dns, timings.dns),
            (Phase::Tcp, Some(timings.tcp)),
            (Phase::Tls, timings.tls),
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
            let phase = Phase::Open;
            self.report(now, Event::PhaseTimed { phase, took });
        }
        self.report(now, Event::EngineOpened { transport });
    }

    /// The handshake failed.
    pub fn engine_failed(&mut self, now: Instant, failure: Failure) {
        self.opening = None;
        let cut_off = self.cut_off();
        self.report(now, Event::EngineFailed { failure, cut_off });
    }

    /// Something failed on an established session.
    pub fn session_failed(&mut self, now: Instant, failure: Failure) {
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
        self.report(now, Event::UpgradeFailed { failure });
        self.pass(now);
    }

    // The namespaces.

    /// A CONNECT packet went out.
    pub fn namespace_connecting(&mut self, now: Instant) {
        // With several at once the phase runs from the first to each reply.
        self.namespace_asked.get_or_insert(now);
        self.report(now, Event::NamespaceConnecting);
    }

    /// A namespace is connected.
    pub fn namespace_connected(&mut self, now: Instant, recovered: Option<bool>) {
        self.up += 1;
        self.report(now, Event::NamespaceConnected);
        if let Some(asked) = self.namespace_asked {
            let (phase, took) = (Phase::Namespace, now - asked);
            self.report(now, Event::PhaseTimed { phase, took });
        }
        if let Standing::Lost(loss) = &mut self.standing {
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
        let cut_off = self.cut_off();
        self.report(now, Event::NamespaceFailed { failure, cut_off });
        if stays_active {
            self.refused = self.active.min(self.refused + 1);
        } else {
            self.active = self.active.saturating_sub(1);
        }
        if self.active == 0 {
            self.standing = Standing::Refused;
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
        let transport = self.transport;
        match std::mem::replace(&mut self.standing, Standing::Connected) {
            Standing::Arriving => {
                let since_intended = now.saturating_duration_since(self.intended);
                self.report(
                    now,
                    Event::Connected {
                        since_intended,
                        transport,
                    },
                );
            }
            Standing::Lost(loss) => {
                self.mark = None;
                let event = Event::Reconnected {
                    took: now - loss.noticed,
                    outage: loss.mark.map(|mark| now - mark.struck),
                    fault: loss.mark.map(|mark| mark.fault),
                    attempts: loss.attempts,
                    transport,
                    recovered: loss.recovered,
                };
                self.report(now, event);
            }
            Standing::Connected | Standing::Refused | Standing::Kicked => {}
        }
    }

    /// A namespace was closed.
    pub fn disconnected(&mut self, now: Instant, reason: DisconnectReason, was_connected: bool) {
        self.namespace_asked = None;
        self.opening = None;
        self.upgrade_begun = None;
        if !was_connected {
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
        if let Standing::Lost(loss) = &self.standing {
            let mark = loss.mark;
            self.report_disconnect(now, reason, mark, false);
            return;
        }
        let first = self.is_connected();
        let mark = self.blame(now, reason);
        self.standing = if kicked {
            Standing::Kicked
        } else {
            Standing::Lost(Loss {
                noticed: now,
                mark,
                attempts: 0,
                recovered: None,
            })
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
        mark: Option<Mark>,
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

    /// A fault is carried out on this client now.
    pub fn fault_felt(&mut self, now: Instant, fault: FaultId) {
        self.mark = Some(Mark { fault, struck: now });
        self.report(now, Event::FaultFelt { fault });
    }

    /// Which fault did it: one of the client's own, or the last one at large.
    fn blame(&mut self, now: Instant, reason: DisconnectReason) -> Option<Mark> {
        if let Some(mark) = self.mark.take() {
            return Some(mark);
        }
        match reason {
            DisconnectReason::PingTimeout
            | DisconnectReason::TransportClose
            | DisconnectReason::TransportError
            | DisconnectReason::ParseError
            | DisconnectReason::ServerDisconnect => {}
            DisconnectReason::ClientDisconnect | DisconnectReason::ForcedClose => return None,
        }
        let mark = self.at_large(now)?;
        let fault = mark.fault;
        self.felt.retain(|felt| felt.fault != fault);
        self.felt.push(mark);
        self.report(now, Event::FaultFelt { fault });
        Some(mark)
    }

    /// The latest fault at large that explains a loss at `now`.
    ///
    /// One strike is felt once: what comes after the client was back has another cause. A rolling
    /// restart strikes again with each instance, and may find a client a second time.
    fn at_large(&self, now: Instant) -> Option<Mark> {
        let ambient = self.ambient.borrow();
        let mut latest_first = ambient.iter().rev();
        latest_first.find_map(|at_large| {
            let mark = Mark {
                fault: at_large.fault,
                struck: at_large.explains(now)?,
            };
            (!self.felt.contains(&mark)).then_some(mark)
        })
    }

    /// The fault that it has not come back from.
    fn cut_off(&self) -> Option<CutOff> {
        let Standing::Lost(loss) = &self.standing else {
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

    /// A fault of the client's own turned out to need no reconnection.
    fn pass(&mut self, now: Instant) {
        if self.is_connected()
            && let Some(mark) = self.mark.take()
        {
            let (fault, outage) = (mark.fault, now - mark.struck);
            self.report(now, Event::FaultPassed { fault, outage });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cause, Origin, Stage};

    #[derive(Clone, Default)]
    struct Notebook(Rc<RefCell<Vec<Event>>>);

    impl Observer for Notebook {
        fn observe(&self, _at: Instant, event: Event) {
            self.0.borrow_mut().push(event);
        }
    }

    impl Notebook {
        fn last(&self) -> Event {
            self.0.borrow().last().cloned().unwrap()
        }

        fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
            self.0.borrow().iter().filter(|event| wanted(event)).count()
        }
    }

    struct Story {
        notebook: Notebook,
        lifecycle: Lifecycle<Notebook>,
        ambient: Ambient,
        start: Instant,
    }

    impl Story {
        fn new(namespaces: u16) -> Self {
            let (notebook, ambient) = (Notebook::default(), Ambient::default());
            let start = crate::clock::now();
            let lifecycle =
                Lifecycle::new(notebook.clone(), start, namespaces, Rc::clone(&ambient));
            Self {
                notebook,
                lifecycle,
                ambient,
                start,
            }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn connect(&mut self, ms: u64) {
            let now = self.at(ms);
            self.lifecycle.engine_opening(now, TransportKind::WebSocket);
            self.lifecycle.engine_opened(now, TransportKind::WebSocket);
            self.lifecycle.namespace_connecting(now);
            self.lifecycle.namespace_connected(now, None);
        }

        fn lose(&mut self, ms: u64, reason: DisconnectReason) {
            self.lifecycle.disconnected(self.at(ms), reason, true);
        }

        fn refuse(&mut self, ms: u64, stays_active: bool) {
            let cause = Cause::NamespaceRejected;
            let failure = Failure::new(Stage::Namespace, cause, Origin::Server);
            let now = self.at(ms);
            self.lifecycle.namespace_failed(now, failure, stays_active);
        }
    }

    fn millis(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn connect_time_runs_from_the_intended_start() {
        let mut story = Story::new(1);
        story.connect(120);
        let since_intended = millis(120);
        let transport = TransportKind::WebSocket;
        assert_eq!(
            story.notebook.last(),
            Event::Connected {
                since_intended,
                transport
            }
        );
    }

    #[test]
    fn a_loss_is_put_down_to_the_clients_own_fault_with_detection_and_outage() {
        let mut story = Story::new(1);
        story.connect(0);
        story.lifecycle.fault_felt(story.at(1000), FaultId(4));
        story.lose(1010, DisconnectReason::TransportClose);
        assert_eq!(
            story.notebook.last(),
            Event::Disconnected {
                reason: DisconnectReason::TransportClose,
                fault: Some(FaultId(4)),
                detect: Some(millis(10)),
                first: true,
            }
        );
        story
            .lifecycle
            .engine_opening(story.at(1500), TransportKind::Polling);
        let failure = Failure::new(Stage::Tcp, Cause::ConnectionRefused, Origin::Server);
        story.lifecycle.engine_failed(story.at(1501), failure);
        story.connect(3000);
        assert_eq!(
            story.notebook.last(),
            Event::Reconnected {
                took: millis(1990),
                outage: Some(millis(2000)),
                fault: Some(FaultId(4)),
                attempts: 2,
                transport: TransportKind::WebSocket,
                recovered: None,
            }
        );
    }

    #[test]
    fn a_fault_at_large_explains_one_loss_of_a_client_and_not_the_next() {
        let mut story = Story::new(1);
        story.connect(0);
        let fault = AmbientFault::announce(FaultId(2), None);
        story.ambient.borrow_mut().push(fault.clone());
        story.lose(500, DisconnectReason::TransportClose);
        assert_eq!(
            story
                .notebook
                .count(|e| matches!(e, Event::FaultFelt { .. })),
            0
        );
        story.connect(600);
        fault.strike(story.at(1000));
        story.lose(1003, DisconnectReason::TransportClose);
        story.connect(2000);
        fault.end(story.at(2000));
        story.lose(2500, DisconnectReason::TransportClose);
        assert_eq!(
            story
                .notebook
                .count(|e| matches!(e, Event::FaultFelt { .. })),
            1
        );
        let detects = story.notebook.count(|e| {
            matches!(e, Event::Disconnected { detect: Some(detect), .. } if *detect == millis(3))
        });
        assert_eq!(detects, 1);
    }

    #[test]
    fn a_fault_that_strikes_again_is_felt_again_and_timed_from_its_last_strike() {
        let mut story = Story::new(1);
        story.connect(0);
        let fault = AmbientFault::announce(FaultId(2), None);
        story.ambient.borrow_mut().push(fault.clone());
        fault.strike(story.at(1000));
        story.lose(1003, DisconnectReason::TransportClose);
        story.connect(2000);
        fault.strike(story.at(9000));
        story.lose(9004, DisconnectReason::TransportClose);
        story.connect(9500);
        story.lose(9600, DisconnectReason::TransportClose);
        let felt = |event: &Event| matches!(event, Event::FaultFelt { .. });
        assert_eq!(story.notebook.count(felt), 2);
        let after = |ms| {
            move |event: &Event| {
                matches!(event, Event::Disconnected { detect: Some(detect), .. }
                    if *detect == millis(ms))
            }
        };
        assert_eq!(story.notebook.count(after(3)), 1);
        assert_eq!(story.notebook.count(after(4)), 1);
    }

    #[test]
    fn what_fails_on_the_way_back_is_put_down_to_the_fault_and_says_whether_it_lasts() {
        let mut story = Story::new(1);
        let failure = Failure::new(Stage::Tcp, Cause::ConnectionRefused, Origin::Server);
        let fault = AmbientFault::announce(FaultId(2), None);
        story.ambient.borrow_mut().push(fault.clone());
        let failed = |story: &mut Story, ms| {
            let now = story.at(ms);
            story.lifecycle.engine_failed(now, failure.clone());
            let Event::EngineFailed { cut_off, .. } = story.notebook.last() else {
                panic!("{:?}", story.notebook.last())
            };
            cut_off
        };
        assert_eq!(failed(&mut story, 0), None);
        story.connect(1);
        fault.strike(story.at(1000));
        story.lose(1000, DisconnectReason::TransportClose);
        let cut_off = |lasts| {
            let fault = FaultId(2);
            Some(CutOff { fault, lasts })
        };
        assert_eq!(failed(&mut story, 1500), cut_off(true));
        fault.end(story.at(2000));
        assert_eq!(failed(&mut story, 2500), cut_off(false));
        let delay = millis(700);
        let now = story.at(2500);
        story.lifecycle.reconnect_scheduled(now, 1, delay, 3);
        let scheduled = Event::ReconnectScheduled {
            attempt: 1,
            delay,
            stripe: 3,
            fault: Some(FaultId(2)),
        };
        assert_eq!(story.notebook.last(), scheduled);
        story.connect(3000);
        assert_eq!(failed(&mut story, 3500), None);
    }

    #[test]
    fn a_fault_at_large_does_not_explain_what_comes_long_after_its_end() {
        let mut story = Story::new(1);
        story.connect(0);
        let fault = AmbientFault::announce(FaultId(2), None);
        fault.strike(story.at(10));
        fault.end(story.at(20));
        story.ambient.borrow_mut().push(fault);
        story.lose(60_000, DisconnectReason::TransportClose);
        assert_eq!(
            story
                .notebook
                .count(|e| matches!(e, Event::FaultFelt { .. })),
            0
        );
    }

    #[test]
    fn a_client_of_two_namespaces_is_back_when_both_are() {
        let mut story = Story::new(2);
        story.connect(0);
        assert!(!story.lifecycle.is_connected());
        story.lifecycle.namespace_connected(story.at(5), None);
        assert!(story.lifecycle.is_connected());
        story.lose(100, DisconnectReason::PingTimeout);
        story.lose(100, DisconnectReason::PingTimeout);
        let firsts = |e: &Event| matches!(e, Event::Disconnected { first: true, .. });
        assert_eq!(story.notebook.count(firsts), 1);
        story.connect(900);
        assert_eq!(story.lifecycle.fate(), Fate::NeverBack);
        story.lifecycle.namespace_connected(story.at(950), None);
        assert_eq!(story.lifecycle.fate(), Fate::Connected);
        assert_eq!(
            story
                .notebook
                .count(|e| matches!(e, Event::Reconnected { .. })),
            1
        );
    }

    #[test]
    fn a_kick_from_one_of_two_namespaces_leaves_the_client_connected() {
        let mut story = Story::new(2);
        story.connect(0);
        story.lifecycle.namespace_connected(story.at(0), None);
        story.lose(10, DisconnectReason::ServerDisconnect);
        assert_eq!(story.lifecycle.fate(), Fate::Connected);
        story.lose(20, DisconnectReason::ServerDisconnect);
        assert_eq!(story.lifecycle.fate(), Fate::Kicked);
        assert!(story.lifecycle.is_out());
    }

    #[test]
    fn a_refused_client_is_out_unless_the_namespace_stays_active() {
        let mut story = Story::new(1);
        story.refuse(1, true);
        assert_eq!(story.lifecycle.fate(), Fate::Rejected);
        assert!(!story.lifecycle.is_out());
        story.connect(500);
        assert_eq!(story.lifecycle.fate(), Fate::Connected);

        let mut story = Story::new(1);
        story.refuse(1, false);
        assert_eq!(story.lifecycle.fate(), Fate::Rejected);
        assert!(story.lifecycle.is_out());
    }

    #[test]
    fn a_client_is_connected_without_the_namespaces_that_are_refused() {
        for stays_active in [true, false] {
            let mut story = Story::new(2);
            story.refuse(1, stays_active);
            story.lifecycle.namespace_connected(story.at(2), None);
            assert_eq!(story.lifecycle.fate(), Fate::Connected);
            let mut story = Story::new(2);
            story.connect(1);
            assert_eq!(story.lifecycle.fate(), Fate::NeverConnected);
            story.refuse(2, stays_active);
            assert_eq!(story.lifecycle.fate(), Fate::Connected);
        }
    }

    #[test]
    fn a_namespace_that_stays_active_is_waited_for_again_on_the_next_engine() {
        let mut story = Story::new(2);
        story.connect(1);
        story.refuse(2, true);
        story.lose(10, DisconnectReason::TransportClose);
        story.connect(20);
        assert_eq!(story.lifecycle.fate(), Fate::NeverBack);
        story.lifecycle.namespace_connected(story.at(21), None);
        assert_eq!(story.lifecycle.fate(), Fate::Connected);
    }

    #[test]
    fn an_upgrade_in_place_ends_the_fault_without_a_disconnect() {
        let mut story = Story::new(1);
        story.connect(0);
        story.lifecycle.fault_felt(story.at(100), FaultId(1));
        story.lifecycle.upgrade_started(story.at(100));
        story.lifecycle.upgraded(story.at(130));
        assert_eq!(
            story.notebook.last(),
            Event::FaultPassed {
                fault: FaultId(1),
                outage: millis(30)
            }
        );
    }
}
