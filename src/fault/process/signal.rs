use serde::{Deserialize, Serialize};

use crate::word::{Word as _, words};

/// A signal that ends a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// Ends the process without a chance to clean up.
    #[default]
    SigKill,
    /// Asks the process to end, as deployments do.
    SigTerm,
    /// Interrupts the process, as Ctrl-C does.
    SigInt,
    /// Reports that the terminal was closed.
    SigHup,
    /// Asks the process to end with a core dump.
    SigQuit,
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
