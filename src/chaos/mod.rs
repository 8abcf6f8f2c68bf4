//! What goes wrong on purpose: the schedule of faults, and the controller that carries out those
//! that no client carries out on itself.
//!
//! A plan's chaos entries come in, [`schedule::Application`]s come out; faults at clients go on as
//! commands to their drivers, faults on the way to a proxy, faults at servers as signals to their
//! processes, hooks as commands of the user's. Nothing here speaks the protocol.

pub mod controller;
mod hook;
pub mod network;
pub mod process;
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
        instance: usize,
    },
    /// A hook's program cannot be executed.
    #[error("cannot start {program:?}")]
    Spawn {
        /// As the scenario names it.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A hook's output could not be read.
    #[error("cannot read what the command writes")]
    Output(#[source] io::Error),
    /// A hook said that it failed.
    #[error("the command failed: {status}{}", said(output))]
    Failed {
        /// Exit code or signal.
        status: ExitStatus,
        /// The last that it wrote.
        output: String,
    },
    /// A hook took too long and was killed.
    #[error("the command was killed after {}{}", crate::units::format_duration(*limit), said(output))]
    TooLong {
        /// As the scenario allows.
        limit: Duration,
        /// The last that it wrote.
        output: String,
    },
    /// Nothing stands between clients and server that could do it.
    #[error("no proxy stands on the way")]
    NoProxy,
    /// What stands between them could not do it, or not undo it.
    #[error(transparent)]
    Network(#[from] network::NetworkError),
}

/// The end of an error message: what the command itself had to say.
fn said(output: &str) -> String {
    if output.is_empty() {
        "; it wrote nothing".to_owned()
    } else {
        format!("; its output: {output}")
    }
}
