//! `sio-load run` against real servers: what both sides know must agree.
//!
//! A scenario is run by the built program, and the summary that it leaves is compared with the log
//! that the server wrote meanwhile. Cases of a table run at once, since most of their time passes
//! in waiting.

mod agreement;
mod backoff;
mod connect;
mod emit;
mod errors;
mod faults;
mod heartbeat;
mod namespaces;
mod outcome;
mod reconnection;
mod recovery;
mod restart;
mod tls;
mod under_way;

use std::fmt::Debug;

use serde_json::{Value, json};

use crate::harness::{Kind, RealServer, ServerLog};
use outcome::Outcome;
use under_way::UnderWay;

/// A server as a population of this protocol meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Target {
    kind: Kind,
    protocol: u8,
}

/// Every server with every protocol that it speaks.
const TARGETS: [Target; 7] = [
    Target::new(Kind::SocketIo4, 4),
    Target::new(Kind::SocketIo4, 3),
    Target::new(Kind::SocketIo3, 4),
    Target::new(Kind::SocketIo2, 3),
    Target::new(Kind::PythonAiohttp, 4),
    Target::new(Kind::Embedded, 4),
    Target::new(Kind::Embedded, 3),
];

/// Those of them whose options and log are those of npm's.
fn programs() -> impl Iterator<Item = Target> {
    let is_program = |target: &Target| target.kind != Kind::Embedded;
    TARGETS.into_iter().filter(is_program)
}

impl Target {
    const fn new(kind: Kind, protocol: u8) -> Self {
        Self { kind, protocol }
    }

    /// Whether its server is a program of tests/servers/npm, whose log tells everything.
    fn is_npm(self) -> bool {
        match self.kind {
            Kind::SocketIo4 | Kind::SocketIo3 | Kind::SocketIo2 => true,
            Kind::PythonAiohttp | Kind::Embedded => false,
        }
    }

    /// Starts it with further options.
    fn start(self, mut options: Value) -> RealServer {
        if self.is_npm() && self.protocol == 3 {
            options["allowEIO3"] = json!(true);
        }
        RealServer::start(self.kind, options)
    }
}

/// Runs a scenario to its end.
fn run(url: &str, scenario: &str) -> Outcome {
    UnderWay::start(url, scenario).finish()
}

/// Runs a scenario until the server's log fulfils a condition: no time has to be guessed that a busy
/// machine may need.
fn run_until(
    server: &RealServer,
    scenario: &str,
    what: &str,
    is_there: impl Fn(&ServerLog) -> bool,
) -> Outcome {
    let run = UnderWay::start(&server.url(), scenario);
    server.wait_log(what, is_there);
    run.end()
}

/// Checks all cases at the same time, each with what was prepared for it. None begins before all
/// are prepared: servers that start take the time of runs that are under way.
///
/// # Panics
/// If one of them does; says which.
fn at_once<T: Copy + Debug + Send, P: Send>(
    cases: impl IntoIterator<Item = T>,
    prepare: impl Fn(T) -> P + Copy + Send + Sync,
    check: impl Fn(T, P) + Copy + Send + Sync,
) {
    let cases: Vec<T> = cases.into_iter().collect();
    let prepared = in_parallel(cases.iter().map(|&case| move || (case, prepare(case))));
    let prepared: Vec<(T, P)> = prepared
        .into_iter()
        .map(|done| done.expect("a preparation"))
        .collect();
    let checked = in_parallel(
        prepared
            .into_iter()
            .map(|(case, with)| move || check(case, with)),
    );
    let outcomes = cases.iter().zip(checked);
    let failed: Vec<_> = outcomes
        .filter_map(|(case, checked)| checked.err().map(|_| case))
        .collect();
    assert!(failed.is_empty(), "failed, as said above: {failed:?}");
}

fn in_parallel<R: Send>(
    jobs: impl Iterator<Item = impl FnOnce() -> R + Send>,
) -> Vec<std::thread::Result<R>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = jobs.map(|job| scope.spawn(job)).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    })
}
