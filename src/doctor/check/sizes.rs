//! The largest message: the server's own limit, and whether something on the way has a smaller one.

use crate::catalogue::{PAYLOAD_LIMIT, PROXY_BODY_LIMIT};
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::request::Outcome;
use crate::doctor::session::Session;
use crate::event::EngineRevision;
use crate::report::number;

/// Tried in turn where the server does not name its limit, in bytes: the defaults of releases are
/// 1,000,000 and 100,000,000, and a diagnosis need not send the latter.
const LADDER: [usize; 3] = [100_000, 1_000_000, 10_000_000];
/// A limit beyond this is taken at its word.
const LARGEST: usize = 10_000_000;

/// The largest body that nginx takes by default (`client_max_body_size 1m`), in bytes.
const NGINX_DEFAULT: usize = 1 << 20;

/// How a message fared.
enum Fate {
    Taken,
    /// By the server itself, which says nothing more.
    RefusedByServer,
    /// By something that writes a page.
    RefusedInFront,
    Other(String),
}

pub(super) async fn run(probe: &Probe, known: &Known, notes: &mut Notes, revision: EngineRevision) {
    let limit = known
        .handshake
        .as_ref()
        .and_then(|handshake| handshake.max_payload);
    match limit {
        Some(limit) if limit <= LARGEST => named(probe, notes, revision, limit).await,
        Some(limit) => beyond(probe, notes, revision, limit).await,
        None => unnamed(probe, notes, revision).await,
    }
}

/// A message of exactly the limit, and one beyond it.
async fn named(probe: &Probe, notes: &mut Notes, revision: EngineRevision, limit: usize) {
    let Some((fate, id)) = send(probe, revision, limit).await else {
        return;
    };
    let shown = number::count(limit as u64);
    match fate {
        Fate::Taken => {}
        Fate::RefusedInFront | Fate::RefusedByServer => {
            let seen = format!("{shown} bytes, the server's own maxPayload, were refused.");
            notes.find(&PROXY_BODY_LIMIT, seen, &[id]);
            return;
        }
        Fate::Other(what) => {
            notes.fact(format!("a message of {shown} bytes: {what}"));
            return;
        }
    }
    if let Some((fate, id)) = send(probe, revision, limit + 1).await {
        let beyond = match fate {
            Fate::Taken => "taken all the same".to_owned(),
            Fate::RefusedByServer => "refused".to_owned(),
            Fate::RefusedInFront => "refused in front of it".to_owned(),
            Fate::Other(what) => what,
        };
        let seen = format!("{shown} bytes are taken; one more is {beyond}.");
        notes.find(&PAYLOAD_LIMIT, seen, &[id]);
    }
}

/// A message of a little more than nginx takes by default, where the server's own limit is too
/// large to be tried.
async fn beyond(probe: &Probe, notes: &mut Notes, revision: EngineRevision, limit: usize) {
    let limit = number::count(limit as u64);
    let size = number::count(NGINX_DEFAULT as u64 + 1);
    let Some((fate, id)) = send(probe, revision, NGINX_DEFAULT + 1).await else {
        return;
    };
    match fate {
        Fate::Taken => notes.fact(format!(
            "a message of {size} bytes is taken; maxPayload, {limit} bytes, is not tried"
        )),
        Fate::RefusedInFront | Fate::RefusedByServer => {
            let seen =
                format!("{size} bytes were refused; the server's own maxPayload is {limit}.");
            notes.find(&PROXY_BODY_LIMIT, seen, &[id]);
        }
        Fate::Other(what) => notes.fact(format!("a message of {size} bytes: {what}")),
    }
}

/// Larger and larger ones until one is refused.
async fn unnamed(probe: &Probe, notes: &mut Notes, revision: EngineRevision) {
    let mut taken = 0;
    for size in LADDER {
        let Some((fate, id)) = send(probe, revision, size).await else {
            return;
        };
        let (from, to) = (number::count(taken as u64), number::count(size as u64));
        let seen = format!("{from} bytes are taken, {to} are refused.");
        match fate {
            Fate::Taken => taken = size,
            Fate::RefusedByServer => return notes.find(&PAYLOAD_LIMIT, seen, &[id]),
            Fate::RefusedInFront => return notes.find(&PROXY_BODY_LIMIT, seen, &[id]),
            Fate::Other(what) => {
                return notes.fact(format!("a message of {to} bytes: {what}"));
            }
        }
    }
    let taken = number::count(taken as u64);
    notes.fact(format!("a message of {taken} bytes is taken"));
}

/// One POST of so many bytes, in a session of its own: a heartbeat with a long tail, which
/// servers ignore.
async fn send(probe: &Probe, revision: EngineRevision, size: usize) -> Option<(Fate, usize)> {
    let (session, _) = Session::open(probe, revision, None).await;
    let session = session.ok()?;
    let (packet, frame) = match revision {
        EngineRevision::V4 => ("3", 0),
        // The length and its colon count too.
        EngineRevision::V3 => ("2", format!("{size}:").len()),
    };
    let tail = "x".repeat(size.saturating_sub(packet.len() + frame));
    let asked = session
        .handle
        .send(probe, &[&format!("{packet}{tail}")])
        .await;
    let fate = judge(&asked);
    let id = asked.id;
    session.close(probe).await;
    Some((fate, id))
}

fn judge(asked: &Outcome) -> Fate {
    let reply = match &asked.result {
        Ok(reply) => reply,
        Err(trouble) => return Fate::Other(trouble.failure.to_string()),
    };
    match reply.status {
        200 => Fate::Taken,
        413 if reply.body.trim_ascii_start().starts_with(b"<") => Fate::RefusedInFront,
        413 => Fate::RefusedByServer,
        status => Fate::Other(format!("status {status}")),
    }
}
