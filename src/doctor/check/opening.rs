//! The handshake of the engine: what opens, and what answers in its place.

use std::time::Instant;

use super::connect::{tell_connect, tell_kicked};
use super::steps::{WEBSOCKET, describe, step};
use crate::catalogue::{
    self, CLOSED_AT_ONCE, Finding, HTTP2_ONLY, OTHER_SERVICE, POLLING_OFF, QUERY_DROPPED,
    REQUEST_NOT_READ, RESET_AT_ONCE, REVISION_3_ONLY, SLOW_ANSWERS,
};
use crate::clock;
use crate::doctor::direct;
use crate::doctor::exchange::trimmed;
use crate::doctor::http::{Reply, Trouble};
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::request::Outcome;
use crate::doctor::session::{Refused, Session};
use crate::doctor::upgrade::LIFE_SIGN;
use crate::event::{Cause, EngineRevision, Failure};
use crate::protocol::socket_io::reply::ConnectReply;
use crate::report::number;

const OPEN: &str = "Engine.IO handshake";

/// A handshake that takes longer is slow, in milliseconds.
const SLOW_MS: f64 = 3000.0;
/// A connection that ended sooner was never served, in milliseconds.
const AT_ONCE_MS: f64 = 250.0;

/// The engine, as a client of release 4 opens it, or else as one of release 2 does.
pub(super) async fn open(
    probe: &Probe,
    known: &mut Known,
    notes: &mut Notes,
    began: Instant,
) -> Option<Session> {
    let (opened, asked) = Session::open(probe, EngineRevision::V4, None).await;
    let (opened, asked) = match opened {
        // A release 2 server answers in its own form: asked again, it is asked in that form.
        Ok(session) if session.revision() == EngineRevision::V3 => {
            session.close(probe).await;
            let seen = "A handshake of revision 4 is answered in the form of revision 3.";
            notes.find(&REVISION_3_ONLY, seen, &[asked.id]);
            Session::open(probe, EngineRevision::V3, None).await
        }
        Err(refused) if refused.failure.cause == Cause::UnsupportedProtocolVersion => {
            let (older, asked) = Session::open(probe, EngineRevision::V3, None).await;
            if older.is_ok() {
                let seen = format!("A handshake of revision 4: {}.", refused.failure);
                notes.find(&REVISION_3_ONLY, seen, &[refused.id]);
            }
            (older, asked)
        }
        other => (other, asked),
    };
    let detail = match &opened {
        Ok(session) => format!("sid {}", session.handle.sid()),
        Err(refused) => refused.failure.to_string(),
    };
    notes.step(step(OPEN, began, &asked, opened.is_ok(), detail));
    match opened {
        Ok(session) => {
            known.opened_by = Some(asked.id);
            tell_slow(notes, &asked);
            Some(session)
        }
        Err(refused) => {
            not_opened(probe, known, notes, &refused, &asked).await;
            None
        }
    }
}

async fn not_opened(
    probe: &Probe,
    known: &mut Known,
    notes: &mut Notes,
    refused: &Refused,
    asked: &Outcome,
) {
    if let Err(Trouble { received, .. }) = &asked.result
        && !received.is_empty()
    {
        if is_http2(received) {
            let seen = "It answers HTTP/1.1 with a frame of HTTP/2.";
            notes.find(&HTTP2_ONLY, seen, &[refused.id]);
            known.unreachable = Some("the server speaks HTTP/2 alone");
            return;
        }
        let seen = match service(received) {
            Some(name) => format!("It speaks {name}: {}", trimmed(received)),
            None => format!("Its answer is no HTTP: {}", trimmed(received)),
        };
        notes.find(&OTHER_SERVICE, seen, &[refused.id]);
        known.unreachable = Some("another service listens there");
        return;
    }
    if refused.failure.cause == Cause::TransportUnknown
        && websocket_alone(probe, known, notes).await
    {
        let seen = format!("Polling: {}. WebSocket is served.", refused.failure);
        notes.find(&POLLING_OFF, seen, &[refused.id]);
        return;
    }
    known.not_opened = Some((refused.failure.cause, refused.id));
    let what = probe.evidence.request_of(refused.id);
    let seen = format!("{what}: {}.{}", refused.failure, more_of(probe, asked));
    notes.find(finding_of(&refused.failure, asked), seen, &[refused.id]);
    if refused.failure.cause == Cause::TlsRequired {
        known.unreachable = Some("the port wants TLS");
    }
}

