//! One connection that is held beside the other checks: a server that throws clients out again
//! does so within seconds.

use std::time::Duration;

use super::Skipped;
use crate::catalogue::{
    CLOSED_WHILE_WATCHED, FRAMES_HELD, KICKED, ONE_SESSION_PER_LOGIN, PING_TIMEOUT_SHORT,
};
use crate::clock;
use crate::doctor::known::Known;
use crate::doctor::long_connection::{How, LongConnection, Spec};
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::event::{EngineRevision, TransportKind};
use crate::report::number;

/// How long it is held: longer than the seconds after which servers throw clients out.
const HELD: Duration = Duration::from_millis(3600);
/// A disconnect this soon after another connection of the same login may be because of it.
const BECAUSE_OF: Duration = Duration::from_millis(1500);
/// How much longer the connection is held when it is held alone.
const LONGER: Duration = Duration::from_millis(1500);

/// Begins to hold a connection, if the namespace was connected and stayed so.
pub(super) fn begin(probe: &Probe, known: &mut Known) {
    let Some(revision) = known.revision.filter(|_| known.is_connected) else {
        return;
    };
    let probe = probe.for_check("stays");
    let spec = spec(known, revision, HELD);
    let held = async move { spec.hold(&probe).await };
    known.held = Some(tokio::task::spawn_local(held));
}

fn spec(known: &Known, revision: EngineRevision, held: Duration) -> Spec {
    let transport = match known.websocket {
        Some(true) => TransportKind::WebSocket,
        Some(false) | None => TransportKind::Polling,
    };
    Spec {
        revision,
        transport,
        talk_every: None,
        until: clock::now() + held,
    }
}

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    let (Some(held), Some(revision)) = (known.held.take(), known.revision) else {
        let reason = match known.revision {
            Some(_) => "the namespace is not connected",
            None => "no engine could be opened",
        };
        return Some(reason.to_owned());
    };
    let held = match held.await {
        Ok(Ok(held)) => held,
        Ok(Err(reason)) => return Some(format!("no connection could be held: {reason}")),
        Err(_) => return Some("the connection was given up".to_owned()),
    };
    let lasted = number::seconds(held.lasted.as_secs_f64());
    let Some(end) = &held.end else {
        if held.is_mute {
            known.websocket = Some(false);
            let seen = format!(
                "A WebSocket carried packets at first, and {lasted} after the connect none came \
                 back."
            );
            notes.find(&FRAMES_HELD, seen, &[held.id]);
            return None;
        }
        notes.fact(format!("{} stayed connected for {lasted}", held.name()));
        return None;
    };
    if is_because_of_another(probe, &held) {
        let alone = spec(known, revision, held.lasted + LONGER)
            .hold(probe)
            .await;
        if matches!(&alone, Ok(alone) if alone.end.is_none()) {
            known.is_one_per_login = true;
            let seen = format!(
                "It was ended after {lasted}, when the doctor connected again, and stayed when it \
                 was alone."
            );
            notes.find(&ONE_SESSION_PER_LOGIN, seen, &[held.id]);
            return None;
        }
    }
    let seen = format!("{lasted} after the connect: {}.", end.how);
    let finding = match end.how {
        _ if known.is_heartbeat_short => &PING_TIMEOUT_SHORT,
        How::Disconnected | How::Closed => &KICKED,
        How::Frame(_) | How::Cut(_) | How::Status(_) | How::NoHeartbeat => {
            match held.is_ended_by_ping_timeout() {
                true => &PING_TIMEOUT_SHORT,
                false => &CLOSED_WHILE_WATCHED,
            }
        }
    };
    notes.find(finding, seen, &[held.id]);
    None
}

/// Whether another connection of the doctor came just before the end.
fn is_because_of_another(probe: &Probe, held: &LongConnection) -> bool {
    probe
        .sessions
        .connects_in(held.connected_at, held.ended_at, BECAUSE_OF)
}
