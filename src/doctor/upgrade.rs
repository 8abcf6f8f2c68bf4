//! The upgrade of a polling session, and a session that begins as a WebSocket.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::http::Reply;
use super::probe::Probe;
use super::request::{Outcome, PATIENCE, Request};
use super::session::{NotConnected, Over, Refused, Session};
use super::websocket::{Next, Socket, describe};
use crate::event::{Cause, EngineRevision, Failure, Origin, Stage};
use crate::protocol::engine_io::handshake::Handshake;
use crate::protocol::engine_io::packet::Packet;
use crate::protocol::socket_io::decoder::Decoder;
use crate::protocol::socket_io::packet::Kind;
use crate::protocol::socket_io::{encode, reply};
use crate::trace::Voice;
use crate::transport::{self, WebSocketEnd};

/// How long a poll may go on after its session was closed.
const LAST_POLL: Duration = Duration::from_secs(1);

/// How long a poll has to go on to show that its session lives, and how long a server may take to
/// throw a client out again.
const LIFE_SIGN: Duration = Duration::from_millis(100);

/// What became of an upgrade.
#[derive(Debug)]
pub(super) enum Upgrade {
    /// The session lives on the WebSocket.
    Done,
    /// The handshake was answered, but not with 101.
    Refused(Box<Reply>),
    /// The handshake failed below HTTP.
    Failed(Failure),
    /// The handshake was never answered.
    Swallowed,
    /// The WebSocket is open, and the probe got no answer.
    ProbeSilent,
    /// The WebSocket ended in place of an answer to the probe.
    ProbeEnded(WebSocketEnd),
    /// Something else came in place of the answer to the probe.
    ProbeOther(String),
}

impl Upgrade {
    fn is_of_unknown_session(&self) -> bool {
        match self {
            Self::Refused(reply) => refusal(reply).cause == Cause::SessionIdUnknown,
            Self::Done
            | Self::Failed(_)
            | Self::Swallowed
            | Self::ProbeSilent
            | Self::ProbeEnded(_)
            | Self::ProbeOther(_) => false,
        }
    }
}

impl fmt::Display for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("101, probe answered"),
            Self::Refused(reply) => write!(f, "{} {}", reply.status, reply.text()),
            Self::Failed(failure) => write!(f, "{failure}"),
            Self::Swallowed => f.write_str("no answer to the handshake"),
            Self::ProbeSilent => f.write_str("101, but no answer to the probe"),
            Self::ProbeEnded(end) => write!(f, "101, then {}", describe(end)),
            Self::ProbeOther(what) => write!(f, "101, but the probe was answered with {what}"),
        }
    }
}

/// An upgrade that was tried.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) outcome: Upgrade,
    /// The handshake.
    pub(super) asked: Outcome,
    /// The poll that was held.
    pub(super) polled: Option<Outcome>,
    /// How the server ended the session, or its namespace, of its own accord meanwhile.
    pub(super) over: Option<Over>,
}

/// Upgrades a session while a poll is held, as clients do, and ends the session.
pub(super) async fn run(probe: &Probe, mut session: Session) -> Tried {
    probe.trace.say(Voice::Engine, || {
        "probing transport \"websocket\"".to_owned()
    });
    let (socket, asked) = probe.open_websocket(session.handle.upgrade(probe)).await;
    let Some(mut socket) = socket else {
        let outcome = not_opened(&asked);
        if outcome.is_of_unknown_session() {
            // Another server got it, or the session is no more.
            let (polled, _) = session.poll(probe, LIFE_SIGN).await;
            session.note_end(probe, polled).await;
        }
        let over = session.over.take();
        session.close(probe).await;
        return Tried {
            outcome,
            asked,
            polled: None,
            over,
        };
    };
    let handle = session.handle.clone();
    let probing = async {
        let outcome = await_pong(probe, &mut socket).await;
        if !matches!(outcome, Upgrade::Done) {
            // A held poll ends with its session.
            handle.close(probe).await;
        }
        outcome
    };
    let polling = session.poll(probe, PATIENCE + LAST_POLL);
    let (outcome, (came, polled)) = tokio::join!(probing, polling);
    if matches!(outcome, Upgrade::Done) {
        session.note_end(probe, came).await;
        // What fails here shows in nothing that a client would notice before its next packet.
        let _ = socket.send(probe, "5").await;
        probe.trace.say(Voice::Engine, || "upgraded".to_owned());
    }
    session.forget(probe);
    socket.close().await;
    Tried {
        outcome,
        asked,
        polled: Some(polled),
        over: session.over,
    }
}

