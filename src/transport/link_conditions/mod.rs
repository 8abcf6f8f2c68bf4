//! The network below one client's connections, as far as it is not what it should be.
//!
//! What comes in is dropped packet by packet by a filter that the kernel keeps for each socket, so
//! that the peer sees what it sees on a dead link: no answer, and repetitions of its own. What would
//! go out is held back before the kernel gets it. Connections that are closed meanwhile are kept, or
//! their FIN would tell the peer.

mod filter;
mod pace;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use socket2::SockRef;

use crate::clock;
use pace::Pace;

/// After how long a kernel repeats its first SYN; each further wait is twice as long
/// (`TCP_TIMEOUT_INIT`).
const SYN_REPEAT: Duration = Duration::from_secs(1);

/// How a network is. By default it is sound.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conditions {
    /// Not a packet comes through, either way.
    pub silent: bool,
    /// The share of the packets to the client that is lost, in [0, 1].
    pub loss: f64,
    /// The most that the client reads in a second over all its connections, in bytes.
    pub read_rate: Option<u64>,
}

/// What the connections of one client have in common below TCP.
///
/// There is none until a fault needs one; a connection stays with the network on which it was made.
pub struct LinkConditions {
    /// How often the client has changed its network before.
    moves: u32,
    conditions: Cell<Conditions>,
    pace: RefCell<Option<Box<Pace>>>,
    /// Connections that were closed while the peer could not be told.
    kept: RefCell<Vec<OwnedFd>>,
    /// Whoever waits for the silence to end.
    waiting: RefCell<Vec<Waker>>,
}

impl LinkConditions {
    /// The network after so many others.
    #[must_use]
    pub fn new(moves: u32, conditions: Conditions) -> Self {
        Self {
            moves,
            conditions: Cell::new(conditions),
            pace: RefCell::new(conditions.read_rate.map(Pace::new)),
            kept: RefCell::default(),
            waiting: RefCell::default(),
        }
    }

    /// Changes what it is like. Each connection has to [`join`](super::Tcp::join) again for its
    /// filter to follow.
    pub fn set(&self, conditions: Conditions) {
        let before = self.conditions.replace(conditions);
        if before.read_rate != conditions.read_rate {
            self.pace.replace(conditions.read_rate.map(Pace::new));
        }
        if !conditions.silent {
            self.release();
        }
        for waiting in self.waiting.take() {
            waiting.wake();
        }
    }

    /// What it is like.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        self.conditions.get()
    }

    /// How often the client has changed its network before.
    #[must_use]
    pub fn moves(&self) -> u32 {
        self.moves
    }

    /// Whether nothing comes through.
    pub(super) fn is_silent(&self) -> bool {
        self.conditions.get().silent
    }

    /// Ready as soon as something comes through.
    pub(super) fn poll_audible(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.is_silent() {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Until a connection attempt that begins now gets through: at once, or with the first of the
    /// kernel's repetitions (after 1, 3, 7, 15… seconds) that meets no silence.
    pub(super) async fn let_through(&self) {
        let began = clock::now();
        while self.is_silent() {
            poll_fn(|cx| self.poll_audible(cx)).await;
            let waited = clock::now().saturating_duration_since(began);
            let repeats = (0u32..)
                .map(|n| SYN_REPEAT * 2u32.saturating_pow(n) - SYN_REPEAT)
                .find(|after| *after >= waited)
                .unwrap_or(waited);
            tokio::time::sleep_until((began + repeats).into()).await;
        }
    }

    /// How much may be read now, at least a byte; nothing says that there is no limit.
    pub(super) fn poll_allowance(&self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        match &mut *self.pace.borrow_mut() {
            Some(pace) => pace.poll_allowance(cx).map(Some),
            None => Poll::Ready(None),
        }
    }

    /// So much was read.
    pub(super) fn spend(&self, bytes: usize) {
        if let Some(pace) = &mut *self.pace.borrow_mut() {
            pace.spend(bytes);
        }
    }

    /// Lets a socket receive as the network does.
    pub(super) fn filter(&self, socket: &SockRef<'_>) -> io::Result<()> {
        let conditions = self.conditions.get();
        if conditions.silent {
            filter::drop_share(socket, 1.0)
        } else if conditions.loss > 0.0 {
            filter::drop_share(socket, conditions.loss)
        } else {
            filter::drop_none(socket)
        }
    }

    /// Keeps a connection open that its owner has dropped.
    pub(super) fn keep(&self, socket: OwnedFd) {
        self.kept.borrow_mut().push(socket);
    }

    /// The local address for a connection to `peer`, where this network must not look like the one
    /// before and the scenario has no say: any address of the loopback net is this machine's.
    pub(super) fn address_towards(&self, peer: IpAddr) -> Option<IpAddr> {
        let moves = self.moves.checked_sub(1)?;
        let octet = (moves % u32::from(u8::MAX)) as u8 + 1;
        let is_loopback = peer.is_ipv4() && peer.is_loopback();
        is_loopback.then(|| Ipv4Addr::new(127, 0, octet, 1).into())
    }

    /// Closes what was kept; the peer is told now.
    fn release(&self) {
        for socket in self.kept.take() {
            // Else the kernel would not hear the peer's answer to its FIN. If that fails the
            // connection ends by the kernel's patience.
            let _ = filter::drop_none(&SockRef::from(&socket));
        }
    }
}

impl Drop for LinkConditions {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for LinkConditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkConditions")
            .field("moves", &self.moves)
            .field("conditions", &self.conditions.get())
            .finish_non_exhaustive()
    }
}
