//! A session that begins as a WebSocket.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::http::Reply;
use super::probe::Probe;
use super::request::{self, CLIENT_PATIENCE, Outcome, PATIENCE, Request};
use super::session::{NotConnected, Over, Refused};
use super::websocket::{Next, Socket, describe};
use crate::clock;
use crate::event::{Cause, EngineRevision, Failure, Origin, Stage};
use crate::protocol::engine_io::handshake::Handshake;
use crate::protocol::engine_io::packet::Packet;
use crate::protocol::socket_io::decoder::Decoder;
use crate::protocol::socket_io::packet::Kind;
use crate::protocol::socket_io::{encode, reply};
use crate::transport::{self, WebSocketEnd};

/// A namespace that no server has: asking for it brings a packet back and changes nothing.
pub(super) const NOWHERE: &str = "40/sio-load-doctor,";

/// Packets that are asked for to see whether they come: gateways may let the first ones through.
const ROUND_TRIPS: usize = 3;

/// The DISCONNECT of a namespace.
pub(super) fn leave(namespace: &str) -> String {
    String::from_utf8_lossy(&encode::disconnect(namespace)).into_owned()
}

/// The CONNECT to a namespace.
pub(super) fn join(namespace: &str, payload: &str) -> String {
    String::from_utf8_lossy(&encode::connect(namespace, payload)).into_owned()
}

/// A session that began as a WebSocket.
pub(super) struct Direct {
    /// How long the reply to a CONNECT may take.
    pub(super) patience: Duration,
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

impl NoDirect {
    /// Says why this proves nothing about WebSockets; `None` if it does.
    pub(super) fn proves_nothing(&self) -> Option<String> {
        match self {
            Self::Refused(failure) | Self::Failed(failure) => request::proves_nothing(failure),
            Self::Silent | Self::Other(_) | Self::Ended(_) => None,
        }
    }
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
                patience: CLIENT_PATIENCE,
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
        let until = clock::now() + self.patience;
        probe.sessions.connecting(clock::now());
        let text = String::from_utf8_lossy(&packet).into_owned();
        if let Err(end) = self.socket.send(probe, &text).await {
            return Err(ended(&end, evidence));
        }
        loop {
            let left = until.saturating_duration_since(clock::now());
            let text = match self.socket.next(probe, left).await {
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
    pub(super) async fn over(&mut self, probe: &Probe, limit: Duration) -> Option<Over> {
        let until = clock::now() + limit;
        loop {
            let left = until.saturating_duration_since(clock::now());
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

    /// Whether packets come back, time and again, when they are asked for.
    pub(super) async fn answers(&mut self, probe: &Probe) -> bool {
        for _ in 0..ROUND_TRIPS {
            if self.is_silent_on(probe, &[NOWHERE]).await {
                // A server may take any namespace, and leave it unanswered.
                let namespace = probe.options.namespace();
                let again = [&*leave(namespace), &*join(namespace, probe.auth())];
                return !self.is_silent_on(probe, &again).await;
            }
        }
        true
    }

    /// Whether nothing comes back for these packets; an end is another matter than silence.
    async fn is_silent_on(&mut self, probe: &Probe, packets: &[&str]) -> bool {
        for packet in packets {
            if self.socket.send(probe, packet).await.is_err() {
                return false;
            }
        }
        matches!(self.socket.next(probe, PATIENCE).await, Next::Silence)
    }

    /// Whether this message takes the connected namespace back.
    pub(super) fn is_disconnect(&mut self, probe: &Probe, text: &Bytes) -> bool {
        let Ok(Some(packet)) = self.decoder.take_text(text.slice(1..)) else {
            return false;
        };
        packet.kind == Kind::Disconnect
            && packet.namespace() == probe.options.namespace().as_bytes()
    }

    /// The last argument of the next event, as JSON text; nothing if none comes in time.
    pub(super) async fn event_offset(&mut self, probe: &Probe, limit: Duration) -> Option<String> {
        let until = clock::now() + limit;
        loop {
            let left = until.saturating_duration_since(clock::now());
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
