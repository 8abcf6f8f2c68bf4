use serde::{Deserialize, Serialize};

use super::reach::{DIRECTION, TOXICITY};
use crate::fault::Definition;
use crate::fault::keys::{AT, EVERY, FAULT, FOR, POPULATION, RATE};
use crate::fault::setting::{Setting, Source, quantity};
use crate::keys::{Checked, Key};
use crate::units::ByteRate;

/// Connections carry no more than a rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bandwidth {
    /// The most per connection and direction.
    pub rate: ByteRate,
}

impl Definition for Bandwidth {
    const NAME: &'static str = "bandwidth";
    const ABOUT: &'static str = "Connections carry no more than `rate`.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, FOR, POPULATION, RATE, TOXICITY, DIRECTION];

    fn read(source: &dyn Source) -> Checked<Self> {
        let rate = source.byte_rate("rate");
        Ok(Self { rate: rate? })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![quantity("rate", self.rate).bare()]
    }
}
