//! A server's process is ended, and started again unless it is to stay away.

use std::time::Duration;

use tokio::sync::Mutex;

use super::{GOODBYE_LIMIT, Strike};
use crate::chaos::FaultError;
use crate::chaos::progress::Step;
use crate::clock;
use crate::fault::process::Signal;
use crate::server::process::ServerProcess;

/// Ends a server, lets it stay away, and starts it again; returns when it answers a handshake.
pub(super) async fn restart(
    index: usize,
    server: &Mutex<ServerProcess>,
    (signal, down): (Signal, Duration),
    strike: Strike<'_>,
) -> Result<(), FaultError> {
    let mut server = server.lock().await;
    end(index, &mut server, signal, strike).await?;
    tokio::time::sleep(down).await;
    server.launch_again().await?;
    let launched = clock::now();
    let instance = index as u16;
    let started = Step::ServerStarted {
        instance,
        pid: server.id().unwrap_or_default(),
        port: server.port(),
    };
    strike.tell(started).await;
    server.become_ready().await?;
    let after = clock::now() - launched;
    strike.tell(Step::ServerReady { instance, after }).await;
    Ok(())
}

/// Ends a server; returns when something else has started it again.
pub(super) async fn kill(
    index: usize,
    server: &Mutex<ServerProcess>,
    signal: Signal,
    strike: Strike<'_>,
) -> Result<(), FaultError> {
    let mut starts = {
        let mut server = server.lock().await;
        if !server.is_running()? {
            return Err(FaultError::NotRunning { instance: index });
        }
        end(index, &mut server, signal, strike).await?;
        server.starts()
    };
    // A server that goes away for good takes its channel with it, and the run ends then.
    let _ = starts.changed().await;
    Ok(())
}

async fn end(
    index: usize,
    server: &mut ServerProcess,
    signal: Signal,
    strike: Strike<'_>,
) -> Result<(), FaultError> {
    strike.now();
    let status = server.stop(signal, GOODBYE_LIMIT).await?.to_string();
    let instance = index as u16;
    strike.tell(Step::ServerExited { instance, status }).await;
    Ok(())
}
