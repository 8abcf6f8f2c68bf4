use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::event::{DisconnectReason, Failure, TransportKind};

/// What a connection tells its driver; `namespace` is an index into
/// [`Config::namespaces`](super::Config::namespaces).
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An engine is about to open: answer with
    /// [`provide_query`](super::Connection::provide_query).
    QueryNeeded {
        /// From 1 in each reconnection; nothing outside one.
        reconnect_attempt: Option<u32>,
    },
    /// A namespace is about to connect: answer with
    /// [`provide_auth`](super::Connection::provide_auth).
    ///
    /// The rest of what the server said in the same breath is held until then.
    AuthNeeded {
        /// Which.
        namespace: usize,
    },
    /// An Engine.IO handshake was begun.
    EngineOpening {
        /// On this transport.
        transport: TransportKind,
        /// From 1 in each reconnection; nothing outside one.
        reconnect_attempt: Option<u32>,
    },
    /// With `try_all_transports`: a transport failed, and the next is tried in the same attempt.
    TransportFailed {
        /// The one that failed.
        transport: TransportKind,
        /// Where, why and who.
        failure: Failure,
    },
    /// An Engine.IO handshake succeeded.
    EngineOpened {
        /// On this transport.
        transport: TransportKind,
    },
    /// An Engine.IO handshake failed: the reference client's `connect_error` of the Manager.
    EngineFailed {
        /// Where, why and who.
        failure: Failure,
    },
    /// A handshake that had been given up was answered all the same.
    Zombie,
    /// A WebSocket probe was begun.
    UpgradeStarted,
    /// The transport is now WebSocket.
    Upgraded,
    /// The probe failed; the session goes on over polling, if it goes on.
    UpgradeFailed {
        /// Where, why and who.
        failure: Failure,
    },
    /// A CONNECT packet was given to the transport; with revision 3 the root namespace has none,
    /// and this is the moment from which the server's own is awaited.
    NamespaceConnecting {
        /// Which.
        namespace: usize,
    },
    /// A namespace is connected.
    Connected {
        /// Which.
        namespace: usize,
        /// Whether the session was recovered; nothing if the server offers no recovery.
        recovered: Option<bool>,
    },
    /// A CONNECT packet was refused.
    Rejected {
        /// Which.
        namespace: usize,
        /// Where, why and who.
        failure: Failure,
        /// Whether the namespace stays active, to be tried again on the next engine.
        active: bool,
    },
    /// What ended an established session; [`Event::Disconnected`] follows for each namespace.
    SessionFailed {
        /// Where, why and who.
        failure: Failure,
    },
    /// A namespace is no longer connected, or never will be on this engine.
    Disconnected {
        /// Which.
        namespace: usize,
        /// As the reference client names it.
        reason: DisconnectReason,
        /// False if the engine closed before the namespace was connected.
        was_connected: bool,
    },
    /// A reconnection attempt was put on the clock.
    ReconnectScheduled {
        /// From 1 in each reconnection.
        attempt: u32,
        /// As drawn.
        delay: Duration,
        /// In which of the ten stripes of delays it fell, from 0, the shortest.
        stripe: u8,
    },
    /// The reconnection attempts are used up.
    GaveUp,
    /// An event came in.
    Received(Received),
    /// An ack came for an event of ours.
    Acked {
        /// Which.
        namespace: usize,
        /// As given with the emit.
        tag: u32,
        /// As given with the emit.
        intended: Instant,
        /// When the event was given to the transport, the last time if it was repeated.
        sent: Instant,
        /// The ack's arguments as raw JSON, separated by commas, without brackets.
        arguments: Bytes,
    },
    /// No ack came in time (after the last try, if there are retries).
    AckTimedOut {
        /// Which.
        namespace: usize,
        /// As given with the emit.
        tag: u32,
        /// As given with the emit.
        intended: Instant,
        /// When the event was given to the transport, the first time if it was repeated; nothing if
        /// it never was.
        sent: Option<Instant>,
    },
    /// The connection was lost before the ack came (on the last try, if there are retries).
    AckLost {
        /// Which.
        namespace: usize,
        /// As given with the emit.
        tag: u32,
    },
    /// An event was given to the transport again, by its retries.
    Retried {
        /// Which.
        namespace: usize,
    },
    /// An event that [`Emitted::Buffered`] had been said of was given to the transport.
    BufferedSent {
        /// Which.
        namespace: usize,
    },
    /// A buffered event was thrown away unsent, because its ack timed out.
    DroppedUnsent {
        /// Which.
        namespace: usize,
    },
    /// A ping of the server came (revision 4).
    Heartbeat {
        /// Later than pingInterval after the last by so much; zero if in time.
        late: Duration,
    },
}

