//! What must hold for any events, on any workers, taken at any times.

use std::time::Duration;

use proptest::prelude::*;

use super::{Histogram, Recorder, Snapshot, Tally, Totals};
use crate::clock::Clock;
use crate::event::{
    Cause, Counter, CutOff, DisconnectReason, Event, Failure, Fate, HistogramMetric, LabelId,
    Observer, Origin, PopulationId, Stage, StrikeId, TransportKind,
};

const POPULATIONS: usize = 2;
const WORKERS: u32 = 3;

/// An event, when, to whom and on which worker; or a snapshot that this worker takes.
#[derive(Debug, Clone)]
struct Step {
    after: Duration,
    worker: u32,
    population: u16,
    what: Option<Event>,
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        20 => (0..100_000u64).prop_map(Duration::from_micros),
        // Above what is told apart, too.
        1 => (0..10_000u64).prop_map(Duration::from_secs),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    let stage = proptest::sample::select(Stage::ALL);
    let cause = proptest::sample::select(&Cause::ALL[..4]);
    let message = proptest::sample::select(&["", "refused", "reset by peer"][..]);
    (stage, cause, message, proptest::option::of(400..403u16)).prop_map(
        |(stage, cause, message, status)| Failure {
            status,
            fault: status.map(|status| StrikeId(status.into())),
            ..Failure::new(stage, cause, Origin::Server).with_message(message)
        },
    )
}

fn fault() -> impl Strategy<Value = Option<StrikeId>> {
    proptest::option::of((0..3u32).prop_map(StrikeId))
}

fn cut_off() -> impl Strategy<Value = Option<CutOff>> {
    (fault(), any::<bool>()).prop_map(|(fault, lasts)| fault.map(|fault| CutOff { fault, lasts }))
}

fn client_ended() -> Event {
    Event::ClientEnded {
        fate: Fate::NeverBack,
        ever_connected: true,
        open_for: Some(Duration::from_millis(5)),
    }
}

fn connection_event() -> impl Strategy<Value = Event> {
    let transport = TransportKind::WebSocket;
    let reasons = &DisconnectReason::ALL[..];
    prop_oneof![
        duration().prop_map(|late| Event::ClientStarted { late }),
        Just(client_ended()),
        Just(Event::EngineOpening { transport }),
        Just(Event::EngineOpened { transport }),
        Just(Event::EngineGivenUp),
        (failure(), cut_off())
            .prop_map(|(failure, cut_off)| Event::EngineFailed { failure, cut_off }),
        (duration(), 0..3u32, 0..10u8, fault()).prop_map(|(delay, attempt, stripe, fault)| {
            Event::ReconnectScheduled {
                attempt,
                delay,
                stripe,
                fault,
            }
        }),
        duration().prop_map(move |since_intended| Event::Connected {
            since_intended,
            transport
        }),
        (proptest::sample::select(reasons), fault(), any::<bool>()).prop_map(
            |(reason, fault, first)| {
                let detect = fault.map(|_| Duration::from_millis(7));
                Event::Disconnected {
                    reason,
                    fault,
                    detect,
                    first,
                }
            }
        ),
        (duration(), fault(), 0..9u32, any::<Option<bool>>()).prop_map(
            move |(took, fault, attempts, recovered)| {
                let outage = fault.map(|_| took * 2);
                Event::Reconnected {
                    took,
                    outage,
                    fault,
                    attempts,
                    transport,
                    recovered,
                    is_ready: true,
                }
            }
        ),
        (0..3u32).prop_map(|fault| Event::FaultApplied {
            fault: StrikeId(fault)
        }),
        (0..3u32).prop_map(|fault| Event::FaultLifted {
            fault: StrikeId(fault)
        }),
        (0..3u32).prop_map(|fault| Event::FaultFelt {
            fault: StrikeId(fault)
        }),
    ]
}

fn label() -> impl Strategy<Value = LabelId> {
    (0..4u16).prop_map(LabelId)
}

