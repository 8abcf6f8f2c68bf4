use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reach::{DELAY, DIRECTION, TOXICITY};
use crate::fault::Definition;
use crate::fault::keys::{AT, EVERY, FAULT, FOR, POPULATION};
use crate::fault::setting::{Setting, Source, duration};
use crate::keys::{Checked, Key};
use crate::units;

/// Connections are reset, some time after the first data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ResetPeer {
    /// The time from the first data to the reset.
    #[serde(with = "units::duration")]
    pub delay: Duration,
}

impl Definition for ResetPeer {
    const NAME: &'static str = "reset_peer";
    const ABOUT: &'static str =
        "Connections are reset (RST) `delay` after the first data that arrive; those are lost.";
    const KEYS: &'static [Key] = &[
        AT, FAULT, EVERY, FOR, POPULATION, DELAY, TOXICITY, DIRECTION,
    ];

    fn read(source: &dyn Source) -> Checked<Self> {
        let delay = source.duration("delay");
        Ok(Self { delay: delay? })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![duration("delay", self.delay)]
    }
}
