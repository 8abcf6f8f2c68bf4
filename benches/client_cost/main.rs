//! What one Socket.IO client costs its generator: CPU per operation and bytes while idle.
//!
//! `cargo bench --bench client_cost` measures each contender in turn, several times over, and prints
//! medians, and ratios to the first contender. CPU is that of the client's own thread, user and system, as the kernel counts it: the
//! target runs in a process and on a core of its own, and waiting costs nothing. Bytes are those
//! that the heap holds for connected clients, counted at the allocator.
//!
//! The *bare loop* is the least that a client in Rust can do: tokio-tungstenite with a read buffer
//! of 4 KiB and no write buffer, hyper for long-polling, one task per client, nothing measured and
//! nothing kept. `--smoke` runs everything once with few clients, to see that it works.

mod bare;
mod cost;
mod machine;
mod ours;
mod target;

use std::alloc::System;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cap::Cap;

use cost::{Figures, median};
use target::Target;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Measures of each contender.
    rounds: usize,
    /// Clients that connect, or idle, in one measure.
    clients: usize,
    /// Connects under way at once.
    connecting: usize,
    /// Clients that emit in one measure.
    emitting: usize,
    /// Emits of each of them, one after the other's ack.
    emits: usize,
}

const FULL: Size = Size {
    rounds: 5,
    clients: 1_000,
    connecting: 100,
    emitting: 100,
    emits: 100,
};

const SMOKE: Size = Size {
    rounds: 1,
    clients: 40,
    connecting: 10,
    emitting: 10,
    emits: 10,
};

/// One way of being a client, in the four measures.
struct Contender {
    name: &'static str,
    websocket_connect: fn(&Target, Size) -> Duration,
    upgrade_connect: fn(&Target, Size) -> Duration,
    emit_and_ack: fn(&Target, Size) -> Duration,
    idle_bytes: fn(&Target, Size) -> f64,
}

/// The first is what the others are compared with.
const CONTENDERS: &[Contender] = &[
    Contender {
        name: "bare loop",
        websocket_connect: bare::websocket_connect,
        upgrade_connect: bare::upgrade_connect,
        emit_and_ack: bare::emit_and_ack,
        idle_bytes: bare::idle_bytes,
    },
    Contender {
        name: "sio-load",
        websocket_connect: ours::websocket_connect,
        upgrade_connect: ours::upgrade_connect,
        emit_and_ack: ours::emit_and_ack,
        idle_bytes: ours::idle_bytes,
    },
];

impl Contender {
    fn measure(&self, target: &Target, size: Size) -> Figures {
        Figures {
            websocket_connect_us: micros((self.websocket_connect)(target, size)),
            upgrade_connect_us: micros((self.upgrade_connect)(target, size)),
            emit_and_ack_us: micros((self.emit_and_ack)(target, size)),
            idle_kib: (self.idle_bytes)(target, size) / 1024.0,
        }
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
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
    println!("{cores}; {} rounds, medians\n", size.rounds);
    #[expect(
        clippy::disallowed_methods,
        reason = "the bench reports how long it took"
    )]
    let begun = Instant::now();
    let mut figures: Vec<Vec<Figures>> = CONTENDERS.iter().map(|_| Vec::new()).collect();
    for _ in 0..size.rounds {
        for (contender, figures) in CONTENDERS.iter().zip(&mut figures) {
            figures.push(contender.measure(&target, size));
        }
    }
    print(&figures);
    println!("\ntook {:.1} s", begun.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

/// Prints medians, and how the others stand to the first. A ratio is the median of the ratios
/// within each round, so that what changes on the machine between rounds does not enter it.
fn print(figures: &[Vec<Figures>]) {
    println!(
        "{:<12}{:>20}{:>22}{:>12}{:>16}",
        "", "WebSocket connect", "polling→WebSocket", "emit+ack", "idle WebSocket"
    );
    for (contender, rounds) in CONTENDERS.iter().zip(figures) {
        let medians = Figures::medians(rounds);
        println!(
            "{:<12}{:>17.1} µs{:>19.1} µs{:>9.2} µs{:>12.2} KiB",
            contender.name,
            medians.websocket_connect_us,
            medians.upgrade_connect_us,
            medians.emit_and_ack_us,
            medians.idle_kib
        );
    }
    let [first, others @ ..] = figures else {
        return;
    };
    for rounds in others {
        let ratios: Vec<Figures> = rounds.iter().zip(first).map(|(a, b)| a.ratios(b)).collect();
        let medians = Figures::medians(&ratios);
        println!(
            "{:<12}{:>20.2}{:>22.2}{:>12.2}{:>16.2}",
            "ratio",
            medians.websocket_connect_us,
            medians.upgrade_connect_us,
            medians.emit_and_ack_us,
            medians.idle_kib
        );
    }
}

impl Figures {
    fn medians(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            websocket_connect_us: of(|figures| figures.websocket_connect_us),
            upgrade_connect_us: of(|figures| figures.upgrade_connect_us),
            emit_and_ack_us: of(|figures| figures.emit_and_ack_us),
            idle_kib: of(|figures| figures.idle_kib),
        }
    }

    fn ratios(&self, to: &Self) -> Self {
        Self {
            websocket_connect_us: self.websocket_connect_us / to.websocket_connect_us,
            upgrade_connect_us: self.upgrade_connect_us / to.upgrade_connect_us,
            emit_and_ack_us: self.emit_and_ack_us / to.emit_and_ack_us,
            idle_kib: self.idle_kib / to.idle_kib,
        }
    }
}
