//! A child that outlives the run by a moment, to end what a killed run leaves behind.
//!
//! A run that gets SIGKILL ends nothing itself. It holds a pipe to its guardian and tells it of
//! each process group that it starts and ends; when the pipe closes, for whatever reason, the
//! guardian kills the groups that are left, also those that stand still. (A child that dies with
//! its parent by itself would need `prctl` between fork and exec, which is `unsafe`.)

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The hidden subcommand that the guardian runs.
const SUBCOMMAND: &str = "guard";

/// Why there is no guardian.
#[derive(Debug, thiserror::Error)]
#[error("the guardian of the run's processes cannot be started")]
pub struct GuardianError(#[from] io::Error);

/// The run's end of the pipe; the guardian ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Guardian(Arc<Mutex<Post>>);

#[derive(Debug)]
struct Post {
    child: Child,
    /// There until it is dropped.
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// Starts one, from this very program.
    ///
    /// # Errors
    /// If the system gives no process.
    pub fn start() -> Result<Self, GuardianError> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(SUBCOMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C in the terminal is the run's to deal with.
            .process_group(0)
            .spawn()?;
        let pipe = child.stdin.take();
        Ok(Self(Arc::new(Mutex::new(Post { child, pipe }))))
    }

    pub(super) fn watch(&self, group: Pid) {
        self.tell('+', group);
    }

    pub(super) fn forget(&self, group: Pid) {
        self.tell('-', group);
    }

    /// A few bytes, far below what a pipe holds and takes in one piece: it never waits.
    fn tell(&self, what: char, group: Pid) {
        let mut post = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = &mut post.pipe {
            // A guardian that somebody has killed can be told nothing; the run goes on without.
            let _ = pipe.write_all(format!("{what}{group}\n").as_bytes());
        }
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.pipe = None;
        // It ends at once, and nobody else would reap it.
        let _ = self.child.wait();
    }
}

/// What the guardian does: reads until the pipe closes, then kills what is left.
pub fn stand_guard(pipe: impl BufRead) {
    for group in left(pipe) {
        // Whoever has ended meanwhile needs no more. SIGKILL ends also those that stand still.
        let _ = killpg(group, Signal::SIGKILL);
    }
}

/// The groups that were started and not ended.
fn left(pipe: impl BufRead) -> BTreeSet<Pid> {
    let mut groups = BTreeSet::new();
    for line in pipe.lines().map_while(Result::ok) {
        let number = line.get(1..).and_then(|number| number.parse().ok());
        // 0 and 1 would be the guardian's own group and everybody's.
        let Some(group) = number.filter(|number| *number > 1).map(Pid::from_raw) else {
            continue;
        };
        if line.starts_with('+') {
            groups.insert(group);
        } else {
            groups.remove(&group);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_started_and_not_ended_is_left() {
        let told = "+100\n+200\n-100\n+1\n+0\n+-1\nnonsense\n\n+300\n-400\n";
        let expected = [200, 300].map(Pid::from_raw);
        assert!(left(told.as_bytes()).into_iter().eq(expected));
    }
}
