//! An open engine: what carries its packets, and what waits to be carried.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::last_transport::LastTransport;
use super::outbox::{EngineQuery, Outbox};
use super::transmit::{RequestId, WebSocketId};
use crate::event::TransportKind;
use crate::protocol::engine_io::handshake::Handshake;
use crate::protocol::engine_io::heartbeat::Heartbeat;
use crate::protocol::engine_io::packet::Outgoing;
use crate::protocol::engine_io::payload;

/// Polls in a row that brought nothing but noops, during a probe, before the next one is put off.
const SPIN_LIMIT: u8 = 2;

/// How long a poll is put off then. Some servers answer every poll with a noop while a probe is
/// under way, and the reference client polls again at once, as fast as the network lets it.
pub(super) const SPIN_DELAY: Duration = Duration::from_millis(10);

/// An engine between its handshake and its end.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) engine: EngineQuery,
    pub(super) sid: Box<str>,
    pub(super) heartbeat: Heartbeat,
    pub(super) offers_websocket: bool,
    pub(super) carrier: Carrier,
    /// Whether the engine is to be closed as soon as all is written and no upgrade is half done.
    pub(super) is_closing: bool,
    pub(super) max_payload: Option<usize>,
    queue: VecDeque<Outgoing>,
    /// When an event was last written.
    written: Option<Instant>,
}

/// What carries a session.
///
/// ```text
/// Polling ── probe answered, both GET and POST empty ──► WebSocket
/// ```
#[derive(Debug)]
pub(super) enum Carrier {
    Polling(Polling),
    WebSocket { id: WebSocketId },
}

/// The GET and the POST of a polling session, and the probe beside them.
#[derive(Debug)]
pub(super) struct Polling {
    pub(super) get: PollState,
    pub(super) post: Option<RequestId>,
    pub(super) probe: Probe,
    spins: u8,
}

/// Where the poll stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PollState {
    /// On its way.
    InFlight(RequestId),
    /// Answered; its packets are being dealt with.
    Reading {
        /// Whether all of them so far were noops.
        only_noops: bool,
    },
    /// Put off for [`SPIN_DELAY`].
    PutOff,
    /// There is none, because of the probe.
    Empty,
}

/// Where the upgrade stands.
///
/// ```text
/// None ─► Due ─► Connecting ─► AwaitingPong ─► Pausing ─► (Carrier::WebSocket)
///                    │              │  └─ wrong packet ─► Lingering
///                    └──────────────┴─ closed ─► None       └─ closed ─► None
///                                                  Pausing ─ closed ─► Stalled
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// None is under way.
    None,
    /// It starts as soon as the namespaces have sent CONNECT.
    Due,
    /// The WebSocket is being opened.
    Connecting(WebSocketId),
    /// `2probe` was sent.
    AwaitingPong(WebSocketId),
    /// `3probe` came; GET and POST run empty.
    Pausing(WebSocketId),
    /// Something else than `3probe` came; the WebSocket stays open until the server closes it.
    Lingering(WebSocketId),
    /// The WebSocket was lost while GET and POST ran empty. The reference client then neither polls
    /// nor writes again, and only its ping timeout ends the session.
    Stalled,
}

impl Session {
    /// The session of an answered handshake; over polling, its packets are still being read.
    pub(super) fn new(
        engine: EngineQuery,
        handshake: Handshake,
        heartbeat: Heartbeat,
        websocket: Option<WebSocketId>,
    ) -> Self {
        let carrier = match websocket {
            Some(id) => Carrier::WebSocket { id },
            None => Carrier::Polling(Polling {
                get: PollState::Reading { only_noops: false },
                post: None,
                probe: Probe::None,
                spins: 0,
            }),
        };
        Self {
            engine,
            sid: handshake.sid,
            heartbeat,
            offers_websocket: handshake.offers_websocket,
            max_payload: handshake.max_payload,
            carrier,
            is_closing: false,
            queue: VecDeque::new(),
            written: None,
        }
    }

    pub(super) fn transport(&self) -> TransportKind {
        match self.carrier {
            Carrier::Polling(_) => TransportKind::Polling,
            Carrier::WebSocket { .. } => TransportKind::WebSocket,
        }
    }

