use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf as _, Bytes};
use socket2::SockRef;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use super::active::Stop;
use super::chain::{Chain, Chunk, End, Item};
use crate::clock;
use crate::server::http::PIECE;

/// Why a connection is no longer carried.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Both sides have ended it, or a fault closes it.
    Over,
    /// One side, or a fault, has reset it.
    Reset,
    /// A request goes no further.
    Stopped(Stop),
}

/// What goes on of bytes that came.
pub(super) enum Seen {
    /// They do.
    Unchanged,
    /// These do.
    Instead(Vec<u8>),
}

/// One way of a connection, beyond what lies on it.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// Out of the toxics and not yet taken by the receiver.
    unwritten: Bytes,
    /// Nothing more comes.
    is_read: bool,
    /// Its end has been passed on.
    pub(super) is_over: bool,
}

impl Pipe {
    /// A way on which nothing comes but what is in the chain.
    pub(super) fn read_to_its_end() -> Self {
        Self {
            is_read: true,
            ..Self::default()
        }
    }

    /// Reads, passes on and writes until there is nothing to do for now; says whether something
    /// came.
    pub(super) fn advance(
        &mut self,
        context: &mut Context<'_>,
        (from, to): (&mut TcpStream, &mut TcpStream),
        chain: &RefCell<Chain>,
        mut inspect: impl FnMut(&[u8]) -> Result<Seen, Stop>,
    ) -> Result<bool, Outcome> {
        let chain = &mut *chain.borrow_mut();
        let mut has_moved = false;
        while !self.is_over {
            if self.flush(context, to, chain)?.is_pending() || self.is_over {
                break;
            }
            if self.is_read || !chain.has_room() {
                break;
            }
            match self.read(context, (&mut *from, &mut *to), chain, &mut inspect) {
                Poll::Ready(read) => read?,
                Poll::Pending => break,
            }
            has_moved = true;
        }
        Ok(has_moved)
    }

    /// Writes what comes out of the chain; pending while the receiver is slow.
    pub(super) fn flush(
        &mut self,
        context: &mut Context<'_>,
        to: &mut TcpStream,
        chain: &mut Chain,
    ) -> Result<Poll<()>, Outcome> {
        loop {
            while !self.unwritten.is_empty() {
                match Pin::new(&mut *to).poll_write(context, &self.unwritten) {
                    Poll::Ready(Ok(written)) => self.unwritten.advance(written),
                    // It is gone, and whoever sends has to be told as it would be without us.
                    Poll::Ready(Err(_)) => return Err(Outcome::Reset),
                    Poll::Pending => return Ok(Poll::Pending),
                }
            }
            if chain.is_bare() {
                return Ok(Poll::Ready(()));
            }
            match chain.next(clock::now()) {
                Some(Item::Data(chunk)) => self.unwritten = chunk.bytes,
                Some(Item::End(End::Fin)) => {
                    self.is_over = true;
                    // One that is gone needs no telling.
                    let _ = SockRef::from(&*to).shutdown(Shutdown::Write);
                    return Ok(Poll::Ready(()));
                }
                Some(Item::End(End::Reset)) => return Err(Outcome::Reset),
                Some(Item::End(End::Close)) => return Err(Outcome::Over),
                None => return Ok(Poll::Ready(())),
            }
        }
    }

    /// Reads once: into the chain, or past it if it is bare.
    fn read(
        &mut self,
        context: &mut Context<'_>,
        (from, to): (&mut TcpStream, &mut TcpStream),
        chain: &mut Chain,
        inspect: &mut impl FnMut(&[u8]) -> Result<Seen, Stop>,
    ) -> Poll<Result<(), Outcome>> {
        // On the stack: an idle connection holds no buffer.
        let mut piece = [MaybeUninit::uninit(); PIECE];
        let mut piece = ReadBuf::uninit(&mut piece);
        let end = match ready!(Pin::new(from).poll_read(context, &mut piece)) {
            Ok(()) if piece.filled().is_empty() => Some(End::Fin),
            Ok(()) => None,
            Err(error) => Some(end_of(&error)),
        };
        if let Some(end) = end {
            self.is_read = true;
            chain.push(Item::End(end));
            return Poll::Ready(Ok(()));
        }
        let bytes = piece.filled();
        let seen = inspect(bytes).map_err(Outcome::Stopped)?;
        match seen {
            Seen::Unchanged if chain.is_bare() => {
                let written = match Pin::new(to).poll_write(context, bytes) {
                    Poll::Ready(Ok(written)) => written,
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Outcome::Reset)),
                    Poll::Pending => 0,
                };
                self.unwritten = Bytes::copy_from_slice(&bytes[written..]);
            }
            Seen::Unchanged => push(chain, Bytes::copy_from_slice(bytes)),
            Seen::Instead(bytes) if bytes.is_empty() => {}
            Seen::Instead(bytes) => push(chain, bytes.into()),
        }
        Poll::Ready(Ok(()))
    }

    /// When the chain has something more; nothing while the receiver is what it waits for.
    pub(super) fn wakes_at(&self, chain: &RefCell<Chain>) -> Option<Instant> {
        if self.is_over || !self.unwritten.is_empty() {
            return None;
        }
        chain.borrow().wakes_at()
    }
}

/// Puts bytes on a way, as if they came now.
pub(super) fn push(chain: &mut Chain, bytes: Bytes) {
    let at = clock::now();
    chain.push(Item::Data(Chunk { bytes, at }));
}

fn end_of(error: &io::Error) -> End {
    if error.kind() == io::ErrorKind::ConnectionReset {
        End::Reset
    } else {
        // The kernel has given the peer up, which needs no RST to say so.
        End::Close
    }
}