/// An event that came in, as the bytes that came in.
///
/// Nothing is decoded: a lone surrogate stays the escape it was, and no event costs an allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Which namespace.
    pub namespace: usize,
    /// The id under which the server wants an ack, if it wants one.
    pub ack: Option<u64>,
    pub(in crate::protocol) text: Bytes,
    pub(in crate::protocol) name: Range<u32>,
    pub(in crate::protocol) args: Range<u32>,
    pub(in crate::protocol) last: Range<u32>,
    #[expect(
        clippy::box_collection,
        reason = "most events have none: 8 bytes instead of 24"
    )]
    pub(in crate::protocol) attachments: Option<Box<Vec<Bytes>>>,
}

impl Received {
    /// An event as if it had come in, for tests of what is made of one.
    #[cfg(test)]
    pub(crate) fn new(namespace: usize, name: &str, arguments: &str) -> Self {
        let text = format!("\"{name}\",{arguments}");
        let name = 0..name.len() as u32 + 2;
        Self {
            namespace,
            ack: None,
            args: name.end + 1..text.len() as u32,
            last: name.clone(),
            name,
            text: text.into(),
            attachments: None,
        }
    }

    /// The event's name as raw JSON: a string with its quotes and escapes, or a number.
    #[must_use]
    pub fn raw_name(&self) -> &[u8] {
        self.slice(&self.name)
    }

    /// The event's name without quotes; escapes stay as they are. This is what names in a scenario
    /// are compared with, after these went through [`escape_name`](crate::protocol::escape_name).
    #[must_use]
    pub fn name(&self) -> &[u8] {
        let raw = self.raw_name();
        raw.strip_prefix(b"\"")
            .and_then(|name| name.strip_suffix(b"\""))
            .unwrap_or(raw)
    }

    /// The arguments as raw JSON without the brackets; empty if there are none.
    #[must_use]
    pub fn args(&self) -> &[u8] {
        self.slice(&self.args)
    }

    /// The binary attachments, in the order of their placeholders' numbers.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.attachments.as_deref().map_or(&[], Vec::as_slice)
    }

    /// The last element of the packet, the name included, as raw JSON.
    pub(super) fn last(&self) -> &[u8] {
        self.slice(&self.last)
    }

    fn slice(&self, range: &Range<u32>) -> &[u8] {
        &self.text[range.start as usize..range.end as usize]
    }
}

/// What became of an emit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emitted {
    /// Given to a live transport.
    Sent,
    /// Kept until the namespace is connected, or until its turn among the retried ones comes.
    Buffered,
    /// Volatile, and the transport could not take it; or the engine is about to close.
    Dropped,
}

/// An event to send.
#[derive(Debug, Clone)]
pub struct Emit<'a> {
    /// The index of its namespace.
    pub namespace: usize,
    /// Its name.
    pub event: &'a str,
    /// The JSON text of its arguments, separated by commas, without brackets; may be empty.
    pub args: &'a str,
    /// Binary arguments; they follow the others.
    pub attachments: &'a [Bytes],
    /// Whether it may be dropped rather than wait.
    pub volatile: bool,
    /// Whether an ack is asked for.
    pub ack: Option<AckRequest>,
}

/// An ack that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckRequest {
    /// How long to wait for it, counted from the emit (or from each try).
    pub timeout: Option<Duration>,
    /// How many more tries follow the first one. Above 0, one event at a time is under way.
    pub retries: u32,
    /// When the event should have been sent; comes back with the outcome.
    pub intended: Instant,
    /// The application's own mark; comes back with the outcome.
    pub tag: u32,
}

/// An ack that was asked for and has not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnansweredAck {
    /// As given with the emit.
    pub tag: u32,
    /// As given with the emit.
    pub intended: Instant,
    /// When the event was given to the transport, the first time if it was repeated; nothing if it
    /// is still buffered.
    pub sent: Option<Instant>,
}
