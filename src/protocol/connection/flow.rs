//! What follows for an engine from something that happened to it: it goes on, or changes its phase.

use crate::event::{DisconnectReason, Failure, Stage};
use crate::protocol::engine_io::handshake::Handshake;

/// What becomes of an open engine.
#[derive(Debug)]
#[must_use]
pub(super) enum SessionFlow {
    GoesOn,
    /// Boxed: rare beside every packet that goes on.
    Ends(Box<SessionEnd>),
    /// No namespace is active any more: the Manager closes, for good.
    ManagerCloses,
}

/// The end of an open engine.
#[derive(Debug)]
pub(super) struct SessionEnd {
    pub(super) reason: DisconnectReason,
    pub(super) failure: Option<Failure>,
    pub(super) parting: Parting,
}

/// How an engine parts from its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// From our side, with whatever goodbye its carrier still takes.
    Goodbye,
    /// Its carrier ended; there is nothing left to say it over.
    Lost,
    /// The Manager turns away from it, but it writes what it was given before it closes.
    Drained,
}

impl SessionFlow {
    fn ends(reason: DisconnectReason, failure: Option<Failure>, parting: Parting) -> Self {
        Self::Ends(Box::new(SessionEnd {
            reason,
            failure,
            parting,
        }))
    }

    /// The engine was told to close, and has nothing left to write.
    pub(super) fn closed() -> Self {
        Self::ends(DisconnectReason::ForcedClose, None, Parting::Goodbye)
    }

    /// A request failed, or a packet makes no sense: "transport error".
    pub(super) fn failed(failure: Failure) -> Self {
        let failure = failure.at_stage(Stage::Session);
        let reason = DisconnectReason::TransportError;
        Self::ends(reason, Some(failure), Parting::Goodbye)
    }

    /// The server gave no sign of life in time.
    pub(super) fn timed_out(failure: Failure) -> Self {
        let reason = DisconnectReason::PingTimeout;
        Self::ends(reason, Some(failure), Parting::Goodbye)
    }

    /// The carrier ended.
    pub(super) fn lost(reason: DisconnectReason, failure: Failure) -> Self {
        Self::ends(reason, Some(failure), Parting::Lost)
    }

    /// A message is no Socket.IO packet.
    pub(super) fn unparsable(failure: Failure) -> Self {
        let reason = DisconnectReason::ParseError;
        Self::ends(reason, Some(failure), Parting::Drained)
    }
}

/// What becomes of an engine that is opening.
#[derive(Debug)]
#[must_use]
pub(super) enum OpeningFlow {
    GoesOn,
    Opened(Handshake),
    /// Reported as an error; the next transport may be tried.
    Failed(Failure),
}
