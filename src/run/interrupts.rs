//! Ctrl-C, SIGTERM and SIGHUP; and the signal of a file that may not grow.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The user's wish to end the run.
///
/// Caught from its making on: one that comes while nobody waits is there at the next wait, so that
/// none is lost between two stages of a run.
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    /// SIGXFSZ is caught so that a write beyond the limit of file sizes fails, as one to a full disk
    /// does, and does not end the process.
    _file_too_large: Signal,
}

impl Interrupts {
    /// Catches them from now on.
    ///
    /// # Errors
    /// If the system gives no signal handlers.
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            _file_too_large: signal(SignalKind::from_raw(nix::libc::SIGXFSZ))?,
        })
    }

    /// Waits for the next one; safe to cancel.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
