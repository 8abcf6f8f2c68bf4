//! A server's process is stopped for a time, as by a long garbage collection or a frozen machine.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use super::Strike;
use crate::chaos::FaultError;
use crate::server::process::ServerProcess;

/// A server that stands still; it goes on when this is dropped, whatever the reason.
struct Paused<'a>(MutexGuard<'a, ServerProcess>);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        // A process that has ended meanwhile has nothing to go on with.
        let _ = self.0.resume();
    }
}

/// Stops a server with SIGSTOP, and continues it after a time.
pub(super) async fn pause(
    instance: u16,
    server: &Mutex<ServerProcess>,
    lasts: Option<Duration>,
    strike: Strike<'_>,
) -> Result<(), FaultError> {
    let mut server = server.lock().await;
    if !server.is_running()? {
        return Err(FaultError::NotRunning { instance });
    }
    strike.now().await;
    server.pause()?;
    let paused = Paused(server);
    match lasts {
        Some(lasts) => tokio::time::sleep(lasts).await,
        // The run drops it at its end.
        None => std::future::pending().await,
    }
    drop(paused);
    Ok(())
}
