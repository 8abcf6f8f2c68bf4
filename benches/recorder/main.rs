//! What measuring costs: `cargo bench --bench recorder`. CPU of one operation, median of eleven
//! rounds; `-- --smoke` does everything a few times, to see that it works.
#![expect(clippy::disallowed_macros, reason = "a bench prints its figures")]

#[path = "../timing/mod.rs"]
mod timing;

use std::time::Duration;

use sio_load::clock::Clock;
use sio_load::event::{Event, LabelId, Observer as _, PopulationId, StrikeId, TransportKind};
use sio_load::metrics::{Recorder, Snapshot, Totals};
use timing::Timing;

const COUNT: usize = 100_000;
const EVERYBODY: PopulationId = PopulationId(0);

/// Events in the second whose snapshot is taken and merged.
const EVENTS_PER_SECOND: usize = 20_000;

fn main() {
    let timing = Timing::from_arguments();
    for (what, event) in [
        ("record an emit", Event::Emitted),
        ("record an ack: a count and two times", acked(1_234)),
        ("record a connect: a time and a gauge", connected()),
        ("record a reconnection of a fault's victim", reconnected()),
    ] {
        record(&timing, what, &event);
    }
    snapshots(&timing);
}

fn record(timing: &Timing, what: &str, event: &Event) {
    let clock = Clock::start();
    timing.measure(
        what,
        COUNT,
        || Recorder::new(0, 1, clock).observer(EVERYBODY),
        |observer| observer.observe(clock.origin(), event.clone()),
    );
}

/// A second's worth of events, on its way from a worker to the totals of the run.
fn snapshots(timing: &Timing) {
    let clock = Clock::start();
    let events = timing.times(EVENTS_PER_SECOND);
    timing.measure(
        &format!("take the snapshot of a second with {events} acks"),
        1,
        || a_second_of(events, clock),
        |recorder| take(recorder, clock),
    );
    timing.measure(
        "merge such snapshots of two workers",
        1,
        || (snapshot(events, clock), snapshot(events, clock)),
        |(one, other)| one.merge(std::mem::take(other)),
    );
    timing.measure(
        "add such a snapshot to the totals, and close its second",
        1,
        || (Totals::new(1, 1), snapshot(events, clock)),
        |(totals, snapshot)| {
            totals.add(std::mem::take(snapshot));
            totals.close_all()
        },
    );
    let snapshot = snapshot(events, clock);
    let write = || serde_json::to_vec(&snapshot).expect("a snapshot can be written");
    timing.measure("write such a snapshot as JSON", 1, || (), |()| write());
    let bytes = write();
    let read = || serde_json::from_slice::<Snapshot>(&bytes).expect("what was written can be read");
    timing.measure("read such a snapshot again", 1, || (), |()| read());
}

fn snapshot(events: usize, clock: Clock) -> Snapshot {
    take(&a_second_of(events, clock), clock)
}

fn take(recorder: &Recorder, clock: Clock) -> Snapshot {
    recorder.take(clock.origin() + Duration::from_secs(1))
}

fn a_second_of(events: usize, clock: Clock) -> Recorder {
    let recorder = Recorder::new(0, 1, clock);
    let observer = recorder.observer(EVERYBODY);
    for n in 0..events as u64 {
        // ExactDistribution over four powers of ten, as latencies are.
        let event = acked(100 + n * n % 1_000_003);
        observer.observe(clock.origin(), event);
        observer.observe(clock.origin(), Event::Emitted);
    }
    recorder
}

fn acked(us: u64) -> Event {
    Event::Acked {
        event: LabelId(0),
        since_intended: Duration::from_micros(us),
        since_sent: Duration::from_micros(us / 2),
    }
}

fn connected() -> Event {
    Event::Connected {
        since_intended: Duration::from_millis(3),
        transport: TransportKind::WebSocket,
    }
}

fn reconnected() -> Event {
    Event::Reconnected {
        took: Duration::from_millis(900),
        outage: Some(Duration::from_millis(1000)),
        fault: Some(StrikeId(0)),
        attempts: 1,
        transport: TransportKind::WebSocket,
        recovered: Some(false),
        is_ready: true,
    }
}
