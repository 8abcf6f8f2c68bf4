use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, EVERY, FAULT, POPULATION};
use crate::fault::setting::Source;
use crate::keys::{Checked, Key};

/// The proxy restarts: every connection is cut, and new ones are accepted at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart;

impl Definition for Restart {
    const NAME: &'static str = "restart";
    const ABOUT: &'static str = "The proxy on the network path restarts: every connection is cut, and new ones are accepted at once.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, POPULATION];

    fn read(_source: &dyn Source) -> Checked<Self> {
        Ok(Self)
    }
}