fn not_opened(asked: &Outcome) -> Upgrade {
    match &asked.result {
        Ok(reply) => Upgrade::Refused(Box::new(reply.clone())),
        Err(trouble) if trouble.failure.cause == Cause::TimedOut => Upgrade::Swallowed,
        Err(trouble) => Upgrade::Failed(trouble.failure.clone()),
    }
}

async fn await_pong(probe: &Probe, socket: &mut Socket) -> Upgrade {
    if let Err(end) = socket.send(probe, "2probe").await {
        return Upgrade::ProbeEnded(end);
    }
    match socket.next(probe, PATIENCE).await {
        Next::Text(text) if &text[..] == b"3probe" => Upgrade::Done,
        Next::Text(text) => Upgrade::ProbeOther(String::from_utf8_lossy(&text).into_owned()),
        Next::Binary(bytes) => Upgrade::ProbeOther(format!("{} bytes", bytes.len())),
        Next::End(end) => Upgrade::ProbeEnded(end),
        Next::Silence => Upgrade::ProbeSilent,
    }
}

/// A session that began as a WebSocket.
pub(super) struct Direct {
    pub(super) socket: Socket,
    pub(super) handshake: Handshake,
    decoder: Decoder,
}

/// Why no session began as a WebSocket.
#[derive(Debug)]
pub(super) enum NoDirect {
    /// The handshake was answered, but not with 101.
    Refused(Failure),
    /// It failed below HTTP, or was never answered.
    Failed(Failure),
    /// The WebSocket is open and silent.
    Silent,
    /// The WebSocket is open and says something else.
    Other(String),
    /// The WebSocket was closed in place of the open packet.
    Ended(WebSocketEnd),
}

impl fmt::Display for NoDirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(failure) | Self::Failed(failure) => write!(f, "{failure}"),
            Self::Silent => f.write_str("101, but no open packet"),
            Self::Other(what) => write!(f, "101, but what came is {what}"),
            Self::Ended(end) => write!(f, "101, then {}", describe(end)),
        }
    }
}

/// Opens a session over WebSocket alone.
pub(super) async fn direct(
    probe: &Probe,
    revision: EngineRevision,
) -> (Result<Direct, NoDirect>, Outcome) {
    let target = probe.target(revision, "websocket");
    direct_by(probe, revision, Request::new("GET", target)).await
}

/// The same by a request that says where, or as whom.
pub(super) async fn direct_by(
    probe: &Probe,
    revision: EngineRevision,
    request: Request,
) -> (Result<Direct, NoDirect>, Outcome) {
    let (socket, asked) = probe.open_websocket(request).await;
    let Some(mut socket) = socket else {
        let why = match &asked.result {
            Ok(reply) => NoDirect::Refused(refusal(reply)),
            Err(trouble) => NoDirect::Failed(trouble.failure.clone()),
        };
        return (Err(why), asked);
    };
    let opened = match socket.next(probe, PATIENCE).await {
        Next::Text(text) => match open_packet(revision, &text) {
            Some(handshake) => Ok(handshake),
            None => Err(NoDirect::Other(String::from_utf8_lossy(&text).into_owned())),
        },
        Next::Binary(bytes) => Err(NoDirect::Other(format!("{} bytes", bytes.len()))),
        Next::End(end) => Err(NoDirect::Ended(end)),
        Next::Silence => Err(NoDirect::Silent),
    };
    match opened {
        Ok(handshake) => {
            let direct = Direct {
                socket,
                handshake,
                decoder: Decoder::new(revision),
            };
            (Ok(direct), asked)
        }
        Err(why) => {
            socket.close().await;
            (Err(why), asked)
        }
    }
}

/// What a status other than 101 stands for. A redirect tells where it leads.
pub(super) fn refusal(reply: &Reply) -> Failure {
    let failure = transport::from_refusal(reply.status, &reply.body);
    match reply.header("location") {
        Some(to) if matches!(reply.status, 301..=308) => {
            failure.with_message(&format!("redirects to {to}"))
        }
        Some(_) | None => failure,
    }
}

