use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, CLIENTS, EVERY, FAULT, OVER, POPULATION};
use crate::fault::setting::Source;
use crate::keys::{Checked, Key};

/// A client opens a session besides its own and never comes back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abandon;

impl Definition for Abandon {
    const NAME: &'static str = "abandon";
    const ABOUT: &'static str = "The clients open a session besides their own and never come back to it: a zombie until the server's ping timeout.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, OVER, CLIENTS, POPULATION];

    fn read(_source: &dyn Source) -> Checked<Self> {
        Ok(Self)
    }
}
