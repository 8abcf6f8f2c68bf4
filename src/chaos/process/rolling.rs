//! One instance after the other is restarted: a deployment.

use super::restart::{self, How};
use super::{Fleet, Strike};
use crate::chaos::FaultError;
use crate::fault::process::RollingRestart;

/// Restarts all instances in turn. One that does not come back ends the deployment there, as a
/// cautious one would.
pub(super) async fn restart(
    fleet: &Fleet,
    fault: RollingRestart,
    strike: Strike<'_>,
) -> Result<(), FaultError> {
    let how = How {
        signal: fault.signal,
        grace: fault.grace,
        down: fault.down,
    };
    for (instance, server) in (0_u16..).zip(&fleet.servers) {
        if instance > 0 {
            tokio::time::sleep(fault.pause).await;
        }
        let drained = fleet
            .balancer
            .as_ref()
            .map(|balancer| balancer.drain(instance.into()));
        tokio::time::sleep(fault.drain).await;
        restart::restart(instance, server, how, strike).await?;
        drop(drained);
    }
    Ok(())
}
