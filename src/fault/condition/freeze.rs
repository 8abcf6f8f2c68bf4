use serde::{Deserialize, Serialize};

use crate::fault::keys::{AT, CLIENTS, EVERY, FAULT, FOR, OVER, POPULATION};
use crate::fault::setting::Source;
use crate::fault::{Clash, Conflict, Definition, FaultKind};
use crate::keys::{Checked, Key};

/// A client neither reads nor writes nor looks at the clock, then does everything at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze;

impl Definition for Freeze {
    const NAME: &'static str = "freeze";
    const ABOUT: &'static str = "The clients neither read nor write nor look at the clock, and then do everything at once: a suspended tab, a SIGSTOPped process.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, FOR, OVER, CLIENTS, POPULATION];

    fn read(_source: &dyn Source) -> Checked<Self> {
        Ok(Self)
    }

    fn conflict(&self, other: &FaultKind) -> Option<Conflict> {
        matches!(other, FaultKind::Client(_)).then_some(Conflict {
            clash: Clash::Hiding,
            why: "clients that are frozen do nothing, not even this",
        })
    }
}
