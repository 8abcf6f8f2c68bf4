//! One Engine.IO session over long-polling, step by step.

use std::fmt;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;

use super::handle::Handle;
use super::http::Reply;
use super::probe::Probe;
use super::request::{CLIENT_PATIENCE, Outcome, PATIENCE, Request};
use crate::clock;
use crate::event::{Cause, EngineRevision, Failure, Origin, Stage};
use crate::protocol::engine_io::error_body::{self, RequestKind};
use crate::protocol::engine_io::handshake::Handshake;
use crate::protocol::engine_io::packet::Packet;
use crate::protocol::engine_io::payload::PayloadReader;
use crate::protocol::socket_io::decoder::{DecodeError, Decoder};
use crate::protocol::socket_io::packet::{Kind, Packet as SocketPacket};
use crate::protocol::socket_io::{encode as socket_io, reply};
use crate::trace::Voice;

/// An open session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) handle: Handle,
    pub(super) handshake: Handshake,
    decoder: Decoder,
    /// How the server has ended it, or the namespace, of its own accord.
    pub(super) over: Option<Over>,
    /// What came with a poll and nobody has asked for yet.
    pending: Vec<Packet>,
}

/// How a server ends a session, or its namespace, that is connected.
#[derive(Debug)]
pub(super) enum Over {
    /// By a DISCONNECT.
    Disconnected,
    /// By a close packet, or the end of the WebSocket.
    Closed,
    /// It does not know the session any more.
    Forgotten,
    /// By a packet after which clients hang up.
    Undecodable(DecodeError),
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected => f.write_str("disconnected it"),
            Self::Closed => f.write_str("closed the session"),
            Self::Forgotten => f.write_str("forgot the session"),
            Self::Undecodable(error) => write!(f, "sent what clients cannot read ({error})"),
        }
    }
}

/// Something that did not work, and the exchange that shows it.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) failure: Failure,
    pub(super) id: usize,
}

/// A namespace is connected.
#[derive(Debug)]
pub(super) struct Connected {
    /// The JSON of the reply.
    pub(super) data: Bytes,
    /// The POST of the CONNECT, where one was needed.
    pub(super) sent: Option<Outcome>,
    /// The poll that brought the reply; release 2 sends it with the handshake.
    pub(super) polled: Option<Outcome>,
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(refused) | Self::Engine(refused) => write!(f, "{}", refused.failure),
            Self::Silence(_) => f.write_str("no reply to the CONNECT"),
        }
    }
}

/// A namespace is not connected.
#[derive(Debug)]
pub(super) enum NotConnected {
    /// The server refused it.
    Rejected(Refused),
    /// The engine failed on the way.
    Engine(Refused),
    /// Nothing came.
    Silence(usize),
}

impl Session {
    /// Opens a session as a client of this revision does.
    pub(super) async fn open(
        probe: &Probe,
        revision: EngineRevision,
        source: Option<IpAddr>,
    ) -> (Result<Self, Refused>, Outcome) {
        let target = probe.target(revision, "polling");
        let ask = Request::new("GET", target)
            .from(source)
            .limit(CLIENT_PATIENCE);
        let asked = noticed(probe, "The server has not answered for 5 s", probe.ask(ask)).await;
        let opened = Self::read(probe, revision, &asked, source);
        (opened, asked)
    }

    /// Reads the answer to a handshake. A release 2 server ignores the revision that was asked
    /// for; its answer makes a session of revision 3.
    pub(super) fn read(
        probe: &Probe,
        revision: EngineRevision,
        asked: &Outcome,
        source: Option<IpAddr>,
    ) -> Result<Self, Refused> {
        let refused = |failure| Refused {
            failure,
            id: asked.id,
        };
        let reply = match &asked.result {
            Ok(reply) => reply,
            Err(trouble) => return Err(refused(trouble.failure.clone())),
        };
        if reply.status != 200 {
            return Err(refused(classify(reply)));
        }
        let (revision, handshake, pending) = [revision, EngineRevision::V3, EngineRevision::V4]
            .into_iter()
            .find_map(|revision| open_packet(revision, &reply.body))
            .ok_or_else(|| refused(error_body::undecodable(Stage::Open, &reply.body)))?;
        let handle = Handle::new(revision, &handshake.sid, reply, source);
        probe.trace.say(Voice::Engine, || {
            format!("socket receive: type \"open\", sid {}", handle.sid())
        });
        probe.sessions.opened(handle.clone());
        Ok(Self {
            handle,
            handshake,
            decoder: Decoder::new(revision),
            over: None,
            pending,
        })
    }

