use serde::{Deserialize, Serialize};

use crate::event::TransportKind;
use crate::fault::Definition;
use crate::fault::keys::{AT, CLIENTS, EVERY, FAULT, OVER, POPULATION};
use crate::fault::setting::{Setting, Source, flag, quantity};
use crate::keys::Default::{Is, Means};
use crate::keys::{Checked, Key, Kind, key};
use crate::word::Word as _;

/// A client moves to another transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportSwitch {
    /// The transport on which the client comes back.
    pub to: TransportKind,
    /// Whether a client on polling upgrades its living session instead of dropping its engine.
    pub upgrade: bool,
}

impl Definition for TransportSwitch {
    const NAME: &'static str = "transport_switch";
    const ABOUT: &'static str = "Clients drop their engine and come back on the other transport, or, with `upgrade`, move their living session to WebSocket.";
    const KEYS: &'static [Key] = &[
        AT,
        FAULT,
        EVERY,
        OVER,
        CLIENTS,
        POPULATION,
        key(
            "to",
            Kind::Word(TransportKind::WORDS),
            Means("needed without `upgrade`"),
            "The transport on which the clients come back.",
        ),
        key(
            "upgrade",
            Kind::Boolean,
            Is("false"),
            "With `to = \"websocket\"`: clients on polling upgrade their living session instead.",
        ),
    ];

    fn read(source: &dyn Source) -> Checked<Self> {
        let to = source.optional_word("to");
        let upgrade = source.boolean("upgrade")?;
        match (to?, upgrade) {
            (Some(TransportKind::Polling), true) => {
                let help = "an upgrade leads to WebSocket; leave one of the two out";
                Err(source.exclude("upgrade", "to", help))
            }
            (Some(to), upgrade) => Ok(Self { to, upgrade }),
            (None, true) => Ok(Self {
                to: TransportKind::WebSocket,
                upgrade,
            }),
            (None, false) => {
                let help = "add to = \"polling\" or to = \"websocket\"";
                Err(source.missing("to", help))
            }
        }
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            quantity("to", self.to).unsaid_if(self.upgrade),
            flag("upgrade", self.upgrade),
        ]
    }
}
