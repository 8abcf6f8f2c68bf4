//! Faults at the processes that the run started.

mod rolling_restart;
mod server_kill;
mod server_pause;
mod server_restart;
mod signal;

pub use rolling_restart::RollingRestart;
pub use server_kill::ServerKill;
pub use server_pause::ServerPause;
pub use server_restart::ServerRestart;
pub use signal::Signal;

use std::time::Duration;

use super::setting::duration;
use super::{Clash, Conflict, Describe as _, FaultKind, Setting};
use crate::keys::Default::{Is, Means};
use crate::keys::{Key, Kind, key};
use crate::word::Word as _;

super::mechanism! {
    /// A fault at the processes that the run started.
    #[derive(Clone, Copy)]
    Process {
        ServerRestart,
        ServerKill,
        ServerPause,
        RollingRestart,
    }
}

const SIGNAL: Key = key(
    "signal",
    Kind::Word(Signal::WORDS),
    Is("\"SIGKILL\""),
    "The signal that ends the server's process.",
);

const DOWN: Key = key(
    "down",
    Kind::Duration,
    Is("\"0s\""),
    "From the end of a process to its next start.",
);

const GRACE: Key = key(
    "grace",
    Kind::Duration,
    Is("\"30s\""),
    "How long a process may take to end by `signal`; then it gets SIGKILL. Kubernetes waits 30 s, Docker 10 s.",
);

const INSTANCE: Key = key(
    "instance",
    Kind::Integer { min: 0, max: 999 },
    Means("all of them"),
    "Only this instance, counted from 0.",
);

/// `grace`, which goes without saying where the signal leaves no choice.
fn grace(signal: Signal, grace: Duration) -> Setting {
    duration("grace", grace).unsaid_if(signal == Signal::SigKill || grace == USUAL_GRACE)
}

/// The default of `grace`.
const USUAL_GRACE: Duration = Duration::from_secs(30);

/// A server that one fault is acting on is not there for another.
fn in_hand(own: Option<u16>, other: &FaultKind, clash: Clash) -> Option<Conflict> {
    let FaultKind::Process(other) = other else {
        return None;
    };
    let share_instance = match (own, other.instance()) {
        (Some(own), Some(other)) => own == other,
        (None, _) | (_, None) => true,
    };
    share_instance.then_some(Conflict {
        clash,
        why: "one cannot act on a server that the other has in hand",
    })
}
