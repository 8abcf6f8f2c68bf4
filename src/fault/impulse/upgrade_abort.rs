use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, CLIENTS, EVERY, FAULT, OVER, POPULATION};
use crate::fault::setting::{Setting, Source, word};
use crate::keys::Default::Is;
use crate::keys::{Checked, Key, Kind, key};
use crate::word::{Word as _, words};

/// The next upgrade of a client is broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeAbort {
    /// How far the upgrade gets.
    pub stage: UpgradeStage,
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
    /// The answer has arrived, the upgrade packet is not sent.
    Flush,
}

words! {
    UpgradeStage { Handshake = "handshake", Probe = "probe", Pong = "pong", Flush = "flush" }
}

impl Definition for UpgradeAbort {
    const NAME: &'static str = "upgrade_abort";
    const ABOUT: &'static str = "Clients close their engine and come back by polling; the upgrade that follows is broken off at `stage`.";
    const KEYS: &'static [Key] = &[
        AT,
        FAULT,
        EVERY,
        OVER,
        CLIENTS,
        POPULATION,
        key(
            "stage",
            Kind::Word(UpgradeStage::WORDS),
            Is("\"probe\""),
            "How far the upgrade gets. `handshake`: the WebSocket handshake is broken off. `probe`: the WebSocket is opened and closed again before the probe. `pong`: the probe's answer is thrown away. `flush`: the answer has arrived, and the connection is cut before the upgrade packet; the reference client then neither polls nor writes until its ping timeout.",
        ),
    ];

    fn read(source: &dyn Source) -> Checked<Self> {
        let stage = source.word("stage")?;
        Ok(Self { stage })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![word("stage", self.stage)]
    }
}
