//! A command of the user's as a fault: `kubectl rollout restart`, `docker restart`.

use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::FaultError;
use crate::scenario::plan::Exec;

/// What is kept of a command's output, from its end, in bytes.
const KEPT: usize = 16 * 1024;

/// Runs a command to its end and hands out what it wrote.
///
/// It is killed when it takes too long, and when this future is dropped.
///
/// # Errors
/// If it cannot be started, fails by its exit code, or takes too long.
pub(super) async fn run(exec: &Exec) -> Result<String, FaultError> {
    let (program, arguments) = exec
        .argv
        .split_first()
        .expect("a checked scenario names a program");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| FaultError::Spawn {
            program: program.clone(),
            source,
        })?;
    let mut written = Vec::new();
    let mut said = Vec::new();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = tokio::time::timeout(exec.timeout, async {
        let (out, err) = tokio::join!(keep(stdout, &mut written), keep(stderr, &mut said));
        out.and(err).map_err(FaultError::Output)?;
        child.wait().await.map_err(FaultError::Output)
    })
    .await;
    written.append(&mut said);
    let output = String::from_utf8_lossy(&written).trim_end().to_owned();
    match ended {
        Ok(Ok(status)) if status.success() => Ok(output),
        Ok(Ok(status)) => Err(FaultError::Failed { status, output }),
        Ok(Err(error)) => Err(error),
        Err(_elapsed) => Err(FaultError::TooLong {
            limit: exec.timeout,
            output,
        }),
    }
}

/// Reads a pipe to its end, and keeps the last of it.
async fn keep(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) -> std::io::Result<()> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    while pipe.read_buf(kept).await? > 0 {
        if kept.len() > 2 * KEPT {
            kept.drain(..kept.len() - KEPT);
        }
    }
    Ok(())
}
