//! The sessions that are open on the server and have to be closed.

use std::cell::{Cell, RefCell};

use super::handle::Handle;

/// Sessions from their handshake to their end.
#[derive(Debug, Default)]
pub(super) struct OpenSessions {
    open: RefCell<Vec<Handle>>,
    /// Whether requests of one session reach several servers, so that closing one takes several.
    pub(super) are_scattered: Cell<bool>,
}

impl OpenSessions {
    /// Notes a session that was opened.
    pub(super) fn opened(&self, session: Handle) {
        self.open.borrow_mut().push(session);
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
