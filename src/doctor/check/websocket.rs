//! WebSocket through whatever stands in front: the upgrade, and sessions that begin with it.

use std::time::Duration;

use serde_json::Value;

use super::Skipped;
use crate::catalogue::{
    self, COMPRESSION_LOST, DIRECT_WEBSOCKET_FAILS, FRAMES_HELD, Finding, PROBE_FAILED,
    SECOND_UPGRADE_LISTENER, UPGRADE_HEADERS_STRIPPED, UPGRADE_SLOW, UPGRADE_SWALLOWED,
    UPGRADE_TIMED_OUT, WEBSOCKET_NOT_STICKY, WEBSOCKET_OFF, WEBSOCKET_PAGE, WEBSOCKET_REFUSED,
};
use crate::clock;
use crate::doctor::direct::{self, NoDirect, refusal};
use crate::doctor::exchange::ms;
use crate::doctor::http::Reply;
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::raw::{self, AfterUpgrade};
use crate::doctor::request::{PATIENCE, Request, proves_nothing};
use crate::doctor::session::{NotConnected, Session};
use crate::doctor::upgrade::{self, Upgrade};
use crate::event::{Cause, EngineRevision};
use crate::report::number;

/// An upgrade that takes longer is slow.
const SLOW: Duration = Duration::from_secs(3);
/// A WebSocket that ends later than this was ended by a timeout, not by what it carried.
const AT_ONCE: Duration = Duration::from_millis(400);

/// A round trip that is shorter delays no upgrade.
const NEAR: Duration = Duration::from_millis(50);

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    let Some(revision) = known.revision else {
        return Some("no engine could be opened".to_owned());
    };
    if known.polling_off {
        notes.fact("sessions begin as a WebSocket; there is nothing to upgrade");
        return None;
    }
    let offers = |known: &Known| Some(known.handshake.as_ref()?.offers_websocket);
    if offers(known) != Some(true) {
        let seen = "The handshake says `\"upgrades\":[]`.";
        notes.find(&WEBSOCKET_OFF, seen, known.opened_by.as_slice());
        return None;
    }
    let is_upgraded = match upgrade(probe, known, notes, revision).await {
        Ok(is_upgraded) => is_upgraded,
        Err(reason) => return Some(reason),
    };
    known.websocket = Some(is_upgraded);
    if !is_upgraded {
        notes.fact("clients are stuck in long-polling");
    }
    if known.is_websocket_off {
        return None;
    }
    direct(probe, known, notes, revision).await;
    if is_upgraded {
        after_101(probe, notes, revision).await;
    }
    None
}

/// The outcome of the upgrade in the handshake; tried again if it never came to one. An error says
/// why nothing is known.
async fn upgrade(
    probe: &Probe,
    known: &mut Known,
    notes: &mut Notes,
    revision: EngineRevision,
) -> Result<bool, String> {
    let (outcome, id, took) = match known.upgrade.take() {
        Some(tried) => tried,
        None => {
            let session = match Session::open(probe, revision, None).await {
                (Ok(session), _) => session,
                (Err(refused), _) => {
                    return Err(format!("no session could be opened: {}", refused.failure));
                }
            };
            let began = clock::now();
            let tried = upgrade::run(probe, session, false).await;
            let took = clock::now().saturating_duration_since(began);
            (tried.outcome, tried.asked.id, took)
        }
    };
    if matches!(outcome, Upgrade::Done) {
        notes.fact("the upgrade works: packets come back over the WebSocket");
        tell_slow(notes, took, id);
        return Ok(true);
    }
    if let Some(reason) = says_nothing(&outcome) {
        return Err(format!("the WebSocket handshake was {reason}"));
    }
    match finding_of(probe, known, revision, &outcome).await {
        Some(finding) => {
            known.is_websocket_off = finding.code == WEBSOCKET_OFF.code;
            let rtt = match finding.code == UPGRADE_TIMED_OUT.code {
                true => round_trip(probe),
                false => String::new(),
            };
            notes.find(finding, format!("The upgrade: {outcome}.{rtt}"), &[id]);
        }
        None => notes.fact("the upgrade reaches another server, as polling does"),
    }
    Ok(false)
}

