//! Every difference between Engine.IO revisions 3 and 4, and the Socket.IO revisions above them.

use crate::event::EngineRevision;

/// The most attachments that the reference decoder of Socket.IO revision 5 takes for one packet.
const MAX_ATTACHMENTS: u64 = 10;

/// Event names that the server may not use.
const RESERVED: [&[u8]; 6] = [
    b"connect",
    b"connect_error",
    b"disconnect",
    b"disconnecting",
    b"newListener",
    b"removeListener",
];

impl EngineRevision {
    /// Whether the server sends the pings; in revision 3 the client does.
    pub(in crate::protocol) fn server_pings(self) -> bool {
        match self {
            Self::V3 => false,
            Self::V4 => true,
        }
    }

    /// The byte before the content of a binary message, outside base64.
    pub(super) fn binary_prefix(self) -> Option<u8> {
        match self {
            Self::V3 => Some(4),
            Self::V4 => None,
        }
    }

    /// What stands before the base64 text of a binary message.
    pub(super) fn base64_prefix(self) -> &'static str {
        match self {
            Self::V3 => "b4",
            Self::V4 => "b",
        }
    }

    /// Whether the client keeps its POSTs within the server's maxPayload.
    pub(super) fn heeds_max_payload(self) -> bool {
        match self {
            Self::V3 => false,
            Self::V4 => true,
        }
    }

    /// Whether polling requests carry `b64=1`. The Node client of release 2 always asks for text,
    /// since its XMLHttpRequest has no binary responses.
    pub(super) fn polls_base64(self, force_base64: bool, binary_polling: bool) -> bool {
        match self {
            Self::V3 => force_base64 || !binary_polling,
            Self::V4 => force_base64,
        }
    }

    /// Whether the server connects the root namespace by itself.
    pub(super) fn root_connects_itself(self) -> bool {
        match self {
            Self::V3 => true,
            Self::V4 => false,
        }
    }

    /// Whether the sockets hear of a poll's packets only when the next poll is on its way: release 4
    /// of the reference client hands them on with `nextTick`, release 2 at once.
    pub(super) fn polls_before_sockets_hear(self) -> bool {
        match self {
            Self::V3 => false,
            Self::V4 => true,
        }
    }

    /// Whether CONNECT carries a JSON object, and its reply one with a `sid`.
    pub(super) fn connect_has_payload(self) -> bool {
        match self {
            Self::V3 => false,
            Self::V4 => true,
        }
    }

    /// Whether CONNECT repeats the client's query behind the namespace's name.
    pub(super) fn connect_has_query(self) -> bool {
        match self {
            Self::V3 => true,
            Self::V4 => false,
        }
    }

    /// Whether an error packet deactivates its namespace.
    pub(super) fn rejection_is_final(self) -> bool {
        match self {
            Self::V3 => false,
            Self::V4 => true,
        }
    }

    /// Whether a packet of a type that there is not goes unheard; else it ends the connection.
    pub(super) fn ignores_unknown_packets(self) -> bool {
        match self {
            Self::V3 => true,
            Self::V4 => false,
        }
    }

    /// The most attachments of one packet.
    pub(super) fn max_attachments(self) -> u64 {
        match self {
            Self::V3 => u64::MAX,
            Self::V4 => MAX_ATTACHMENTS,
        }
    }

    /// Whether an event of this (unescaped) name is a breach of the protocol.
    pub(super) fn reserves(self, name: &[u8]) -> bool {
        match self {
            Self::V3 => false,
            Self::V4 => RESERVED.contains(&name),
        }
    }
}
