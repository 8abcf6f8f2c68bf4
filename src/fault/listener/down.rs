use serde::{Deserialize, Serialize};

use crate::fault::keys::{AT, EVERY, FAULT, FOR, POPULATION};
use crate::fault::setting::Source;
use crate::fault::{Clash, Conflict, Definition, FaultKind};
use crate::keys::{Checked, Key};

/// Every connection is cut and none is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down;

impl Definition for Down {
    const NAME: &'static str = "down";
    const ABOUT: &'static str = "Every connection is cut and none is accepted.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, FOR, POPULATION];

    fn read(_source: &dyn Source) -> Checked<Self> {
        Ok(Self)
    }

    fn conflict(&self, other: &FaultKind) -> Option<Conflict> {
        matches!(other, FaultKind::Path(_)).then_some(Conflict {
            clash: Clash::Hiding,
            why: "nothing passes that the other could touch",
        })
    }
}