    /// Whether a volatile event would be taken now. The reference client calls a WebSocket busy for
    /// the rest of the event loop's turn in which it wrote: of a burst, it takes the first alone.
    pub(super) fn is_writable(&self, now: Instant) -> bool {
        match &self.carrier {
            Carrier::Polling(polling) => polling.post.is_none(),
            Carrier::WebSocket { .. } => self.written != Some(now),
        }
    }

    /// An event was written now.
    pub(super) fn wrote(&mut self, now: Instant) {
        self.written = Some(now);
    }

    /// Sends a packet, or lets it wait for its turn. An engine that closes takes none.
    pub(super) fn send(&mut self, out: &mut Outbox, packet: Outgoing) {
        if self.is_closing {
            return;
        }
        match self.carrier {
            Carrier::WebSocket { id } => out.frame(id, packet),
            Carrier::Polling(_) => {
                self.queue.push_back(packet);
                self.flush(out);
            }
        }
    }

    /// POSTs what waits, if the lane is free and no upgrade holds it back.
    fn flush(&mut self, out: &mut Outbox) {
        let Carrier::Polling(polling) = &mut self.carrier else {
            return;
        };
        if polling.post.is_some() || polling.probe.holds_writes() || self.queue.is_empty() {
            return;
        }
        let revision = out.revision();
        let limit = self.max_payload.filter(|_| revision.heeds_max_payload());
        let count = payload::fitting(self.queue.iter(), limit);
        let octets = !revision.polls_base64(out.config.force_base64, out.config.binary_polling);
        let body = payload::encode(revision, octets, self.queue.iter().take(count).cloned());
        self.queue.drain(..count);
        if self.queue.is_empty() {
            self.queue.shrink_to(0);
        }
        polling.post = Some(out.post(&self.engine, &self.sid, body));
    }

    /// The POST was answered.
    pub(super) fn post_done(&mut self, out: &mut Outbox) {
        if let Carrier::Polling(polling) = &mut self.carrier {
            polling.post = None;
        }
        self.flush(out);
    }

    /// The packets of a poll were dealt with: the next one goes out, now or when the caller says.
    /// True if it is to be put off for [`SPIN_DELAY`].
    #[must_use]
    pub(super) fn poll_done(&mut self, out: &mut Outbox) -> bool {
        let Carrier::Polling(polling) = &mut self.carrier else {
            return false;
        };
        let spins =
            polling.get == PollState::Reading { only_noops: true } && polling.probe.is_open();
        polling.spins = if spins { polling.spins + 1 } else { 0 };
        if polling.probe.holds_writes() {
            polling.get = PollState::Empty;
        } else if polling.spins > SPIN_LIMIT {
            polling.spins = SPIN_LIMIT;
            polling.get = PollState::PutOff;
            return true;
        } else {
            polling.get = PollState::InFlight(out.poll(&self.engine, &self.sid));
        }
        false
    }

    /// Sends the poll that was put off, if one was.
    pub(super) fn poll_again(&mut self, out: &mut Outbox) {
        if let Carrier::Polling(polling) = &mut self.carrier
            && polling.get == PollState::PutOff
        {
            polling.get = PollState::InFlight(out.poll(&self.engine, &self.sid));
        }
    }

    /// A packet other than a noop came by poll.
    pub(super) fn saw_content(&mut self) {
        if let Carrier::Polling(polling) = &mut self.carrier
            && let PollState::Reading { only_noops } = &mut polling.get
        {
            *only_noops = false;
        }
    }

    /// Whether the engine may close now, if it is to close.
    pub(super) fn is_done(&self) -> bool {
        let switches = match &self.carrier {
            Carrier::WebSocket { .. } => false,
            Carrier::Polling(polling) => polling.probe.holds_writes(),
        };
        self.only_waits_for_upgrade() && !switches
    }

