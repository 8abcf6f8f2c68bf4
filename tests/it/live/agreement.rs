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

/// The ends of namespaces as the run counted them.
pub(super) fn ends_at_clients(outcome: &Outcome) -> BTreeMap<End, u64> {
    sum(&outcome.summary.disconnects, End::in_words_of_the_client)
}

/// The ends of namespaces as the server logged them.
pub(super) fn ends_at_server(log: &ServerLog) -> BTreeMap<End, u64> {
    sum(&log.disconnects(), End::in_words_of_the_server)
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

/// Compares all that both sides count, where no event was lost with its connection: connects,
/// events sent, acks, and who ended what.
pub(super) fn assert_agree(outcome: &Outcome, log: &ServerLog) {
    assert_eq!(outcome.count("connects"), log.connects(), "connects");
    assert_eq!(outcome.count("emits"), log.count(What::Event), "emits");
    assert_eq!(outcome.count("acks"), log.acks(), "acks");
    assert_eq!(ends_at_clients(outcome), ends_at_server(log), "ends");
}
