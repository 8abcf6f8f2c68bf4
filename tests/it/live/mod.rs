//! `sio-load run` against real servers: what both sides know must agree.
//!
//! A scenario is run by the built program, and the summary that it leaves is compared with the log
//! that the server wrote meanwhile. Cases of a table run at once, since most of their time passes
//! in waiting.

mod agreement;
mod connect;
mod emit;
mod faults;
mod heartbeat;
mod outcome;
mod reconnection;
mod recovery;
mod restart;

use std::fmt::Debug;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Kind, RealServer, SioLoad};
use outcome::Outcome;

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

impl Target {
    const fn new(kind: Kind, protocol: u8) -> Self {
        Self { kind, protocol }
    }

    /// Starts it with further options.
    fn start(self, mut options: Value) -> RealServer {
        let is_npm = matches!(self.kind, Kind::SocketIo4 | Kind::SocketIo3);
        if is_npm && self.protocol == 3 {
            options["allowEIO3"] = json!(true);
        }
        RealServer::start(self.kind, options)
    }
}

/// Far above what any run here takes, on a machine that does much else.
const LIMIT: Duration = Duration::from_secs(60);

/// `sio-load run` of a scenario against a server that is there.
fn program(url: &str, scenario: &str) -> SioLoad {
    SioLoad::new(&["run", "live.toml", "--quiet", "--url", url]).file("live.toml", scenario)
}

/// Runs a scenario to its end.
fn run(url: &str, scenario: &str) -> Outcome {
    Outcome::of(program(url, scenario).run(LIMIT))
}

/// Checks all cases at the same time.
///
/// # Panics
/// If one of them does; says which.
fn at_once<T: Copy + Debug + Send>(
    cases: impl IntoIterator<Item = T>,
    check: impl Fn(T) + Copy + Send + Sync,
) {
    std::thread::scope(|scope| {
        let checks: Vec<_> = cases
            .into_iter()
            .map(|case| (case, scope.spawn(move || check(case))))
            .collect();
        let failed: Vec<T> = checks
            .into_iter()
            .filter_map(|(case, checked)| checked.join().err().map(|_| case))
            .collect();
        assert!(failed.is_empty(), "failed, as said above: {failed:?}");
    });
}
