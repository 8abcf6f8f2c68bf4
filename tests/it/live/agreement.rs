//! What a run and its server count alike.

use std::collections::BTreeMap;

use super::outcome::Outcome;
use crate::harness::{RealServer, ServerLog, What};

/// Who ended a namespace. Client and server name the same end differently (and servers differ in
/// what they call the end of a connection), but in this they have to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// The client disconnected it.
    Client,
    /// The server disconnected it.
    Server,
    /// The connection under it ended.
    Connection,
}

impl End {
    fn in_words_of_the_client(reason: &str) -> Self {
        match reason {
            "io client disconnect" => Self::Client,
            "io server disconnect" => Self::Server,
            "ping timeout" | "transport close" | "transport error" | "parse error"
            | "forced close" => Self::Connection,
            other => panic!("no reason of a client: {other}"),
        }
    }

    fn in_words_of_the_server(reason: &str) -> Self {
        match reason {
            "client namespace disconnect" => Self::Client,
            "server namespace disconnect" => Self::Server,
            "ping timeout"
            | "transport close"
            | "transport error"
            | "parse error"
            | "forced close"
            | "forced server close"
            | "server shutting down" => Self::Connection,
            other => panic!("no reason of a server: {other}"),
        }
    }
}

fn sum(reasons: &BTreeMap<String, u64>, end: impl Fn(&str) -> End) -> BTreeMap<End, u64> {
    let mut ends = BTreeMap::new();
    for (reason, count) in reasons {
        *ends.entry(end(reason)).or_default() += count;
    }
    ends
}

/// The log of a server once it knows of the end of every namespace.
pub(super) fn settled(server: &RealServer) -> ServerLog {
    server.wait_log("end of every namespace", |log| {
        log.count(What::Disconnect) == log.connects()
    })
}

/// What both sides count.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    connects: u64,
    ends: BTreeMap<End, u64>,
    emits: u64,
    acks: u64,
}

impl Counts {
    fn of_run(outcome: &Outcome) -> Self {
        Self {
            connects: outcome.count("connects"),
            ends: sum(&outcome.summary.disconnects, End::in_words_of_the_client),
            emits: outcome.count("emits"),
            acks: outcome.count("acks"),
        }
    }

    fn of_server(log: &ServerLog) -> Self {
        Self {
            connects: log.connects(),
            ends: sum(&log.disconnects(), End::in_words_of_the_server),
            emits: log.count(What::Event),
            acks: log.acks(),
        }
    }
}

/// Compares all that both sides count, where no event was lost with its connection: connects, who
/// ended what, events sent, acks.
pub(super) fn assert_agree(outcome: &Outcome, log: &ServerLog) {
    let (ours, theirs) = (Counts::of_run(outcome), Counts::of_server(log));
    assert_eq!(ours, theirs, "{:#?}", outcome.summary.counters);
}

/// Compares what remains comparable where connections are cut off: connects, and who ended what.
pub(super) fn assert_same_sessions(outcome: &Outcome, log: &ServerLog) {
    let (ours, theirs) = (Counts::of_run(outcome), Counts::of_server(log));
    assert_eq!((ours.connects, ours.ends), (theirs.connects, theirs.ends));
}
