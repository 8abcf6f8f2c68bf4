//! One worker: starts its clients on time, passes commands on to them, and waits for their end.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;

use super::arrival::Stay;
use super::lag::LagProbe;
use crate::client::blueprint::Blueprint;
use crate::client::command::{Action, Command, Mailbox};
use crate::client::driver::Driver;
use crate::client::lifecycle::{Ambient, Lifecycle};
use crate::client::timer::Timers;
use crate::clock::{self, Clock};
use crate::event::{AmbientFault, ClientId, Event, Missed, Observer, PopulationId, StrikeId};

/// How long clients may take to say goodbye before a worker ends without them.
///
/// Above the driver's own limits, so that it is only ever reached if the thread itself is stuck.
const END_LIMIT: Duration = Duration::from_secs(20);

/// The time over which a worker's clients disconnect at the end of the load, at most.
const DEPARTURES: Duration = Duration::from_secs(1);

/// The time between two disconnects at the end of the load, at most.
const BETWEEN_DEPARTURES: Duration = Duration::from_micros(200);

/// What a worker is to do: its share of the run.
pub struct Assignment<O> {
    /// By population.
    pub blueprints: Vec<Rc<Blueprint>>,
    /// By population.
    pub observers: Vec<O>,
    /// This worker's clients, in order of start.
    pub stays: Vec<Stay>,
    /// Faults at clients, in order of time; a batch has this worker's victims alone.
    pub batches: Box<dyn Iterator<Item = FaultBatch>>,
    /// The run's clock; its zero is the start of the load.
    pub clock: Clock,
    /// When the load ends, from the clock's zero.
    pub duration: Duration,
}

/// One application of a fault at this worker's clients.
pub struct FaultBatch {
    /// Which application.
    pub fault: StrikeId,
    /// When, from the start of the run.
    pub at: Duration,
    /// What its victims do.
    pub action: Action,
    /// Who and when, in order of time.
    pub victims: Vec<(Duration, ClientId)>,
}

/// What the controller tells a worker.
#[derive(Debug)]
pub enum Order {
    /// A fault at large is about to strike; the answer says that it is known here.
    Announce(AmbientFault, oneshot::Sender<()>),
    /// The run ends now.
    Stop,
}

/// A running worker.
pub struct Worker<O> {
    assignment: RefCell<Assignment<O>>,
    timers: Rc<Timers>,
    mailboxes: RefCell<HashMap<ClientId, Rc<Mailbox>>>,
    /// By population.
    ambient: Vec<Ambient>,
    stop: Notify,
    stopping: Cell<bool>,
    load_ended: Cell<Option<Instant>>,
}

impl<O: Observer> Worker<O> {
    /// A worker that has not begun.
    #[must_use]
    pub fn new(assignment: Assignment<O>, timers: Rc<Timers>) -> Rc<Self> {
        Rc::new(Self {
            ambient: assignment
                .blueprints
                .iter()
                .map(|_| Ambient::default())
                .collect(),
            assignment: RefCell::new(assignment),
            timers,
            mailboxes: RefCell::default(),
            stop: Notify::new(),
            stopping: Cell::new(false),
            load_ended: Cell::default(),
        })
    }

    /// Runs all clients of the assignment to their end, and the probe beside them.
    ///
    /// Must be called inside a [`tokio::task::LocalSet`].
    pub async fn run(self: Rc<Self>, orders: mpsc::Receiver<Order>, probe: Rc<LagProbe>) {
        let mut chores = JoinSet::new();
        let timers = Rc::clone(&self.timers);
        // If the system's timer failed nothing would ever fire again; the lag would show it.
        chores.spawn_local(async move {
            let _ = timers.run().await;
        });
        chores.spawn_local(Rc::clone(&self).obey(orders));
        chores.spawn_local(Rc::clone(&self).deliver_faults());
        chores.spawn_local(probe.run(Rc::clone(&self.timers)));
        let mut clients = JoinSet::new();
        self.start_clients(&mut clients).await;
        self.wait_for_end().await;
        self.stopping.set(true);
        let end = self.load_end();
        self.load_ended.set(Some(end.min(clock::now())));
        self.dismiss_all(end);
        let all_ended = async { while clients.join_next().await.is_some() {} };
        let limit = self.timers.sleep_until(clock::now() + END_LIMIT);
        tokio::select! {
            () = all_ended => {}
            () = limit => {}
        }
        self.report_abandoned(clients.len());
        self.report_traffic(clock::now());
    }

    /// When the load ended; nothing while it lasts.
    #[must_use]
    pub fn load_ended(&self) -> Option<Instant> {
        self.load_ended.get()
    }

    /// Tells all clients to leave. They emit nothing more from now on and disconnect one after the
    /// other: thousands of connections closed at once would stall the generator, and look to a
    /// server like a broken network.
    fn dismiss_all(&self, end: Instant) {
        let now = clock::now();
        let mailboxes = self.mailboxes.borrow();
        let mut clients: Vec<ClientId> = mailboxes.keys().copied().collect();
        clients.sort_unstable();
        let count = u32::try_from(clients.len()).unwrap_or(u32::MAX);
        let between = BETWEEN_DEPARTURES.min(DEPARTURES / count.max(1));
        for (place, client) in (0..).zip(clients) {
            mailboxes[&client].post(Command::Leave {
                due: end.min(now),
                not_before: now + between * place,
            });
        }
    }

    fn load_end(&self) -> Instant {
        let assignment = self.assignment.borrow();
        assignment.clock.origin() + assignment.duration
    }

