//! Whether a volatile event would be taken.

use std::time::Instant;

use super::opening::OpeningStep;
use super::session::{Carrier, Session};
use super::transmit::{EngineId, RequestId};
use super::{Connection, Phase};

/// What the transport of an engine that is gone still says of itself.
///
/// The reference client asks the transport of its last engine, dead or not. One over WebSocket goes
/// on calling itself writable: volatile events wait for the client's return like any others. One
/// over polling does so once its goodbye is answered, and never if that fails too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum LastTransport {
    /// It was never open, or its last POST failed.
    #[default]
    Busy,
    /// Its last POST is on its way.
    Posting(RequestId),
    /// It would take anything.
    Writable,
}

impl Session {
    /// What this session leaves behind.
    pub(super) fn last_transport(&self) -> LastTransport {
        match &self.carrier {
            Carrier::WebSocket { .. } => LastTransport::Writable,
            Carrier::Polling(polling) => polling
                .post
                .map_or(LastTransport::Writable, LastTransport::Posting),
        }
    }
}

impl Connection {
    /// Whether the transport of the last engine says that it is writable.
    pub(super) fn takes_volatile(&self, now: Instant) -> bool {
        match &self.phase {
            Phase::Open(session) => session.is_writable(now),
            Phase::Opening(opening) => matches!(opening.step, OpeningStep::AwaitingOpen(_)),
            Phase::Idle | Phase::Waiting { .. } | Phase::AskingQuery { .. } => {
                let last = self.leaving.last().map(|leaving| &leaving.session);
                match last.filter(|session| self.is_last(session.head.id)) {
                    Some(session) => session.is_writable(now),
                    None => self.last_transport == LastTransport::Writable,
                }
            }
        }
    }

    /// Whether no engine was opened after this one.
    pub(super) fn is_last(&self, engine: EngineId) -> bool {
        engine == EngineId(self.engines)
    }

    /// A request of an engine that is gone was answered, or failed.
    pub(super) fn last_transport_answered(&mut self, id: RequestId, is_answered: bool) {
        if self.last_transport == LastTransport::Posting(id) {
            self.last_transport = if is_answered {
                LastTransport::Writable
            } else {
                LastTransport::Busy
            };
        }
    }
}