fn round_trip(probe: &Probe) -> String {
    let shortest = probe.evidence.round_trip();
    shortest.map_or_else(String::new, |shortest| {
        let shortest = number::seconds(shortest.as_secs_f64());
        format!(" The shortest round trip was {shortest}.")
    })
}

fn says_nothing(outcome: &Upgrade) -> Option<String> {
    match outcome {
        Upgrade::Refused(reply) => proves_nothing(&refusal(reply)),
        Upgrade::Failed(failure) => proves_nothing(failure),
        Upgrade::Done
        | Upgrade::Swallowed
        | Upgrade::ProbeSilent
        | Upgrade::ProbeEnded(..)
        | Upgrade::ProbeOther(_)
        | Upgrade::PollHeld
        | Upgrade::Ended(..)
        | Upgrade::NothingBack => None,
    }
}

/// What a failed upgrade points to; `None` if it has been told for both transports already.
async fn finding_of(
    probe: &Probe,
    known: &Known,
    revision: EngineRevision,
    outcome: &Upgrade,
) -> Option<&'static Finding> {
    Some(match outcome {
        Upgrade::Done => return None,
        Upgrade::Swallowed => &UPGRADE_SWALLOWED,
        Upgrade::Failed(failure) if failure.cause == Cause::ProtocolViolation => {
            match look_closer(probe, revision).await {
                Some(finding) => finding,
                None => catalogue::of(failure.cause),
            }
        }
        Upgrade::Failed(_) => &WEBSOCKET_REFUSED,
        Upgrade::Ended(_, after) | Upgrade::ProbeEnded(_, after) => {
            match look_closer(probe, revision).await {
                Some(finding) => finding,
                None if is_too_slow(probe, outcome, *after) => &UPGRADE_TIMED_OUT,
                None => &PROBE_FAILED,
            }
        }
        Upgrade::ProbeSilent | Upgrade::ProbeOther(_) => &PROBE_FAILED,
        Upgrade::PollHeld | Upgrade::NothingBack => &FRAMES_HELD,
        Upgrade::Refused(reply) if is_ambiguous(reply) => without_sid(probe, revision).await,
        Upgrade::Refused(reply) => return refused(probe, known, reply),
    })
}

/// Whether a WebSocket ended because the round trips of its upgrade took too long: the probe was
/// answered, or the round trip alone takes a good part of the time.
fn is_too_slow(probe: &Probe, outcome: &Upgrade, after: Duration) -> bool {
    let round_trip = probe.evidence.round_trip().unwrap_or_default();
    let is_answered = matches!(outcome, Upgrade::Ended(..));
    (is_answered && after > AT_ONCE) || (round_trip > NEAR && after <= round_trip * 5)
}

/// What a refusal means; `None` if it has been told for both transports already.
fn refused(probe: &Probe, known: &Known, reply: &Reply) -> Option<&'static Finding> {
    let cause = refusal(reply).cause;
    if cause == Cause::SessionIdUnknown {
        let is_told = probe.sessions.are_scattered.get() || known.is_scattered;
        return (!is_told).then_some(&WEBSOCKET_NOT_STICKY);
    }
    if reply.is_page() && reply.status == 200 {
        return Some(&WEBSOCKET_PAGE);
    }
    if cause == Cause::TransportUnknown {
        return Some(&WEBSOCKET_OFF);
    }
    if arrived_as_get(reply, cause) {
        return Some(&UPGRADE_HEADERS_STRIPPED);
    }
    Some(&WEBSOCKET_REFUSED)
}

/// python calls a transport invalid that it does not allow, and an upgrade that arrives as a GET.
fn is_ambiguous(reply: &Reply) -> bool {
    refusal(reply).cause == Cause::TransportUnknown
        && serde_json::from_slice::<String>(&reply.body).is_ok()
}

/// Tells the two apart by a handshake without a session.
async fn without_sid(probe: &Probe, revision: EngineRevision) -> &'static Finding {
    match direct::direct(probe, revision).await.0 {
        Err(NoDirect::Refused(failure)) if failure.cause == Cause::TransportUnknown => {
            &WEBSOCKET_OFF
        }
        Ok(opened) => {
            opened.socket.close().await;
            &WEBSOCKET_REFUSED
        }
        Err(_) => &UPGRADE_HEADERS_STRIPPED,
    }
}

