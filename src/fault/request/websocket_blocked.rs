use serde::{Deserialize, Serialize};

use super::RequestFault;
use crate::fault::keys::{AT, EVERY, FAULT, FOR, POPULATION};
use crate::fault::setting::{Setting, Source, word};
use crate::fault::{Clash, Conflict, Definition, FaultKind, PathFault};
use crate::keys::Default::Is;
use crate::keys::{Checked, Key, Kind, key};
use crate::word::{Word as _, words};

/// WebSocket handshakes do not get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSocketBlocked {
    /// How a handshake is kept from getting through.
    pub how: Blocked,
}

/// How WebSocket handshakes are kept from getting through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blocked {
    /// The handshake is answered 403.
    Refused,
    /// The handshake is never answered.
    Swallowed,
    /// The `Upgrade` header is removed, as by a proxy that is not configured for WebSockets.
    Stripped,
}

words! { Blocked { Refused = "refused", Swallowed = "swallowed", Stripped = "stripped" } }

impl Definition for WebSocketBlocked {
    const NAME: &'static str = "websocket_blocked";
    const ABOUT: &'static str =
        "WebSocket handshakes do not get through; open WebSockets stay open. HTTP only.";
    const KEYS: &'static [Key] = &[
        AT,
        FAULT,
        EVERY,
        FOR,
        POPULATION,
        key(
            "how",
            Kind::Word(Blocked::WORDS),
            Is("\"refused\""),
            "Of `websocket_blocked`. `refused`: the handshake is answered 403. `swallowed`: it is never answered. `stripped`: it reaches the server without its `Upgrade` header, as through a proxy that is not configured for WebSockets.",
        ),
    ];

    fn read(source: &dyn Source) -> Checked<Self> {
        let how = source.word("how")?;
        Ok(Self { how })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![word("how", self.how)]
    }

    fn conflict(&self, other: &FaultKind) -> Option<Conflict> {
        let FaultKind::Path(PathFault::Request(RequestFault::WebSocketBlocked(other))) = other
        else {
            return None;
        };
        (self.how != other.how).then_some(Conflict {
            clash: Clash::Meeting,
            why: "WebSockets can be blocked in one way at a time",
        })
    }
}
