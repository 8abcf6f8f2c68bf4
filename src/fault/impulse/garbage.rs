use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, CLIENTS, EVERY, FAULT, OVER, POPULATION};
use crate::fault::setting::Source;
use crate::keys::{Checked, Key};

/// A client sends a packet that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Garbage;

impl Definition for Garbage {
    const NAME: &'static str = "garbage";
    const ABOUT: &'static str = "The clients send a packet that cannot be decoded; the server ends the connection (`parse error`).";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, OVER, CLIENTS, POPULATION];

    fn read(_source: &dyn Source) -> Checked<Self> {
        Ok(Self)
    }
}