fn exchange_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Emitted),
        (duration(), label()).prop_map(|(since_intended, event)| Event::Acked {
            event,
            since_intended,
            since_sent: since_intended / 2
        }),
        (duration(), label()).prop_map(|(since_intended, event)| Event::AckTimedOut {
            event,
            since_intended,
            since_sent: Some(since_intended / 2)
        }),
        (duration(), label()).prop_map(|(since_intended, event)| Event::AckUnanswered {
            event,
            since_intended,
            since_sent: None
        }),
        (0..9u64).prop_map(|count| Event::EmitsUnsent { count }),
        (proptest::option::of(0..4u16), proptest::option::of(label())).prop_map(
            |(listen, event)| Event::Received {
                since_stamp: event.map(|_| Duration::from_millis(3)),
                listen,
                event,
            }
        ),
        (0..5000u64, 0..5000u64).prop_map(|(sent, received)| Event::Traffic { sent, received }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        4 => connection_event().prop_map(Some),
        4 => exchange_event().prop_map(Some),
        1 => Just(None),
    ];
    (0..400u64, 0..WORKERS, 0..POPULATIONS as u16, what).prop_map(
        |(after_ms, worker, population, what)| Step {
            after: Duration::from_millis(after_ms),
            worker,
            population,
            what,
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 0..60)
}

/// Plays the steps and hands out every snapshot, the last of each worker included.
fn play(steps: &[Step], clock: Clock) -> Vec<Snapshot> {
    let recorders: Vec<Recorder> = (0..WORKERS)
        .map(|worker| Recorder::new(worker, POPULATIONS, clock))
        .collect();
    let mut snapshots = Vec::new();
    let mut now = clock.origin();
    for step in steps {
        now += step.after;
        let recorder = &recorders[step.worker as usize];
        match &step.what {
            Some(event) => recorder
                .observer(PopulationId(step.population))
                .observe(now, event.clone()),
            None => snapshots.push(recorder.take(now)),
        }
    }
    snapshots.extend(recorders.iter().map(|recorder| recorder.take(now)));
    snapshots
}

