//! The five steps of a connection, as a browser's network monitor shows them.

use std::time::{Duration, Instant};

use super::connect::{tell_connect, tell_dropped, tell_kicked};
use super::steps::{WEBSOCKET, describe, failed_step, step};
use super::{Skipped, heartbeat, opening};
use crate::catalogue::{CONNECT_SLOW, POST_REFUSED};
use crate::clock;
use crate::doctor::exchange::ms;
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::session::{Connected, NotConnected, Refused, Session};
use crate::doctor::upgrade::{self, Tried, Upgrade};
use crate::event::{Cause, EngineRevision};
use crate::report::number;

const REQUEST: &str = "Socket.IO handshake request";
const RESPONSE: &str = "Socket.IO handshake response";
const LONG_POLL: &str = "first long poll, ended by upgrade";

/// A CONNECT that is answered later is answered slowly.
const SLOW: Duration = Duration::from_secs(3);
/// Requests of a session that all have to reach it before something else is blamed.
const HEARTBEATS: usize = 4;

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    let began = clock::now();
    let session = opening::open(probe, known, notes, began).await?;
    let revision = session.revision();
    {
        known.revision = Some(revision);
        known.handshake = Some(session.handshake.clone());
    }
    notes.fact(describe(&session.handshake));
    heartbeat::judge(probe, known, notes);
    go_on(probe, known, notes, session, began).await;
    None
}

async fn go_on(
    probe: &Probe,
    known: &mut Known,
    notes: &mut Notes,
    mut session: Session,
    began: Instant,
) {
    let namespace = probe.options.namespace().to_owned();
    let auth = probe.auth().to_owned();
    let asked_at = clock::now();
    let connected = session.connect(probe, &namespace, &auth).await;
    let took = clock::now().saturating_duration_since(asked_at);
    known.connect_took = took;
    connect_steps(notes, &connected, began);
    let is_connected = connected.is_ok();
    // A poll that was given up takes its session with it.
    let engine_is_lost = matches!(
        connected,
        Err(NotConnected::Engine(_) | NotConnected::Silence(_))
    );
    match connected {
        Err(NotConnected::Engine(refused)) if refused.failure.cause == Cause::SessionIdUnknown => {
            tell_unknown(probe, known, notes, (session.revision(), took), refused).await;
        }
        Err(NotConnected::Engine(refused)) if is_post_refused(probe, &refused) => {
            let what = probe.evidence.request_of(refused.id);
            let seen = format!("{what}: {}.", refused.failure);
            notes.find(&POST_REFUSED, seen, &[refused.id]);
        }
        connected => {
            if connected.is_ok() && took > SLOW {
                let took = number::time(ms(took) * 1e3);
                let seen = format!("The CONNECT to {namespace} was answered after {took}.");
                let evidence: Vec<usize> = probe.last_exchange().into_iter().collect();
                notes.find(&CONNECT_SLOW, seen, &evidence);
            }
            tell_connect(probe, notes, connected.map(|_| ()), took);
        }
    }
    known.is_connected = is_connected;
    let over = session.over.take().filter(|_| is_connected);
    if let Some(over) = &over {
        tell_kicked(
            probe,
            known,
            notes,
            over,
            probe.last_exchange().unwrap_or_default(),
        );
    }
    if engine_is_lost || over.is_some() || !session.handshake.offers_websocket {
        session.close(probe).await;
        return;
    }
    try_upgrade(probe, known, notes, session, began).await;
}

/// The upgrade of a session, whose namespace is connected if it could be.
async fn try_upgrade(
    probe: &Probe,
    known: &mut Known,
    notes: &mut Notes,
    session: Session,
    began: Instant,
) {
    let is_connected = known.is_connected;
    let tried = clock::now();
    let Tried {
        outcome,
        asked,
        polled,
        over,
    } = upgrade::run(probe, session, is_connected).await;
    if let Some(over) = over.filter(|_| is_connected) {
        let id = polled.as_ref().map_or(asked.id, |polled| polled.id);
        tell_kicked(probe, known, notes, &over, id);
        // The upgrade is tried again, by a session that lives.
        return;
    }
    let detail = outcome.to_string();
    let is_done = matches!(outcome, Upgrade::Done);
    notes.step(step(WEBSOCKET, began, &asked, is_done, detail));
    if let Some(polled) = polled {
        let detail = match &polled.result {
            Ok(reply) => format!("{} {}", reply.status, reply.text()),
            Err(trouble) => trouble.failure.to_string(),
        };
        notes.step(step(LONG_POLL, began, &polled, is_done, detail));
    }
    let took = clock::now().saturating_duration_since(tried);
    if is_done {
        notes.fact(format!("upgraded in {}", number::time(ms(took) * 1e3)));
    }
    known.websocket = Some(is_done);
    known.upgrade = Some((outcome, asked.id, took));
}

fn connect_steps(notes: &mut Notes, connected: &Result<Connected, NotConnected>, began: Instant) {
    match connected {
        Ok(connected) => {
            let sent = &connected.sent;
            if let Some(sent) = sent {
                notes.step(step(REQUEST, began, sent, true, "200".to_owned()));
            }
            let data = String::from_utf8_lossy(&connected.data).into_owned();
            let detail = if data.is_empty() {
                "connected".to_owned()
            } else {
                data
            };
            match &connected.polled {
                Some(polled) => notes.step(step(RESPONSE, began, polled, true, detail)),
                None => notes.fact("the server connected the namespace with the handshake"),
            }
        }
        Err(NotConnected::Rejected(refused) | NotConnected::Engine(refused)) => {
            let detail = refused.failure.to_string();
            notes.step(failed_step(RESPONSE, began, detail));
        }
        Err(NotConnected::Silence(_)) => {
            notes.step(failed_step(RESPONSE, began, "nothing came".to_owned()));
        }
    }
}

/// The session was not known when the reply to its CONNECT was asked for.
async fn tell_unknown(
    probe: &Probe,
    known: &mut Known,
    notes: &mut Notes,
    (revision, took): (EngineRevision, Duration),
    refused: Refused,
) {
    if known.is_heartbeat_short {
        // Told with the heartbeat: the server drops its clients.
        return;
    }
    if is_of_poll(probe, &refused) && is_one_server(probe, revision).await {
        tell_dropped(notes, &refused, took);
        return;
    }
    probe.sessions.are_scattered.set(true);
    known.is_scattered = true;
    if !probe.sessions.is_repeated.get() {
        tell_connect(probe, notes, Err(NotConnected::Engine(refused)), took);
    }
}

/// Whether something in front of the server refused a POST, while the handshake passed.
fn is_post_refused(probe: &Probe, refused: &Refused) -> bool {
    let is_post = probe.evidence.request_of(refused.id).starts_with("POST ");
    is_post
        && refused.failure.cause == Cause::HttpStatus
        && matches!(refused.failure.status, Some(401 | 403 | 404 | 405 | 501))
}

/// Whether it was known when it was written to.
fn is_of_poll(probe: &Probe, refused: &Refused) -> bool {
    probe.evidence.request_of(refused.id).starts_with("GET ")
}

/// Whether sessions live where nothing is sent to them but heartbeats.
async fn is_one_server(probe: &Probe, revision: EngineRevision) -> bool {
    let (Ok(session), _) = Session::open(probe, revision, None).await else {
        return false;
    };
    let mut is_known = true;
    for _ in 0..HEARTBEATS {
        is_known &= session.handle.heartbeat(probe).await.status() == Some(200);
    }
    session.close(probe).await;
    is_known
}
