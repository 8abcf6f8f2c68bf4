//! The vocabulary between a coordinator and its workers.
//!
//! Small on purpose: a plan, a share and a start go one way, snapshots the other; everything else
//! is about faults and endings. Bodies are JSON, like all other files of a run.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::event::{PopulationId, StrikeId};
use crate::metrics::Snapshot;
use crate::scenario::plan::Plan;

/// Revision of this vocabulary; peers of differing revisions do not work together.
pub(crate) const REVISION: u32 = 1;

/// What a coordinator says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToWorker {
    /// The work to prepare for.
    Assign(Box<Assignment>),
    /// The load starts.
    StartAt {
        /// The worker's time.
        at: Duration,
        /// The same instant on the coordinator's wall clock, since 1970: what clients stamp counts
        /// from it everywhere, so that wall clocks that differ do not show.
        wall: Duration,
    },
    /// A fault that no single client is the target of is about to strike.
    Announce {
        /// The application of the fault.
        strike: StrikeId,
        /// The only population that can meet it, if there is one.
        population: Option<PopulationId>,
    },
    /// The announced fault struck at this time of the worker's clock.
    Struck {
        /// The application of the fault.
        strike: StrikeId,
        /// The worker's time.
        at: Duration,
    },
    /// The announced fault is over and undone.
    Over {
        /// The application of the fault.
        strike: StrikeId,
        /// The worker's time.
        at: Duration,
    },
    /// The load ends now; clients disconnect in order.
    Stop,
}

/// The work of one worker process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Assignment {
    /// What the run does.
    pub(crate) plan: Plan,
    /// The server, as the clients reach it.
    pub(crate) url: Url,
    /// By population: the addresses to connect to instead of the server's, if there are any.
    pub(crate) ways: Vec<Vec<SocketAddr>>,
    /// The part of the work that is this process's.
    pub(crate) share: Share,
}

/// A range of a run's worker threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Share {
    /// The first thread's index among all threads of the run.
    pub(crate) first: u32,
    /// Threads in this process.
    pub(crate) threads: u32,
    /// Threads in the whole run.
    pub(crate) total: u32,
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromWorker {
    /// Comes first.
    Hello(Hello),
    /// Prepared; the load may start.
    Ready,
    /// Every thread here knows of the announced fault.
    Known {
        /// The application of the fault.
        strike: StrikeId,
    },
    /// Everything recorded since the last snapshot.
    Snapshot(Box<Snapshot>),
    /// All clients have ended, and the last snapshot came before.
    Ended(HowEnded),
    /// The work could not begin.
    Failed {
        /// An error and its causes, in one line.
        why: String,
    },
}

/// How a worker's part in a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HowEnded {
    /// With the load, or because the coordinator wanted it.
    InOrder,
    /// A thread panicked; its clients are missing from the snapshots.
    ThreadLost,
    /// Somebody ended the worker before the load was over.
    Withdrawn,
}

/// A worker and its machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// [`REVISION`] of the worker.
    pub(crate) revision: u32,
    /// Release of sio-load.
    pub(crate) version: String,
    /// The origin of the worker's clock on its own wall clock, since 1970.
    pub(crate) wall_origin: Duration,
    /// Limits that decide how many clients it can carry.
    pub(crate) limits: Limits,
}

/// Limits of a worker process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Processor cores that it may use.
    pub(crate) cores: u32,
    /// Files that it may open.
    pub(crate) descriptors: u64,
    /// Local ports of one address towards one target.
    pub(crate) ports: u64,
}

/// A message that is not of this vocabulary.
#[derive(Debug, thiserror::Error)]
#[error("not a message of this release of sio-load")]
pub(crate) struct UnknownMessage(#[source] serde_json::Error);

/// Writes a message.
pub(crate) fn encode<M: Serialize>(message: &M) -> Bytes {
    serde_json::to_vec(message)
        .expect("messages have string keys and no failing serialiser")
        .into()
}

/// Reads a message.
///
/// # Errors
/// If the bytes are none of this vocabulary: the peer is of another release.
pub(crate) fn decode<M: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<M, UnknownMessage> {
    serde_json::from_slice(bytes).map_err(UnknownMessage)
}