/// Services that often stand on a mistaken port, by how they greet or complain.
fn service(received: &[u8]) -> Option<&'static str> {
    const GREETINGS: [(&[u8], &str); 6] = [
        (b"SSH-", "SSH"),
        (b"-ERR", "the protocol of Redis"),
        (b"220 ", "SMTP or FTP"),
        (b"+OK", "POP3"),
        (b"* OK", "IMAP"),
        (b"AMQP", "AMQP"),
    ];
    let greeting = GREETINGS
        .iter()
        .find(|(start, _)| received.starts_with(start));
    greeting.map(|(_, name)| *name)
}

/// Whether the server serves sessions that begin as a WebSocket.
async fn websocket_alone(probe: &Probe, known: &mut Known, notes: &mut Notes) -> bool {
    let began = clock::now();
    let (direct, asked) = direct::direct(probe, EngineRevision::V4).await;
    let detail = match &direct {
        Ok(opened) => format!("101, sid {}", opened.handshake.sid),
        Err(why) => why.to_string(),
    };
    notes.step(step(WEBSOCKET, began, &asked, direct.is_ok(), detail));
    let Ok(mut opened) = direct else { return false };
    notes.fact(describe(&opened.handshake));
    let connected = opened.connect_with(probe, probe.auth()).await;
    // Over WebSocket both revisions open alike; only the reply to the CONNECT tells.
    let is_3 = matches!(&connected, Ok(data) if !ConnectReply::read(data).has_sid);
    let revision = if is_3 {
        let seen = "The CONNECT is answered without a `sid`.";
        notes.find(&REVISION_3_ONLY, seen, &[asked.id]);
        EngineRevision::V3
    } else {
        EngineRevision::V4
    };
    {
        known.revision = Some(revision);
        known.handshake = Some(opened.handshake.clone());
        known.polling_off = true;
        known.websocket = Some(true);
        known.is_connected = connected.is_ok();
    }
    let is_connected = connected.is_ok();
    let took = clock::now().saturating_duration_since(began);
    tell_connect(probe, notes, connected.map(|_| ()), took);
    if is_connected && let Some(over) = opened.over(probe, LIFE_SIGN).await {
        tell_kicked(probe, known, notes, &over, asked.id);
    }
    opened.socket.close().await;
    true
}

/// The finding of a failed handshake: the failure, and what it took in time and bytes.
fn finding_of(failure: &Failure, asked: &Outcome) -> &'static Finding {
    let is_at_once = asked.times.total_ms < AT_ONCE_MS;
    match (&asked.result, failure.cause) {
        (Err(_), Cause::ConnectionClosed) if is_at_once && failure.status.is_none() => {
            &CLOSED_AT_ONCE
        }
        (Err(_), Cause::ConnectionReset) if is_at_once => &RESET_AT_ONCE,
        (Ok(reply), _) if reply.status == 400 && reply.body.is_empty() => &REQUEST_NOT_READ,
        (Ok(reply), Cause::BadRequest) if reply.is_page() => &REQUEST_NOT_READ,
        (Ok(reply), Cause::TransportUnknown) if is_fronted(reply) => &QUERY_DROPPED,
        (_, Cause::HttpStatus) => failure
            .status
            .map_or_else(|| catalogue::of(failure.cause), catalogue::of_status),
        (_, cause) => catalogue::of(cause),
    }
}

/// Whether something in front of the server has left its name in the answer.
fn is_fronted(reply: &Reply) -> bool {
    ["server", "via", "x-cache", "age", "cf-ray", "x-served-by"]
        .iter()
        .any(|name| reply.header(name).is_some())
}

/// What else a person has to know about a refusal.
fn more_of(probe: &Probe, asked: &Outcome) -> String {
    let Ok(reply) = &asked.result else {
        let time = number::time(asked.times.total_ms * 1e3);
        return format!(" It took {time}.");
    };
    let challenge = reply.header("www-authenticate");
    let mut more = challenge.map_or_else(String::new, |challenge| {
        format!(" WWW-Authenticate: {challenge}.")
    });
    if reply.status == 401 && probe.options.has_userinfo() {
        more.push_str(" user:pass@ in the URL is ignored, as clients ignore it.");
    }
    more
}

fn tell_slow(notes: &mut Notes, asked: &Outcome) {
    if asked.times.total_ms > SLOW_MS {
        let time = number::time(asked.times.total_ms * 1e3);
        let seen = format!("The handshake was answered after {time}.");
        notes.find(&SLOW_ANSWERS, seen, &[asked.id]);
    }
}

/// A SETTINGS frame of HTTP/2, which its servers send first: a length of 24 bits, then type 4.
fn is_http2(received: &[u8]) -> bool {
    received.len() >= 9 && received[0] == 0 && received[3] == 4 && received[5..9] == [0; 4]
}
