use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reach::{DELAY, DIRECTION, TOXICITY};
use crate::fault::Definition;
use crate::fault::keys::{AT, EVERY, FAULT, FOR, POPULATION};
use crate::fault::setting::{Setting, Source, duration, quantity};
use crate::keys::Default::Is;
use crate::keys::{Checked, Key, Kind, key};
use crate::units::{self, ByteSize};

/// Data arrive in small slices.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slicer {
    /// The average size of a slice.
    pub size: ByteSize,
    /// The time between two slices.
    #[serde(with = "units::duration")]
    pub delay: Duration,
}

impl Definition for Slicer {
    const NAME: &'static str = "slicer";
    const ABOUT: &'static str = "Data arrive in small slices.";
    const KEYS: &'static [Key] = &[
        AT,
        FAULT,
        EVERY,
        FOR,
        POPULATION,
        key(
            "size",
            Kind::Size,
            Is("\"64B\""),
            "The average size of a slice.",
        ),
        DELAY,
        TOXICITY,
        DIRECTION,
    ];

    fn read(source: &dyn Source) -> Checked<Self> {
        let size = source.size("size");
        let delay = source.duration("delay");
        Ok(Self {
            size: size?,
            delay: delay?,
        })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            quantity("size", self.size).bare(),
            duration("delay", self.delay),
        ]
    }
}
