//! Carries out the faults of a run that no client carries out on itself, and tells when each fault
//! begins and ends.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::network::Touched;
use super::process::{self, Fleet};
use super::schedule::{Application, applications};
use super::{FaultError, hook};
use crate::clock::{self, Clock};
use crate::event::{AmbientFault, FaultId};
use crate::scenario::plan::{Exec, Fault, FaultKind, PathFault, Plan, ServerFault, Toxic};

/// A step in the life of a fault.
#[derive(Debug, Clone)]
pub enum Step {
    /// It is being carried out.
    Applied,
    /// How much of the traffic it touches, from now on.
    Touching(Arc<Touched>),
    /// What a command wrote, both streams together.
    Output(String),
    /// It is over and undone.
    Ended,
    /// It could not be carried out.
    Failed(String),
}

/// A step of one application, at its time.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Which application.
    pub fault: FaultId,
    /// From the start of the run.
    pub at: Duration,
    /// What happened.
    pub step: Step,
}

/// Tells all workers of a fault at large, and returns once they know.
pub trait Announce {
    /// Tells them.
    fn announce(&self, fault: AmbientFault) -> impl Future<Output = ()>;
}

/// The faults of a run, as they are carried out.
pub struct Controller<A> {
    plan: Rc<Plan>,
    clock: Clock,
    fleet: Fleet,
    announce: A,
    progress: mpsc::Sender<Progress>,
    /// Set when no further fault may begin.
    over: Cell<bool>,
    under_way: RefCell<JoinSet<()>>,
}

