//! sio-load's own client: the workload, the client, the protocol and the recorder of a run, on one
//! worker, with everything measured and recorded.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sio_load::client::blueprint::Blueprint;
use sio_load::client::timer::Timers;
use sio_load::clock::Clock;
use sio_load::event::{Event, Observer, PopulationId};
use sio_load::metrics::{PopulationObserver, Recorder};
use sio_load::scenario::{self, Overrides, Plan};
use sio_load::workload::arrival::stays;
use sio_load::workload::worker::{Assignment, Order, Worker};
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_local;

use super::Size;
use super::cost::{cpu_of, heap_bytes, on_one_thread, settle};
use super::target::Target;

/// Emits of all clients together, in a second: enough that the loop is busy, and few enough that
/// the target keeps up, so that acks come one by one as in the bare loop.
const EMITS_PER_SECOND: usize = 20_000;

/// CPU of a connect over WebSocket alone.
pub(crate) fn websocket_connect(target: &Target, size: Size) -> Duration {
    connects(target, size, "[\"websocket\"]")
}

/// CPU of a connect over long-polling and its upgrade.
pub(crate) fn upgrade_connect(target: &Target, size: Size) -> Duration {
    connects(target, size, "[\"polling\", \"websocket\"]")
}

/// CPU of an emit and its ack.
pub(crate) fn emit_and_ack(target: &Target, size: Size) -> Duration {
    let every_us = size.emitting * 1_000_000 / EMITS_PER_SECOND;
    let emits = format!(
        "[[clients.emit]]\nevent = \"echo\"\nevery = \"{every_us}us\"\nack = true\n\
         data = [{{ client = \"{{{{client}}}}\", n = \"{{{{n}}}}\" }}]\n"
    );
    let plan = plan(target, size.emitting, "[\"websocket\"]", &emits);
    on_one_thread(async {
        let run = Run::start(plan);
        run.reach(&run.watch.connected, size.emitting).await;
        let before = run.watch.acked.get();
        let wanted = before + size.emitting * size.emits;
        let (cpu, ()) = cpu_of(run.reach(&run.watch.acked, wanted)).await;
        let acked = run.watch.acked.get() - before;
        run.end().await;
        cpu / acked as u32
    })
}

/// Heap of a connected client that waits for what comes.
pub(crate) fn idle_bytes(target: &Target, size: Size) -> f64 {
    let plan = plan(target, size.clients, "[\"websocket\"]", "");
    on_one_thread(async {
        let before = heap_bytes();
        let run = Run::start(plan);
        run.reach(&run.watch.connected, size.clients).await;
        settle().await;
        let after = heap_bytes();
        run.end().await;
        after.saturating_sub(before) as f64 / size.clients as f64
    })
}

fn connects(target: &Target, size: Size, transports: &str) -> Duration {
    let plan = plan(target, size.clients, transports, "");
    let upgrades = transports.contains("polling");
    on_one_thread(async {
        let run = Run::start(plan);
        let count = if upgrades {
            &run.watch.upgraded
        } else {
            &run.watch.connected
        };
        let (cpu, ()) = cpu_of(run.reach(count, size.clients)).await;
        run.end().await;
        cpu / size.clients as u32
    })
}

/// Clients that arrive as fast as about a hundred at once can connect.
fn plan(target: &Target, clients: usize, transports: &str, emits: &str) -> Plan {
    let sources: Vec<String> = (1..=250).map(|n| format!("\"127.0.1.{n}\"")).collect();
    let text = format!(
        "name = \"bench\"\nduration = \"1h\"\nseed = 1\n\
         [target]\nurl = \"http://{}/\"\n\
         [[clients]]\nname = \"all\"\ncount = {clients}\narrive = \"2000/s\"\n\
         transports = {transports}\nsource_addresses = [{}]\n{emits}",
        target.address(),
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
    orders: mpsc::Sender<Order>,
    work: tokio::task::JoinHandle<()>,
}

impl Run {
    fn start(plan: Plan) -> Self {
        let clock = Clock::start();
        let recorder = Recorder::new(0, 1, clock);
        let population = PopulationId(0);
        let watch = Watch {
            recorder: recorder.observer(population),
            connected: Rc::default(),
            upgraded: Rc::default(),
            acked: Rc::default(),
            wanted: Rc::default(),
            changed: Rc::default(),
        };
        let url = plan.target.url.clone().expect("the plan names its target");
        let blueprint =
            Blueprint::new(&plan, population, (&url, None), clock).expect("no TLS to fail");
        let assignment = Assignment {
            blueprints: vec![Rc::new(blueprint)],
            observers: vec![watch.clone()],
            stays: stays(&plan),
            waves: Box::new(std::iter::empty()),
            clock,
            duration: plan.duration,
        };
        let timers = Timers::new().expect("Linux has timers");
        let (orders, inbox) = mpsc::channel(1);
        let work = Worker::new(assignment, timers).run(inbox, move |lag| {
            recorder.observe_lag(sio_load::clock::now(), lag);
        });
        Self {
            watch,
            orders,
            work: spawn_local(work),
        }
    }

    /// Waits until a count is there.
    async fn reach(&self, count: &Cell<usize>, wanted: usize) {
        self.watch.wanted.set(wanted);
        while count.get() < wanted {
            self.watch.changed.notified().await;
        }
    }

    async fn end(self) {
        self.orders
            .send(Order::Stop)
            .await
            .expect("the worker listens");
        self.work.await.expect("no client panics");
        settle().await;
    }
}

/// Hands everything to the recorder, and counts what the bench waits for.
#[derive(Clone)]
struct Watch {
    recorder: PopulationObserver,
    connected: Rc<Cell<usize>>,
    upgraded: Rc<Cell<usize>>,
    acked: Rc<Cell<usize>>,
    wanted: Rc<Cell<usize>>,
    changed: Rc<Notify>,
}

impl Observer for Watch {
    fn observe(&self, at: Instant, event: Event) {
        let count = if matches!(event, Event::Connected { .. }) {
            Some(&self.connected)
        } else if matches!(event, Event::Upgraded { .. }) {
            Some(&self.upgraded)
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
