//! CPU of small pieces of work, for the benches beside this folder.

use std::hint::black_box;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Times pieces of work and prints what they cost: CPU, user and system, of this thread alone, so
/// that other work on the machine counts as little as it can.
pub(crate) struct Timing {
    rounds: usize,
    /// Times each piece is repeated in a round, so to say how many were asked for at full length.
    shortened: bool,
}

impl Timing {
    /// Eleven rounds; with `--smoke` on the command line a single one, and as short as can be.
    pub(crate) fn from_arguments() -> Self {
        let shortened = std::env::args().any(|argument| argument == "--smoke");
        Self {
            rounds: if shortened { 1 } else { 11 },
            shortened,
        }
    }

    /// How often a piece of work is to be done, when it is done `count` times at full length.
    pub(crate) fn times(&self, count: usize) -> usize {
        if self.shortened { count.min(10) } else { count }
    }

    /// Does `work` `count` times in each round, and prints the median of what one takes. What it
    /// takes from `prepare` is made before the clock runs.
    pub(crate) fn measure<P, R>(
        &self,
        what: &str,
        count: usize,
        mut prepare: impl FnMut() -> P,
        mut work: impl FnMut(&mut P) -> R,
    ) {
        let count = self.times(count);
        let mut figures: Vec<f64> = (0..self.rounds)
            .map(|_| {
                let mut prepared = prepare();
                let before = thread_cpu();
                for _ in 0..count {
                    black_box(work(&mut prepared));
                }
                (thread_cpu() - before).as_secs_f64() * 1e9 / count as f64
            })
            .collect();
        figures.sort_by(f64::total_cmp);
        let median = figures[figures.len() / 2];
        println!("{what:<56}{:>14}", nanoseconds(median));
    }
}

fn nanoseconds(value: f64) -> String {
    if value < 10_000.0 {
        format!("{value:.1} ns")
    } else {
        format!("{:.1} µs", value / 1e3)
    }
}

fn thread_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .expect("Linux has a CPU clock for each thread")
        .into()
}
