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
        let lifecycle = Lifecycle::new(notebook.clone(), start, namespaces, Rc::clone(&ambient));
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

    fn feel(&mut self, ms: u64, fault: StrikeId) {
        let now = self.at(ms);
        self.lifecycle.fault_felt(now, fault, now + millis(45_000));
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
    story.feel(1000, StrikeId(4));
    story.lose(1010, DisconnectReason::TransportClose);
    assert_eq!(
        story.notebook.last(),
        Event::Disconnected {
            reason: DisconnectReason::TransportClose,
            fault: Some(StrikeId(4)),
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
            fault: Some(StrikeId(4)),
            attempts: 2,
            transport: TransportKind::WebSocket,
            recovered: None,
            is_ready: true,
        }
    );
}

#[test]
fn a_fault_at_large_explains_one_loss_of_a_client_and_not_the_next() {
    let mut story = Story::new(1);
    story.connect(0);
    let fault = AmbientFault::announce(StrikeId(2), None);
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
    let detects = story.notebook.count(
        |e| matches!(e, Event::Disconnected { detect: Some(detect), .. } if *detect == millis(3)),
    );
    assert_eq!(detects, 1);
}

#[test]
fn a_fault_at_large_does_not_explain_what_comes_long_after_its_end() {
    let mut story = Story::new(1);
    story.connect(0);
    let fault = AmbientFault::announce(StrikeId(2), None);
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
fn a_client_that_never_was_whole_has_still_to_connect_for_the_first_time() {
    let fault = AmbientFault::announce(StrikeId(3), None);
    let mut story = Story::new(2);
    story.ambient.borrow_mut().push(fault.clone());
    story.connect(0);
    fault.strike(story.at(40));
    story.lose(50, DisconnectReason::TransportClose);
    assert_eq!(story.lifecycle.fate(), Fate::NeverConnected);
    story.connect(900);
    story.lifecycle.namespace_connected(story.at(950), None);
    let transport = TransportKind::WebSocket;
    let since_intended = millis(950);
    assert_eq!(
        story.notebook.last(),
        Event::Connected {
            since_intended,
            transport
        }
    );
    let felt = |e: &Event| matches!(e, Event::FaultFelt { .. });
    assert_eq!(story.notebook.count(felt), 0, "it had nothing to lose");
}

#[test]
fn a_handshake_that_nobody_waits_for_any_more_is_given_up_once() {
    let given_up = |e: &Event| *e == Event::EngineGivenUp;
    let mut story = Story::new(1);
    let now = story.at(0);
    story.lifecycle.engine_opening(now, TransportKind::Polling);
    story.lifecycle.give_up_handshake(story.at(500));
    story.lifecycle.give_up_handshake(story.at(500));
    assert_eq!(story.notebook.count(given_up), 1);

    let mut story = Story::new(1);
    story.connect(0);
    story.lifecycle.give_up_handshake(story.at(500));
    assert_eq!(story.notebook.count(given_up), 0);
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
fn an_upgrade_in_place_ends_the_fault_without_a_disconnect() {
    let mut story = Story::new(1);
    story.connect(0);
    story.feel(100, StrikeId(1));
    story.lifecycle.upgrade_started(story.at(100));
    story.lifecycle.upgraded(story.at(130));
    assert_eq!(
        story.notebook.last(),
        Event::FaultPassed {
            fault: StrikeId(1),
            outage: millis(30),
            ago: Duration::ZERO,
        }
    );
}

#[test]
fn a_fault_that_lasts_and_does_no_harm_has_passed_with_the_clients_leave() {
    let mut story = Story::new(1);
    story.connect(0);
    let fault = StrikeId(3);
    let (begun, over, settles) = (story.at(100), story.at(400), story.at(90_000));
    let mute = crate::fault::condition::Mute.into();
    story.lifecycle.begin_fault(begun, fault, mute, Some(over));
    story.lifecycle.fault_applied(begun, fault);
    assert!(story.lifecycle.end_faults(over, settles));
    assert_eq!(story.notebook.last(), Event::FaultLifted { fault });
    assert_eq!(story.lifecycle.deadline(), Some(settles));
    story.lifecycle.settle_faults(story.at(500));
    story.lifecycle.finish_faults(story.at(600));
    assert_eq!(
        story.notebook.last(),
        Event::FaultPassed {
            fault,
            outage: millis(300),
            ago: millis(200),
        }
    );
}

#[test]
fn a_fault_for_a_moment_that_did_no_harm_cost_no_time_at_the_clients_leave() {
    let mut story = Story::new(1);
    story.connect(0);
    story.feel(100, StrikeId(1));
    story.lifecycle.finish_faults(story.at(7_000));
    assert_eq!(
        story.notebook.last(),
        Event::FaultPassed {
            fault: StrikeId(1),
            outage: Duration::ZERO,
            ago: millis(6_900),
        }
    );
}

#[test]
fn a_client_that_is_lost_is_not_well_of_any_fault() {
    let mut story = Story::new(1);
    story.connect(0);
    story.feel(100, StrikeId(1));
    story.feel(110, StrikeId(2));
    story.lose(120, DisconnectReason::TransportClose);
    assert_eq!(story.lifecycle.deadline(), None);
    story.lifecycle.settle_faults(story.at(90_000));
    story.lifecycle.finish_faults(story.at(90_000));
    let passed = |e: &Event| matches!(e, Event::FaultPassed { .. });
    assert_eq!(story.notebook.count(passed), 0);
    story.connect(91_000);
    assert_eq!(
        story.notebook.last(),
        Event::FaultPassed {
            fault: StrikeId(1),
            outage: Duration::ZERO,
            ago: millis(90_900),
        },
        "the loss is the other one's"
    );
}

#[test]
fn a_fault_that_strikes_again_is_felt_again_and_timed_from_its_last_strike() {
    let mut story = Story::new(1);
    story.connect(0);
    let fault = AmbientFault::announce(StrikeId(2), None);
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

/// The origin and the fault of the last failure that a story tells.
fn last_failure(story: &Story) -> (Origin, Option<StrikeId>) {
    let last = story.notebook.last();
    let (Event::EngineFailed { failure, .. }
    | Event::NamespaceFailed { failure, .. }
    | Event::SessionFailed { failure, .. }) = last
    else {
        panic!("no failure: {last:?}");
    };
    (failure.origin, failure.fault)
}

#[test]
fn what_fails_while_a_global_fault_is_at_work_is_its_doing_for_those_that_arrive_too() {
    let mut story = Story::new(1);
    let fault = AmbientFault::announce(StrikeId(4), None);
    story.ambient.borrow_mut().push(fault.clone());
    let refused = Failure::new(Stage::Tcp, Cause::ConnectionRefused, Origin::Network);
    let fail = |story: &mut Story, begun, ms, failure: &Failure| {
        let (begun, now) = (story.at(begun), story.at(ms));
        story
            .lifecycle
            .engine_opening(begun, TransportKind::WebSocket);
        story.lifecycle.engine_failed(now, failure.clone());
        last_failure(story)
    };
    let unexplained = (Origin::Network, None);
    let explained = (Origin::Scenario, Some(StrikeId(4)));
    assert_eq!(fail(&mut story, 0, 1, &refused), unexplained, "announced");
    fault.strike(story.at(100));
    assert_eq!(fail(&mut story, 110, 120, &refused), explained);
    let rejected = Failure::new(Stage::Open, Cause::Forbidden, Origin::Server);
    let by_server = (Origin::Server, None);
    assert_eq!(fail(&mut story, 120, 130, &rejected), by_server);
    let now = story.at(140);
    story
        .lifecycle
        .engine_opening(now, TransportKind::WebSocket);
    fault.end(story.at(200));
    story
        .lifecycle
        .engine_failed(story.at(210), refused.clone());
    assert_eq!(
        last_failure(&story),
        explained,
        "it had begun before the end"
    );
    assert_eq!(fail(&mut story, 220, 230, &refused), unexplained);
}

#[test]
fn what_fails_with_the_loss_that_a_fault_causes_is_its_doing() {
    let mut story = Story::new(1);
    story.connect(0);
    let reset = Failure::new(Stage::Session, Cause::ConnectionReset, Origin::Network);
    let now = story.at(50);
    story.lifecycle.session_failed(now, reset.clone());
    assert_eq!(last_failure(&story), (Origin::Network, None));
    story.feel(100, StrikeId(1));
    let now = story.at(110);
    story.lifecycle.session_failed(now, reset.clone());
    assert_eq!(last_failure(&story), (Origin::Scenario, Some(StrikeId(1))));
    story.lose(111, DisconnectReason::TransportError);
    let refused = Failure::new(Stage::Tcp, Cause::ConnectionRefused, Origin::Network);
    let now = story.at(120);
    story
        .lifecycle
        .engine_opening(now, TransportKind::WebSocket);
    story.lifecycle.engine_failed(story.at(130), refused);
    assert_eq!(
        last_failure(&story),
        (Origin::Network, None),
        "the impulse is over: this is the server's"
    );
}

#[test]
fn what_fails_on_the_way_back_is_put_down_to_the_fault_and_says_whether_it_lasts() {
    let mut story = Story::new(1);
    let failure = Failure::new(Stage::Tcp, Cause::ConnectionRefused, Origin::Server);
    let fault = AmbientFault::announce(StrikeId(2), None);
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
        let fault = StrikeId(2);
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
        fault: Some(StrikeId(2)),
    };
    assert_eq!(story.notebook.last(), scheduled);
    story.connect(3000);
    assert_eq!(failed(&mut story, 3500), None);
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
