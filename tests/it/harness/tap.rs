use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use sio_load::clock;

use super::http::{Frame, Message};
use super::relay::{self, Relay};

/// A TCP proxy that records every byte, both ways, in order.
#[derive(Debug)]
pub(crate) struct Tap {
    relay: Relay,
    pieces: Arc<Mutex<Vec<Piece>>>,
}

/// One thing that was seen of a connection.
#[derive(Debug, Clone)]
struct Piece {
    connection: usize,
    at: Instant,
    seen: Seen,
}

#[derive(Debug, Clone)]
enum Seen {
    /// The connection was accepted.
    Accepted,
    /// This came in one read; nothing means that this side has ended.
    Bytes(Side, Vec<u8>),
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Who has connected.
    Client,
    /// Who has accepted.
    Server,
}

impl Tap {
    /// Records all that goes to and from a server.
    #[must_use]
    pub(crate) fn start(server: SocketAddr) -> Self {
        let pieces = Arc::new(Mutex::new(Vec::new()));
        let relay = Relay::start(server, {
            let pieces = Arc::clone(&pieces);
            move |accepted| {
                let connection = accepted.number;
                record(&pieces, connection, Seen::Accepted);
                let recorder = |side| {
                    let pieces = Arc::clone(&pieces);
                    move |bytes: &[u8]| {
                        record(&pieces, connection, Seen::Bytes(side, bytes.to_vec()));
                    }
                };
                let (from_client, from_server) = (recorder(Side::Client), recorder(Side::Server));
                move || {
                    let server = accepted.connect()?;
                    let back = (Arc::clone(&server), Arc::clone(&accepted.client));
                    std::thread::spawn(move || relay::copy(&back.0, &back.1, from_server));
                    relay::copy(&accepted.client, &server, from_client)
                }
            }
        });
        Self { relay, pieces }
    }

    /// Where to connect in place of the server.
    #[must_use]
    pub(crate) fn address(&self) -> SocketAddr {
        self.relay.address()
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Ends every connection there is, as a network that breaks does; new ones are welcome.
    pub(crate) fn cut(&self) {
        self.relay.cut();
    }

    /// What has been said so far.
    #[must_use]
    pub(crate) fn wire(&self) -> Wire {
        Wire::read(&self.pieces.lock().expect("no panic while recording"))
    }
}

/// The time is taken under the lock, so that its order is that of the pieces.
fn record(pieces: &Mutex<Vec<Piece>>, connection: usize, seen: Seen) {
    let mut pieces = pieces.lock().expect("no panic while recording");
    pieces.push(Piece {
        connection,
        at: clock::now(),
        seen,
    });
}

/// What went over the wire, in the order in which each message began.
///
/// The first request of a connection counts from when the connection was accepted: only that order
/// is the client's, since each connection is read by a thread of its own.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    /// All connections together.
    pub(crate) messages: Vec<Said>,
    /// How many connections were accepted; one that was accepted just now may have said nothing.
    pub(crate) connections: usize,
}

/// One message.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// From 0, in the order of accepting.
    pub(crate) connection: usize,
    /// When its first byte came.
    pub(crate) at: Instant,
    /// Who.
    pub(crate) side: Side,
    /// What.
    pub(crate) what: Utterance,
}

/// What one side said.
#[derive(Debug, Clone)]
pub(crate) enum Utterance {
    /// A request or a response.
    Http(Message),
    /// A WebSocket frame.
    Frame(Frame),
    /// The end of its stream.
    End,
    /// Bytes that are neither, or not all of it.
    Rest(Vec<u8>),
}

impl Wire {
    fn read(pieces: &[Piece]) -> Self {
        let connections = pieces.iter().map(|piece| piece.connection + 1).max();
        let connections = connections.unwrap_or(0);
        let mut messages: Vec<(usize, Said)> = Vec::new();
        for connection in 0..connections {
            for side in [Side::Client, Side::Server] {
                messages.extend(read_side(pieces, connection, side));
            }
        }
        messages.sort_by_key(|(order, _)| *order);
        Self {
            messages: messages.into_iter().map(|(_, said)| said).collect(),
            connections,
        }
    }

    /// The requests, in order.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter_map(|said| match &said.what {
            Utterance::Http(message) if said.side == Side::Client => Some(message),
            Utterance::Http(_) | Utterance::Frame(_) | Utterance::End | Utterance::Rest(_) => None,
        })
    }

    /// One line per request, response and frame, with what differs from run to run left out
    /// (`sid`, `pid`, `t`): what two clients that do the same have in common.
    #[must_use]
    pub(crate) fn outline(&self) -> Vec<String> {
        self.messages.iter().filter_map(Said::outline).collect()
    }
}

impl Utterance {
    /// What stands in a body or a frame, as text.
    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(match self {
            Self::Http(message) => &message.body,
            Self::Frame(frame) => &frame.payload,
            Self::Rest(bytes) => bytes,
            Self::End => &[],
        })
    }
}

