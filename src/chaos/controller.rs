//! Carries out the faults that touch servers, and tells when each fault begins and ends.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::schedule::{Application, applications};
use crate::clock::{self, Clock};
use crate::event::{AmbientFault, FaultId};
use crate::scenario::plan::{Fault, FaultKind, Plan, Signal};
use crate::server::process::{ProcessError, ServerProcess};
use crate::units::format_duration;

/// How long a server may take to end by a signal that lets it say goodbye, before SIGKILL.
const GOODBYE_LIMIT: Duration = Duration::from_secs(30);

/// The servers that a run started, by instance.
pub type Servers = Vec<Rc<Mutex<ServerProcess>>>;

/// A step in the life of a fault.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It is being carried out.
    Applied,
    /// It is over and undone.
    Ended,
    /// It could not be carried out.
    Failed(String),
    /// It has ended a server.
    ServerExited {
        /// Which instance.
        instance: u16,
        /// Exit code or signal, in words.
        status: String,
    },
    /// It has started a server again.
    ServerStarted {
        /// Which instance.
        instance: u16,
        /// Its new process.
        pid: u32,
        /// Where it listens.
        port: u16,
    },
    /// That server answers.
    ServerReady {
        /// Which instance.
        instance: u16,
        /// How long after its start.
        after: Duration,
    },
}

/// A step of one application, at its time.
#[derive(Debug, Clone, PartialEq)]
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
    servers: Servers,
    announce: A,
    reporter: Reporter,
    /// Set when no further fault may begin.
    over: Cell<bool>,
    under_way: RefCell<JoinSet<()>>,
}

impl<A: Announce + 'static> Controller<A> {
    /// A controller that has not begun; steps go to `progress`.
    pub fn new(
        plan: Rc<Plan>,
        clock: Clock,
        servers: Servers,
        announce: A,
        progress: mpsc::Sender<Progress>,
    ) -> Rc<Self> {
        Rc::new(Self {
            plan,
            clock,
            servers,
            announce,
            reporter: Reporter { clock, progress },
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

    /// Begins no further fault and drops those under way: the servers that they touch end with the
    /// run in any case.
    pub fn finish(&self) {
        self.over.set(true);
        self.under_way.borrow_mut().abort_all();
    }

    async fn apply(&self, application: Application) {
        let fault = &self.plan.chaos[application.entry];
        match &fault.kind {
            FaultKind::ServerRestart {
                signal,
                down,
                instance,
            } => {
                let restart = Restart {
                    fault: application.id,
                    signal: *signal,
                    down: *down,
                };
                self.restart(restart, *instance).await;
            }
            // The workers carry these out by the same schedule.
            FaultKind::Disconnect { .. } | FaultKind::TransportSwitch { .. } => {
                self.reporter.tell(application.id, Step::Applied).await;
                let end = self.clock.origin() + application.at + fault.over.unwrap_or_default();
                tokio::time::sleep_until(end.into()).await;
                self.reporter.tell(application.id, Step::Ended).await;
            }
        }
    }

    /// Ends one instance or all at once, and starts them again.
    async fn restart(&self, restart: Restart, instance: Option<u16>) {
        let ambient = AmbientFault::announce(restart.fault);
        self.announce.announce(ambient.clone()).await;
        let mut restarts = JoinSet::new();
        let chosen = |index| instance.is_none_or(|wanted| usize::from(wanted) == index);
        for (index, server) in self.servers.iter().enumerate() {
            if chosen(index) {
                let server = Rc::clone(server);
                let (ambient, reporter) = (ambient.clone(), self.reporter.clone());
                restarts.spawn_local(async move {
                    let mut server = server.lock().await;
                    ambient.strike(clock::now());
                    restart
                        .carry_out(&mut server, index as u16, &reporter)
                        .await
                });
            }
        }
        self.reporter.tell(restart.fault, Step::Applied).await;
        let mut problem = None;
        while let Some(restarted) = restarts.join_next().await {
            if let Ok(Err(error)) = restarted {
                problem = Some(describe(&error));
            }
        }
        ambient.end(clock::now());
        let step = problem.map_or(Step::Ended, Step::Failed);
        self.reporter.tell(restart.fault, step).await;
    }
}

/// Tells the run how its faults get on.
#[derive(Clone)]
struct Reporter {
    clock: Clock,
    progress: mpsc::Sender<Progress>,
}

impl Reporter {
    async fn tell(&self, fault: FaultId, step: Step) {
        let at = self.clock.since_origin(clock::now());
        // The run listens until the controller is finished.
        let _ = self.progress.send(Progress { fault, at, step }).await;
    }
}

#[derive(Debug, Clone, Copy)]
struct Restart {
    fault: FaultId,
    signal: Signal,
    down: Duration,
}

impl Restart {
    async fn carry_out(
        self,
        server: &mut ServerProcess,
        instance: u16,
        reporter: &Reporter,
    ) -> Result<(), ProcessError> {
        let status = server.stop(self.signal, GOODBYE_LIMIT).await?.to_string();
        let exited = Step::ServerExited { instance, status };
        reporter.tell(self.fault, exited).await;
        tokio::time::sleep(self.down).await;
        server.launch_again().await?;
        let launched = clock::now();
        let started = Step::ServerStarted {
            instance,
            pid: server.id().unwrap_or_default(),
            port: server.port(),
        };
        reporter.tell(self.fault, started).await;
        server.become_ready().await?;
        let after = clock::now() - launched;
        let ready = Step::ServerReady { instance, after };
        reporter.tell(self.fault, ready).await;
        Ok(())
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

/// What a fault was told, in the scenario's words.
#[must_use]
pub fn detail(plan: &Plan, fault: &Fault) -> String {
    let mut parts = Vec::new();
    match &fault.kind {
        FaultKind::ServerRestart {
            signal,
            down,
            instance,
        } => {
            parts.push(format!(
                "{}, down {}",
                signal.name(),
                format_duration(*down)
            ));
            parts.extend(instance.map(|instance| format!("instance {instance}")));
            return parts.join(", ");
        }
        FaultKind::Disconnect { how } => parts.push(how.name().to_owned()),
        FaultKind::TransportSwitch { to, upgrade } => parts.push(if *upgrade {
            "upgrade in place".to_owned()
        } else {
            format!("to {to}")
        }),
    }
    parts.push(format!("{} of the clients", fault.clients));
    if let Some(population) = fault.population {
        let name = &plan.populations[usize::from(population.0)].name;
        parts.push(format!("population {name}"));
    }
    parts.extend(
        fault
            .over
            .map(|over| format!("over {}", format_duration(over))),
    );
    parts.join(", ")
}
