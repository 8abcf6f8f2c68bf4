use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DOWN, GRACE, INSTANCE, Process, SIGNAL, Signal, grace, in_hand};
use crate::fault::keys::{AT, EVERY, FAULT};
use crate::fault::setting::{Setting, Source, duration, number, word};
use crate::fault::{Clash, Conflict, Definition, FaultKind, Span};
use crate::keys::{Checked, Key};
use crate::units;

/// Processes are ended and started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRestart {
    /// The signal that ends them.
    pub signal: Signal,
    /// The time that they may take to end by it; then they get SIGKILL.
    #[serde(with = "units::duration")]
    pub grace: Duration,
    /// The time from the end of a process to its next start.
    #[serde(with = "units::duration")]
    pub down: Duration,
    /// The only instance that it acts on, from 0; nothing for all of them.
    pub instance: Option<u16>,
}

impl Definition for ServerRestart {
    const NAME: &'static str = "server_restart";
    const ABOUT: &'static str =
        "The server's process is ended by a signal and started again. Needs `[server]`.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, SIGNAL, GRACE, DOWN, INSTANCE];
    const ENDS_WITH_THE_LOAD: bool = false;

    fn read(source: &dyn Source) -> Checked<Self> {
        let signal = source.word("signal");
        let grace = source.duration("grace");
        let down = source.duration("down");
        let instance = source.optional_integer("instance")?;
        Ok(Self {
            signal: signal?,
            grace: grace?,
            down: down?,
            instance,
        })
    }

    fn settings(&self) -> Vec<Setting> {
        let mut settings = vec![
            word("signal", self.signal),
            grace(self.signal, self.grace),
            duration("down", self.down),
        ];
        settings.extend(self.instance.map(|instance| number("instance", instance)));
        settings
    }

    fn length(&self, _span: Span) -> Duration {
        self.down
    }

    /// A server that a kill has ended may be started again.
    fn conflict(&self, other: &FaultKind) -> Option<Conflict> {
        if matches!(other, FaultKind::Process(Process::ServerKill(_))) {
            return None;
        }
        in_hand(self.instance, other, Clash::Meeting)
    }

    fn instance(&self) -> Option<u16> {
        self.instance
    }
}
