//! What is done to processes that the run started, and commands that do it to others.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::setting::{Setting, command, duration, number, word};
use crate::units;
use crate::word::{Word as _, words};

/// What is done to processes that the run started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerFault {
    /// Ends processes and starts them again.
    Restart {
        /// The signal that ends them.
        signal: Signal,
        /// From the end to the next start.
        #[serde(with = "units::duration")]
        down: Duration,
        /// Which instance, from 0; nothing: all of them.
        instance: Option<u16>,
    },
    /// Ends processes for good, or until another fault restarts them.
    Kill {
        /// The signal that ends them.
        signal: Signal,
        /// Which instance, from 0; nothing: all of them.
        instance: Option<u16>,
    },
    /// Stops processes by SIGSTOP and continues them.
    Pause {
        /// Which instance, from 0; nothing: all of them.
        instance: Option<u16>,
    },
    /// Restarts one instance after the other, as a deployment does.
    RollingRestart {
        /// The signal that ends them.
        signal: Signal,
        /// From the end of an instance to its next start.
        #[serde(with = "units::duration")]
        down: Duration,
        /// Before its end an instance gets no new sessions for so long.
        #[serde(with = "units::duration")]
        drain: Duration,
        /// From one instance being ready to the next one's turn.
        #[serde(with = "units::duration")]
        pause: Duration,
    },
}

/// A command that does what no built-in fault can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// Program and arguments, at least one.
    pub argv: Vec<String>,
    /// How long it may take until it is killed.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
}

/// A signal that ends a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// No chance to say goodbye.
    #[default]
    SigKill,
    /// What deployments send.
    SigTerm,
    /// Ctrl-C.
    SigInt,
    /// A terminal that went away.
    SigHup,
    /// Quit.
    SigQuit,
}

impl ServerFault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Restart { .. } => "server_restart",
            Self::Kill { .. } => "server_kill",
            Self::Pause { .. } => "server_pause",
            Self::RollingRestart { .. } => "rolling_restart",
        }
    }

    /// The instance that it is aimed at; nothing: all of them.
    #[must_use]
    pub fn instance(self) -> Option<u16> {
        match self {
            Self::Restart { instance, .. }
            | Self::Kill { instance, .. }
            | Self::Pause { instance } => instance,
            Self::RollingRestart { .. } => None,
        }
    }

    pub(super) fn settings(self) -> Vec<Setting> {
        let mut settings = match self {
            Self::Restart { signal, down, .. } => {
                vec![word("signal", signal.name()), duration("down", down)]
            }
            Self::Kill { signal, .. } => vec![word("signal", signal.name())],
            Self::Pause { .. } => Vec::new(),
            Self::RollingRestart {
                signal,
                down,
                drain,
                pause,
            } => vec![
                word("signal", signal.name()),
                duration("down", down),
                duration("drain", drain),
                duration("pause", pause),
            ],
        };
        let instance = self.instance();
        settings.extend(instance.map(|n| number("instance", n)));
        settings
    }
}

impl Exec {
    pub(super) fn settings(&self) -> Vec<Setting> {
        vec![
            command("command", &self.argv),
            duration("timeout", self.timeout).unsaid_if(true),
        ]
    }
}

words! {
    Signal {
        SigKill = "SIGKILL",
        SigTerm = "SIGTERM",
        SigInt = "SIGINT",
        SigHup = "SIGHUP",
        SigQuit = "SIGQUIT",
    }
}

impl Signal {
    /// The name in scenarios and in every output.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.word()
    }
}
