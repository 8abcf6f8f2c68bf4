//! One instance after the other is restarted: a deployment.

use std::time::Duration;

use super::{Fleet, Strike, restart};
use crate::chaos::FaultError;
use crate::scenario::plan::Signal;

/// What is done to each instance in its turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) signal: Signal,
    /// From its end to its next start.
    pub(super) down: Duration,
    /// Without new sessions before its end.
    pub(super) drain: Duration,
    /// Between one instance and the next.
    pub(super) pause: Duration,
}

/// Restarts all instances in turn. One that does not come back ends the deployment there, as a
/// cautious one would.
pub(super) async fn restart(
    fleet: &Fleet,
    step: Step,
    strike: Strike<'_>,
) -> Result<(), FaultError> {
    for (index, server) in fleet.servers.iter().enumerate() {
        if index > 0 {
            tokio::time::sleep(step.pause).await;
        }
        let drained = fleet
            .balancer
            .as_ref()
            .map(|balancer| balancer.drain(index));
        tokio::time::sleep(step.drain).await;
        restart::restart(index, server, (step.signal, step.down), strike).await?;
        drop(drained);
    }
    Ok(())
}
