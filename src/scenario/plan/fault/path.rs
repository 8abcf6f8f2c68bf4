//! What happens on the way between clients and server.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::setting::{Setting, duration, number, quantity, word};
use crate::units::{self, ByteRate, ByteSize, Share};
use crate::word::{Word as _, words};

/// What happens on the way, in Toxiproxy's words where it has one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathFault {
    /// What.
    pub toxic: Toxic,
    /// The share of connections that it touches.
    pub toxicity: Share,
    /// On which way.
    pub direction: Direction,
}

/// A fault on the way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Toxic {
    /// All data come later.
    Latency {
        /// By so much,
        #[serde(with = "units::duration")]
        latency: Duration,
        /// more or less so much.
        #[serde(with = "units::duration")]
        jitter: Duration,
    },
    /// No more than so much gets through.
    Bandwidth {
        /// Per connection and direction.
        rate: ByteRate,
    },
    /// Data come in small pieces.
    Slicer {
        /// A piece's size on average.
        size: ByteSize,
        /// Between two pieces.
        #[serde(with = "units::duration")]
        delay: Duration,
    },
    /// A connection's end comes later.
    SlowClose {
        /// By so much.
        #[serde(with = "units::duration")]
        delay: Duration,
    },
    /// No data get through, and the connection is closed after a time.
    Timeout {
        /// Zero: it stays open until the fault is over.
        #[serde(with = "units::duration")]
        delay: Duration,
    },
    /// The connection is reset, some time after the first data.
    ResetPeer {
        /// So long.
        #[serde(with = "units::duration")]
        delay: Duration,
    },
    /// The connection is closed after so many bytes.
    LimitData {
        /// Per connection and direction.
        bytes: ByteSize,
    },
    /// Nothing listens, and every connection is cut.
    Down,
    /// Requests are answered by the proxy itself.
    Status {
        /// The HTTP status.
        status: u16,
        /// The share of requests.
        share: Share,
    },
    /// WebSockets do not get through.
    WebSocketBlocked(Blocked),
    /// Connections on which nothing moves are closed.
    IdleTimeout {
        /// After so long.
        #[serde(with = "units::duration")]
        after: Duration,
    },
    /// The balancer forgets which session belongs to which instance.
    NonSticky,
    /// The proxy itself restarts: every connection is cut, and new ones are taken at once.
    Restart,
}

/// On which way a fault works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Direction {
    /// From the server to the clients; Toxiproxy's own default.
    #[default]
    Downstream,
    /// From the clients to the server.
    Upstream,
    /// Both.
    Both,
}

/// How WebSockets are kept from getting through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blocked {
    /// The handshake is answered 403.
    Refused,
    /// The handshake is never answered.
    Swallowed,
    /// The `Upgrade` header is taken out on the way, as by a proxy that was not told of WebSockets.
    Stripped,
}

impl PathFault {
    pub(super) fn settings(&self) -> Vec<Setting> {
        let mut settings = self.toxic.settings();
        if self.toxic.is_per_connection() {
            settings.push(quantity("toxicity", self.toxicity).unsaid_if(self.toxicity.is_all()));
            settings.push(
                word("direction", self.direction.word())
                    .unsaid_if(self.direction == Direction::Downstream),
            );
        }
        settings
    }
}

impl Toxic {
    /// The word in scenarios and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Bandwidth { .. } => "bandwidth",
            Self::Slicer { .. } => "slicer",
            Self::SlowClose { .. } => "slow_close",
            Self::Timeout { .. } => "timeout",
            Self::ResetPeer { .. } => "reset_peer",
            Self::LimitData { .. } => "limit_data",
            Self::Down => "down",
            Self::Status { .. } => "status",
            Self::WebSocketBlocked(_) => "websocket_blocked",
            Self::IdleTimeout { .. } => "idle_timeout",
            Self::NonSticky => "non_sticky",
            Self::Restart => "restart",
        }
    }

    /// Whether it works on the bytes of single connections, so that `toxicity` and `direction`
    /// say on which.
    #[must_use]
    pub fn is_per_connection(self) -> bool {
        match self {
            Self::Latency { .. }
            | Self::Bandwidth { .. }
            | Self::Slicer { .. }
            | Self::SlowClose { .. }
            | Self::Timeout { .. }
            | Self::ResetPeer { .. }
            | Self::LimitData { .. } => true,
            Self::Down
            | Self::Status { .. }
            | Self::WebSocketBlocked(_)
            | Self::IdleTimeout { .. }
            | Self::NonSticky
            | Self::Restart => false,
        }
    }

    /// Whether it has to understand the HTTP that passes.
    #[must_use]
    pub fn reads_http(self) -> bool {
        matches!(self, Self::Status { .. } | Self::WebSocketBlocked(_))
    }

    fn settings(self) -> Vec<Setting> {
        match self {
            Self::Latency { latency, jitter } => {
                vec![
                    duration("latency", latency).bare(),
                    duration("jitter", jitter),
                ]
            }
            Self::Bandwidth { rate } => vec![quantity("rate", rate).bare()],
            Self::Slicer { size, delay } => {
                vec![quantity("size", size).bare(), duration("delay", delay)]
            }
            Self::SlowClose { delay } | Self::Timeout { delay } | Self::ResetPeer { delay } => {
                vec![duration("delay", delay)]
            }
            Self::LimitData { bytes } => vec![quantity("bytes", bytes).bare()],
            Self::Status { status, share } => vec![
                number("status", status).bare(),
                quantity("share", share).unsaid_if(share.is_all()),
            ],
            Self::WebSocketBlocked(how) => vec![word("how", how.word())],
            Self::IdleTimeout { after } => vec![duration("after", after)],
            Self::Down | Self::NonSticky | Self::Restart => Vec::new(),
        }
    }
}

words! { Direction { Downstream = "downstream", Upstream = "upstream", Both = "both" } }

words! { Blocked { Refused = "refused", Swallowed = "swallowed", Stripped = "stripped" } }
