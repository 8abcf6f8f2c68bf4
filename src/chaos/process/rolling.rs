//! One instance after the other is restarted: a deployment.

use super::{Fleet, Strike, restart};
use crate::chaos::FaultError;
use crate::fault::process::RollingRestart;

/// Restarts all instances in turn. One that does not come back ends the deployment there, as a
/// cautious one would.
pub(super) async fn restart(
    fleet: &Fleet,
    fault: RollingRestart,
    strike: Strike<'_>,
) -> Result<(), FaultError> {
    for (index, server) in fleet.servers.iter().enumerate() {
        if index > 0 {
            tokio::time::sleep(fault.pause).await;
        }
        let drained = fleet
            .balancer
            .as_ref()
            .map(|balancer| balancer.drain(index));
        tokio::time::sleep(fault.drain).await;
        restart::restart(index, server, (fault.signal, fault.down), strike).await?;
        drop(drained);
    }
    Ok(())
}
