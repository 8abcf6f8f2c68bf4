//! What the proxy on the way costs, and what it adds to the time of a message.
//!
//! `cargo bench --bench proxy` lets many clients connect to the embedded server and stay: directly,
//! through the proxy without any toxic at work, and through the proxy when it has to look for
//! requests. Clients and proxy share one core; the server has another. CPU is that of the proxy's
//! own thread, user and system, as the kernel counts it. Contenders take turns within each round;
//! medians are printed. `--smoke` runs everything once with few clients, to see that it works.
#![expect(clippy::disallowed_macros, reason = "a bench prints its figures")]

mod clients;
#[path = "../client_cost/machine.rs"]
mod machine;
#[path = "../client_cost/target.rs"]
mod target;
mod way;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use clients::Clients;
use target::Target;
use way::Way;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Measures of each contender.
    rounds: usize,
    /// Clients that connect and stay.
    clients: usize,
    /// Connects under way at once.
    connecting: usize,
    /// Clients that emit all at once.
    emitting: usize,
    /// Emits of each of them, one after the other's ack.
    emits: usize,
    /// Round trips that are timed, one at a time.
    round_trips: usize,
    /// How long everybody is quiet.
    hold: Duration,
}

const FULL: Size = Size {
    rounds: 5,
    clients: 5_000,
    connecting: 100,
    emitting: 100,
    emits: 100,
    round_trips: 5_000,
    hold: Duration::from_secs(3),
};

const SMOKE: Size = Size {
    rounds: 1,
    clients: 40,
    connecting: 10,
    emitting: 10,
    emits: 10,
    round_trips: 20,
    hold: Duration::from_millis(100),
};

/// What one contender needs, in one round.
#[derive(Debug, Clone, Copy)]
struct Figures {
    /// Until all clients were connected, in seconds.
    connect_s: f64,
    /// The proxy's CPU for each, in microseconds.
    connect_us: f64,
    /// The proxy's CPU for each message, one way, in microseconds.
    message_us: f64,
    /// The proxy's CPU while nobody says anything, in per cent of a core.
    idle_percent: f64,
    /// Of an emit and its ack, in microseconds.
    round_trip_p50_us: f64,
    round_trip_p99_us: f64,
}

const CONTENDERS: [(&str, Way); 3] = [
    ("direct", Way::Direct),
    ("proxy", Way::Proxy),
    ("proxy, reading requests", Way::ReadingProxy),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is = |name: &str| arguments.iter().any(|argument| argument == name);
    if is(target::FLAG) {
        return target::serve();
    }
    let size = if is("--smoke") { SMOKE } else { FULL };
    println!("{}", machine::prepare_generator());
    let begun = sio_load::clock::now();
    let target = Target::start();
    let mut figures: Vec<Vec<Figures>> = vec![Vec::new(); CONTENDERS.len()];
    for _ in 0..size.rounds {
        for ((_, way), figures) in CONTENDERS.iter().zip(&mut figures) {
            figures.push(measure(*way, &target, size));
        }
    }
    print(&figures, size);
    println!("\ntook {:.1} s", since(begun).as_secs_f64());
    ExitCode::SUCCESS
}

fn measure(way: Way, target: &Target, size: Size) -> Figures {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for one thread");
    LocalSet::new().block_on(&runtime, async {
        let path = way.open(target.address()).await;
        let (begun, cpu) = (sio_load::clock::now(), path.cpu());
        let mut clients = Clients::connect(path.address(), size).await;
        let (connect_s, connected) = (since(begun).as_secs_f64(), path.cpu());
        tokio::time::sleep(size.hold).await;
        let held = path.cpu();
        let times = clients.round_trips(size.round_trips).await;
        let before = path.cpu();
        clients.emit(size).await;
        let messages = 2 * size.emitting * size.emits;
        let micros = |cpu: Duration| cpu.as_secs_f64() * 1e6;
        Figures {
            connect_s,
            connect_us: micros(connected - cpu) / size.clients as f64,
            message_us: micros(path.cpu() - before) / messages as f64,
            idle_percent: (held - connected).as_secs_f64() / size.hold.as_secs_f64() * 100.0,
            round_trip_p50_us: micros(percentile(&times, 0.5)),
            round_trip_p99_us: micros(percentile(&times, 0.99)),
        }
    })
}

/// Of sorted times.
fn percentile(times: &[Duration], quantile: f64) -> Duration {
    times[((times.len() - 1) as f64 * quantile) as usize]
}

fn since(begun: Instant) -> Duration {
    sio_load::clock::now().saturating_duration_since(begun)
}

fn print(figures: &[Vec<Figures>], size: Size) {
    println!(
        "{} clients connect and stay; CPU is the proxy's\n\n{:<25}{:>12}{:>14}{:>14}{:>10}{:>12}{:>12}",
        size.clients, "", "all there", "CPU/connect", "CPU/message", "idle", "echo p50", "echo p99"
    );
    for ((name, _), rounds) in CONTENDERS.iter().zip(figures) {
        let of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure).collect());
        println!(
            "{name:<25}{:>10.2} s{:>11.1} µs{:>11.2} µs{:>8.2} %{:>9.0} µs{:>9.0} µs",
            of(|f| f.connect_s),
            of(|f| f.connect_us),
            of(|f| f.message_us),
            of(|f| f.idle_percent),
            of(|f| f.round_trip_p50_us),
            of(|f| f.round_trip_p99_us),
        );
    }
    let [direct, others @ ..] = figures else {
        return;
    };
    for ((name, _), rounds) in CONTENDERS[1..].iter().zip(others) {
        // Within each round, so that what changes on the machine between rounds does not enter.
        let added = |figure: fn(&Figures) -> f64| {
            let pairs = rounds.iter().zip(direct);
            median(pairs.map(|(a, b)| figure(a) - figure(b)).collect())
        };
        println!(
            "{name:<25}adds {:.0} µs (p50), {:.0} µs (p99) to an echo: two messages",
            added(|f| f.round_trip_p50_us),
            added(|f| f.round_trip_p99_us)
        );
    }
}

/// The value in the middle, or between the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}
