use std::time::Duration;

use crate::event::{EngineRevision, Parser, TransportKind};

/// The options of a client that do not change from one engine to the next.
///
/// Shared by all clients of a population. The defaults are those of the reference client.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The Engine.IO revision; it implies the Socket.IO revision. Default: 4.
    pub revision: EngineRevision,
    /// In order of preference; only the first is tried unless `try_all_transports`. Never empty.
    pub transports: Vec<TransportKind>,
    /// Whether a polling session probes WebSocket right after the handshake.
    pub upgrade: bool,
    /// Whether to begin with WebSocket if the last engine ended on it.
    pub remember_upgrade: bool,
    /// Whether a transport that fails while opening is followed by the next one.
    pub try_all_transports: bool,
    /// How long an engine may take to open; nothing: for ever. Default: 20 s.
    pub timeout: Option<Duration>,
    /// Whether binary travels as base64 on WebSocket too, both ways (`b64=1`).
    pub force_base64: bool,
    /// Whether requests carry `t`; nothing: polling does, WebSocket does not.
    pub timestamp_requests: Option<bool>,
    /// Revision 3 only: whether binary may travel over polling as octets, as it does in browsers.
    /// The Node client of release 2 cannot and says so with `b64=1`.
    pub binary_polling: bool,
    /// How packets are written.
    pub parser: Parser,
    /// The namespaces, each beginning with `/`; with revision 3 a `?query` may follow. Never empty.
    pub namespaces: Vec<Box<str>>,
    /// Nothing: a lost client stays lost.
    pub reconnection: Option<ReconnectionConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            revision: EngineRevision::V4,
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            upgrade: true,
            remember_upgrade: false,
            try_all_transports: false,
            timeout: Some(Duration::from_secs(20)),
            force_base64: false,
            timestamp_requests: None,
            binary_polling: false,
            parser: Parser::Json,
            namespaces: vec!["/".into()],
            reconnection: Some(ReconnectionConfig::default()),
        }
    }
}

/// When a client tries again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReconnectionConfig {
    /// Before the first attempt, without jitter. Default: 1 s.
    pub delay: Duration,
    /// The most before any attempt, jitter included. Default: 5 s.
    pub delay_max: Duration,
    /// The share of the delay that the jitter may add or take, in [0, 1]. Default: 0.5.
    pub randomization: f64,
    /// Attempts before giving up; nothing: never. Any engine that opens starts the count anew.
    pub attempts: Option<u32>,
}

impl Default for ReconnectionConfig {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(1),
            delay_max: Duration::from_secs(5),
            randomization: 0.5,
            attempts: None,
        }
    }
}
