//! The five steps of a connection, as a browser's network monitor shows them.

use std::time::Instant;

use super::Skipped;
use crate::catalogue::{
    CONNECT_DROPPED, CONNECT_UNANSWERED, KICKED, OTHER_SERVICE, POLLING_OFF, REVISION_3_ONLY,
};
use crate::clock;
use crate::doctor::exchange::{Times, ms, trimmed};
use crate::doctor::http::Trouble;
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::report::Step;
use crate::doctor::request::Outcome;
use crate::doctor::session::{Connected, NotConnected, Over, Refused, Session};
use crate::doctor::upgrade::{self, Tried, Upgrade};
use crate::event::{Cause, EngineRevision, Stage};
use crate::protocol::engine_io::handshake::Handshake;
use crate::protocol::socket_io::reply::ConnectReply;
use crate::report::number;

const OPEN: &str = "Engine.IO handshake";
const REQUEST: &str = "Socket.IO handshake request";
const RESPONSE: &str = "Socket.IO handshake response";
const WEBSOCKET: &str = "WebSocket connection";
const LONG_POLL: &str = "first long poll, ended by upgrade";

/// Requests of a session that all have to reach it before something else is blamed.
const HEARTBEATS: usize = 4;

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    let began = clock::now();
    let session = open(probe, known, notes, began).await?;
    let revision = session.revision();
    {
        known.revision = Some(revision);
        known.handshake = Some(session.handshake.clone());
    }
    notes.fact(describe(&session.handshake));
    go_on(probe, known, notes, session, began).await;
    None
}

/// The engine, as a client of release 4 opens it, or else as one of release 2 does.
async fn open(
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
    notes.find_failure(&refused.failure, &what, &[refused.id]);
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
    let (direct, asked) = upgrade::direct(probe, EngineRevision::V4).await;
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
    tell_connect(probe, notes, connected.map(|_| ()));
    if is_connected && let Some(over) = opened.over(probe).await {
        tell_kicked(probe, known, notes, &over, asked.id);
    }
    opened.socket.close().await;
    true
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
    let connected = session.connect(probe, &namespace, &auth).await;
    connect_steps(notes, &connected, began);
    let is_connected = connected.is_ok();
    // A poll that was given up takes its session with it.
    let engine_is_lost = matches!(
        connected,
        Err(NotConnected::Engine(_) | NotConnected::Silence(_))
    );
    match connected {
        Err(NotConnected::Engine(refused)) if refused.failure.cause == Cause::SessionIdUnknown => {
            tell_unknown(probe, notes, session.revision(), refused).await;
        }
        connected => tell_connect(probe, notes, connected.map(|_| ())),
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
    } = upgrade::run(probe, session).await;
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

fn tell_connect(probe: &Probe, notes: &mut Notes, connected: Result<(), NotConnected>) {
    let namespace = probe.options.namespace();
    match connected {
        Ok(()) => notes.fact(format!("namespace {namespace} is connected")),
        Err(NotConnected::Rejected(refused)) => {
            let what = format!("CONNECT to {namespace}");
            notes.find_failure(&refused.failure, &what, &[refused.id]);
        }
        Err(NotConnected::Engine(refused))
            if refused.failure.stage == Stage::Namespace
                && refused.failure.cause == Cause::ConnectionClosed =>
        {
            tell_dropped(notes, &refused);
        }
        Err(NotConnected::Engine(refused)) => {
            let what = probe.evidence.request_of(refused.id);
            notes.find_failure(&refused.failure, &what, &[refused.id]);
        }
        Err(NotConnected::Silence(id)) => {
            let seen = format!("The CONNECT to {namespace} got no reply.");
            notes.find(&CONNECT_UNANSWERED, seen, &[id]);
        }
    }
}

/// The session was not known when the reply to its CONNECT was asked for.
async fn tell_unknown(
    probe: &Probe,
    notes: &mut Notes,
    revision: EngineRevision,
    refused: Refused,
) {
    if is_of_poll(probe, &refused) && is_one_server(probe, revision).await {
        tell_dropped(notes, &refused);
        return;
    }
    probe.sessions.are_scattered.set(true);
    tell_connect(probe, notes, Err(NotConnected::Engine(refused)));
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

fn tell_dropped(notes: &mut Notes, refused: &Refused) {
    let seen = format!("After the CONNECT: {}.", refused.failure);
    notes.find(&CONNECT_DROPPED, seen, &[refused.id]);
}

fn tell_kicked(probe: &Probe, known: &mut Known, notes: &mut Notes, over: &Over, id: usize) {
    let namespace = probe.options.namespace();
    let seen = format!("The server connected {namespace}, and at once {over}.");
    notes.find(&KICKED, seen, &[id]);
    known.is_connected = false;
}

fn step(name: &'static str, began: Instant, asked: &Outcome, ok: bool, detail: String) -> Step {
    let Times {
        dns_ms,
        tcp_ms,
        tls_ms,
        total_ms,
    } = asked.times;
    Step {
        name,
        began_ms: ms(asked.began.saturating_duration_since(began)),
        took_ms: total_ms,
        dns_ms,
        tcp_ms,
        tls_ms,
        ok,
        detail,
    }
}

fn failed_step(name: &'static str, began: Instant, detail: String) -> Step {
    Step {
        name,
        began_ms: ms(clock::now().saturating_duration_since(began)),
        took_ms: 0.0,
        dns_ms: None,
        tcp_ms: None,
        tls_ms: None,
        ok: false,
        detail,
    }
}

fn describe(handshake: &Handshake) -> String {
    let upgrades = if handshake.offers_websocket {
        "websocket"
    } else {
        "none"
    };
    let payload = match handshake.max_payload {
        Some(bytes) => format!("maxPayload {}", number::count(bytes as u64)),
        None => "no maxPayload".to_owned(),
    };
    format!(
        "upgrades: {upgrades}; pingInterval {}; pingTimeout {}; {payload}",
        number::time(ms(handshake.ping_interval) * 1e3),
        number::time(ms(handshake.ping_timeout) * 1e3),
    )
}