    /// The same session, which was opened at another path than that of the options.
    pub(super) fn at(mut self, probe: &Probe, path: &str) -> Self {
        probe.sessions.closed(self.handle.sid());
        self.handle = self.handle.at(path);
        probe.sessions.reopened(self.handle.clone());
        self
    }

    pub(super) fn revision(&self) -> EngineRevision {
        self.handle.revision()
    }

    /// Sends packets of text.
    pub(super) async fn send(&self, probe: &Probe, packets: &[&str]) -> Result<Outcome, Refused> {
        let asked = self.handle.send(probe, packets).await;
        match &asked.result {
            Ok(reply) if reply.status == 200 => Ok(asked),
            Ok(reply) => Err(Refused {
                failure: classify(reply).at_stage(Stage::Session),
                id: asked.id,
            }),
            Err(trouble) => Err(Refused {
                failure: trouble.failure.clone().at_stage(Stage::Session),
                id: asked.id,
            }),
        }
    }

    /// Polls once.
    pub(super) async fn poll(
        &mut self,
        probe: &Probe,
        limit: Duration,
    ) -> (Result<Vec<Packet>, Refused>, Outcome) {
        let ask = self.handle.get(probe).limit(limit);
        let asked = probe.ask(ask).await;
        let refused = |failure: Failure| Refused {
            failure: failure.at_stage(Stage::Session),
            id: asked.id,
        };
        let polled = match &asked.result {
            Ok(reply) if reply.status == 200 => {
                packets(self.handle.revision(), &reply.body).map_err(refused)
            }
            Ok(reply) => Err(refused(classify(reply))),
            Err(trouble) => Err(refused(trouble.failure.clone())),
        };
        (polled, asked)
    }

    /// Connects the namespace of the options.
    pub(super) async fn connect(
        &mut self,
        probe: &Probe,
        namespace: &str,
        payload: &str,
    ) -> Result<Connected, NotConnected> {
        probe.sessions.connecting(clock::now());
        let by_itself = self.revision() == EngineRevision::V3 && namespace == "/";
        let sent = if by_itself {
            None
        } else {
            let (namespace, payload) = match self.revision() {
                EngineRevision::V4 => (namespace, payload),
                EngineRevision::V3 => (namespace, ""),
            };
            let packet = socket_io::connect(namespace, payload);
            let text = String::from_utf8_lossy(&packet).into_owned();
            probe.trace.say(Voice::Socket, || {
                "transport is open - connecting".to_owned()
            });
            Some(
                self.send(probe, &[&text])
                    .await
                    .map_err(NotConnected::Engine)?,
            )
        };
        let notice = "The CONNECT has not been answered for 5 s";
        noticed(probe, notice, self.await_connect(probe, namespace, sent)).await
    }

    async fn await_connect(
        &mut self,
        probe: &Probe,
        namespace: &str,
        sent: Option<Outcome>,
    ) -> Result<Connected, NotConnected> {
        let until = clock::now() + CLIENT_PATIENCE;
        let mut last = sent.as_ref().map_or(0, |asked| asked.id);
        let mut packets = std::mem::take(&mut self.pending);
        let mut polled = None;
        loop {
            let replied = self.reply_among(probe, namespace, packets).await;
            match replied {
                Some(Ok(data)) => return Ok(Connected { data, sent, polled }),
                Some(Err(failure)) => {
                    return Err(NotConnected::Rejected(Refused { failure, id: last }));
                }
                None => {}
            }
            let left = until.saturating_duration_since(clock::now());
            if left.is_zero() {
                return Err(NotConnected::Silence(last));
            }
            let (came, asked) = self.poll(probe, left).await;
            last = asked.id;
            packets = match came {
                Ok(packets) => packets,
                Err(refused) if refused.failure.cause == Cause::TimedOut => {
                    return Err(NotConnected::Silence(last));
                }
                Err(refused) => return Err(NotConnected::Engine(refused)),
            };
            polled = Some(asked);
        }
    }

    /// The reply to a CONNECT, if it is among these packets.
    async fn reply_among(
        &mut self,
        probe: &Probe,
        namespace: &str,
        packets: Vec<Packet>,
    ) -> Option<Result<Bytes, Failure>> {
        let mut replied = None;
        for packet in packets {
            let Some(packet) = self.socket_packet(probe, packet).await else {
                continue;
            };
            if packet.namespace() != namespace.as_bytes() {
                continue;
            }
            let data = Bytes::copy_from_slice(packet.data());
            match packet.kind {
                Kind::Connect => replied = Some(Ok(data)),
                Kind::ConnectError => replied = Some(Err(reply::rejection(&data))),
                Kind::Disconnect => self.over = Some(Over::Disconnected),
                Kind::Event(_) | Kind::Ack => {}
            }
        }
        replied
    }

