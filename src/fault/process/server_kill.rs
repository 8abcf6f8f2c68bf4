use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{GRACE, INSTANCE, Process, SIGNAL, Signal, grace, in_hand};
use crate::fault::keys::{AT, EVERY, FAULT};
use crate::fault::setting::{Setting, Source, number, word};
use crate::fault::{Clash, Conflict, Definition, FaultKind, Span};
use crate::keys::{Checked, Key};
use crate::units;

/// Processes are ended for good, or until another fault starts them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerKill {
    /// The signal that ends them.
    pub signal: Signal,
    /// The time that they may take to end by it; then they get SIGKILL.
    #[serde(with = "units::duration")]
    pub grace: Duration,
    /// The only instance that it acts on, from 0; nothing for all of them.
    pub instance: Option<u16>,
}

impl Definition for ServerKill {
    const NAME: &'static str = "server_kill";
    const ABOUT: &'static str = "The server's process is ended by a signal and not started again, unless by a later `server_restart`. Needs `[server]`.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, SIGNAL, GRACE, INSTANCE];
    const ENDS_WITH_THE_LOAD: bool = false;

    fn read(source: &dyn Source) -> Checked<Self> {
        let signal = source.word("signal");
        let grace = source.duration("grace");
        let instance = source.optional_integer("instance")?;
        Ok(Self {
            signal: signal?,
            grace: grace?,
            instance,
        })
    }

    fn settings(&self) -> Vec<Setting> {
        let mut settings = vec![word("signal", self.signal), grace(self.signal, self.grace)];
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
