use serde::{Deserialize, Serialize};

use super::{INSTANCE, in_hand};
use crate::fault::keys::{AT, EVERY, FAULT, FOR};
use crate::fault::setting::{Setting, Source, number};
use crate::fault::{Clash, Conflict, Definition, FaultKind};
use crate::keys::{Checked, Key};

/// Processes are stopped by SIGSTOP and then continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerPause {
    /// The only instance that it acts on, from 0; nothing for all of them.
    pub instance: Option<u16>,
}

impl Definition for ServerPause {
    const NAME: &'static str = "server_pause";
    const ABOUT: &'static str =
        "The server's process is stopped by SIGSTOP and then continued. Needs `[server]`.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, FOR, INSTANCE];
    const NEEDS_GUARDIAN: bool = true;

    fn read(source: &dyn Source) -> Checked<Self> {
        let instance = source.optional_integer("instance")?;
        Ok(Self { instance })
    }

    fn settings(&self) -> Vec<Setting> {
        let instance = self.instance.map(|instance| number("instance", instance));
        instance.into_iter().collect()
    }

    fn conflict(&self, other: &FaultKind) -> Option<Conflict> {
        in_hand(self.instance, other, Clash::Meeting)
    }

    fn instance(&self) -> Option<u16> {
        self.instance
    }
}
