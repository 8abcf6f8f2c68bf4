//! What generates a run's load: threads of this process, or worker processes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::RunError;
use super::fleet::{Fleet, FleetOrder};
use super::workers::{self, ANNOUNCE_LIMIT, Destination, Report, Workers};
use crate::chaos::controller::Announce;
use crate::client::wire_log::Follow;
use crate::clock::Clock;
use crate::distributed::message::Share;
use crate::event::AmbientFault;
use crate::results::summary::WorkerClock;
use crate::scenario::plan::Plan;

/// From the start of the threads to the start of the load: time for them to be there, so that the
/// first clients are not late.
const THREAD_LEAD: Duration = Duration::from_millis(250);

/// The same for processes, which start their threads when they hear of the start.
const PROCESS_LEAD: Duration = Duration::from_millis(750);

/// How long the news of a strike may take to another process or machine.
const STRIKE_LEAD: Duration = Duration::from_millis(50);

/// Reports that may wait for the run's main thread, per worker thread.
const REPORTS_WAITING: usize = 64;

/// Generators that are prepared and wait for the start.
pub(super) enum Prepared {
    Threads { count: u32, follow: Option<Follow> },
    Processes(Fleet),
}

/// Generators at work.
pub(super) enum Generators {
    Threads(Workers),
    Processes {
        orders: mpsc::UnboundedSender<FleetOrder>,
        task: JoinHandle<()>,
    },
}

/// The way to tell all generators something.
#[derive(Clone)]
pub(super) enum Orders {
    Threads(workers::Orders),
    Processes(mpsc::UnboundedSender<FleetOrder>),
}

impl Prepared {
    /// Worker threads over all processes.
    pub(super) fn threads(&self) -> u32 {
        match self {
            Self::Threads { count, .. } => *count,
            Self::Processes(fleet) => fleet.threads(),
        }
    }

    /// Those that take part and their clocks, where there is more than this process.
    pub(super) fn clocks(&self) -> Vec<WorkerClock> {
        match self {
            Self::Threads { .. } => Vec::new(),
            Self::Processes(fleet) => fleet.clocks(),
        }
    }

    /// From now to the start of the load.
    pub(super) fn lead(&self) -> Duration {
        match self {
            Self::Threads { .. } => THREAD_LEAD,
            Self::Processes(_) => PROCESS_LEAD,
        }
    }

    /// Starts the load at the clock's zero.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn start(
        self,
        plan: &Arc<Plan>,
        destination: &Destination,
        clock: Clock,
    ) -> Result<(Generators, mpsc::Receiver<Report>), RunError> {
        match self {
            Self::Threads { count, follow } => {
                let share = Share {
                    first: 0,
                    threads: count,
                    total: count,
                };
                let (workers, reports) = Workers::start(plan, destination, clock, share, follow)?;
                Ok((Generators::Threads(workers), reports))
            }
            Self::Processes(fleet) => {
                let waiting = REPORTS_WAITING * fleet.threads() as usize;
                let (sender, reports) = mpsc::channel(waiting);
                // A few for each fault of the plan.
                let (orders, inbox) = mpsc::unbounded_channel();
                let task = tokio::task::spawn_local(fleet.drive(clock, inbox, sender));
                Ok((Generators::Processes { orders, task }, reports))
            }
        }
    }
}

impl Generators {
    /// The way to tell them something.
    pub(super) fn orders(&self) -> Orders {
        match self {
            Self::Threads(workers) => Orders::Threads(workers.orders()),
            Self::Processes { orders, .. } => Orders::Processes(orders.clone()),
        }
    }

    /// Waits for their end; true if a thread of this process panicked.
    pub(super) async fn join(self) -> bool {
        match self {
            Self::Threads(workers) => workers.join(),
            Self::Processes { orders, task } => {
                drop(orders);
                // A panic of the task is a lost worker, whatever the processes did.
                task.await.is_err()
            }
        }
    }
}

impl Orders {
    /// Ends the load now.
    pub(super) fn stop(&self) {
        match self {
            Self::Threads(orders) => orders.stop(),
            Self::Processes(orders) => {
                // Processes that have ended have stopped.
                let _ = orders.send(FleetOrder::Stop);
            }
        }
    }
}

impl Announce for Orders {
    async fn announce(&self, fault: AmbientFault) {
        match self {
            Self::Threads(orders) => orders.announce(fault).await,
            Self::Processes(orders) => {
                let (changes, strike) = (orders.clone(), fault.fault);
                fault.on_change(STRIKE_LEAD, move |change| {
                    // Processes that have ended need to know nothing.
                    let _ = changes.send(FleetOrder::Change(strike, change));
                });
                let (known, answer) = oneshot::channel();
                tell(orders, FleetOrder::Announce(fault, known), answer).await;
            }
        }
    }
}

/// Tells the processes, and waits until they know; one that is late is no reason to wait for ever.
async fn tell(
    orders: &mpsc::UnboundedSender<FleetOrder>,
    order: FleetOrder,
    answer: oneshot::Receiver<()>,
) {
    let told = async {
        if orders.send(order).is_ok() {
            let _ = answer.await;
        }
    };
    let _ = tokio::time::timeout(ANNOUNCE_LIMIT, told).await;
}