    /// Looks for the end of a connected namespace among what a poll brought.
    pub(super) async fn note_end(&mut self, probe: &Probe, polled: Result<Vec<Packet>, Refused>) {
        match polled {
            Ok(packets) => {
                let namespace = probe.options.namespace().to_owned();
                // Its reply came before.
                let _ = self.reply_among(probe, &namespace, packets).await;
            }
            Err(refused) if refused.failure.cause == Cause::SessionIdUnknown => {
                self.over = Some(Over::Forgotten);
            }
            // Told by the check that polled.
            Err(_) => {}
        }
    }

    /// Looks for the end of a connected namespace in what came over its WebSocket.
    pub(super) async fn note_text(&mut self, probe: &Probe, text: &Bytes) {
        let Ok(packet) = Packet::from_text(self.revision(), text) else {
            return;
        };
        if matches!(packet, Packet::Text(_)) {
            self.note_end(probe, Ok(vec![packet])).await;
        }
    }

    /// Answers pings, and takes Socket.IO packets apart.
    async fn socket_packet(&mut self, probe: &Probe, packet: Packet) -> Option<SocketPacket> {
        match packet {
            Packet::Text(text) => {
                probe.trace.say(Voice::Parser, || {
                    format!("decoded {}", String::from_utf8_lossy(&text))
                });
                let taken = self.decoder.take_text(text);
                self.decoded(taken)
            }
            Packet::Binary(bytes) => {
                let taken = self.decoder.take_binary(bytes);
                self.decoded(taken)
            }
            Packet::Ping(_) => {
                // A session that ends here shows it in the next poll.
                let _ = self.send(probe, &["3"]).await;
                None
            }
            Packet::Close => {
                self.over = Some(Over::Closed);
                None
            }
            Packet::Open(_) | Packet::Pong(_) | Packet::Upgrade | Packet::Noop => None,
        }
    }

    fn decoded(
        &mut self,
        taken: Result<Option<SocketPacket>, DecodeError>,
    ) -> Option<SocketPacket> {
        taken
            .inspect_err(|error| self.over = Some(Over::Undecodable(*error)))
            .ok()
            .flatten()
    }

    /// Closes it; whether it is gone.
    pub(super) async fn close(self, probe: &Probe) -> bool {
        probe.sessions.closed(self.handle.sid());
        self.handle.close(probe).await
    }

    /// It ended, or goes on as a WebSocket.
    pub(super) fn forget(&self, probe: &Probe) {
        probe.sessions.closed(self.handle.sid());
    }
}

/// Waits, and tells a person who waits too after [`PATIENCE`].
async fn noticed<T>(probe: &Probe, notice: &str, waiting: impl Future<Output = T>) -> T {
    let mut waiting = pin!(waiting);
    tokio::select! {
        done = &mut waiting => return done,
        () = tokio::time::sleep(PATIENCE) => {}
    }
    let patience = CLIENT_PATIENCE.as_secs();
    probe.notify(&format!(
        "{notice}; waiting {patience} s in all, as clients do."
    ));
    waiting.await
}

/// The failure that an answer other than 200 is. A redirect tells where it leads.
pub(super) fn classify(reply: &Reply) -> Failure {
    let failure = error_body::classify(RequestKind::Handshake, reply.status, &reply.body);
    // A challenge is HTTP's own authentication, of something in front of Socket.IO.
    if reply.status == 401 && reply.header("www-authenticate").is_some() {
        return Failure {
            cause: Cause::HttpStatus,
            code: None,
            ..failure
        };
    }
    match reply.header("location") {
        Some(to) if matches!(reply.status, 301..=308) => Failure {
            cause: Cause::HttpStatus,
            ..failure.with_message(&format!("redirects to {to}"))
        },
        Some(_) | None => failure,
    }
}

fn open_packet(
    revision: EngineRevision,
    body: &[u8],
) -> Option<(EngineRevision, Handshake, Vec<Packet>)> {
    let mut packets = PayloadReader::new(revision, Bytes::copy_from_slice(body));
    let Some(Ok(Packet::Open(json))) = packets.next() else {
        return None;
    };
    let handshake = Handshake::read(&json).ok()?;
    Some((revision, handshake, packets.flatten().collect()))
}

fn packets(revision: EngineRevision, body: &[u8]) -> Result<Vec<Packet>, Failure> {
    let body = Bytes::copy_from_slice(body);
    let undecodable = |_| {
        Failure::new(Stage::Session, Cause::NotSocketio, Origin::Server)
            .with_message(&String::from_utf8_lossy(&body))
    };
    PayloadReader::new(revision, body.clone())
        .collect::<Result<Vec<_>, _>>()
        .map_err(undecodable)
}
