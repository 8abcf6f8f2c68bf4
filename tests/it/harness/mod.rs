//! What the integration tests stand on: real servers, official clients, and proxies that record or
//! misbehave. Everything that is started here ends when its value is dropped.

mod front;
mod http;
mod install;
mod log;
mod misbehaviour;
mod nats;
mod official_client;
mod optional;
mod real_server;
mod relay;
mod sio_load;
mod tap;
mod terminal;
mod toxiproxy;

use std::path::Path;
use std::time::{Duration, Instant};

use ::sio_load::clock;

pub(crate) use front::Front;
pub(crate) use http::Message;
pub(crate) use install::npm as installed_npm;
pub(crate) use log::{LogReader, ServerLine, ServerLog, What};
pub(crate) use misbehaviour::{Misbehaving, Misbehaviour};
pub(crate) use nats::NatsServer;
pub(crate) use official_client::{ClientLine, OfficialClient};
pub(crate) use optional::optional_program;
pub(crate) use real_server::{Kind, RealServer, pace};
pub(crate) use sio_load::{Finished, RunningSioLoad, SioLoad};
pub(crate) use tap::{Said, Side, Tap, Utterance, Wire, blank_ids};
pub(crate) use toxiproxy::Toxiproxy;

/// `tests/servers`.
pub(crate) fn servers() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers"))
}

/// How long tests wait for what is sure to come: far above what it takes, for the machine may be
/// busy with much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again and again until the answer is there.
///
/// # Panics
/// If it is not within `limit`; `what` says what was awaited.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = clock::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(clock::now() < until, "no {what} within {limit:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How much of `limit` is left since `start`.
fn left(start: Instant, limit: Duration) -> Duration {
    limit.saturating_sub(clock::now().saturating_duration_since(start))
}
