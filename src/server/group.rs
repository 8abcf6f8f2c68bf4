//! What the run signals and kills as one.

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::guardian::Guardian;

/// A process group that the run has started: a child that leads it, and all that this starts.
///
/// The group is killed when this is dropped, and by the guardian if the run itself is killed.
#[derive(Debug)]
pub struct ProcessGroup {
    leader: Pid,
    guardian: Option<Guardian>,
    is_ours: bool,
}

impl ProcessGroup {
    /// The group of a child that was started with `process_group(0)`.
    ///
    /// # Panics
    /// If the number is none of a process.
    #[must_use]
    pub fn led_by(child: u32, guardian: Option<&Guardian>) -> Self {
        let leader = Pid::from_raw(i32::try_from(child).expect("process ids are positive i32"));
        if let Some(guardian) = guardian {
            guardian.watch(leader);
        }
        Self {
            leader,
            guardian: guardian.cloned(),
            is_ours: true,
        }
    }

    /// Signals all of it; a group that nobody is left in is no error.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn signal(&self, signal: Signal) -> Result<(), Errno> {
        match killpg(self.leader, signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lets it go on by itself.
    pub fn release(mut self) {
        self.is_ours = false;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if self.is_ours {
            // Nothing is left to do if the system refuses to kill our own children. While anyone
            // of the group lives, the system gives its number to nobody else.
            let _ = self.signal(Signal::SIGKILL);
        }
        if let Some(guardian) = &self.guardian {
            guardian.forget(self.leader);
        }
    }
}
