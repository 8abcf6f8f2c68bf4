use serde::{Deserialize, Serialize};

use super::reach::{DIRECTION, TOXICITY};
use crate::fault::Definition;
use crate::fault::keys::{AT, EVERY, FAULT, FOR, POPULATION};
use crate::fault::setting::{Setting, Source, quantity};
use crate::keys::Default::Required;
use crate::keys::{Checked, Key, Kind, key};
use crate::units::ByteSize;

/// Connections are closed after a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LimitData {
    /// The bytes per connection and direction, counted from the beginning of the fault.
    pub bytes: ByteSize,
}

impl Definition for LimitData {
    const NAME: &'static str = "limit_data";
    const ABOUT: &'static str =
        "Connections are closed after `bytes`, those that are open and those that follow.";
    const KEYS: &'static [Key] = &[
        AT,
        FAULT,
        EVERY,
        FOR,
        POPULATION,
        key(
            "bytes",
            Kind::Size,
            Required,
            "After how many bytes a connection is closed, counted from the beginning of the fault.",
        ),
        TOXICITY,
        DIRECTION,
    ];

    fn read(source: &dyn Source) -> Checked<Self> {
        let bytes = source.size("bytes");
        Ok(Self { bytes: bytes? })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![quantity("bytes", self.bytes).bare()]
    }
}