fn merged(snapshots: impl IntoIterator<Item = Snapshot>) -> Snapshot {
    let mut whole = Snapshot::default();
    for snapshot in snapshots {
        whole.merge(snapshot);
    }
    whole
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn merging_is_associative_commutative_and_the_empty_snapshot_is_neutral(
        a in steps(), b in steps(), c in steps(),
    ) {
        let clock = Clock::start();
        let [a, b, c] = [a, b, c].map(|steps| merged(play(&steps, clock)));
        let left = merged([merged([a.clone(), b.clone()]), c.clone()]);
        let right = merged([a.clone(), merged([b.clone(), c.clone()])]);
        prop_assert_eq!(&left, &right);
        prop_assert_eq!(merged([a.clone(), b.clone()]), merged([b, a.clone()]));
        prop_assert_eq!(merged([a.clone(), Snapshot::default()]), a);
    }

    #[test]
    fn a_snapshot_is_the_same_after_a_journey_as_json(steps in steps()) {
        let snapshot = merged(play(&steps, Clock::start()));
        let json = serde_json::to_string(&snapshot).unwrap();
        prop_assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
    }

    #[test]
    fn the_seconds_add_up_to_the_whole_however_they_are_taken_and_closed(steps in steps()) {
        let mut totals = Totals::new(POPULATIONS, WORKERS);
        let mut closed = Vec::new();
        for snapshot in play(&steps, Clock::start()) {
            totals.add(snapshot);
            closed.extend(totals.close_seconds());
        }
        closed.extend(totals.close_all());
        let mut whole = Tally::default();
        for (_, interval) in &closed {
            whole.merge(&interval.total());
        }
        let total = totals.total();
        prop_assert_eq!(&whole.counters, &total.counters);
        prop_assert_eq!(&whole.histograms, &total.histograms);
        prop_assert_eq!(&whole.labelled, &total.labelled);
        prop_assert_eq!(&whole.failures, &total.failures);
        prop_assert_eq!(&whole.disconnects, &total.disconnects);
        let acks: u64 = total.labelled.iter().map(|(_, of)| of.counters.value(Counter::Acks)).sum();
        prop_assert_eq!(acks, total.counters.value(Counter::Acks), "each ack is one event's");
        for counter in Counter::ALL {
            let rows: u64 = totals.series().iter().map(|row| row.counters.value(*counter)).sum();
            prop_assert_eq!(rows, total.counters.value(*counter));
        }
        let numbers: Vec<u32> = totals.series().iter().map(|row| row.second).collect();
        prop_assert_eq!(numbers, (0..closed.len() as u32).collect::<Vec<_>>());
        prop_assert_eq!(totals.series().last().map_or(0, |row| row.connected), totals.connected());
        prop_assert!(totals.connected_max(None) >= totals.connected());
    }

    #[test]
    fn totals_do_not_depend_on_when_snapshots_are_taken(steps in steps()) {
        let clock = Clock::start();
        let untaken: Vec<Step> = steps.iter().cloned().map(|mut step| {
            // A snapshot that is not taken still lets time pass.
            step.what = step.what.or(Some(Event::Emitted));
            step
        }).collect();
        let taken = steps.iter().filter(|step| step.what.is_none()).count() as u64;
        let sum = |steps: &[Step]| {
            let mut totals = Totals::new(POPULATIONS, WORKERS);
            totals.add(merged(play(steps, clock)));
            totals.total()
        };
        let (often, once) = (sum(&steps), sum(&untaken));
        prop_assert_eq!(
            often.counters.value(Counter::Emits) + taken,
            once.counters.value(Counter::Emits)
        );
        prop_assert_eq!(often.histograms, once.histograms);
        prop_assert_eq!(often.failures, once.failures);
    }

    #[test]
    fn percentiles_of_merged_histograms_are_those_of_all_values(
        parts in proptest::collection::vec(
            proptest::collection::vec(0..super::HIGHEST, 0..50), 1..5,
        ),
    ) {
        let histogram = |values: &[u64]| {
            let mut histogram = Histogram::new();
            for value in values {
                histogram.record(*value);
            }
            histogram
        };
        let mut merged = Histogram::new();
        for part in &parts {
            merged.merge(&histogram(part));
        }
        let whole = histogram(&parts.concat());
        prop_assert_eq!(&merged, &whole);
        for percentile in [0.0, 50.0, 90.0, 99.0, 99.9, 100.0] {
            prop_assert_eq!(
                merged.value_at_percentile(percentile),
                whole.value_at_percentile(percentile)
            );
        }
        let read = Histogram::from_bytes(&merged.to_bytes()).unwrap();
        prop_assert_eq!(&read, &merged);
    }

    #[test]
    fn a_recorded_value_is_off_by_a_thousandth_at_most(value in 0..super::HIGHEST) {
        let mut histogram = Histogram::new();
        prop_assert!(!histogram.record(value));
        let read = histogram.value_at_percentile(100.0);
        prop_assert!(read >= value && read - value <= value / 1000 + 1, "{value} read as {read}");
    }
}

#[test]
fn what_is_above_an_hour_counts_as_an_hour_and_is_counted() {
    let clock = Clock::start();
    let recorder = Recorder::new(0, 1, clock);
    let observer = recorder.observer(PopulationId(0));
    let late = Duration::from_secs(7200);
    observer.observe(clock.origin(), Event::Heartbeat { late });
    observer.observe(
        clock.origin(),
        Event::Heartbeat {
            late: Duration::ZERO,
        },
    );
    let mut totals = Totals::new(1, 1);
    totals.add(recorder.take(clock.origin()));
    assert_eq!(totals.counter(Counter::OutOfRange), 1);
    let histogram = totals.sample(HistogramMetric::HeartbeatLateness).unwrap();
    let histogram = histogram.completed();
    assert_eq!(histogram.count(), 2);
    assert_eq!(histogram.hdr().min(), 0);
    assert!(histogram.hdr().max() >= super::HIGHEST);
    assert!(histogram.hdr().max() <= super::HIGHEST + super::HIGHEST / 1000);
}