    /// Clients that have not left by now are counted, not waited for; by which population's observer
    /// makes no difference to the run's number.
    fn report_abandoned(&self, clients: usize) {
        if let Some(observer) = self.assignment.borrow().observers.first() {
            for _ in 0..clients {
                observer.observe(clock::now(), Event::ClientAbandoned);
            }
        }
    }

    /// Hands the bytes since the last call to the observers.
    pub fn report_traffic(&self, now: Instant) {
        let assignment = self.assignment.borrow();
        for (blueprint, observer) in assignment.blueprints.iter().zip(&assignment.observers) {
            let (sent, received) = blueprint.take_traffic();
            if sent + received > 0 {
                observer.observe(now, Event::Traffic { sent, received });
            }
        }
    }

    /// Starts every client at its intended time, however late the one before it was.
    async fn start_clients(self: &Rc<Self>, clients: &mut JoinSet<()>) {
        let stays = std::mem::take(&mut self.assignment.borrow_mut().stays);
        let origin = self.assignment.borrow().clock.origin();
        for stay in stays {
            let intended = origin + stay.start;
            if clock::now() < intended {
                tokio::select! {
                    () = self.timers.sleep_until(intended) => {}
                    () = self.stopped() => return,
                }
            } else if self.stopping.get() {
                return;
            }
            while clients.try_join_next().is_some() {}
            self.start_client(clients, stay, intended);
        }
    }

    fn start_client(self: &Rc<Self>, clients: &mut JoinSet<()>, stay: Stay, intended: Instant) {
        let assignment = self.assignment.borrow();
        let population = usize::from(stay.population.0);
        let mailbox = Rc::new(Mailbox::default());
        self.mailboxes
            .borrow_mut()
            .insert(stay.client, Rc::clone(&mailbox));
        let blueprint = Rc::clone(&assignment.blueprints[population]);
        let lifecycle = Lifecycle::new(
            assignment.observers[population].clone(),
            intended,
            blueprint.namespaces(),
            Rc::clone(&self.ambient[population]),
        );
        let driver = Driver::new(
            blueprint,
            lifecycle,
            stay.client,
            Rc::clone(&mailbox),
            self.timers.timer(),
        );
        let leaves_early = stay.end < assignment.duration;
        let leaves_at = assignment.clock.origin() + stay.end;
        let worker = Rc::clone(self);
        if leaves_early {
            let timers = Rc::clone(&self.timers);
            clients.spawn_local(async move {
                let mut driver = std::pin::pin!(driver);
                let departure = timers.sleep_until(leaves_at);
                tokio::select! {
                    () = &mut driver => {}
                    () = departure => {
                        mailbox.post(Command::Leave {
                            due: leaves_at,
                            not_before: leaves_at,
                        });
                        driver.await;
                    }
                }
                worker.mailboxes.borrow_mut().remove(&stay.client);
            });
        } else {
            clients.spawn_local(driver);
        }
    }

    /// Until the load is over or the run is stopped.
    async fn wait_for_end(&self) {
        let end = self.load_end();
        if clock::now() < end {
            tokio::select! {
                () = self.timers.sleep_until(end) => {}
                () = self.stopped() => {}
            }
        }
    }

    async fn stopped(&self) {
        if !self.stopping.get() {
            self.stop.notified().await;
        }
    }

    async fn obey(self: Rc<Self>, mut orders: mpsc::Receiver<Order>) {
        while let Some(order) = orders.recv().await {
            match order {
                Order::Announce(fault, known) => {
                    self.expect(&fault);
                    // The controller may have given up waiting.
                    let _ = known.send(());
                }
                Order::Stop => {
                    self.stopping.set(true);
                    self.stop.notify_waiters();
                }
            }
        }
    }

    /// Lets clients know of a fault at large, and forget those that are long over.
    fn expect(&self, fault: &AmbientFault) {
        let now = clock::now();
        for (population, ambient) in self.ambient.iter().enumerate() {
            let mut ambient = ambient.borrow_mut();
            ambient.retain(|known| !known.is_past(now));
            let meets = |wanted: PopulationId| usize::from(wanted.0) == population;
            if fault.population.is_none_or(meets) {
                ambient.push(fault.clone());
            }
        }
    }

    /// Waves may overlap: each is delivered by a task of its own.
    async fn deliver_faults(self: Rc<Self>) {
        let (batches, origin) = {
            let mut assignment = self.assignment.borrow_mut();
            let batches = std::mem::replace(&mut assignment.batches, Box::new(std::iter::empty()));
            (batches, assignment.clock.origin())
        };
        let mut under_way = JoinSet::new();
        // The iterator draws the victims of a batch when it is asked for it, so ask late.
        for batch in batches {
            self.timers.sleep_until(origin + batch.at).await;
            let worker = Rc::clone(&self);
            under_way.spawn_local(async move {
                let (fault, action) = (batch.fault, batch.action);
                for (at, client) in batch.victims {
                    worker.timers.sleep_until(origin + at).await;
                    worker.post_fault(client, fault, action);
                }
            });
        }
        while under_way.join_next().await.is_some() {}
    }

    /// A victim that has left already, or has not come yet, is counted as missed; by which
    /// population's observer makes no difference to the fault's numbers.
    fn post_fault(&self, client: ClientId, fault: StrikeId, action: Action) {
        let mailboxes = self.mailboxes.borrow();
        if let Some(mailbox) = mailboxes.get(&client) {
            mailbox.post(Command::Fault { fault, action });
        } else if let Some(observer) = self.assignment.borrow().observers.first() {
            let why = Missed::NotConnected;
            observer.observe(clock::now(), Event::FaultMissed { fault, why });
        }
    }
}
