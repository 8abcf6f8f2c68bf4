use bytes::Bytes;

use super::super::frame::Frame;

/// One engine of a connection; grows by one with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EngineId(pub(super) u32);

/// One HTTP request of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    pub(super) engine: EngineId,
    pub(super) serial: u32,
    pub(super) opening: bool,
}

impl RequestId {
    /// The engine that it belongs to.
    #[must_use]
    pub fn engine(self) -> EngineId {
        self.engine
    }
}

/// One WebSocket of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WebSocketId {
    pub(super) engine: EngineId,
    pub(super) serial: u32,
}

impl WebSocketId {
    /// The engine that it belongs to.
    #[must_use]
    pub fn engine(self) -> EngineId {
        self.engine
    }
}

/// How an HTTP request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A poll.
    Get,
    /// Packets for the server.
    Post,
}

/// Answer to an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body, decompressed.
    pub body: Bytes,
    /// What a header adds to a refusal: where it redirects to, or how to authenticate.
    pub note: Option<Box<str>>,
}

/// An HTTP request to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Comes back with the answer.
    pub id: RequestId,
    /// How.
    pub method: Method,
    /// The whole query string, without `?`.
    pub query: String,
    /// The payload of a POST.
    pub body: Option<Bytes>,
    /// Whether the payload is `application/octet-stream` rather than text.
    pub octet_stream: bool,
    /// Whether this is the handshake.
    pub opening: bool,
}

/// What the driver has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transmit {
    /// Make an HTTP request. Boxed: rare beside frames, and thrice their size.
    Request(Box<Request>),
    /// Open a WebSocket.
    OpenWebSocket {
        /// Comes back with all that happens to it.
        id: WebSocketId,
        /// The whole query string, without `?`.
        query: String,
        /// Whether it is the probe of an upgrade rather than the handshake.
        probe: bool,
    },
    /// Send a frame.
    Frame {
        /// On which.
        id: WebSocketId,
        /// What.
        frame: Frame,
    },
    /// Send a close frame without a code, then wait for the peer's, but not for ever. Nothing that
    /// happens to it from here on is of interest.
    CloseWebSocket {
        /// Which.
        id: WebSocketId,
    },
    /// Drop the TCP connection of a WebSocket whose handshake is under way.
    AbandonWebSocket {
        /// Which.
        id: WebSocketId,
    },
    /// The engine will ask for nothing more. Requests in flight are **not** aborted: the reference
    /// client leaves them too, and a late answer may be a [`Zombie`](super::Event::Zombie).
    EngineEnded {
        /// Which.
        engine: EngineId,
    },
}
