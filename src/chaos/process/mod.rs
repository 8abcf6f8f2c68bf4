//! Faults at processes that the run started.

mod pause;
mod restart;
mod rolling;

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Mutex;

use super::progress::{Reporter, Step};
use super::{FaultError, proxy};
use crate::clock;
use crate::event::{AmbientFault, StrikeId};
use crate::fault::Process;
use crate::server::balancer::Control;
use crate::server::guardian::Guardian;
use crate::server::process::ServerProcess;

/// How long a server may take to end by a signal that lets it say goodbye, before SIGKILL.
const GOODBYE_LIMIT: Duration = Duration::from_secs(30);

/// The servers that a run started, by instance.
pub type Servers = Vec<Rc<Mutex<ServerProcess>>>;

/// What a run has started, and what stands before it.
#[derive(Clone, Default)]
pub struct Fleet {
    /// By instance.
    pub servers: Servers,
    /// There is one before several instances.
    pub balancer: Option<Control>,
    /// There is one where something would be left behind if the run were killed.
    pub guardian: Option<Guardian>,
    /// There is one if the plan has faults on the way.
    pub proxy: Option<proxy::Control>,
}

/// One application of a fault, for those who carry it out.
#[derive(Clone, Copy)]
pub(super) struct Strike<'a> {
    pub(super) fault: StrikeId,
    /// Told when it strikes.
    pub(super) ambient: &'a AmbientFault,
    /// Told what became of the processes.
    pub(super) reporter: &'a Reporter,
}

impl Strike<'_> {
    /// It is done to a process now.
    fn now(&self) {
        self.ambient.strike(clock::now());
    }

    async fn tell(&self, step: Step) {
        self.reporter.tell(self.fault, step).await;
    }
}

/// Carries out a fault and undoes it; returns when it is over.
///
/// # Errors
/// If a process cannot be signalled, awaited or started again; the others are seen to all the same.
pub(super) async fn carry_out(
    fault: Process,
    lasts: Option<Duration>,
    fleet: &Fleet,
    strike: Strike<'_>,
) -> Result<(), FaultError> {
    let servers = |instance: Option<u16>| {
        let instance = instance.map(usize::from);
        let all = fleet.servers.iter().enumerate();
        all.filter(move |(index, _)| instance.is_none_or(|wanted| wanted == *index))
    };
    match fault {
        Process::ServerRestart(fault) => {
            let how = (fault.signal, fault.down);
            let each = servers(fault.instance)
                .map(|(index, server)| restart::restart(index, server, how, strike));
            all(each).await
        }
        Process::ServerKill(fault) => {
            let each = servers(fault.instance)
                .map(|(index, server)| restart::kill(index, server, fault.signal, strike));
            all(each).await
        }
        Process::ServerPause(fault) => {
            let each = servers(fault.instance)
                .map(|(index, server)| pause::pause(index, server, lasts, strike.ambient));
            all(each).await
        }
        Process::RollingRestart(fault) => rolling::restart(fleet, fault, strike).await,
    }
}

/// Waits for all of them, and tells the first failure.
async fn all(
    each: impl Iterator<Item = impl Future<Output = Result<(), FaultError>>>,
) -> Result<(), FaultError> {
    join_all(each).await.into_iter().collect()
}
