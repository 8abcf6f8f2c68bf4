//! A small run for the tests of this module: made of real events, so that everything is filled in.

use std::time::{Duration, SystemTime};

use super::facts::{FaultFacts, GeneratorFacts, ListenFacts, PopulationFacts, RunFacts};
use super::watched::WatchLog;
use crate::clock::Clock;
use crate::event::{
    Cause, CutOff, DisconnectReason, Event, Failure, Fate, Label, LabelId, Labels, Observer,
    Origin, PopulationId, Stage, StrikeId, TransportKind,
};
use crate::metrics::{Recorder, Totals};
use crate::results::summary::Provenance;

const WS: TransportKind = TransportKind::WebSocket;

/// Four clients; a fault at second 2 takes three of them, of which two come back.
pub(super) fn totals() -> Totals {
    let clock = Clock::start();
    let recorder = Recorder::new(0, 2, clock);
    let web = recorder.observer(PopulationId(0));
    let events = connecting().into_iter().chain(breaking());
    for (at_ms, event) in events.chain(returning()) {
        web.observe(clock.origin() + ms(at_ms), event);
    }
    let end = clock.origin() + ms(4000);
    web.observe(
        end,
        Event::ClientEnded {
            fate: Fate::NeverBack,
            ever_connected: true,
            open_for: Some(ms(1999)),
        },
    );
    recorder.observe_lag(end, ms(2));
    let mut totals = Totals::new(2, 1);
    totals.add(recorder.take(end + ms(500)));
    totals
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Each client comes, emits once and receives once.
fn connecting() -> Vec<(u64, Event)> {
    let of_client = |n: u64| {
        let since_intended = ms(10 + n);
        let acked = Event::Acked {
            event: LabelId(0),
            since_intended: ms(5),
            since_sent: ms(4),
        };
        [
            (
                0,
                Event::ClientStarted {
                    late: Duration::ZERO,
                },
            ),
            (0, Event::EngineOpening { transport: WS }),
            (5, Event::EngineOpened { transport: WS }),
            (6, Event::NamespaceConnected),
            (
                10 + n,
                Event::Connected {
                    since_intended,
                    transport: WS,
                },
            ),
            (20, Event::Emitted),
            (25, acked),
            (
                30,
                Event::Received {
                    since_stamp: None,
                    listen: Some(0),
                    event: Some(LabelId(1)),
                },
            ),
        ]
    };
    (0..4).flat_map(of_client).collect()
}

/// Three clients lose their connection and begin to come back; one is refused.
fn breaking() -> Vec<(u64, Event)> {
    let lost = Event::Disconnected {
        reason: DisconnectReason::TransportClose,
        fault: Some(StrikeId(0)),
        detect: Some(ms(1)),
        first: true,
    };
    let failure = Failure::new(Stage::Tcp, Cause::ConnectionRefused, Origin::Network)
        .with_message("os error 111");
    let scheduled = |stripe: u8, delay_ms: u64| Event::ReconnectScheduled {
        attempt: 1,
        delay: ms(delay_ms),
        stripe,
        fault: Some(StrikeId(0)),
    };
    let mut events = vec![(2000, Event::FaultFelt { fault: StrikeId(0) }); 3];
    events.extend(vec![(2001, lost); 3]);
    events.extend([(5, 1060), (5, 1090), (6, 1150)].map(|(s, d)| (2001, scheduled(s, d))));
    events.extend(vec![(3100, Event::EngineOpening { transport: WS }); 3]);
    let cut_off = Some(CutOff {
        fault: StrikeId(0),
        lasts: false,
    });
    events.push((3101, Event::EngineFailed { failure, cut_off }));
    events
}

fn returning() -> Vec<(u64, Event)> {
    let back = |at_ms: u64| {
        let reconnected = Event::Reconnected {
            took: ms(at_ms - 2001),
            outage: Some(ms(at_ms - 2000)),
            fault: Some(StrikeId(0)),
            attempts: 1,
            transport: WS,
            recovered: Some(true),
            is_ready: true,
        };
        [
            (at_ms, Event::EngineOpened { transport: WS }),
            (at_ms, Event::NamespaceConnected),
            (at_ms, reconnected),
        ]
    };
    [3200, 3900].into_iter().flat_map(back).collect()
}

pub(super) fn facts() -> RunFacts {
    RunFacts {
        scenario: "sample".to_owned(),
        description: "A small run.".to_owned(),
        seed: 7,
        labels: Labels::new([
            Label::Event("echo".to_owned()),
            Label::Event("news".to_owned()),
            Label::Listen("news".to_owned()),
        ]),
        duration: Duration::from_millis(4500),
        populations: vec![
            PopulationFacts {
                name: "web".to_owned(),
                listens: vec![ListenFacts {
                    event: "news".to_owned(),
                    label: Some(Label::Listen("news".to_owned())),
                    expect_per_client: Some(2),
                }],
            },
            PopulationFacts {
                name: "idle".to_owned(),
                listens: Vec::new(),
            },
        ],
        faults: vec![FaultFacts {
            id: StrikeId(0),
            fault: "disconnect".to_owned(),
            detail: "how = reset, 3 clients".to_owned(),
            at: Duration::from_secs(2),
            applied: Some(Duration::from_secs(2)),
            ended: Some(Duration::from_secs(2)),
            spread: Duration::ZERO,
            failed: None,
            connections: None,
            requests: None,
        }],
        warnings: Vec::new(),
        watched: WatchLog::default(),
        generator: GeneratorFacts {
            cpu: Duration::from_millis(120),
            rss_peak_bytes: 1 << 24,
            shortages: 0,
        },
        provenance: Provenance {
            tool: "sio-load".to_owned(),
            started: "2026-11-23T22:48:40Z".to_owned(),
            ..Provenance::default()
        },
    }
}

pub(super) fn started() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_474_120)
}
