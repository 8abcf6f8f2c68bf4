//! What a fault at a client costs the generator, with all that comes of it.
//!
//! `cargo bench --bench faults` lets a thousand clients idle on one worker and one core, and then
//! applies a thousand faults in a second to one after the other, each kind of fault in turn. CPU is
//! that of the worker's thread, what idle clients take included; a fault that costs the connection
//! is charged with the reconnection too. `lag` is how late the worker's timers fire meanwhile, at
//! its 99th percentile: if it stays below some milliseconds the generator is not the bottleneck.
//! `--smoke` does it with few clients for a moment, to see that it works.
#![expect(clippy::disallowed_macros, reason = "a bench prints its figures")]

#[expect(dead_code, reason = "what only the other bench measures")]
#[path = "../client_cost/cost.rs"]
mod cost;
#[path = "../client_cost/machine.rs"]
mod machine;
#[path = "../client_cost/target.rs"]
mod target;

use std::alloc::System;
use std::cell::{Cell, RefCell};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use cap::Cap;
use sio_load::client::blueprint::Blueprint;
use sio_load::client::command::Action;
use sio_load::client::timer::Timers;
use sio_load::clock::Clock;
use sio_load::event::{ClientId, Event, Observer, PopulationId, StrikeId};
use sio_load::fault::FaultKind;
use sio_load::metrics::{Histogram, PopulationObserver, Recorder};

use sio_load::scenario::{self, Overrides, Plan};
use sio_load::transport::Budget;
use sio_load::workload::arrival::stays;
use sio_load::workload::lag::LagProbe;
use sio_load::workload::worker::{Assignment, FaultBatch, Order, Worker};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use cost::{cpu_of, on_worker, settle};
use target::Target;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// When the first fault comes; by then all clients are there.
const QUIET: Duration = Duration::from_secs(4);

/// From one fault to the next.
const STEP: Duration = Duration::from_millis(1);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Size {
    clients: u64,
    faults: u64,
}

const FULL: Size = Size {
    clients: 1000,
    faults: 5000,
};

const SMOKE: Size = Size {
    clients: 50,
    faults: 100,
};

/// The faults, as scenarios have them; what lasts is over before the client's next turn comes.
const FAULTS: &[(&str, &str)] = &[
    ("disconnect, close", "fault = \"disconnect\""),
    (
        "disconnect, reset",
        "fault = \"disconnect\"\nhow = \"reset\"",
    ),
    ("garbage", "fault = \"garbage\""),
    ("abandon", "fault = \"abandon\""),
    ("mute", "fault = \"mute\"\nfor = \"20ms\""),
    ("freeze", "fault = \"freeze\"\nfor = \"20ms\""),
    (
        "slow_reader",
        "fault = \"slow_reader\"\nrate = \"1KB/s\"\nfor = \"20ms\"",
    ),
    ("partition", "fault = \"partition\"\nfor = \"20ms\""),
    ("packet_loss", "fault = \"packet_loss\"\nfor = \"20ms\""),
    ("network_change", "fault = \"network_change\""),
];

/// What came of one kind of fault.
struct Figures {
    felt: u64,
    missed: u64,
    cpu: Duration,
    window: Duration,
    lag_p99_us: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is = |name: &str| arguments.iter().any(|argument| argument == name);
    if is(target::FLAG) {
        return target::serve();
    }
    let size = if is("--smoke") { SMOKE } else { FULL };
    let cores = machine::prepare_generator();
    let target = Target::start();
    println!(
        "{cores}; {} clients, a fault each millisecond\n",
        size.clients
    );
    println!(
        "{:<20}{:>8}{:>8}{:>16}{:>10}{:>12}",
        "", "felt", "missed", "CPU per fault", "core", "lag (p99)"
    );
    for (name, keys) in FAULTS {
        let figures = measure(&target, size, keys);
        print(name, &figures);
        assert!(figures.felt > 0, "{name} was never felt");
    }
    ExitCode::SUCCESS
}

fn print(name: &str, figures: &Figures) {
    let cpu = figures.cpu.as_secs_f64();
    println!(
        "{name:<20}{:>8}{:>8}{:>13.1} µs{:>8.1} %{:>9.2} ms",
        figures.felt,
        figures.missed,
        cpu * 1e6 / figures.felt.max(1) as f64,
        cpu * 100.0 / figures.window.as_secs_f64(),
        figures.lag_p99_us as f64 / 1e3,
    );
}