/// npm servers refuse an upgrade in bare text and a GET in JSON, and python names what it misses:
/// either says that what arrived was no upgrade. So does the answer to a poll.
fn arrived_as_get(reply: &Reply, cause: Cause) -> bool {
    let json = serde_json::from_slice::<Value>(&reply.body);
    let is_npm = matches!(&json, Ok(Value::Object(_))) && cause == Cause::BadRequest;
    let is_python =
        matches!(&json, Ok(Value::String(said)) if said.starts_with("Invalid websocket upgrade"));
    reply.status == 200 || is_npm || is_python
}

/// What the bytes after a 101 say, where a WebSocket reader found them no frames.
async fn look_closer(probe: &Probe, revision: EngineRevision) -> Option<&'static Finding> {
    let request = Request::new("GET", probe.target(revision, "websocket"));
    match raw::after_upgrade(probe, request).await? {
        AfterUpgrade::Frames => None,
        AfterUpgrade::Http(_) => Some(&SECOND_UPGRADE_LISTENER),
        AfterUpgrade::Compressed => Some(&COMPRESSION_LOST),
    }
}

/// Whether a WebSocket that offers compression, as clients do, can be read.
async fn after_101(probe: &Probe, notes: &mut Notes, revision: EngineRevision) {
    let request = Request::new("GET", probe.target(revision, "websocket"));
    let evidence: Vec<usize> = probe.last_exchange().into_iter().collect();
    match raw::after_upgrade(probe, request).await {
        Some(AfterUpgrade::Http(line)) => {
            let seen = format!("After the 101 came `{line}`.");
            notes.find(&SECOND_UPGRADE_LISTENER, seen, &evidence);
        }
        Some(AfterUpgrade::Compressed) => {
            let seen = "A WebSocket that offers permessage-deflate got frames with RSV1 set, and \
                        a 101 without Sec-WebSocket-Extensions.";
            notes.find(&COMPRESSION_LOST, seen, &evidence);
        }
        Some(AfterUpgrade::Frames) | None => {}
    }
}

fn tell_slow(notes: &mut Notes, took: Duration, id: usize) {
    if took > SLOW {
        let seen = format!("It took {}.", number::time(ms(took) * 1e3));
        notes.find(&UPGRADE_SLOW, seen, &[id]);
    }
}

/// A session that begins as a WebSocket, as with `transports: ["websocket"]`, followed to the
/// reply to its CONNECT.
async fn direct(probe: &Probe, known: &mut Known, notes: &mut Notes, revision: EngineRevision) {
    let is_upgraded = known.websocket == Some(true);
    let (opened, asked) = direct::direct(probe, revision).await;
    let mut opened = match opened {
        Ok(opened) => opened,
        Err(why) => {
            if let Some(reason) = why.proves_nothing() {
                notes.fact(format!(
                    "a session over WebSocket alone was not tried: {reason}"
                ));
            } else if is_upgraded {
                let seen = format!("A session that begins as a WebSocket: {why}.");
                notes.find(&DIRECT_WEBSOCKET_FAILS, seen, &[asked.id]);
            } else {
                notes.fact(format!("a session that begins as a WebSocket: {why}"));
            }
            return;
        }
    };
    if revision == EngineRevision::V4 && known.is_connected {
        opened.patience = PATIENCE + known.connect_took;
        match opened.connect(probe).await {
            Ok(()) | Err(NotConnected::Rejected(_)) => {
                notes.fact("a session over WebSocket alone works, up to the reply to its CONNECT");
            }
            // Polling shows what the namespace does; here it shows that frames are held.
            Err(NotConnected::Silence(_)) if is_upgraded => {
                let seen =
                    "Over WebSocket alone the open packet came, and no reply to the CONNECT.";
                notes.find(&FRAMES_HELD, seen, &[asked.id]);
                known.websocket = Some(false);
            }
            Err(NotConnected::Silence(_) | NotConnected::Engine(_)) => {
                notes.fact("a session over WebSocket alone opens, and its CONNECT gets no reply");
            }
        }
    }
    opened.socket.close().await;
}
