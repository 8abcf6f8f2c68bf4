use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, CLIENTS, EVERY, FAULT, OVER, POPULATION};
use crate::fault::setting::Source;
use crate::keys::{Checked, Key};

/// A client sends more than the server takes in one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oversize;

impl Definition for Oversize {
    const NAME: &'static str = "oversize";
    const ABOUT: &'static str = "The clients send a message one byte beyond the server's `maxPayload`, or beyond 1 MB where the server announced none.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, OVER, CLIENTS, POPULATION];

    fn read(_source: &dyn Source) -> Checked<Self> {
        Ok(Self)
    }
}