fn measure(target: &Target, size: Size, keys: &str) -> Figures {
    let plan = plan(target, size, keys);
    on_worker(async || {
        let clock = Clock::start();
        let watch = Watch::new(Recorder::new(0, 1, clock));
        let lags = Rc::clone(&watch.lags);
        let (orders, inbox) = mpsc::channel(1);
        let timers = Timers::new().expect("Linux has timers");
        let worker = Worker::new(assignment(&plan, size, clock, &watch), timers);
        let probe = LagProbe::new(move |_, lag| {
            lags.borrow_mut().record(lag.as_micros() as u64);
        });
        let work = spawn_local(worker.run(inbox, probe));
        tokio::time::sleep_until((clock.origin() + QUIET).into()).await;
        assert_eq!(watch.connected.get(), size.clients, "all are there");
        watch.lags.replace(Histogram::new());
        // A second more, for what comes of the last ones.
        let window = STEP * size.faults as u32 + Duration::from_secs(1);
        let cpu = cpu_of(tokio::time::sleep(window)).await;
        let figures = Figures {
            felt: watch.felt.get(),
            missed: watch.missed.get(),
            cpu,
            window,
            lag_p99_us: watch.lags.borrow().value_at_percentile(99.0),
        };
        orders.send(Order::Stop).await.expect("the worker listens");
        work.await.expect("no client panics");
        settle().await;
        figures
    })
}

fn plan(target: &Target, size: Size, keys: &str) -> Plan {
    let text = format!(
        "name = \"bench\"\nduration = \"1h\"\nseed = 1\n\
         [target]\nurl = \"http://{}/\"\n\
         [[clients]]\nname = \"all\"\ncount = {}\narrive = \"1000/s\"\n\
         transports = [\"websocket\"]\nreconnection = {{ delay = \"100ms\" }}\n\
         [[chaos]]\nat = \"1s\"\n{keys}\n",
        target.address(),
        size.clients,
    );
    match scenario::parse(&text, "bench.toml", &Overrides::default()) {
        Ok(plan) => plan,
        Err(problems) => panic!("{}", problems.render(false)),
    }
}

fn assignment(plan: &Plan, size: Size, clock: Clock, watch: &Watch) -> Assignment<Watch> {
    let population = PopulationId(0);
    let url = plan.target.url.clone().expect("the plan names its target");
    let blueprint = Blueprint::new(
        plan,
        population,
        (&url, &[]),
        clock,
        &Budget::for_clients(size.clients as usize),
    )
    .expect("no TLS to fail");
    let fault = &plan.chaos[0];
    let FaultKind::Client(client) = fault.kind else {
        panic!("{} is no fault at clients", fault.kind.name());
    };
    Assignment {
        blueprints: vec![Rc::new(blueprint)],
        observers: vec![watch.clone()],
        stays: stays(plan),
        batches: Box::new(std::iter::once(batch(
            size,
            Action::new(client, fault.lasts),
        ))),
        clock,
        duration: plan.duration,
    }
}

/// One client after the other, again and again.
fn batch(size: Size, action: Action) -> FaultBatch {
    let victims = (0..size.faults)
        .map(|n| (QUIET + STEP * n as u32, ClientId(n % size.clients)))
        .collect();
    FaultBatch {
        fault: StrikeId(0),
        at: QUIET,
        action,
        victims,
    }
}

/// Hands everything to the recorder, as in a run, and counts what the bench tells.
#[derive(Clone)]
struct Watch {
    recorder: PopulationObserver,
    connected: Rc<Cell<u64>>,
    felt: Rc<Cell<u64>>,
    missed: Rc<Cell<u64>>,
    lags: Rc<RefCell<Histogram>>,
}

impl Watch {
    fn new(recorder: Recorder) -> Self {
        Self {
            recorder: recorder.observer(PopulationId(0)),
            connected: Rc::default(),
            felt: Rc::default(),
            missed: Rc::default(),
            lags: Rc::new(RefCell::new(Histogram::new())),
        }
    }
}

impl Observer for Watch {
    fn observe(&self, at: Instant, event: Event) {
        let count = if matches!(event, Event::Connected { .. }) {
            Some(&self.connected)
        } else if matches!(event, Event::FaultFelt { .. }) {
            Some(&self.felt)
        } else if matches!(event, Event::FaultMissed { .. }) {
            Some(&self.missed)
        } else {
            None
        };
        self.recorder.observe(at, event);
        if let Some(count) = count {
            count.set(count.get() + 1);
        }
    }
}
