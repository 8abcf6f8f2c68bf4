use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reach::{DIRECTION, TOXICITY};
use crate::fault::Definition;
use crate::fault::keys::{AT, EVERY, FAULT, FOR, POPULATION};
use crate::fault::setting::{Setting, Source, duration};
use crate::keys::Default::{Is, Required};
use crate::keys::{Checked, Key, Kind, key};
use crate::units;

/// Data arrive later.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The added delay.
    #[serde(with = "units::duration")]
    pub latency: Duration,
    /// The most by which a single delay differs from `latency`, evenly distributed.
    #[serde(with = "units::duration")]
    pub jitter: Duration,
}

impl Definition for Latency {
    const NAME: &'static str = "latency";
    const ABOUT: &'static str = "Data arrive later.";
    const KEYS: &'static [Key] = &[
        AT,
        FAULT,
        EVERY,
        FOR,
        POPULATION,
        key(
            "latency",
            Kind::Duration,
            Required,
            "How much later data arrive.",
        ),
        key(
            "jitter",
            Kind::Duration,
            Is("\"0s\""),
            "By how much a delay differs from `latency`, either way, evenly distributed.",
        ),
        TOXICITY,
        DIRECTION,
    ];

    fn read(source: &dyn Source) -> Checked<Self> {
        let latency = source.duration("latency");
        let jitter = source.duration("jitter");
        Ok(Self {
            latency: latency?,
            jitter: jitter?,
        })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            duration("latency", self.latency).bare(),
            duration("jitter", self.jitter),
        ]
    }
}
