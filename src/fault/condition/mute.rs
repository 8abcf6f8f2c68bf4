use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, CLIENTS, EVERY, FAULT, FOR, OVER, POPULATION};
use crate::fault::setting::Source;
use crate::keys::{Checked, Key};

/// A client leaves pings unanswered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute;

impl Definition for Mute {
    const NAME: &'static str = "mute";
    const ABOUT: &'static str =
        "The clients leave pings unanswered (revision 3: send none) while everything else works.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, FOR, OVER, CLIENTS, POPULATION];

    fn read(_source: &dyn Source) -> Checked<Self> {
        Ok(Self)
    }
}
