//! Connections that are held for a while: why they end, and what the heartbeat is like.

use std::time::{Duration, Instant};

use super::Skipped;
use super::{periods, sizes};
use crate::catalogue::{
    CLOSED_WHILE_WATCHED, Finding, HEARTBEAT_MISMATCH, IDLE_TIMEOUT, PINGS_LATE, PINGS_MISSING,
};
use crate::clock;
use crate::doctor::exchange::ms;
use crate::doctor::held::{End, Held, How, Line};
use crate::doctor::patient::Patient;
use crate::event::{EngineRevision, TransportKind};
use crate::report::number;

/// A connection that outlives another by less than this has ended together with it.
const TOGETHER: Duration = Duration::from_secs(1);
/// Pings that are later than this part of pingTimeout, and later than half a second, are late.
const LATE_SHARE: f64 = 0.25;
const LATE_LEAST: Duration = Duration::from_millis(500);

pub(super) async fn run(patient: &Patient) -> Skipped {
    let watch = patient.options.watch?;
    let (revision, polling_off, websocket) = {
        let known = patient.known.borrow();
        (known.revision, known.polling_off, known.websocket)
    };
    let Some(revision) = revision else {
        return Some("no engine could be opened".to_owned());
    };
    let until = clock::now() + watch;
    let polling = (!polling_off).then_some(TransportKind::Polling);
    let websocket = (websocket == Some(true)).then_some(TransportKind::WebSocket);
    let every = talk_every(watch);
    let line = |transport: Option<TransportKind>, talks: bool| async move {
        let line = Line {
            revision,
            transport: transport?,
            talk_every: talks.then_some(every),
            until,
        };
        line.hold(patient).await
    };
    let (a, b, c, d, mismatch) = tokio::join!(
        line(polling, false),
        line(polling, true),
        line(websocket, false),
        line(websocket, true),
        as_release_4(patient, revision, until),
    );
    let lines: Vec<Held> = [a, b, c, d].into_iter().flatten().collect();
    if lines.is_empty() {
        return Some("no connection could be held".to_owned());
    }
    for held in &lines {
        tell(patient, held, &lines);
    }
    heartbeat(patient, &lines);
    if let Some(held) = mismatch {
        tell_mismatch(patient, &held);
    }
    if !polling_off {
        sizes::run(patient, revision).await;
    }
    None
}

/// Often enough to keep any proxy awake, and a few dozen times in all at most.
fn talk_every(watch: Duration) -> Duration {
    (watch / 15).clamp(Duration::from_secs(2), Duration::from_secs(10))
}

/// A release 2 server takes a WebSocket of release 4, and waits in vain for its pings.
async fn as_release_4(patient: &Patient, revision: EngineRevision, until: Instant) -> Option<Held> {
    match revision {
        EngineRevision::V4 => None,
        EngineRevision::V3 => {
            let line = Line {
                revision: EngineRevision::V4,
                transport: TransportKind::WebSocket,
                talk_every: None,
                until,
            };
            line.hold(patient).await
        }
    }
}

fn tell(patient: &Patient, held: &Held, lines: &[Held]) {
    let name = held.name();
    let lasted = number::time(ms(held.lasted) * 1e3);
    let Some(end) = &held.end else {
        patient.fact(format!("{name}: held for {lasted}"));
        return;
    };
    patient.fact(format!("{name}: ended after {lasted}, {}", end.how));
    let (finding, why) = judge(held, end, lines);
    let seen = format!("{name} ended after {lasted}: {}. {why}", end.how);
    patient.find(finding, seen, &[held.id]);
}

fn judge(held: &Held, end: &End, lines: &[Held]) -> (&'static Finding, String) {
    if matches!(end.how, How::NoHeartbeat) {
        return (&PINGS_MISSING, String::new());
    }
    let silence = number::time(ms(end.silence) * 1e3);
    if is_idle_timeout(held, end, lines) {
        let typical = periods::typical(end.silence)
            .map_or_else(String::new, |who| format!(" That is the period of {who}."));
        let why = format!("It had been silent for {silence}.{typical}");
        return (&IDLE_TIMEOUT, why);
    }
    let why = format!("Its last message was {silence} old.");
    (&CLOSED_WHILE_WATCHED, why)
}

/// A silent connection that ended, while one that talked lived on. A held poll is silent whatever
/// else its client does, and what a proxy answers it in the end says so.
fn is_idle_timeout(held: &Held, end: &End, lines: &[Held]) -> bool {
    match held.transport {
        TransportKind::Polling => match &end.how {
            How::Status(status) => matches!(status, 408 | 502 | 504),
            How::Cut(_) => end.silence > TOGETHER,
            How::Closed | How::Frame(_) | How::NoHeartbeat => false,
        },
        TransportKind::WebSocket => {
            let outlived = |other: &&Held| {
                other.transport == held.transport
                    && other.talks
                    && other.lasted > held.lasted + TOGETHER
            };
            !held.talks && lines.iter().any(|other| outlived(&other))
        }
    }
}

fn heartbeat(patient: &Patient, lines: &[Held]) {
    let Some(worst) = lines
        .iter()
        .filter(|line| line.beats > 0)
        .max_by_key(|line| line.lateness)
    else {
        patient.fact("no heartbeat was due; watch for longer than pingInterval to see one");
        return;
    };
    let lateness = number::time(ms(worst.lateness) * 1e3);
    patient.fact(format!("the latest heartbeat came {lateness} late"));
    let timeout = patient
        .known
        .borrow()
        .handshake
        .as_ref()
        .map_or(Duration::ZERO, |handshake| handshake.ping_timeout);
    if worst.lateness > timeout.mul_f64(LATE_SHARE) && worst.lateness > LATE_LEAST {
        let seen = format!(
            "{}: a heartbeat came {lateness} late; pingTimeout is {}.",
            worst.name(),
            number::time(ms(timeout) * 1e3)
        );
        patient.find(&PINGS_LATE, seen, &[worst.id]);
    }
}

fn tell_mismatch(patient: &Patient, held: &Held) {
    let lasted = number::time(ms(held.lasted) * 1e3);
    let seen = match &held.end {
        Some(end) if !matches!(end.how, How::NoHeartbeat) => {
            format!("A WebSocket of a release 4 client was closed after {lasted}.")
        }
        // The client's own patience is as long as the server's: either may come first.
        Some(_) => format!("A WebSocket of a release 4 client got no ping within {lasted}."),
        None => return,
    };
    patient.find(&HEARTBEAT_MISMATCH, seen, &[held.id]);
}
