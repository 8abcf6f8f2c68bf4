//! What one Socket.IO client costs its generator: CPU per operation and bytes while idle.
//!
//! `cargo bench --bench client_cost` measures each contender in turn, several times over, and prints
//! medians, and ratios to the first contender. CPU is user and system time as the kernel counts it,
//! of the generator alone: the target runs in a process and on a core of its own, and waiting costs
//! nothing. Bytes are those that the heap holds for connected clients, counted at the allocator.
//! Every figure is taken in a fresh process, so that none starts in the memory of another.
//!
//! The *bare loop* is the least that a client in Rust can do: tokio-tungstenite with a read buffer
//! of 4 KiB and no write buffer, hyper for long-polling, one task per client, nothing measured and
//! nothing kept. The official client on Node.js is measured where it is installed.
//!
//! `--smoke` runs everything once with few clients, to see that it works. `--only NAME` leaves out
//! contenders whose name does not contain NAME, `--measure NAME` does so for measures.
#![expect(clippy::disallowed_macros, reason = "a bench prints its figures")]

mod bare;
mod cost;
mod machine;
mod measure;
mod official;
mod ours;
mod table;
mod target;

use std::alloc::System;
use std::process::ExitCode;
use std::time::Instant;

use cap::Cap;

use measure::{Contender, Measure, Scale};
use table::Table;
use target::Target;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let scale = if arguments.iter().any(|argument| argument == "--smoke") {
        Scale::SMOKE
    } else {
        Scale::FULL
    };
    if arguments.iter().any(|argument| argument == target::FLAG) {
        return target::serve();
    }
    if let Some(figure) = measure::figure_asked_for(&arguments, scale) {
        println!("{figure}");
        return ExitCode::SUCCESS;
    }
    let contenders = chosen(Contender::ALL, Contender::name, value(&arguments, "--only"));
    let measures = chosen(Measure::ALL, Measure::name, value(&arguments, "--measure"));
    compare(&contenders, &measures, scale);
    ExitCode::SUCCESS
}

/// Measures everything in rounds, so that what changes on the machine meets all contenders alike.
fn compare(contenders: &[Contender], measures: &[Measure], scale: Scale) {
    println!("{}; {} rounds", machine::prepare_generator(), scale.rounds);
    #[expect(
        clippy::disallowed_methods,
        reason = "the bench reports how long it took"
    )]
    let begun = Instant::now();
    let present: Vec<Contender> = contenders
        .iter()
        .copied()
        .filter(|contender| match contender.is_missing() {
            Some(why) => {
                println!("{} is left out: {why}", contender.name());
                false
            }
            None => true,
        })
        .collect();
    let target = Target::start();
    let mut table = Table::new(&present, measures);
    for round in 0..scale.rounds {
        for measure in measures {
            // Every other round backwards: none is always the one that comes after another.
            let mut order: Vec<Contender> = present.clone();
            if round % 2 == 1 {
                order.reverse();
            }
            for contender in order {
                let figure = measure::in_fresh_process(contender, *measure, &target, scale);
                table.add(contender, *measure, figure);
            }
        }
    }
    table.print();
    println!("\ntook {:.0} s", begun.elapsed().as_secs_f64());
}

fn chosen<T: Copy>(all: &[T], name: fn(T) -> &'static str, wanted: Option<&str>) -> Vec<T> {
    let matches = |item: &T| wanted.is_none_or(|wanted| name(*item).contains(wanted));
    all.iter().copied().filter(matches).collect()
}

/// What comes after an option.
fn value<'a>(arguments: &'a [String], option: &str) -> Option<&'a str> {
    let place = arguments.iter().position(|argument| argument == option)?;
    arguments.get(place + 1).map(String::as_str)
}