impl Said {
    fn outline(&self) -> Option<String> {
        let arrow = match self.side {
            Side::Client => '>',
            Side::Server => '<',
        };
        let text = match &self.what {
            Utterance::Http(message) => {
                let what = match self.side {
                    Side::Client => {
                        let method = message.head.start.split(' ').next()?;
                        let upgrade = if message.head.is_upgrade() {
                            " upgrade"
                        } else {
                            ""
                        };
                        format!("{method} {}{upgrade}", message.head.word())
                    }
                    Side::Server => message.head.word().to_owned(),
                };
                format!("{what} {}", String::from_utf8_lossy(&message.body))
            }
            Utterance::Frame(Frame { opcode: 8, .. }) => "close frame".to_owned(),
            Utterance::Frame(frame) => format!("frame {}", String::from_utf8_lossy(&frame.payload)),
            Utterance::End => return None,
            Utterance::Rest(bytes) => format!("? {}", String::from_utf8_lossy(bytes)),
        };
        Some(blank_ids(&format!("{arrow} {}", text.trim_end())))
    }
}

/// Puts `…` in place of what differs from run to run: `sid`, `t`, `pid`, `offset`.
pub(crate) fn blank_ids(text: &str) -> String {
    let mut text = text.to_owned();
    for (before, after) in [
        ("sid=", "& "),
        ("&t=", "& "),
        ("\"sid\":\"", "\""),
        ("\"pid\":\"", "\""),
        ("\"offset\":\"", "\""),
    ] {
        text = blank(&text, before, after);
    }
    text
}

/// Puts `…` in place of what stands between `before` and the next of `after`.
fn blank(text: &str, before: &str, after: &str) -> String {
    let mut blanked = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(before) {
        let (kept, value) = rest.split_at(start + before.len());
        let end = value.find(|c| after.contains(c)).unwrap_or(value.len());
        blanked.push_str(kept);
        blanked.push('…');
        rest = &value[end..];
    }
    blanked + rest
}

/// The messages of one side of one connection, each with its place among all pieces.
fn read_side(pieces: &[Piece], connection: usize, side: Side) -> Vec<(usize, Said)> {
    let mut stream = Stream::default();
    let mut is_upgraded = None;
    for (order, piece) in pieces.iter().enumerate() {
        if piece.connection != connection {
            continue;
        }
        match &piece.seen {
            Seen::Accepted => stream.accepted = Some((order, piece.at)),
            Seen::Bytes(speaker, bytes) => {
                // WebSocket handshakes come on connections of their own: the first answer decides.
                if *speaker == Side::Server && is_upgraded.is_none() {
                    is_upgraded = Some(bytes.starts_with(b"HTTP/1.1 101"));
                }
                if *speaker == side {
                    stream.add(order, piece.at, bytes);
                }
            }
        }
    }
    stream
        .messages(side, is_upgraded == Some(true))
        .into_iter()
        .map(|((order, at), what)| {
            let said = Said {
                connection,
                at,
                side,
                what,
            };
            (order, said)
        })
        .collect()
}

/// A place among all pieces, and its time.
type Place = (usize, Instant);

/// What one side of a connection has said.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    accepted: Option<Place>,
    /// Where in `bytes` each piece begins.
    begins: Vec<(usize, Place)>,
    end: Option<Place>,
}

impl Stream {
    fn add(&mut self, order: usize, at: Instant, bytes: &[u8]) {
        if bytes.is_empty() {
            self.end = Some((order, at));
        } else {
            self.begins.push((self.bytes.len(), (order, at)));
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn messages(&self, side: Side, is_upgraded: bool) -> Vec<(Place, Utterance)> {
        let mut messages = Vec::new();
        let mut at = 0;
        while at < self.bytes.len() {
            let is_frame = is_upgraded && at > 0;
            let to_end = side == Side::Server && self.end.is_some();
            let (what, length) = next(&self.bytes[at..], is_frame, to_end);
            messages.push((self.place(at, side), what));
            at += length;
        }
        messages.extend(self.end.map(|place| (place, Utterance::End)));
        messages
    }

    fn place(&self, at: usize, side: Side) -> Place {
        if at == 0 && side == Side::Client {
            return self
                .accepted
                .expect("a connection is accepted before it is read");
        }
        let after = self.begins.partition_point(|(begin, _)| *begin <= at);
        self.begins[after - 1].1
    }
}

fn next(bytes: &[u8], is_frame: bool, to_end: bool) -> (Utterance, usize) {
    let parsed = if is_frame {
        Frame::parse(bytes).map(|(frame, length)| (Utterance::Frame(frame), length))
    } else {
        Message::parse(bytes, to_end).map(|(message, length)| (Utterance::Http(message), length))
    };
    parsed.unwrap_or_else(|| (Utterance::Rest(bytes.to_vec()), bytes.len()))
}
