//! Connections that are held for a while: why they end, and what the heartbeat is like.

use std::time::{Duration, Instant};

use super::Skipped;
use super::{periods, sizes};
use crate::catalogue::{
    CLOSED_WHILE_WATCHED, Finding, HEARTBEAT_MISMATCH, IDLE_TIMEOUT, KICKED, PING_TIMEOUT_SHORT,
    PINGS_LATE, PINGS_MISSING,
};
use crate::clock;
use crate::doctor::exchange::ms;
use crate::doctor::known::Known;
use crate::doctor::long_connection::{End, How, LongConnection, Spec};
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::event::{EngineRevision, TransportKind};
use crate::report::number;

/// A connection that outlives another by less than this has ended together with it.
const TOGETHER: Duration = Duration::from_secs(1);
/// Pings that are later than this part of pingTimeout, and later than half a second, are late.
const LATE_SHARE: f64 = 0.25;
const LATE_LEAST: Duration = Duration::from_millis(500);

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    let watch = probe.options.watch?;
    let (revision, polling_off, websocket) =
        { (known.revision, known.polling_off, known.websocket) };
    let Some(revision) = revision else {
        return Some("no engine could be opened".to_owned());
    };
    let until = clock::now() + watch;
    let polling = (!polling_off).then_some(TransportKind::Polling);
    let websocket = (websocket == Some(true)).then_some(TransportKind::WebSocket);
    // Connections of one login would end each other: one is held alone.
    let alone = websocket.or(polling);
    let [a, b, c, d] = match known.is_one_per_login {
        true => [alone, None, None, None],
        false => [polling, polling, websocket, websocket],
    };
    let every = talk_every(watch);
    let line = |transport: Option<TransportKind>, talks: bool| async move {
        let transport = transport?;
        let line = Spec {
            revision,
            transport,
            talk_every: talks.then_some(every),
            until,
        };
        Some(line.hold(probe).await)
    };
    let (a, b, c, d, mismatch) = tokio::join!(
        line(a, false),
        line(b, true),
        line(c, false),
        line(d, true),
        as_release_4(probe, revision, until),
    );
    let mut lines: Vec<LongConnection> = Vec::new();
    for held in [a, b, c, d].into_iter().flatten() {
        match held {
            Ok(held) => lines.push(held),
            Err(reason) => notes.fact(format!("not held: {reason}")),
        }
    }
    if lines.is_empty() {
        return Some("no connection could be held".to_owned());
    }
    for held in &lines {
        tell(notes, held, &lines);
    }
    heartbeat(known, notes, &lines);
    if let Some(held) = mismatch {
        tell_mismatch(notes, &held);
    }
    if !polling_off {
        sizes::run(probe, known, notes, revision).await;
    }
    None
}

/// Often enough to keep any proxy awake, and a few dozen times in all at most.
fn talk_every(watch: Duration) -> Duration {
    (watch / 15).clamp(Duration::from_secs(2), Duration::from_secs(10))
}

/// A release 2 server takes a WebSocket of release 4, and waits in vain for its pings.
async fn as_release_4(
    probe: &Probe,
    revision: EngineRevision,
    until: Instant,
) -> Option<LongConnection> {
    match revision {
        EngineRevision::V4 => None,
        EngineRevision::V3 => {
            let line = Spec {
                revision: EngineRevision::V4,
                transport: TransportKind::WebSocket,
                talk_every: None,
                until,
            };
            line.hold(probe).await.ok()
        }
    }
}

fn tell(notes: &mut Notes, held: &LongConnection, lines: &[LongConnection]) {
    let name = held.name();
    let lasted = number::time(ms(held.lasted) * 1e3);
    let Some(end) = &held.end else {
        notes.fact(format!("{name}: held for {lasted}"));
        return;
    };
    notes.fact(format!("{name}: ended after {lasted}, {}", end.how));
    let (finding, why) = judge(held, end, lines);
    let seen = format!("{name} ended after {lasted}: {}. {why}", end.how);
    notes.find(finding, seen, &[held.id]);
}

fn judge(held: &LongConnection, end: &End, lines: &[LongConnection]) -> (&'static Finding, String) {
    if matches!(end.how, How::NoHeartbeat) {
        return (&PINGS_MISSING, String::new());
    }
    if matches!(end.how, How::Disconnected) {
        return (&KICKED, String::new());
    }
    if held.is_ended_by_ping_timeout() {
        let why = "That is one pingTimeout after a ping, which was answered at once.";
        return (&PING_TIMEOUT_SHORT, why.to_owned());
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
fn is_idle_timeout(held: &LongConnection, end: &End, lines: &[LongConnection]) -> bool {
    match held.transport {
        TransportKind::Polling => match &end.how {
            How::Status(status) => matches!(status, 408 | 502 | 504),
            How::Cut(_) => end.silence > TOGETHER,
            How::Closed | How::Disconnected | How::Frame(_) | How::NoHeartbeat => false,
        },
        TransportKind::WebSocket => {
            let outlived = |other: &&LongConnection| {
                other.transport == held.transport
                    && other.talks
                    && other.lasted > held.lasted + TOGETHER
            };
            !held.talks && lines.iter().any(|other| outlived(&other))
        }
    }
}

fn heartbeat(known: &Known, notes: &mut Notes, lines: &[LongConnection]) {
    let Some(worst) = lines
        .iter()
        .filter(|line| line.beats > 0)
        .max_by_key(|line| line.lateness)
    else {
        notes.fact("no heartbeat was due; watch for longer than pingInterval to see one");
        return;
    };
    let lateness = number::time(ms(worst.lateness) * 1e3);
    notes.fact(format!("the latest heartbeat came {lateness} late"));
    let timeout = known
        .handshake
        .as_ref()
        .map_or(Duration::ZERO, |handshake| handshake.ping_timeout);
    if worst.lateness > timeout.mul_f64(LATE_SHARE) && worst.lateness > LATE_LEAST {
        let seen = format!(
            "{}: a heartbeat came {lateness} late; pingTimeout is {}.",
            worst.name(),
            number::time(ms(timeout) * 1e3)
        );
        notes.find(&PINGS_LATE, seen, &[worst.id]);
    }
}

fn tell_mismatch(notes: &mut Notes, held: &LongConnection) {
    let lasted = number::time(ms(held.lasted) * 1e3);
    let seen = match &held.end {
        Some(end) if !matches!(end.how, How::NoHeartbeat) => {
            format!("A WebSocket of a release 4 client was closed after {lasted}.")
        }
        // The client's own patience is as long as the server's: either may come first.
        Some(_) => format!("A WebSocket of a release 4 client got no ping within {lasted}."),
        None => return,
    };
    notes.find(&HEARTBEAT_MISMATCH, seen, &[held.id]);
}
