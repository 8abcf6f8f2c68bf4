//! What the world tells one client, and the mailbox that carries it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::event::StrikeId;
use crate::fault::{ClientFault, Condition, Impulse};

/// An order for one client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    /// Carry out a fault on itself.
    Fault {
        /// The application that it belongs to.
        fault: StrikeId,
        /// The fault.
        action: Action,
    },
    /// Emit nothing more, answer what is open, disconnect, end: the client's time is over.
    Leave {
        /// When it was over; whatever was to be emitted by then was due.
        due: Instant,
        /// The earliest time to disconnect.
        not_before: Instant,
    },
}

/// A fault as a client carries it out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Done in a moment.
    Impulse(Impulse),
    /// Lasts until it is undone.
    Condition {
        /// The condition.
        condition: Condition,
        /// How long it lasts; nothing means until the client leaves.
        lasts: Option<Duration>,
    },
}

impl Action {
    /// A fault that lasts so long, if it lasts at all.
    #[must_use]
    pub fn new(fault: ClientFault, lasts: Option<Duration>) -> Self {
        match fault {
            ClientFault::Impulse(impulse) => Self::Impulse(impulse),
            ClientFault::Condition(condition) => Self::Condition { condition, lasts },
        }
    }
}

/// Commands on their way to one client of the same thread.
///
/// A channel would cost every idle client a block of slots; this costs four words.
#[derive(Debug, Default)]
pub struct Mailbox {
    inner: RefCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    commands: VecDeque<Command>,
    reader: Option<Waker>,
}

impl Mailbox {
    /// Leaves a command and wakes the client.
    pub fn post(&self, command: Command) {
        let mut inner = self.inner.borrow_mut();
        inner.commands.push_back(command);
        if let Some(reader) = inner.reader.take() {
            reader.wake();
        }
    }

    /// The next command; without one, the task of `cx` is woken by the next.
    pub fn take(&self, cx: &Context<'_>) -> Option<Command> {
        let mut inner = self.inner.borrow_mut();
        let command = inner.commands.pop_front();
        if command.is_none()
            && !inner
                .reader
                .as_ref()
                .is_some_and(|reader| reader.will_wake(cx.waker()))
        {
            inner.reader = Some(cx.waker().clone());
        }
        command
    }
}
