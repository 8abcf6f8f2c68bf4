use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reach::{DELAY, DIRECTION, TOXICITY};
use crate::fault::Definition;
use crate::fault::keys::{AT, EVERY, FAULT, FOR, POPULATION};
use crate::fault::setting::{Setting, Source, duration};
use crate::keys::{Checked, Key};
use crate::units;

/// Connections close later than their ends want.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SlowClose {
    /// The time by which a close is held back.
    #[serde(with = "units::duration")]
    pub delay: Duration,
}

impl Definition for SlowClose {
    const NAME: &'static str = "slow_close";
    const ABOUT: &'static str = "Connections close `delay` later than their ends want.";
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
