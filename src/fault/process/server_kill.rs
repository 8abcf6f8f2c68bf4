use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{INSTANCE, Process, SIGNAL, Signal, in_hand};
use crate::fault::keys::{AT, EVERY, FAULT};
use crate::fault::setting::{Setting, Source, number, word};
use crate::fault::{Clash, Conflict, Definition, FaultKind, Span};
use crate::keys::{Checked, Key};

/// Processes are ended for good, or until another fault starts them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerKill {
    /// The signal that ends them.
    pub signal: Signal,
    /// The only instance that it acts on, from 0; nothing for all of them.
    pub instance: Option<u16>,
}

impl Definition for ServerKill {
    const NAME: &'static str = "server_kill";
    const ABOUT: &'static str = "The server's process is ended by a signal and not started again, unless by a later `server_restart`. Needs `[server]`.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, SIGNAL, INSTANCE];
    const ENDS_WITH_THE_LOAD: bool = false;

    fn read(source: &dyn Source) -> Checked<Self> {
        let signal = source.word("signal");
        let instance = source.optional_integer("instance")?;
        Ok(Self {
            signal: signal?,
            instance,
        })
    }

    fn settings(&self) -> Vec<Setting> {
        let mut settings = vec![word("signal", self.signal)];
        settings.extend(self.instance.map(|instance| number("instance", instance)));
        settings
    }

    fn length(&self, span: Span) -> Duration {
        span.run
    }

    /// A restart that comes later is welcome; one under way is disturbed.
    fn conflict(&self, other: &FaultKind) -> Option<Conflict> {
        let is_restart = matches!(other, FaultKind::Process(Process::ServerRestart(_)));
        let clash = if is_restart {
            Clash::Beginning
        } else {
            Clash::Meeting
        };
        in_hand(self.instance, other, clash)
    }

    fn instance(&self) -> Option<u16> {
        self.instance
    }
}
