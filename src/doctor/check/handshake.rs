//! The five steps of a connection, as a browser's network monitor shows them.

use std::time::Instant;

use super::Skipped;
use crate::catalogue::{
    CONNECT_DROPPED, CONNECT_UNANSWERED, KICKED, OTHER_SERVICE, POLLING_OFF, REVISION_3_ONLY,
};
use crate::clock;
use crate::doctor::ask::Asked;
use crate::doctor::exchange::{Times, ms, trimmed};
use crate::doctor::http::Trouble;
use crate::doctor::patient::Patient;
use crate::doctor::report::Step;
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

pub(super) async fn run(patient: &Patient) -> Skipped {
    let began = clock::now();
    let session = open(patient, began).await?;
    let revision = session.revision();
    {
        let mut known = patient.known.borrow_mut();
        known.revision = Some(revision);
        known.handshake = Some(session.handshake.clone());
    }
    patient.fact(describe(&session.handshake));
    go_on(patient, session, began).await;
    None
}

/// The engine, as a client of release 4 opens it, or else as one of release 2 does.
async fn open(patient: &Patient, began: Instant) -> Option<Session> {
    let (opened, asked) = Session::open(patient, EngineRevision::V4, None).await;
    let (opened, asked) = match opened {
        // A release 2 server answers in its own form: asked again, it is asked in that form.
        Ok(session) if session.revision() == EngineRevision::V3 => {
            session.close(patient).await;
            let seen = "A handshake of revision 4 is answered in the form of revision 3.";
            patient.find(&REVISION_3_ONLY, seen, &[asked.id]);
            Session::open(patient, EngineRevision::V3, None).await
        }
        Err(refused) if refused.failure.cause == Cause::UnsupportedProtocolVersion => {
            let (older, asked) = Session::open(patient, EngineRevision::V3, None).await;
            if older.is_ok() {
                let seen = format!("A handshake of revision 4: {}.", refused.failure);
                patient.find(&REVISION_3_ONLY, seen, &[refused.id]);
            }
            (older, asked)
        }
        other => (other, asked),
    };
    let detail = match &opened {
        Ok(session) => format!("sid {}", session.handle.sid()),
        Err(refused) => refused.failure.to_string(),
    };
    patient.step(step(OPEN, began, &asked, opened.is_ok(), detail));
    match opened {
        Ok(session) => {
            patient.known.borrow_mut().opened_by = Some(asked.id);
            Some(session)
        }
        Err(refused) => {
            not_opened(patient, &refused, &asked).await;
            None
        }
    }
}