fn open_packet(revision: EngineRevision, text: &Bytes) -> Option<Handshake> {
    match Packet::from_text(revision, text) {
        Ok(Packet::Open(json)) => Handshake::read(&json).ok(),
        Ok(
            Packet::Close
            | Packet::Ping(_)
            | Packet::Pong(_)
            | Packet::Text(_)
            | Packet::Binary(_)
            | Packet::Upgrade
            | Packet::Noop,
        )
        | Err(_) => None,
    }
}

impl Direct {
    /// Connects the namespace of the options.
    pub(super) async fn connect(&mut self, probe: &Probe) -> Result<(), NotConnected> {
        self.connect_with(probe, probe.auth()).await.map(|_| ())
    }

    /// The same with this payload; returns the JSON of the reply.
    pub(super) async fn connect_with(
        &mut self,
        probe: &Probe,
        payload: &str,
    ) -> Result<Bytes, NotConnected> {
        let namespace = probe.options.namespace();
        let packet = encode::connect(namespace, payload);
        let evidence = probe.last_exchange().unwrap_or_default();
        let text = String::from_utf8_lossy(&packet).into_owned();
        if let Err(end) = self.socket.send(probe, &text).await {
            return Err(ended(&end, evidence));
        }
        loop {
            let text = match self.socket.next(probe, PATIENCE).await {
                Next::Text(text) => text,
                Next::Binary(_) => continue,
                Next::End(end) => return Err(ended(&end, evidence)),
                Next::Silence => return Err(NotConnected::Silence(evidence)),
            };
            let message = match text.first() {
                Some(b'4') => text.slice(1..),
                Some(b'2') => {
                    // An end of the connection shows in the next message.
                    let _ = self.socket.send(probe, "3").await;
                    continue;
                }
                Some(_) | None => continue,
            };
            let Ok(Some(packet)) = self.decoder.take_text(message) else {
                continue;
            };
            if packet.namespace() != namespace.as_bytes() {
                continue;
            }
            let data = Bytes::copy_from_slice(packet.data());
            match packet.kind {
                Kind::Connect => return Ok(data),
                Kind::ConnectError => {
                    return Err(NotConnected::Rejected(Refused {
                        failure: reply::rejection(&data),
                        id: evidence,
                    }));
                }
                Kind::Disconnect | Kind::Event(_) | Kind::Ack => {}
            }
        }
    }
}

impl Direct {
    /// How the server takes the connected namespace back, or ends the session, if it does at once.
    pub(super) async fn over(&mut self, probe: &Probe) -> Option<Over> {
        let until = crate::clock::now() + LIFE_SIGN;
        loop {
            let left = until.saturating_duration_since(crate::clock::now());
            let text = match self.socket.next(probe, left).await {
                Next::Text(text) => text,
                Next::Binary(_) => continue,
                Next::End(_) => return Some(Over::Closed),
                Next::Silence => return None,
            };
            if text.first() != Some(&b'4') {
                continue;
            }
            match self.decoder.take_text(text.slice(1..)) {
                Ok(Some(packet))
                    if packet.kind == Kind::Disconnect
                        && packet.namespace() == probe.options.namespace().as_bytes() =>
                {
                    return Some(Over::Disconnected);
                }
                Ok(_) => {}
                Err(error) => return Some(Over::Undecodable(error)),
            }
        }
    }

    /// The last argument of the next event, as JSON text; nothing if none comes in time.
    pub(super) async fn event_offset(&mut self, probe: &Probe, limit: Duration) -> Option<String> {
        let until = crate::clock::now() + limit;
        loop {
            let left = until.saturating_duration_since(crate::clock::now());
            let Next::Text(text) = self.socket.next(probe, left).await else {
                return None;
            };
            if text.first() != Some(&b'4') {
                continue;
            }
            let Ok(Some(packet)) = self.decoder.take_text(text.slice(1..)) else {
                continue;
            };
            if let Kind::Event(elements) = &packet.kind {
                let last = elements.last.start as usize..elements.last.end as usize;
                return Some(String::from_utf8_lossy(&packet.text[last]).into_owned());
            }
        }
    }
}

fn ended(end: &WebSocketEnd, id: usize) -> NotConnected {
    let failure = Failure::new(Stage::Namespace, Cause::ConnectionClosed, Origin::Server);
    NotConnected::Engine(Refused {
        failure: failure.with_message(&describe(end)),
        id,
    })
}