    /// Whether the engine is to close and all is written. The end of an upgrade that holds it up,
    /// whichever end, is then its own.
    pub(super) fn only_waits_for_upgrade(&self) -> bool {
        let is_posting = match &self.carrier {
            Carrier::WebSocket { .. } => false,
            Carrier::Polling(polling) => polling.post.is_some(),
        };
        self.is_closing && !is_posting && self.queue.is_empty()
    }

    /// Ends it from our side: the goodbye over polling, the close frame on WebSocket, and no probe.
    pub(super) fn say_goodbye(&mut self, out: &mut Outbox) {
        match &mut self.carrier {
            Carrier::WebSocket { id } => out.close_websocket(*id),
            Carrier::Polling(polling) => {
                // A transport that is pausing is not closed by the reference client.
                if !polling.probe.holds_writes() {
                    let revision = out.revision();
                    let body = payload::encode(revision, false, std::iter::once(Outgoing::CLOSE));
                    polling.post = Some(out.post(&self.engine, &self.sid, body));
                }
                polling.probe.abort(out);
            }
        }
    }

    /// Ends it after the server has: only the probe is left to be given up.
    pub(super) fn drop_probe(&mut self, out: &mut Outbox) {
        if let Carrier::Polling(polling) = &mut self.carrier {
            polling.probe.abort(out);
        }
    }

    /// Moves to the WebSocket of the probe if both GET and POST are empty; true if it did.
    pub(super) fn try_switch(&mut self, out: &mut Outbox) -> bool {
        let Carrier::Polling(polling) = &self.carrier else {
            return false;
        };
        let (Probe::Pausing(id), PollState::Empty, None) =
            (polling.probe, polling.get, polling.post)
        else {
            return false;
        };
        self.carrier = Carrier::WebSocket { id };
        out.frame(id, Outgoing::UPGRADE);
        for packet in std::mem::take(&mut self.queue) {
            out.frame(id, packet);
        }
        true
    }

    /// A polling session is to be upgraded if the server knows WebSocket too.
    pub(super) fn plan_upgrade(&mut self) {
        if self.offers_websocket
            && let Carrier::Polling(polling) = &mut self.carrier
        {
            polling.probe = Probe::Due;
        }
    }

    /// Starts a probe; the session must be polling.
    pub(super) fn start_probe(&mut self, out: &mut Outbox) {
        if let Carrier::Polling(polling) = &mut self.carrier {
            polling.probe.abort(out);
            let id = out.open_websocket(&self.engine, Some(&self.sid));
            polling.probe = Probe::Connecting(id);
        }
    }

    /// The state in which its transport is left when it ends.
    pub(super) fn last_transport(&self) -> LastTransport {
        match &self.carrier {
            Carrier::WebSocket { .. } => LastTransport::Writable,
            Carrier::Polling(polling) => polling
                .post
                .map_or(LastTransport::Writable, LastTransport::Posting),
        }
    }
}

impl Probe {
    /// Its WebSocket.
    pub(super) fn websocket(self) -> Option<WebSocketId> {
        match self {
            Self::Connecting(id)
            | Self::AwaitingPong(id)
            | Self::Pausing(id)
            | Self::Lingering(id) => Some(id),
            Self::None | Self::Due | Self::Stalled => None,
        }
    }

    /// Whether an answer is awaited.
    pub(super) fn is_open(self) -> bool {
        match self {
            Self::Connecting(_) | Self::AwaitingPong(_) => true,
            Self::None | Self::Due | Self::Pausing(_) | Self::Lingering(_) | Self::Stalled => false,
        }
    }

    /// Whether GET and POST are to run empty, or already are for good.
    pub(super) fn holds_writes(self) -> bool {
        match self {
            Self::Pausing(_) | Self::Stalled => true,
            Self::None
            | Self::Due
            | Self::Connecting(_)
            | Self::AwaitingPong(_)
            | Self::Lingering(_) => false,
        }
    }

    fn abort(&mut self, out: &mut Outbox) {
        match *self {
            Self::Connecting(id) => out.abandon_websocket(id),
            Self::AwaitingPong(id) | Self::Pausing(id) | Self::Lingering(id) => {
                out.close_websocket(id);
            }
            Self::None | Self::Due | Self::Stalled => {}
        }
        *self = Self::None;
    }
}
