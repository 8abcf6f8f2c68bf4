//! What goes wrong on purpose: the schedule of faults, and the controller that carries out those
//! that no client carries out on itself.
//!
//! A plan's chaos entries come in, [`schedule::Application`]s come out; faults at clients go on as
//! commands to their drivers, faults on the way to a proxy, faults at servers as signals to their
//! processes, hooks as commands of the user's. Nothing here speaks the protocol.

pub mod controller;
mod hook;
pub mod process;
pub mod progress;
pub mod proxy;
pub mod schedule;

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use crate::server::process::ProcessError;

/// Why a fault could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// A server could not be signalled, awaited or started again.
    #[error(transparent)]
    Server(#[from] ProcessError),
    /// The server had ended before, so there is nothing to do it to.
    #[error("server {instance} is not running")]
    NotRunning {
        /// Which instance, from 0.
        instance: u16,
    },
    /// A hook's program cannot be executed.
    #[error("cannot start {program:?}")]
    Spawn {
        /// As the scenario names it.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A hook's end could not be awaited.
    #[error("cannot wait for the command")]
    Wait(#[source] io::Error),
    /// A hook said that it failed.
    #[error("the command failed: {status}")]
    Failed {
        /// Exit code or signal.
        status: ExitStatus,
    },
    /// A hook took too long and was killed.
    #[error("the command was killed after {}", crate::units::format_duration(*limit))]
    TooLong {
        /// As the scenario allows.
        limit: Duration,
    },
    /// A mistake of this program; what it was stands in the panic's message.
    #[error("the fault panicked")]
    Panicked,
    /// Nothing stands between clients and server that could do it.
    #[error("no proxy stands on the way")]
    NoProxy,
    /// What stands between them could not do it, or not undo it.
    #[error(transparent)]
    Proxy(#[from] proxy::ProxyError),
}
