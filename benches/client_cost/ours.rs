//! sio-load's own client: the workload, the client, the protocol and the recorder of a run, on one
//! worker, with everything measured, recorded and handed over each second.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sio_load::client::blueprint::Blueprint;
use sio_load::client::timer::Timers;
use sio_load::clock::{self, Clock};
use sio_load::event::{Event, Observer, PopulationId};
use sio_load::metrics::{PopulationObserver, Recorder, Snapshot};
use sio_load::scenario::{self, Overrides, Plan};
use sio_load::transport::Budget;
use sio_load::workload::arrival::stays;
use sio_load::workload::lag::LagProbe;
use sio_load::workload::worker::{Assignment, Order, Worker};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, spawn_local};

use super::cost::{cpu_of, heap_kib, micros, on_worker, settle};
use super::measure::{Measure, Scale};

const WEBSOCKET: &str = "\"websocket\"";
const POLLING: &str = "\"polling\"";
const UPGRADE: &str = "\"polling\", \"websocket\"";

/// Takes one figure.
pub(crate) fn figure(measure: Measure, address: SocketAddr, scale: Scale) -> f64 {
    let clients = scale.clients;
    on_worker(async || match measure {
        Measure::WebsocketConnect => {
            let plan = plan(address, clients, WEBSOCKET, "");
            connects(plan, clients, |watch| &watch.connected).await
        }
        Measure::UpgradeConnect => {
            let plan = plan(address, clients, UPGRADE, "");
            connects(plan, clients, |watch| &watch.upgraded).await
        }
        Measure::Emit | Measure::EmitInBursts => emits(address, scale, measure.burst()).await,
        Measure::IdleWebsocket => idles(plan(address, clients, WEBSOCKET, ""), clients).await,
        Measure::IdlePolling => idles(plan(address, clients, POLLING, ""), clients).await,
    })
}

/// CPU of a connect.
async fn connects(plan: Plan, clients: usize, count: fn(&Watch) -> &Cell<usize>) -> f64 {
    // The first time pays for memory that the process has never touched.
    let warm = Run::start(plan.clone());
    warm.reach(count, clients).await;
    warm.end().await;
    settle().await;
    let run = Run::start(plan);
    let cpu = cpu_of(async {
        run.reach(count, clients).await;
        run.hand_over();
    });
    let cpu = cpu.await;
    run.end().await;
    micros(cpu) / clients as f64
}

/// CPU of an emit and its ack.
async fn emits(address: SocketAddr, scale: Scale, burst: usize) -> f64 {
    let every_us = burst * scale.emitting * 1_000_000 / scale.emits_per_second;
    let emits = format!(
        "[[clients.emit]]\nevent = \"echo\"\nevery = \"{every_us}us\"\nburst = {burst}\nack = true\n\
         data = [{{ client = \"{{{{client}}}}\", n = \"{{{{n}}}}\" }}]\n"
    );
    let run = Run::start(plan(address, scale.emitting, WEBSOCKET, &emits));
    run.reach(|watch| &watch.connected, scale.emitting).await;
    let operations = || (run.watch.emitted.get() + run.watch.acked.get()) as f64 / 2.0;
    let before = operations();
    let wanted = run.watch.acked.get() + scale.emitting * scale.emits;
    let cpu = cpu_of(async {
        run.reach(|watch| &watch.acked, wanted).await;
        run.hand_over();
    });
    let cpu = cpu.await;
    // If the target falls behind, more goes out than comes back.
    let figure = micros(cpu) / (operations() - before);
    run.end().await;
    figure
}

/// Heap of a connected client that waits for what comes.
async fn idles(plan: Plan, clients: usize) -> f64 {
    let before = heap_kib();
    let run = Run::start(plan);
    run.reach(|watch| &watch.connected, clients).await;
    settle().await;
    let after = heap_kib();
    run.end().await;
    (after - before) / clients as f64
}

/// Clients that all arrive at once.
fn plan(address: SocketAddr, clients: usize, transports: &str, emits: &str) -> Plan {
    let sources: Vec<String> = (1..=250).map(|n| format!("\"127.0.1.{n}\"")).collect();
    let text = format!(
        "name = \"bench\"\nduration = \"1h\"\nseed = 1\n\
         [target]\nurl = \"http://{address}/\"\n\
         [[clients]]\nname = \"all\"\ncount = {clients}\n\
         transports = [{transports}]\nsource_addresses = [{}]\n{emits}",
        sources.join(", ")
    );
    match scenario::parse(&text, "bench.toml", &Overrides::default()) {
        Ok(plan) => plan,
        Err(problems) => panic!("{}", problems.render(false)),
    }
}

