//! What checks have found out for those after them.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::long_connection::LongConnection;
use super::upgrade::Upgrade;
use crate::event::{Cause, EngineRevision};
use crate::protocol::engine_io::handshake::Handshake;

/// The state of the examination.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The address that all requests go to, once one has answered.
    pub(super) address: Option<SocketAddr>,
    /// Why nothing more can be asked.
    pub(super) unreachable: Option<&'static str>,
    /// The revision that the server serves; `None` if no engine could be opened.
    pub(super) revision: Option<EngineRevision>,
    /// Why no engine could be opened, and the exchange that shows it.
    pub(super) not_opened: Option<(Cause, usize)>,
    /// The exchange that opened the first engine.
    pub(super) opened_by: Option<usize>,
    /// The data of the first open packet.
    pub(super) handshake: Option<Handshake>,
    /// Whether polling is refused while WebSocket is served.
    pub(super) polling_off: bool,
    /// Whether the namespace was connected.
    pub(super) is_connected: bool,
    /// How long the reply to the CONNECT took.
    pub(super) connect_took: Duration,
    /// Whether a WebSocket carried a session; `None` if that is not known.
    pub(super) websocket: Option<bool>,
    /// Whether the server itself refuses WebSocket.
    pub(super) is_websocket_off: bool,
    /// Whether requests of one session reach several servers.
    pub(super) is_scattered: bool,
    /// Whether the server allows one session per login.
    pub(super) is_one_per_login: bool,
    /// Whether the time of a heartbeat is too short for the round trip.
    pub(super) is_heartbeat_short: bool,
    /// A connection that is held beside the other checks.
    pub(super) held: Option<JoinHandle<Result<LongConnection, String>>>,
    /// The outcome of the first upgrade, its exchange, and how long it took.
    pub(super) upgrade: Option<(Upgrade, usize, Duration)>,
}
