//! The worker threads of a run: one for each core, each with its own runtime, recorder and clients.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use url::Url;

use super::RunError;
use super::fleet::LostShare;
use crate::chaos::controller::Announce;
use crate::chaos::schedule::{applications, victims};
use crate::client::blueprint::Blueprint;
use crate::client::command::Action;
use crate::client::timer::Timers;
use crate::client::wire_log::Follow;
use crate::clock::{self, Clock};
use crate::distributed::message::Share;
use crate::event::{AmbientFault, PopulationId};
use crate::fault::FaultKind;
use crate::metrics::{Recorder, Snapshot};
use crate::scenario::plan::Plan;
use crate::transport::Budget;
use crate::workload::arrival::{Stay, stays};
use crate::workload::lag::LagProbe;
use crate::workload::worker::{Assignment, FaultBatch, Order, Worker};

/// How often a worker hands over what it has recorded.
const INTERVAL: Duration = Duration::from_secs(1);

/// Snapshots that may wait for the run's main thread, per worker; a worker never waits for it.
const SNAPSHOTS_WAITING: usize = 64;

/// How long the controller waits until a worker knows of a fault at large.
///
/// A worker that is this late is the bottleneck of the run, and its lag shows it.
pub(super) const ANNOUNCE_LIMIT: Duration = Duration::from_secs(2);

/// What a worker reports.
#[derive(Debug)]
pub(super) enum Report {
    /// What was recorded since the last one.
    Interval(Box<Snapshot>),
    /// All its clients have ended; the last interval came before.
    Ended,
    /// It could not begin.
    Failed(RunError),
    /// A process is gone, and its share of the run with it.
    Lost(LostShare),
}

/// Where clients connect to.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    /// The server.
    pub(super) url: Url,
    /// By population: the addresses to connect to instead of the server's, among which clients are
    /// dealt out by their number; none, or no entry, if clients connect to the server itself.
    pub(super) ways: Vec<Vec<SocketAddr>>,
}

/// How many clients are there at once, at most.
fn most_at_once(stays: &[Stay]) -> usize {
    let mut changes: Vec<(Duration, bool)> = stays
        .iter()
        .flat_map(|stay| [(stay.start, true), (stay.end, false)])
        .collect();
    changes.sort_unstable();
    let (mut now, mut most) = (0_usize, 0);
    for (_, comes) in changes {
        now = if comes {
            now + 1
        } else {
            now.saturating_sub(1)
        };
        most = most.max(now);
    }
    most
}

/// The worker threads.
pub(super) struct Workers {
    threads: Vec<JoinHandle<()>>,
    orders: Orders,
}

/// The way to tell all worker threads something.
#[derive(Clone)]
pub(super) struct Orders(Vec<mpsc::Sender<Order>>);

impl Orders {
    /// Ends the load now.
    pub(super) fn stop(&self) {
        for worker in &self.0 {
            // A worker that has ended has stopped. One whose inbox is full is long stuck: nothing
            // may wait for it, and a second Ctrl-C goes without it.
            let _ = worker.try_send(Order::Stop);
        }
    }
}

impl Announce for Orders {
    /// Each worker is told for itself: none has to wait until another that is stuck takes orders.
    async fn announce(&self, fault: AmbientFault) {
        let told = self.0.iter().map(|worker| async {
            let (known, answer) = oneshot::channel();
            let order = Order::Announce(fault.clone(), known);
            if worker.send(order).await.is_ok() {
                let _ = answer.await;
            }
        });
        let _ = tokio::time::timeout(ANNOUNCE_LIMIT, join_all(told)).await;
    }
}

impl Workers {
    /// Starts the threads of a share; the load begins at the clock's zero.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn start(
        plan: &Arc<Plan>,
        destination: &Destination,
        clock: Clock,
        share: Share,
        follow: Option<Follow>,
    ) -> Result<(Self, mpsc::Receiver<Report>), RunError> {
        let (reports, receiver) = mpsc::channel(SNAPSHOTS_WAITING * share.threads as usize);
        let budget = Budget::for_clients(
            most_at_once(&stays(plan)).div_ceil(share.total as usize) * share.threads as usize,
        );
        let mut threads = Vec::new();
        let mut orders = Vec::new();
        for index in share.first..share.first + share.threads {
            let (sender, inbox) = mpsc::channel(16);
            let work = ThreadShare {
                plan: Arc::clone(plan),
                destination: destination.clone(),
                clock,
                index,
                count: share.total,
                follow,
                budget: budget.clone(),
                orders: inbox,
                reports: reports.clone(),
            };
            let thread = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || work.work())
                .map_err(RunError::Thread)?;
            threads.push(thread);
            orders.push(sender);
        }
        let workers = Self {
            threads,
            orders: Orders(orders),
        };
        Ok((workers, receiver))
    }

    /// The way to tell them something.
    pub(super) fn orders(&self) -> Orders {
        self.orders.clone()
    }

    /// Waits for the threads; true if one of them panicked.
    pub(super) fn join(self) -> bool {
        drop(self.orders);
        let ends: Vec<_> = self.threads.into_iter().map(JoinHandle::join).collect();
        ends.iter().any(Result::is_err)
    }
}

/// One thread's share of the run.
struct ThreadShare {
    plan: Arc<Plan>,
    destination: Destination,
    clock: Clock,
    index: u32,
    count: u32,
    follow: Option<Follow>,
    /// What the buffers of all connections of this process draw from.
    budget: Budget,
    orders: mpsc::Receiver<Order>,
    reports: mpsc::Sender<Report>,
}

