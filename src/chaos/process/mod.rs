//! Faults at processes that the run started.

mod pause;
mod restart;
mod rolling;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Mutex;

use super::progress::{Reporter, Step};
use super::{FaultError, proxy};
use crate::clock;
use crate::event::{AmbientFault, StrikeId};
use crate::fault::Process;
use crate::fault::process::Signal;
use crate::server::balancer::Control;
use crate::server::guardian::Guardian;
use crate::server::process::ServerProcess;

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
    /// Told of signals that are sent and answered.
    pub(super) unanswered: &'a Unanswered,
}

/// Signals that servers have not ended by yet: by instance, with the time at which each was sent.
pub(super) type Unanswered = RefCell<BTreeMap<u16, (Signal, Instant)>>;

impl Strike<'_> {
    /// It is done to a process when this returns, for the first time or again.
    async fn now(&self) {
        // Told first: what a strike does counts from the strike, and never lies before the fault.
        if !self.ambient.has_struck() {
            self.tell(Step::Applied).await;
        }
        strike(self.ambient).await;
    }

    async fn tell(&self, step: Step) {
        self.reporter.tell(self.fault, step).await;
    }
}

/// Sets the time of a strike, and returns at that time: now, or once other processes know of it.
pub(super) async fn strike(ambient: &AmbientFault) {
    let at = clock::now() + ambient.lead();
    ambient.strike(at);
    if !ambient.lead().is_zero() {
        tokio::time::sleep_until(at.into()).await;
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
        let all = (0_u16..).zip(&fleet.servers);
        all.filter(move |(index, _)| instance.is_none_or(|wanted| wanted == *index))
    };
    match fault {
        Process::ServerRestart(fault) => {
            let how = restart::How {
                signal: fault.signal,
                grace: fault.grace,
                down: fault.down,
            };
            let each = servers(fault.instance)
                .map(|(index, server)| restart::restart(index, server, how, strike));
            all(each).await
        }
        Process::ServerKill(fault) => {
            let how = restart::How {
                signal: fault.signal,
                grace: fault.grace,
                down: Duration::ZERO,
            };
            let each = servers(fault.instance)
                .map(|(index, server)| restart::kill(index, server, how, strike));
            all(each).await
        }
        Process::ServerPause(fault) => {
            let each = servers(fault.instance)
                .map(|(index, server)| pause::pause(index, server, lasts, strike));
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