async fn not_opened(patient: &Patient, refused: &Refused, asked: &Asked) {
    if let Err(Trouble { received, .. }) = &asked.result
        && !received.is_empty()
    {
        let seen = match service(received) {
            Some(name) => format!("It speaks {name}: {}", trimmed(received)),
            None => format!("Its answer is no HTTP: {}", trimmed(received)),
        };
        patient.find(&OTHER_SERVICE, seen, &[refused.id]);
        patient.known.borrow_mut().unreachable = Some("another service listens there");
        return;
    }
    if refused.failure.cause == Cause::TransportUnknown && websocket_alone(patient).await {
        let seen = format!("Polling: {}. WebSocket is served.", refused.failure);
        patient.find(&POLLING_OFF, seen, &[refused.id]);
        return;
    }
    let what = patient.request_of(refused.id);
    patient.find_failure(&refused.failure, &what, &[refused.id]);
    if refused.failure.cause == Cause::TlsRequired {
        patient.known.borrow_mut().unreachable = Some("the port wants TLS");
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
async fn websocket_alone(patient: &Patient) -> bool {
    let began = clock::now();
    let (direct, asked) = upgrade::direct(patient, EngineRevision::V4).await;
    let detail = match &direct {
        Ok(opened) => format!("101, sid {}", opened.handshake.sid),
        Err(why) => why.to_string(),
    };
    patient.step(step(WEBSOCKET, began, &asked, direct.is_ok(), detail));
    let Ok(mut opened) = direct else { return false };
    patient.fact(describe(&opened.handshake));
    let connected = opened.connect_with(patient, patient.auth()).await;
    // Over WebSocket both revisions open alike; only the reply to the CONNECT tells.
    let is_3 = matches!(&connected, Ok(data) if !ConnectReply::read(data).has_sid);
    let revision = if is_3 {
        let seen = "The CONNECT is answered without a `sid`.";
        patient.find(&REVISION_3_ONLY, seen, &[asked.id]);
        EngineRevision::V3
    } else {
        EngineRevision::V4
    };
    {
        let mut known = patient.known.borrow_mut();
        known.revision = Some(revision);
        known.handshake = Some(opened.handshake.clone());
        known.polling_off = true;
        known.websocket = Some(true);
        known.is_connected = connected.is_ok();
    }
    let is_connected = connected.is_ok();
    tell_connect(patient, connected.map(|_| ()));
    if is_connected && let Some(over) = opened.over(patient).await {
        tell_kicked(patient, &over, asked.id);
    }
    opened.socket.close().await;
    true
}

async fn go_on(patient: &Patient, mut session: Session, began: Instant) {
    let namespace = patient.options.namespace().to_owned();
    let auth = patient.auth().to_owned();
    let connected = session.connect(patient, &namespace, &auth).await;
    connect_steps(patient, &connected, began);
    let is_connected = connected.is_ok();
    // A poll that was given up takes its session with it.
    let engine_is_lost = matches!(
        connected,
        Err(NotConnected::Engine(_) | NotConnected::Silence(_))
    );
    match connected {
        Err(NotConnected::Engine(refused)) if refused.failure.cause == Cause::SessionIdUnknown => {
            tell_unknown(patient, session.revision(), refused).await;
        }
        connected => tell_connect(patient, connected.map(|_| ())),
    }
    patient.known.borrow_mut().is_connected = is_connected;
    let over = session.over.take().filter(|_| is_connected);
    if let Some(over) = &over {
        tell_kicked(patient, over, patient.last_exchange().unwrap_or_default());
    }
    if engine_is_lost || over.is_some() || !session.handshake.offers_websocket {
        session.close(patient).await;
        return;
    }
    try_upgrade(patient, session, began).await;
}

/// The upgrade of a session, whose namespace is connected if it could be.
async fn try_upgrade(patient: &Patient, session: Session, began: Instant) {
    let is_connected = patient.known.borrow().is_connected;
    let tried = clock::now();
    let Tried {
        outcome,
        asked,
        polled,
        over,
    } = upgrade::run(patient, session).await;
    if let Some(over) = over.filter(|_| is_connected) {
        let id = polled.as_ref().map_or(asked.id, |polled| polled.id);
        tell_kicked(patient, &over, id);
        // The upgrade is tried again, by a session that lives.
        return;
    }
    let detail = outcome.to_string();
    let is_done = matches!(outcome, Upgrade::Done);
    patient.step(step(WEBSOCKET, began, &asked, is_done, detail));
    if let Some(polled) = polled {
        let detail = match &polled.result {
            Ok(reply) => format!("{} {}", reply.status, reply.text()),
            Err(trouble) => trouble.failure.to_string(),
        };
        patient.step(step(LONG_POLL, began, &polled, is_done, detail));
    }
    let took = clock::now().saturating_duration_since(tried);
    if is_done {
        patient.fact(format!("upgraded in {}", number::time(ms(took) * 1e3)));
    }
    let mut known = patient.known.borrow_mut();
    known.websocket = Some(is_done);
    known.upgrade = Some((outcome, asked.id, took));
}

fn connect_steps(patient: &Patient, connected: &Result<Connected, NotConnected>, began: Instant) {
    match connected {
        Ok(connected) => {
            let sent = &connected.sent;
            if let Some(sent) = sent {
                patient.step(step(REQUEST, began, sent, true, "200".to_owned()));
            }
            let data = String::from_utf8_lossy(&connected.data).into_owned();
            let detail = if data.is_empty() {
                "connected".to_owned()
            } else {
                data
            };
            match &connected.polled {
                Some(polled) => patient.step(step(RESPONSE, began, polled, true, detail)),
                None => patient.fact("the server connected the namespace with the handshake"),
            }
        }
        Err(NotConnected::Rejected(refused) | NotConnected::Engine(refused)) => {
            let detail = refused.failure.to_string();
            patient.step(failed_step(RESPONSE, began, detail));
        }
        Err(NotConnected::Silence(_)) => {
            patient.step(failed_step(RESPONSE, began, "nothing came".to_owned()));
        }
    }
}

fn tell_connect(patient: &Patient, connected: Result<(), NotConnected>) {
    let namespace = patient.options.namespace();
    match connected {
        Ok(()) => patient.fact(format!("namespace {namespace} is connected")),
        Err(NotConnected::Rejected(refused)) => {
            let what = format!("CONNECT to {namespace}");
            patient.find_failure(&refused.failure, &what, &[refused.id]);
        }
        Err(NotConnected::Engine(refused))
            if refused.failure.stage == Stage::Namespace
                && refused.failure.cause == Cause::ConnectionClosed =>
        {
            tell_dropped(patient, &refused);
        }
        Err(NotConnected::Engine(refused)) => {
            let what = patient.request_of(refused.id);
            patient.find_failure(&refused.failure, &what, &[refused.id]);
        }
        Err(NotConnected::Silence(id)) => {
            let seen = format!("The CONNECT to {namespace} got no reply.");
            patient.find(&CONNECT_UNANSWERED, seen, &[id]);
        }
    }
}

/// The session was not known when the reply to its CONNECT was asked for.
async fn tell_unknown(patient: &Patient, revision: EngineRevision, refused: Refused) {
    if is_of_poll(patient, &refused) && is_one_server(patient, revision).await {
        tell_dropped(patient, &refused);
        return;
    }
    patient.known.borrow_mut().is_not_sticky = true;
    tell_connect(patient, Err(NotConnected::Engine(refused)));
}

/// Whether it was known when it was written to.
fn is_of_poll(patient: &Patient, refused: &Refused) -> bool {
    patient.request_of(refused.id).starts_with("GET ")
}

/// Whether sessions live where nothing is sent to them but heartbeats.
async fn is_one_server(patient: &Patient, revision: EngineRevision) -> bool {
    let (Ok(session), _) = Session::open(patient, revision, None).await else {
        return false;
    };
    let mut is_known = true;
    for _ in 0..HEARTBEATS {
        is_known &= session.handle.heartbeat(patient).await.status() == Some(200);
    }
    session.close(patient).await;
    is_known
}

fn tell_dropped(patient: &Patient, refused: &Refused) {
    let seen = format!("After the CONNECT: {}.", refused.failure);
    patient.find(&CONNECT_DROPPED, seen, &[refused.id]);
}

fn tell_kicked(patient: &Patient, over: &Over, id: usize) {
    let namespace = patient.options.namespace();
    let seen = format!("The server connected {namespace}, and at once {over}.");
    patient.find(&KICKED, seen, &[id]);
    patient.known.borrow_mut().is_connected = false;
}

fn step(name: &'static str, began: Instant, asked: &Asked, ok: bool, detail: String) -> Step {
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
