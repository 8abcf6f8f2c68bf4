use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, CLIENTS, EVERY, FAULT, OVER, POPULATION};
use crate::fault::setting::Source;
use crate::keys::{Checked, Key};

/// A client's connections go silent for good, and it dials again from another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkChange;

impl Definition for NetworkChange {
    const NAME: &'static str = "network_change";
    const ABOUT: &'static str = "The clients' connections go silent for good, without FIN or RST, and the clients, notified by their system, dial again from another address, as a phone does between Wi-Fi and 4G: the next of `source_addresses`, or any of 127.0.0.0/8 towards loopback. The old sessions are zombies until the server's ping timeout. Linux only.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, OVER, CLIENTS, POPULATION];
    const NEEDS_LINUX: bool = true;

    fn read(_source: &dyn Source) -> Checked<Self> {
        Ok(Self)
    }
}