/// One worker, as a run has it.
struct Run {
    watch: Watch,
    recorder: Recorder,
    worker: Rc<Worker<Watch>>,
    orders: mpsc::Sender<Order>,
    work: JoinHandle<()>,
    intervals: JoinHandle<()>,
}

impl Run {
    fn start(plan: Plan) -> Self {
        let clock = Clock::start();
        let recorder = Recorder::new(0, 1, clock);
        let population = PopulationId(0);
        let watch = Watch::new(recorder.observer(population));
        let url = plan.target.url.clone().expect("the plan names its target");
        let blueprint = Blueprint::new(
            &plan,
            population,
            (&url, &[]),
            clock,
            &Budget::of(usize::MAX),
        )
        .expect("no TLS to fail");
        let assignment = Assignment {
            blueprints: vec![Rc::new(blueprint)],
            observers: vec![watch.clone()],
            stays: stays(&plan),
            batches: Box::new(std::iter::empty()),
            clock,
            duration: plan.duration,
        };
        let (orders, inbox) = mpsc::channel(1);
        let worker = Worker::new(assignment, Timers::new().expect("Linux has timers"));
        let lag = recorder.clone();
        let probe = LagProbe::new(move |at, late| lag.observe_lag(at, late));
        let work = Rc::clone(&worker).run(inbox, probe);
        Self {
            intervals: spawn_local(hand_over_each_second(Rc::clone(&worker), recorder.clone())),
            work: spawn_local(work),
            watch,
            recorder,
            worker,
            orders,
        }
    }

    /// Waits until a count is there.
    async fn reach(&self, count: fn(&Watch) -> &Cell<usize>, wanted: usize) {
        let count = count(&self.watch);
        self.watch.wanted.set(wanted);
        while count.get() < wanted {
            self.watch.changed.notified().await;
        }
    }

    /// Gives the run's main thread what was recorded, so that short measures have their share too.
    fn hand_over(&self) {
        hand_over(&self.worker, &self.recorder);
    }

    async fn end(self) {
        self.intervals.abort();
        let stop = self.orders.send(Order::Stop).await;
        stop.expect("the worker listens");
        self.work.await.expect("no client panics");
    }
}

async fn hand_over_each_second(worker: Rc<Worker<Watch>>, recorder: Recorder) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.tick().await;
    loop {
        seconds.tick().await;
        hand_over(&worker, &recorder);
    }
}

fn hand_over(worker: &Worker<Watch>, recorder: &Recorder) {
    let now = clock::now();
    worker.report_traffic(now);
    let mut backlog = Snapshot::default();
    backlog.merge(recorder.take(now));
    std::hint::black_box(Box::new(backlog));
}

/// Hands everything to the recorder, and counts what the bench waits for.
#[derive(Clone)]
struct Watch {
    recorder: PopulationObserver,
    connected: Rc<Cell<usize>>,
    upgraded: Rc<Cell<usize>>,
    emitted: Rc<Cell<usize>>,
    acked: Rc<Cell<usize>>,
    wanted: Rc<Cell<usize>>,
    changed: Rc<Notify>,
}

impl Watch {
    fn new(recorder: PopulationObserver) -> Self {
        Self {
            recorder,
            connected: Rc::default(),
            upgraded: Rc::default(),
            emitted: Rc::default(),
            acked: Rc::default(),
            wanted: Rc::default(),
            changed: Rc::default(),
        }
    }
}

impl Observer for Watch {
    fn observe(&self, at: Instant, event: Event) {
        let count = if matches!(event, Event::Connected { .. }) {
            Some(&self.connected)
        } else if matches!(event, Event::Upgraded { .. }) {
            Some(&self.upgraded)
        } else if matches!(event, Event::Emitted) {
            Some(&self.emitted)
        } else if matches!(event, Event::Acked { .. }) {
            Some(&self.acked)
        } else {
            None
        };
        self.recorder.observe(at, event);
        if let Some(count) = count {
            count.set(count.get() + 1);
            if count.get() == self.wanted.get() {
                self.changed.notify_one();
            }
        }
    }
}
