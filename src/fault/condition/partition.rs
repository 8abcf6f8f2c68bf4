use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, CLIENTS, EVERY, FAULT, FOR, OVER, POPULATION};
use crate::fault::setting::Source;
use crate::keys::{Checked, Key};

/// No packet of a client's connections gets through, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition;

impl Definition for Partition {
    const NAME: &'static str = "partition";
    const ABOUT: &'static str = "Not a packet of the clients' TCP connections gets through, in either direction, and neither side is notified: a tunnel, an elevator. Linux only.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, FOR, OVER, CLIENTS, POPULATION];
    const NEEDS_LINUX: bool = true;

    fn read(_source: &dyn Source) -> Checked<Self> {
        Ok(Self)
    }
}
