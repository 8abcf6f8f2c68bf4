//! Whether a volatile event would be taken.

use std::time::Instant;

use super::opening::Step;
use super::session::{Carrier, Session};
use super::transmit::{EngineId, RequestId};
use super::{Connection, Phase};

/// What the transport of an engine that is gone still says of itself.
///
/// The reference client asks the transport of its last engine, dead or not. One over WebSocket goes
/// on calling itself writable: volatile events wait for the client's return like any others. One
/// over polling does so once its goodbye is answered, and never if that fails too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Remains {
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
    pub(super) fn remains(&self) -> Remains {
        match &self.carrier {
            Carrier::WebSocket { .. } => Remains::Writable,
            Carrier::Polling(polling) => polling.post.map_or(Remains::Writable, Remains::Posting),
        }
    }
}

impl Connection {
    /// Whether the transport of the last engine says that it is writable.
    pub(super) fn takes_volatile(&self, now: Instant) -> bool {
        match &self.phase {
            Phase::Open(session) => session.is_writable(now),
            Phase::Opening(opening) => matches!(opening.step, Step::AwaitingOpen(_)),
            Phase::Idle | Phase::Waiting { .. } | Phase::AskingQuery { .. } => {
                let last = self.leaving.last().map(|leaving| &leaving.session);
                match last.filter(|session| self.is_last(session.head.id)) {
                    Some(session) => session.is_writable(now),
                    None => self.remains == Remains::Writable,
                }
            }
        }
    }

    /// Whether no engine was opened after this one.
    pub(super) fn is_last(&self, engine: EngineId) -> bool {
        engine == EngineId(self.engines)
    }

    /// A request of an engine that is gone was answered, or failed.
    pub(super) fn remains_answered(&mut self, id: RequestId, is_answered: bool) {
        if self.remains == Remains::Posting(id) {
            self.remains = if is_answered {
                Remains::Writable
            } else {
                Remains::Busy
            };
        }
    }
}