impl ThreadShare {
    fn work(self) {
        let reports = self.reports.clone();
        let result = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(RunError::Runtime)
            .and_then(|runtime| LocalSet::new().block_on(&runtime, self.run()));
        let last = match result {
            Ok(()) => Report::Ended,
            Err(error) => Report::Failed(error),
        };
        // Nobody listens any more if the run has failed elsewhere.
        let _ = reports.blocking_send(last);
    }

    async fn run(self) -> Result<(), RunError> {
        let recorder = Recorder::new(self.index, self.plan.populations.len(), self.clock);
        let timers = Timers::new().map_err(RunError::Runtime)?;
        let worker = Worker::new(self.assignment(&recorder)?, timers);
        let lag_recorder = recorder.clone();
        let load = Rc::clone(&worker);
        // How busy the thread is with closing connections is no matter of the load.
        let probe = LagProbe::new(move |at, lag| {
            if load.load_ended().is_none_or(|end| at - lag < end) {
                lag_recorder.observe_lag(at, lag);
            }
        });
        let work = Rc::clone(&worker).run(self.orders, Rc::clone(&probe));
        let mut work = std::pin::pin!(work);
        // What the run's main thread has had no room for; nothing measured is dropped.
        let mut backlog = Snapshot::default();
        let end = self.clock.origin() + self.plan.duration;
        let mut is_load_over = false;
        let mut number = 1;
        loop {
            let next = self.clock.origin() + INTERVAL * number;
            // No interval reaches from the load into what comes after it.
            let due = if is_load_over { next } else { next.min(end) };
            let over = tokio::select! {
                () = &mut work => true,
                () = tokio::time::sleep_until(due.into()) => false,
            };
            let now = clock::now();
            number += u32::from(due == next);
            is_load_over |= due == end;
            if let Some(end) = worker.load_ended() {
                recorder.end_load(end);
            }
            worker.report_traffic(now);
            probe.catch_up(now);
            backlog.merge(recorder.take(now));
            if over {
                // Nobody listens any more if the run has failed elsewhere.
                let _ = self.reports.send(Report::Interval(Box::new(backlog))).await;
                return Ok(());
            }
            if let Ok(room) = self.reports.try_reserve() {
                room.send(Report::Interval(Box::new(std::mem::take(&mut backlog))));
            }
        }
    }

    fn assignment(
        &self,
        recorder: &Recorder,
    ) -> Result<Assignment<crate::metrics::PopulationObserver>, RunError> {
        let populations = (0..self.plan.populations.len()).map(|index| PopulationId(index as u16));
        let blueprint = |population: PopulationId| {
            let Destination { url, ways } = &self.destination;
            let ways = ways
                .get(usize::from(population.0))
                .map_or(&[][..], Vec::as_slice);
            Blueprint::new(
                &self.plan,
                population,
                (url, ways),
                self.clock,
                &self.budget,
            )
            .map(|blueprint| Rc::new(blueprint.following(self.follow)))
            .map_err(RunError::Transport)
        };
        let all = stays(&self.plan);
        let mut own: Vec<Stay> = all
            .iter()
            .filter(|stay| self.is_mine(stay))
            .copied()
            .collect();
        own.sort_by_key(|stay| stay.start);
        Ok(Assignment {
            blueprints: populations
                .clone()
                .map(blueprint)
                .collect::<Result<_, _>>()?,
            observers: populations
                .map(|population| recorder.observer(population))
                .collect(),
            stays: own,
            batches: Box::new(self.batches(all)),
            clock: self.clock,
            duration: self.plan.duration,
        })
    }

    /// Clients are dealt out one by one.
    fn is_mine(&self, stay: &Stay) -> bool {
        stay.client.0 % u64::from(self.count) == u64::from(self.index)
    }

    /// The faults at this worker's clients, in order of time; victims are drawn when asked for.
    fn batches(&self, all: Vec<Stay>) -> impl Iterator<Item = FaultBatch> + 'static {
        let plan = Arc::clone(&self.plan);
        let (index, count) = (u64::from(self.index), u64::from(self.count));
        applications(&self.plan)
            .into_iter()
            .filter_map(move |application| {
                let fault = &plan.chaos[application.entry];
                // The controller sees to all others.
                let FaultKind::Client(client) = &fault.kind else {
                    return None;
                };
                let action = Action::new(*client, fault.lasts);
                let victims = victims(&plan, &application, &all)
                    .into_iter()
                    .filter(|victim| victim.stay.client.0 % count == index)
                    .map(|victim| (victim.at, victim.stay.client))
                    .collect();
                Some(FaultBatch {
                    fault: application.id,
                    at: application.at,
                    action,
                    victims,
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::StrikeId;

    #[tokio::test]
    async fn a_worker_hears_of_a_fault_though_another_takes_no_orders() {
        let (stuck, _never_read) = mpsc::channel(1);
        stuck.send(Order::Stop).await.unwrap();
        let (awake, mut inbox) = mpsc::channel(1);
        let orders = Orders(vec![stuck, awake]);
        let announced = orders.announce(AmbientFault::announce(StrikeId(0), None));
        let told = async {
            let Some(Order::Announce(fault, known)) = inbox.recv().await else {
                panic!("no announcement");
            };
            known.send(()).unwrap();
            fault.fault
        };
        let both = async { tokio::join!(announced, told) };
        let both = tokio::time::timeout(10 * ANNOUNCE_LIMIT, both).await;
        let ((), told) = both.expect("nobody waits for the one that is stuck for ever");
        assert_eq!(told, StrikeId(0));
    }
}
