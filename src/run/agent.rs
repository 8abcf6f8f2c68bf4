//! An agent: waits in a pool until a coordinator takes it on, generates its share of that run's
//! load, and waits again.

use std::io;

use tokio::runtime::Builder;
use tokio::task::{JoinHandle, LocalSet};

use super::interrupts::Interrupts;
use super::preflight;
use super::worker_process::{WorkerProcess, hello};
use crate::clock;
use crate::distributed::message::Hello;
use crate::distributed::nats::{AgentInfo, Hire, Hired, Nats, NatsError, NatsOptions, Request};

/// An agent's settings.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// Where coordinators look for it.
    pub nats: NatsOptions,
    /// Its name for people.
    pub name: String,
}

/// What an agent tells whoever started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentNews {
    /// It waits for a run.
    Waiting,
    /// It works for a run.
    Working,
    /// It was told to end; clients disconnect in order first.
    Ending,
}

/// Why an agent ended.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// NATS cannot be used.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// The connection to NATS is over for good.
    #[error("the connection to NATS is over")]
    Over,
    /// The system gave no event loop or signal handlers.
    #[error("an event loop cannot be set up")]
    Runtime(#[source] io::Error),
}

/// An agent as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Unique for the life of the agent.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Release of sio-load.
    pub version: String,
    /// Processor cores.
    pub cores: u32,
    /// Files that it may open.
    pub descriptors: u64,
    /// Whether it works for a run.
    pub is_busy: bool,
}

/// Lists the agents of a pool.
///
/// # Errors
/// If NATS cannot be reached or used.
pub fn list(nats: &NatsOptions) -> Result<Vec<Agent>, AgentError> {
    on_this_thread(async {
        let nats = Nats::connect(nats).await?;
        let agents = nats.call_roll().await?;
        Ok(agents.into_iter().map(Agent::from).collect())
    })
}

/// Is an agent until a signal ends it; blocks.
///
/// # Errors
/// If NATS cannot be reached or used, at first or ever again.
pub fn serve(settings: AgentSettings, tell: impl Fn(AgentNews)) -> Result<(), AgentError> {
    let _ = preflight::raise_descriptor_limit();
    on_this_thread(async {
        let mut interrupts = Interrupts::catch().map_err(AgentError::Runtime)?;
        let nats = Nats::connect(&settings.nats).await?;
        // Unique among all that ever share a NATS, as far as chance goes.
        let id = format!("{:016x}", fastrand::u64(..));
        let mut requests = nats.listen(&id).await?;
        let mut post = Post {
            nats,
            info: AgentInfo {
                id,
                name: settings.name,
                hello: hello(clock::now()),
                is_busy: false,
            },
            work: None,
        };
        tell(AgentNews::Waiting);
        loop {
            tokio::select! {
                request = requests.next() => match request {
                    Some(request) => post.take(request, &tell).await,
                    None => return Err(AgentError::Over),
                },
                () = post.work_over() => tell(AgentNews::Waiting),
                () = interrupts.next() => break,
            }
        }
        tell(AgentNews::Ending);
        post.end(&mut interrupts).await;
        Ok(())
    })
}

fn on_this_thread<T>(work: impl Future<Output = Result<T, AgentError>>) -> Result<T, AgentError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(AgentError::Runtime)?;
    LocalSet::new().block_on(&runtime, work)
}

/// An agent at its post.
struct Post {
    nats: Nats,
    info: AgentInfo,
    work: Option<Work>,
}

/// The run that it works for.
struct Work {
    task: JoinHandle<()>,
    /// Dropped to end the load before its time.
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Post {
    async fn take(&mut self, request: Request, tell: &impl Fn(AgentNews)) {
        match request {
            Request::Roll(reply) => {
                self.info.is_busy = self.work.is_some();
                self.nats.answer(reply, &self.info).await;
            }
            Request::Hire(hire, reply) => {
                let hired = if self.work.is_none() && self.begin(&hire).await {
                    tell(AgentNews::Working);
                    Hired::Yes
                } else {
                    Hired::Busy
                };
                self.nats.answer(reply, &hired).await;
            }
        }
    }

    async fn begin(&mut self, hire: &Hire) -> bool {
        // A NATS that refuses the run's subjects makes this agent useless for the run.
        let Ok(carrier) = self.nats.to_coordinator(hire).await else {
            return false;
        };
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let work = WorkerProcess::new(carrier).work_until(stopped);
        self.work = Some(Work {
            task: tokio::task::spawn_local(work),
            stop,
        });
        true
    }

    /// Waits for the end of the run that it works for, and forgets it.
    async fn work_over(&mut self) {
        match &mut self.work {
            Some(work) => {
                // What panicked has been printed; the coordinator hears nothing more.
                let _ = (&mut work.task).await;
                self.work = None;
            }
            None => std::future::pending().await,
        }
    }

    /// Ends the load in order; a second signal waits for nobody.
    async fn end(self, interrupts: &mut Interrupts) {
        if let Some(work) = self.work {
            drop(work.stop);
            tokio::select! {
                _ = work.task => {}
                () = interrupts.next() => {}
            }
        }
    }
}

impl From<AgentInfo> for Agent {
    fn from(info: AgentInfo) -> Self {
        let AgentInfo {
            id,
            name,
            hello,
            is_busy,
        } = info;
        let Hello {
            version, limits, ..
        } = hello;
        Self {
            id,
            name,
            version,
            cores: limits.cores,
            descriptors: limits.descriptors,
            is_busy,
        }
    }
}
