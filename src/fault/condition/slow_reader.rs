use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, CLIENTS, EVERY, FAULT, FOR, OVER, POPULATION, RATE};
use crate::fault::setting::{Setting, Source, quantity};
use crate::keys::{Checked, Key};
use crate::units::ByteRate;

/// A client reads no faster than a rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SlowReader {
    /// The most that the client reads over all its connections.
    pub rate: ByteRate,
}

impl Definition for SlowReader {
    const NAME: &'static str = "slow_reader";
    const ABOUT: &'static str = "The clients read no faster than `rate`, each over all its connections, so that the server's buffers fill once those of the kernels have.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, FOR, OVER, CLIENTS, POPULATION, RATE];

    fn read(source: &dyn Source) -> Checked<Self> {
        let rate = source.byte_rate("rate")?;
        Ok(Self { rate })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![quantity("rate", self.rate).bare()]
    }
}
