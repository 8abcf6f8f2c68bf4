//! WebSocket through whatever stands in front: the upgrade, and sessions that begin with it.

use std::time::Duration;

use serde_json::Value;

use super::Skipped;
use crate::catalogue::{
    self, DIRECT_WEBSOCKET_FAILS, Finding, PROBE_FAILED, UPGRADE_HEADERS_STRIPPED, UPGRADE_SLOW,
    UPGRADE_SWALLOWED, WEBSOCKET_NOT_STICKY, WEBSOCKET_OFF, WEBSOCKET_REFUSED,
};
use crate::clock;
use crate::doctor::exchange::ms;
use crate::doctor::http::Reply;
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::session::Session;
use crate::doctor::upgrade::{self, Upgrade, refusal};
use crate::event::{Cause, EngineRevision};
use crate::report::number;

/// An upgrade that takes longer is slow.
const SLOW: Duration = Duration::from_secs(3);

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    let (revision, polling_off, offered) = {
        let offered = known
            .handshake
            .as_ref()
            .is_some_and(|handshake| handshake.offers_websocket);
        (known.revision, known.polling_off, offered)
    };
    let Some(revision) = revision else {
        return Some("no engine could be opened".to_owned());
    };
    if polling_off {
        notes.fact("sessions begin as a WebSocket; there is nothing to upgrade");
        return None;
    }
    if !offered {
        let seen = "The handshake says `\"upgrades\":[]`.";
        let evidence = known.opened_by;
        notes.find(&WEBSOCKET_OFF, seen, evidence.as_slice());
        return None;
    }
    let is_upgraded = upgrade(probe, known, notes, revision).await;
    known.websocket = Some(is_upgraded);
    if !is_upgraded {
        notes.fact("verdict: clients are stuck in long-polling");
    }
    direct(probe, notes, revision, is_upgraded).await;
    None
}

/// What became of the upgrade in the handshake; tried again if it never came to one.
async fn upgrade(
    probe: &Probe,
    known: &mut Known,
    notes: &mut Notes,
    revision: EngineRevision,
) -> bool {
    let tried = known.upgrade.take();
    let (outcome, id, took) = match tried {
        Some(tried) => tried,
        None => {
            let (Ok(session), _) = Session::open(probe, revision, None).await else {
                return false;
            };
            let began = clock::now();
            let tried = upgrade::run(probe, session).await;
            let took = clock::now().saturating_duration_since(began);
            (tried.outcome, tried.asked.id, took)
        }
    };
    let finding = match &outcome {
        Upgrade::Done => {
            notes.fact("the upgrade works");
            tell_slow(notes, took, id);
            return true;
        }
        Upgrade::Swallowed => &UPGRADE_SWALLOWED,
        Upgrade::Failed(failure) if failure.cause == Cause::ProtocolViolation => {
            catalogue::of(failure.cause)
        }
        Upgrade::Failed(_) => &WEBSOCKET_REFUSED,
        Upgrade::ProbeSilent | Upgrade::ProbeEnded(_) | Upgrade::ProbeOther(_) => &PROBE_FAILED,
        Upgrade::Refused(reply) => match refused(probe, reply) {
            Some(finding) => finding,
            None => {
                notes.fact("the upgrade reaches another server, as polling does");
                return false;
            }
        },
    };
    notes.find(finding, format!("The upgrade: {outcome}."), &[id]);
    false
}

fn tell_slow(notes: &mut Notes, took: Duration, id: usize) {
    if took > SLOW {
        let seen = format!("It took {}.", number::time(ms(took) * 1e3));
        notes.find(&UPGRADE_SLOW, seen, &[id]);
    }
}

/// What a refusal means; nothing if it has been told for both transports already.
fn refused(probe: &Probe, reply: &Reply) -> Option<&'static Finding> {
    let cause = refusal(reply).cause;
    if cause == Cause::SessionIdUnknown {
        let is_told = probe.sessions.are_scattered.get();
        return (!is_told).then_some(&WEBSOCKET_NOT_STICKY);
    }
    if arrived_as_get(reply, cause) {
        return Some(&UPGRADE_HEADERS_STRIPPED);
    }
    Some(&WEBSOCKET_REFUSED)
}

/// Servers refuse an upgrade in bare text and a GET in JSON: JSON says that what arrived was no
/// upgrade. A 200 is the answer to a poll.
fn arrived_as_get(reply: &Reply, cause: Cause) -> bool {
    let is_json = serde_json::from_slice::<Value>(&reply.body).is_ok();
    reply.status == 200 || (is_json && matches!(cause, Cause::BadRequest | Cause::TransportUnknown))
}

/// A session that begins as a WebSocket, as with `transports: ["websocket"]`.
async fn direct(probe: &Probe, notes: &mut Notes, revision: EngineRevision, is_upgraded: bool) {
    let (direct, asked) = upgrade::direct(probe, revision).await;
    match direct {
        Ok(direct) => {
            direct.socket.close().await;
            notes.fact("a session that begins as a WebSocket works");
        }
        Err(why) if is_upgraded => {
            let seen = format!("A session that begins as a WebSocket: {why}.");
            notes.find(&DIRECT_WEBSOCKET_FAILS, seen, &[asked.id]);
        }
        Err(why) => notes.fact(format!("a session that begins as a WebSocket: {why}")),
    }
}
