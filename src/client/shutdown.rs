//! The stages of a client's task, up to its goodbye.

use std::time::{Duration, Instant};

/// How long a client that leaves waits for acks that it asked for.
///
/// Without it every run would end with a handful of acks on the wire that the server has sent and
/// no client has counted.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// How long a goodbye may take until the connections are dropped.
const GOODBYE_LIMIT: Duration = Duration::from_secs(3);

/// Where a client's task stands.
///
/// ```text
/// New ──► Running ──Leave──► Draining ──acks here──► Leaving ──all sent──► (over)
/// ```
#[derive(Debug, Clone, Copy)]
pub(super) enum ClientPhase {
    /// Not polled yet.
    New,
    /// Under load.
    Running,
    /// Sends nothing more, waits for open acks.
    Draining {
        /// At least until then: clients that leave together do not close all at once. Nothing once
        /// that time has come.
        not_before: Option<Instant>,
        /// No longer than this.
        until: Instant,
    },
    /// Has said goodbye, waits for it to be sent.
    Leaving {
        /// No longer than this.
        until: Instant,
    },
}

impl ClientPhase {
    pub(super) fn drain(now: Instant, not_before: Instant) -> Self {
        Self::Draining {
            not_before: Some(not_before),
            until: now.max(not_before) + DRAIN_LIMIT,
        }
    }

    pub(super) fn leave(now: Instant) -> Self {
        Self::Leaving {
            until: now + GOODBYE_LIMIT,
        }
    }

    /// Whether a client that drains has waited long enough, with acks that are still open or without.
    pub(super) fn is_drained(&mut self, now: Instant, acks_open: bool) -> bool {
        match self {
            Self::Draining { not_before, until } => {
                if not_before.is_some_and(|at| at <= now) {
                    *not_before = None;
                }
                not_before.is_none() && (!acks_open || *until <= now)
            }
            Self::New | Self::Running | Self::Leaving { .. } => false,
        }
    }

    pub(super) fn is_draining(self) -> bool {
        matches!(self, Self::Draining { .. })
    }

    pub(super) fn is_running(self) -> bool {
        matches!(self, Self::Running)
    }

    pub(super) fn is_leaving(self) -> bool {
        matches!(self, Self::Leaving { .. })
    }

    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::New | Self::Running => None,
            Self::Draining { not_before, until } => Some(not_before.unwrap_or(until)),
            Self::Leaving { until } => Some(until),
        }
    }
}
