//! What a client does to itself.

use serde::{Deserialize, Serialize};

use super::setting::{Setting, flag, number, quantity, word};
use crate::event::TransportKind;
use crate::units::{ByteRate, Share};
use crate::word::{Word as _, words};

/// What a client does to itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum ClientFault {
    /// It loses its connection.
    Disconnect(DisconnectHow),
    /// It moves to another transport.
    TransportSwitch {
        /// Which.
        to: TransportKind,
        /// With `to = "websocket"`: by an upgrade of the living session, where it is on polling.
        upgrade: bool,
    },
    /// Its next upgrade is broken off at this stage.
    UpgradeAbort(UpgradeStage),
    /// Not a packet goes through on its connections, either way, and nobody is told.
    Partition,
    /// This share of the packets that come in is lost.
    PacketLoss(Share),
    /// Its connections go silent for good, and it dials anew from another address.
    NetworkChange,
    /// It neither reads nor writes nor looks at the clock, then does everything at once.
    Freeze,
    /// It leaves pings unanswered.
    Mute,
    /// It reads no faster than this.
    SlowReader(ByteRate),
    /// It sends a packet that cannot be decoded.
    Garbage,
    /// It sends more than the server takes in one message.
    Oversize,
    /// It opens a session besides its own and never comes back to it.
    Abandon,
}

/// How a client loses its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DisconnectHow {
    /// The engine is closed in order; the Manager reconnects (`forced close`).
    Close,
    /// `socket.disconnect()`, and `connect()` at once (`io client disconnect`).
    Namespace,
    /// FIN on every TCP connection of the client.
    Fin,
    /// RST on every TCP connection of the client.
    Reset,
    /// A WebSocket close frame with this code; the engine hears of it as from its peer.
    WebSocketClose(u16),
}

/// The word of a [`DisconnectHow`], without what it carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DisconnectWord {
    Close,
    Namespace,
    Fin,
    Reset,
    WebSocketClose,
}

words! {
    DisconnectWord {
        Close = "close",
        Namespace = "namespace",
        Fin = "fin",
        Reset = "reset",
        WebSocketClose = "websocket_close",
    }
}

words! {
    UpgradeStage { Handshake = "handshake", Probe = "probe", Pong = "pong", Flush = "flush" }
}

/// How far an upgrade gets that is broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpgradeStage {
    /// The WebSocket handshake is under way.
    Handshake,
    /// The WebSocket is open, the probe is not sent.
    Probe,
    /// The probe is sent, its answer is thrown away.
    Pong,
    /// The answer is there, the upgrade packet is not sent.
    Flush,
}

impl ClientFault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Disconnect(_) => "disconnect",
            Self::TransportSwitch { .. } => "transport_switch",
            Self::UpgradeAbort(_) => "upgrade_abort",
            Self::Partition => "partition",
            Self::PacketLoss(_) => "packet_loss",
            Self::NetworkChange => "network_change",
            Self::Freeze => "freeze",
            Self::Mute => "mute",
            Self::SlowReader(_) => "slow_reader",
            Self::Garbage => "garbage",
            Self::Oversize => "oversize",
            Self::Abandon => "abandon",
        }
    }

    /// Whether it lasts, so that it has to be undone.
    #[must_use]
    pub fn lasts(self) -> bool {
        match self {
            Self::Partition
            | Self::PacketLoss(_)
            | Self::Freeze
            | Self::Mute
            | Self::SlowReader(_) => true,
            Self::Disconnect(_)
            | Self::TransportSwitch { .. }
            | Self::UpgradeAbort(_)
            | Self::NetworkChange
            | Self::Garbage
            | Self::Oversize
            | Self::Abandon => false,
        }
    }

    /// Whether it needs the kernel to drop packets, as Linux can.
    #[must_use]
    pub fn filters_packets(self) -> bool {
        match self {
            Self::Partition | Self::PacketLoss(_) | Self::NetworkChange => true,
            Self::Disconnect(_)
            | Self::TransportSwitch { .. }
            | Self::UpgradeAbort(_)
            | Self::Freeze
            | Self::Mute
            | Self::SlowReader(_)
            | Self::Garbage
            | Self::Oversize
            | Self::Abandon => false,
        }
    }

    pub(super) fn settings(self) -> Vec<Setting> {
        match self {
            Self::Disconnect(how) => {
                let mut settings = vec![word("how", how.name())];
                if let DisconnectHow::WebSocketClose(code) = how {
                    settings.push(number("code", code));
                }
                settings
            }
            Self::TransportSwitch { to, upgrade } => vec![
                quantity("to", to.name()).unsaid_if(upgrade),
                flag("upgrade", upgrade),
            ],
            Self::UpgradeAbort(stage) => vec![word("stage", stage.name())],
            Self::PacketLoss(share) => vec![quantity("share", share).bare()],
            Self::SlowReader(rate) => vec![quantity("rate", rate).bare()],
            Self::Partition
            | Self::NetworkChange
            | Self::Freeze
            | Self::Mute
            | Self::Garbage
            | Self::Oversize
            | Self::Abandon => Vec::new(),
        }
    }
}

impl DisconnectHow {
    fn word(self) -> DisconnectWord {
        match self {
            Self::Close => DisconnectWord::Close,
            Self::Namespace => DisconnectWord::Namespace,
            Self::Fin => DisconnectWord::Fin,
            Self::Reset => DisconnectWord::Reset,
            Self::WebSocketClose(_) => DisconnectWord::WebSocketClose,
        }
    }

    /// The word in scenarios and in every output.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.word().word()
    }
}

impl UpgradeStage {
    /// The word in scenarios and in every output.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.word()
    }
}
