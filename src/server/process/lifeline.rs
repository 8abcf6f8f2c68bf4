//! What ends a server whose run cannot: a companion process in the server's process group.
//!
//! The run holds the other end of the companion's standard input. However the run ends, SIGKILL
//! included, the system closes that pipe; the companion notices and kills the group, the server and
//! all that it has started (`npm start` and its node). It belongs to the group itself, so the
//! group's number cannot have been given to anybody else meanwhile. The embedded server needs none:
//! it watches such a pipe by itself.

use std::io;

use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::getpgrp;

/// Waits for the end of standard input, then kills the own process group, itself included.
///
/// # Errors
/// If the system refuses to block or to send signals.
pub fn hold() -> io::Result<()> {
    // Signals to the group are meant for the server; the companion is needed until its end.
    SigSet::all().thread_block()?;
    // An error ends it like the end of the pipe: either way nobody holds the other side.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    killpg(getpgrp(), Signal::SIGKILL)?;
    Ok(())
}
