//! A command of the user's as a fault: `kubectl rollout restart`, `docker restart`.

use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::FaultError;
use crate::fault::hook::Exec;
use crate::server::group::ProcessGroup;
use crate::server::guardian::Guardian;

/// What is kept of a command's output, from its end, in bytes.
const KEPT: usize = 16 * 1024;

/// How long the last of the output may take to come once the command has ended: it lies in the
/// pipes already, but something that the command left running may hold them open for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What became of a command.
#[derive(Debug)]
pub(super) struct Ran {
    /// The last that it wrote, both streams together.
    pub(super) output: String,
    /// Whether it did what it was asked for.
    pub(super) done: Result<(), FaultError>,
}

/// Runs a command to its end: the exit of its own process.
///
/// Its whole process group is killed when it takes too long, and when this future is dropped. What
/// it leaves running when it ends in time stays: it may be the very server that it was to start.
pub(super) async fn run(exec: &Exec, guardian: Option<&Guardian>) -> Ran {
    let (mut written, mut said) = (Vec::new(), Vec::new());
    let done = match start(exec) {
        Ok(mut child) => {
            let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
            let reading = async {
                tokio::join!(keep(stdout, &mut written), keep(stderr, &mut said));
            };
            attend(child, exec.timeout, reading, guardian).await
        }
        Err(error) => Err(error),
    };
    written.append(&mut said);
    let last = written.len().saturating_sub(KEPT);
    let output = String::from_utf8_lossy(&written[last..]);
    Ran {
        output: output.trim_end().to_owned(),
        done,
    }
}

fn start(exec: &Exec) -> Result<Child, FaultError> {
    let (program, arguments) = exec
        .argv
        .split_first()
        .expect("a checked scenario names a program");
    Command::new(program)
        .args(arguments)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| FaultError::Spawn {
            program: program.clone(),
            source,
        })
}

/// Waits for the end of a command while its output is read.
async fn attend(
    mut child: Child,
    limit: Duration,
    reading: impl Future<Output = ()>,
    guardian: Option<&Guardian>,
) -> Result<(), FaultError> {
    let id = child.id().expect("a child that nobody has awaited");
    let group = ProcessGroup::led_by(id, guardian);
    let mut reading = pin!(reading);
    let (exited, is_read) = {
        let exit = pin!(tokio::time::timeout(limit, child.wait()));
        match select(exit, reading.as_mut()).await {
            Either::Left((exited, _)) => (exited, false),
            Either::Right(((), exit)) => (exit.await, true),
        }
    };
    let done = match exited {
        Ok(status) => {
            group.release();
            let status = status.map_err(FaultError::Wait)?;
            if status.success() {
                Ok(())
            } else {
                Err(FaultError::Failed { status })
            }
        }
        Err(_elapsed) => {
            drop(group);
            child.wait().await.map_err(FaultError::Wait)?;
            Err(FaultError::TooLong { limit })
        }
    };
    if !is_read {
        let _ = tokio::time::timeout(LAST_WORDS, reading).await;
    }
    done
}

/// Reads a pipe to its end, and keeps the last of it; a pipe that fails has ended.
async fn keep(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    while pipe.read_buf(kept).await.is_ok_and(|read| read > 0) {
        if kept.len() > 2 * KEPT {
            kept.drain(..kept.len() - KEPT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str, timeout: Duration) -> Ran {
        let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
        run(&Exec { argv, timeout }, None).await
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_both_streams_say_is_kept_whether_it_succeeds_or_fails() {
        let ran = sh("echo out; echo err >&2", LONG).await;
        assert!(ran.done.is_ok());
        assert_eq!(ran.output, "out\nerr");
        let ran = sh("echo half; exit 3", LONG).await;
        assert_eq!(ran.output, "half");
        let error = ran.done.unwrap_err();
        assert_eq!(error.to_string(), "the command failed: exit status: 3");
    }

    #[tokio::test]
    async fn only_the_end_of_a_long_output_is_kept() {
        let ran = sh(
            "head -c 200000 /dev/zero | tr '\\0' x; echo; echo end",
            LONG,
        )
        .await;
        assert!(ran.output.ends_with("x\nend"), "{}", ran.output.len());
        assert!(ran.output.len() <= KEPT);
    }

    #[tokio::test]
    async fn a_command_ends_with_its_own_process_whatever_it_leaves_running() {
        // What it leaves holds the pipes open for a minute.
        let ran = sh("echo started; sleep 60 & echo $!", LONG).await;
        assert!(ran.done.is_ok());
        let (started, id) = ran.output.split_once('\n').unwrap();
        assert_eq!(started, "started");
        let sleep = nix::unistd::Pid::from_raw(id.parse().unwrap());
        nix::sys::signal::kill(sleep, nix::sys::signal::Signal::SIGKILL).expect("it was left");
    }
}
