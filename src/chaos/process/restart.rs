//! A server's process is ended, and started again unless it is to stay away.

use std::time::Duration;

use tokio::sync::Mutex;

use super::GOODBYE_LIMIT;
use crate::chaos::FaultError;
use crate::clock;
use crate::event::AmbientFault;
use crate::scenario::plan::Signal;
use crate::server::process::ServerProcess;

/// Ends a server, lets it stay away, and starts it again; returns when it answers a handshake.
pub(super) async fn restart(
    server: &Mutex<ServerProcess>,
    signal: Signal,
    down: Duration,
    ambient: &AmbientFault,
) -> Result<(), FaultError> {
    let mut server = server.lock().await;
    ambient.strike(clock::now());
    server.stop(signal, GOODBYE_LIMIT).await?;
    tokio::time::sleep(down).await;
    Ok(server.restart().await?)
}

/// Ends a server; returns when something else has started it again.
pub(super) async fn kill(
    index: usize,
    server: &Mutex<ServerProcess>,
    signal: Signal,
    ambient: &AmbientFault,
) -> Result<(), FaultError> {
    let mut starts = {
        let mut server = server.lock().await;
        if !server.is_running()? {
            return Err(FaultError::NotRunning { instance: index });
        }
        ambient.strike(clock::now());
        server.stop(signal, GOODBYE_LIMIT).await?;
        server.starts()
    };
    // A server that goes away for good takes its channel with it, and the run ends then.
    let _ = starts.changed().await;
    Ok(())
}