impl<A: Announce + 'static> Controller<A> {
    /// A controller that has not begun; steps go to `progress`.
    pub fn new(
        plan: Rc<Plan>,
        clock: Clock,
        fleet: Fleet,
        announce: A,
        progress: mpsc::Sender<Progress>,
    ) -> Rc<Self> {
        Rc::new(Self {
            plan,
            clock,
            fleet,
            announce,
            progress,
            over: Cell::new(false),
            under_way: RefCell::default(),
        })
    }

    /// Carries out all faults in time; ends when the last has begun.
    ///
    /// Must be called inside a [`tokio::task::LocalSet`].
    pub async fn run(self: Rc<Self>) {
        for application in applications(&self.plan) {
            let due = self.clock.origin() + application.at;
            tokio::time::sleep_until(due.into()).await;
            if self.over.get() {
                return;
            }
            let controller = Rc::clone(&self);
            self.under_way
                .borrow_mut()
                .spawn_local(async move { controller.apply(application).await });
        }
    }

    /// Begins no further fault and drops those under way.
    ///
    /// Whatever a fault holds undoes itself when it is dropped: a paused server is continued, a
    /// command is killed. Servers that are down end with the run in any case.
    pub fn finish(&self) {
        self.over.set(true);
        self.under_way.borrow_mut().abort_all();
    }

    async fn apply(&self, application: Application) {
        let fault = &self.plan.chaos[application.entry];
        let id = application.id;
        let done = match &fault.kind {
            FaultKind::Client(kind) => {
                // The workers carry these out by the same schedule.
                self.tell(id, Step::Applied).await;
                let lasts = if kind.lasts() {
                    fault.lasts
                } else {
                    Some(Duration::ZERO)
                };
                let spread = fault.over.unwrap_or_default();
                let end = lasts.map_or(self.plan.duration, |lasts| application.at + spread + lasts);
                tokio::time::sleep_until((self.clock.origin() + end).into()).await;
                Ok(())
            }
            FaultKind::Server(kind) => self.at_servers(id, fault, *kind).await,
            FaultKind::Exec(exec) => self.by_hook(id, fault, exec).await,
            FaultKind::Path(path) => self.on_the_way(id, fault, path).await,
        };
        let step = done.map_or_else(|error| Step::Failed(describe(&error)), |()| Step::Ended);
        self.tell(id, step).await;
    }

    async fn at_servers(
        &self,
        id: FaultId,
        fault: &Fault,
        kind: ServerFault,
    ) -> Result<(), FaultError> {
        let ambient = self.announce(id, fault).await;
        self.tell(id, Step::Applied).await;
        let done = process::carry_out(kind, fault.lasts, &self.fleet, &ambient).await;
        ambient.end(clock::now());
        done
    }

    async fn on_the_way(
        &self,
        id: FaultId,
        fault: &Fault,
        path: &PathFault,
    ) -> Result<(), FaultError> {
        let ambient = self.announce(id, fault).await;
        let done = match path.toxic {
            Toxic::NonSticky => self.by_balancer(id, fault, &ambient).await,
            Toxic::Latency { .. }
            | Toxic::Bandwidth { .. }
            | Toxic::Slicer { .. }
            | Toxic::SlowClose { .. }
            | Toxic::Timeout { .. }
            | Toxic::ResetPeer { .. }
            | Toxic::LimitData { .. }
            | Toxic::Down
            | Toxic::Restart
            | Toxic::Status { .. }
            | Toxic::WebSocketBlocked(_)
            | Toxic::IdleTimeout { .. } => self.by_proxy(id, fault, path, &ambient).await,
        };
        ambient.end(clock::now());
        done
    }

    async fn by_balancer(
        &self,
        id: FaultId,
        fault: &Fault,
        ambient: &AmbientFault,
    ) -> Result<(), FaultError> {
        let balancer = self.fleet.balancer.as_ref().ok_or(FaultError::NoProxy)?;
        let forgetful = balancer.forget();
        ambient.strike(clock::now());
        self.tell(id, Step::Applied).await;
        self.last(fault.lasts).await;
        drop(forgetful);
        Ok(())
    }

    async fn by_proxy(
        &self,
        id: FaultId,
        fault: &Fault,
        path: &PathFault,
        ambient: &AmbientFault,
    ) -> Result<(), FaultError> {
        let network = self.fleet.network.as_ref().ok_or(FaultError::NoProxy)?;
        // Before it is laid: a connection may be lost before this thread hears of it.
        ambient.strike(clock::now());
        let laid = network.lay(id, fault.population, path).await?;
        self.tell(id, Step::Applied).await;
        if let Some(touched) = laid.touched() {
            self.tell(id, Step::Touching(touched)).await;
        }
        if path.toxic != Toxic::Restart {
            self.last(fault.lasts).await;
        }
        Ok(laid.lift().await?)
    }

    /// Waits until a fault that began now is to be undone.
    async fn last(&self, lasts: Option<Duration>) {
        match lasts {
            Some(lasts) => tokio::time::sleep(lasts).await,
            // The run drops it at its end.
            None => std::future::pending().await,
        }
    }

    async fn by_hook(&self, id: FaultId, fault: &Fault, exec: &Exec) -> Result<(), FaultError> {
        let ambient = self.announce(id, fault).await;
        self.tell(id, Step::Applied).await;
        ambient.strike(clock::now());
        let over = self.clock.since_origin(clock::now()) + fault.lasts.unwrap_or_default();
        let ran = hook::run(exec).await;
        let done = match ran {
            Ok(output) => {
                self.tell(id, Step::Output(output)).await;
                tokio::time::sleep_until((self.clock.origin() + over).into()).await;
                Ok(())
            }
            Err(error) => Err(error),
        };
        ambient.end(clock::now());
        done
    }

    /// Lets every worker know of a fault before it strikes.
    async fn announce(&self, id: FaultId, fault: &Fault) -> AmbientFault {
        let ambient = AmbientFault::announce(id, fault.population);
        self.announce.announce(ambient.clone()).await;
        ambient
    }

    async fn tell(&self, fault: FaultId, step: Step) {
        let at = self.clock.since_origin(clock::now());
        // The run listens until the controller is finished.
        let _ = self.progress.send(Progress { fault, at, step }).await;
    }
}

/// An error and its causes in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
