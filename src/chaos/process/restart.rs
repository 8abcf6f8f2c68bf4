//! A server's process is ended, and started again unless it is to stay away.

use std::time::Duration;

use tokio::sync::Mutex;

use super::Strike;
use crate::chaos::FaultError;
use crate::chaos::progress::Step;
use crate::clock;
use crate::fault::process::Signal;
use crate::server::process::ServerProcess;

/// How a server is ended, and for how long it stays away.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) signal: Signal,
    /// The time that it may take to end by the signal; then it gets SIGKILL.
    pub(super) grace: Duration,
    /// The time from its end to its next start.
    pub(super) down: Duration,
}

/// Ends a server, lets it stay away, and starts it again; returns when it answers a handshake.
pub(super) async fn restart(
    instance: u16,
    server: &Mutex<ServerProcess>,
    how: How,
    strike: Strike<'_>,
) -> Result<(), FaultError> {
    let mut server = server.lock().await;
    end(instance, &mut server, how, strike).await?;
    tokio::time::sleep(how.down).await;
    server.launch_again().await?;
    let launched = clock::now();
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
    instance: u16,
    server: &Mutex<ServerProcess>,
    how: How,
    strike: Strike<'_>,
) -> Result<(), FaultError> {
    let mut starts = {
        let mut server = server.lock().await;
        if !server.is_running()? {
            return Err(FaultError::NotRunning { instance });
        }
        end(instance, &mut server, how, strike).await?;
        server.starts()
    };
    // A server that goes away for good takes its channel with it, and the run ends then.
    let _ = starts.changed().await;
    Ok(())
}

async fn end(
    instance: u16,
    server: &mut ServerProcess,
    how: How,
    strike: Strike<'_>,
) -> Result<(), FaultError> {
    strike.now().await;
    let sent = clock::now();
    strike
        .unanswered
        .borrow_mut()
        .insert(instance, (how.signal, sent));
    let stopped = server.stop_within(how.signal, how.grace).await?;
    strike.unanswered.borrow_mut().remove(&instance);
    if stopped.was_killed {
        let killed = Step::ServerKilled {
            instance,
            signal: how.signal,
            after: how.grace,
        };
        strike.tell(killed).await;
    }
    let status = stopped.status.to_string();
    strike.tell(Step::ServerExited { instance, status }).await;
    Ok(())
}
