use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reach::{DELAY, DIRECTION, TOXICITY};
use crate::fault::Definition;
use crate::fault::keys::{AT, EVERY, FAULT, FOR, POPULATION};
use crate::fault::setting::{Setting, Source, duration};
use crate::keys::{Checked, Key};
use crate::units;

/// No data get through, and connections are closed after a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Timeout {
    /// The time until a connection is closed; zero leaves it open until the fault is over.
    #[serde(with = "units::duration")]
    pub delay: Duration,
}

impl Definition for Timeout {
    const NAME: &'static str = "timeout";
    const ABOUT: &'static str =
        "No data get through; connections are closed after `delay`, or when the fault is over.";
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
