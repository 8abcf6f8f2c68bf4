use bytes::Bytes;

use crate::event::Failure;

/// A WebSocket message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Text. Whoever makes one has checked that it is UTF-8.
    Text(Bytes),
    /// Binary.
    Binary(Bytes),
}

impl Frame {
    /// The content.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes,
        }
    }
}

/// How an open WebSocket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebSocketEnd {
    /// By a close frame, with its code: "transport close".
    Closed {
        /// Nothing stands for 1005.
        code: Option<u16>,
    },
    /// The TCP connection ended without a close frame (1006), by FIN, RST or another error of the
    /// network: "transport close", with a cause of its own.
    Dropped(Failure),
    /// What came breaks the WebSocket protocol or a limit of ours: "transport error".
    Failed(Failure),
}
