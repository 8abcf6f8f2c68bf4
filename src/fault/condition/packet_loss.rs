use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, CLIENTS, EVERY, FAULT, FOR, OVER, POPULATION};
use crate::fault::setting::{Setting, Source, quantity};
use crate::keys::Default::Is;
use crate::keys::{Checked, Key, Kind, key};
use crate::units::Share;

/// A share of the packets to a client is lost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PacketLoss {
    /// The share of packets that is lost.
    pub share: Share,
}

impl Definition for PacketLoss {
    const NAME: &'static str = "packet_loss";
    const ABOUT: &'static str = "A share of the packets to the clients is lost, and TCP has to send them again. Linux only.";
    const KEYS: &'static [Key] = &[
        AT,
        FAULT,
        EVERY,
        FOR,
        OVER,
        CLIENTS,
        POPULATION,
        key(
            "share",
            Kind::Share,
            Is("\"10%\""),
            "Of `packet_loss`: the share of packets that is lost.",
        ),
    ];
    const NEEDS_LINUX: bool = true;

    fn read(source: &dyn Source) -> Checked<Self> {
        let share = source.share("share")?;
        Ok(Self { share })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![quantity("share", self.share).bare()]
    }
}
