//! The sessions that are open on the server and have to be closed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::handle::Handle;

/// Sessions from their handshake to their end.
#[derive(Debug, Default)]
pub(super) struct OpenSessions {
    open: RefCell<Vec<Handle>>,
    /// Whether requests of one session reach several servers, so that closing one takes several.
    pub(super) are_scattered: Cell<bool>,
    ids: RefCell<BTreeSet<String>>,
    /// Whether two handshakes were answered with one id.
    pub(super) is_repeated: Cell<bool>,
    /// When the namespace was asked for, over any session.
    connects: RefCell<Vec<Instant>>,
}

impl OpenSessions {
    /// Notes a session that was opened.
    pub(super) fn opened(&self, session: Handle) {
        if !self.ids.borrow_mut().insert(session.sid().to_owned()) {
            self.is_repeated.set(true);
        }
        self.reopened(session);
    }

    /// Notes a session again, with what was found out about it.
    pub(super) fn reopened(&self, session: Handle) {
        self.open.borrow_mut().push(session);
    }

    /// Notes that a session asks for the namespace.
    pub(super) fn connecting(&self, now: Instant) {
        self.connects.borrow_mut().push(now);
    }

    /// Whether a session asked for the namespace after `from`, and within this time before `end`.
    pub(super) fn connects_in(&self, from: Instant, end: Instant, within: Duration) -> bool {
        let connects = self.connects.borrow();
        let recent =
            |at: &&Instant| **at > from && **at <= end && end.duration_since(**at) < within;
        connects.iter().any(|at| recent(&at))
    }

    /// Forgets a session that has ended.
    pub(super) fn closed(&self, sid: &str) {
        self.open
            .borrow_mut()
            .retain(|session| session.sid() != sid);
    }

    /// Takes what checks have left open.
    pub(super) fn take(&self) -> Vec<Handle> {
        self.open.take()
    }
}
