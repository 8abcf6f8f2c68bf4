use std::fmt;

use serde::{Deserialize, Serialize};

use crate::word::{Word as _, words};

/// How packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportKind {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
}

words! { TransportKind { Polling = "polling", WebSocket = "websocket" } }

impl TransportKind {
    /// The name on the wire and in scenarios.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.word()
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An Engine.IO protocol revision; it implies the Socket.IO revision above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum EngineRevision {
    /// Revision 3, with Socket.IO revision 4: releases 1 and 2.
    V3,
    /// Revision 4, with Socket.IO revision 5: releases 3 and 4.
    #[default]
    V4,
}

impl EngineRevision {
    /// The number in `EIO=`.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }
}

impl From<EngineRevision> for u8 {
    fn from(revision: EngineRevision) -> Self {
        revision.number()
    }
}

impl TryFrom<u8> for EngineRevision {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            3 => Ok(Self::V3),
            4 => Ok(Self::V4),
            other => Err(format!("Engine.IO revision {other} is not 3 or 4")),
        }
    }
}

/// How Socket.IO packets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parser {
    /// The default: JSON, with binary in messages of its own.
    #[default]
    Json,
    /// npm socket.io-msgpack-parser: each packet one binary message.
    Msgpack,
}

words! { Parser { Json = "json", Msgpack = "msgpack" } }
