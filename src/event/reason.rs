use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a client's connection ended, in the reference client's words.
///
/// Source: <https://socket.io/docs/v4/client-socket-instance/#disconnect>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DisconnectReason {
    /// The server sent DISCONNECT; no reconnection.
    #[serde(rename = "io server disconnect")]
    ServerDisconnect,
    /// The client called `disconnect()`; no reconnection.
    #[serde(rename = "io client disconnect")]
    ClientDisconnect,
    /// No ping within pingInterval + pingTimeout.
    #[serde(rename = "ping timeout")]
    PingTimeout,
    /// The connection was closed.
    #[serde(rename = "transport close")]
    TransportClose,
    /// The connection failed.
    #[serde(rename = "transport error")]
    TransportError,
    /// The server sent a packet that cannot be decoded.
    #[serde(rename = "parse error")]
    ParseError,
    /// The engine was closed by the client while its namespaces stayed active.
    #[serde(rename = "forced close")]
    ForcedClose,
}

impl DisconnectReason {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::ServerDisconnect,
        Self::ClientDisconnect,
        Self::PingTimeout,
        Self::TransportClose,
        Self::TransportError,
        Self::ParseError,
        Self::ForcedClose,
    ];

    /// The official string.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerDisconnect => "io server disconnect",
            Self::ClientDisconnect => "io client disconnect",
            Self::PingTimeout => "ping timeout",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
