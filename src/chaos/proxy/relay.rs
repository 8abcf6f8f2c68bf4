//! Moves the bytes of one connection both ways, through whatever lies on them.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::active::Stop;
use super::chain::{End, Item};
use super::connection::ProxiedConnection;
use super::listener::Listener;
use super::pipe::{Outcome, Pipe, Seen, push};
use super::requests::Requests;
use crate::clock;

/// A connection under way.
pub(super) struct Relay<'a> {
    listener: &'a Listener,
    link: &'a Rc<ProxiedConnection>,
    /// Where the client is in its requests, if faults have to know.
    requests: Option<Requests>,
    up: Pipe,
    down: Pipe,
    alarm: Alarm,
}

/// Sleeps until a time that may change.
#[derive(Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl<'a> Relay<'a> {
    /// `first` has come from the client already.
    pub(super) fn new(
        listener: &'a Listener,
        link: &'a Rc<ProxiedConnection>,
        requests: Option<Requests>,
        first: Vec<u8>,
    ) -> Self {
        if !first.is_empty() {
            push(&mut link.up.borrow_mut(), first.into());
        }
        Self {
            listener,
            link,
            requests,
            up: Pipe::default(),
            down: Pipe::default(),
            alarm: Alarm::default(),
        }
    }

    /// Until it is over.
    pub(super) async fn run(mut self, client: &mut TcpStream, server: &mut TcpStream) -> Outcome {
        poll_fn(|context| {
            self.link.remember(context);
            loop {
                match self.advance(context, client, server) {
                    Err(outcome) => return Poll::Ready(outcome),
                    Ok(due) if !self.alarm.rings(context, due) => return Poll::Pending,
                    Ok(_) => {}
                }
            }
        })
        .await
    }

    /// Does what can be done now; says when there is more to do, unless something comes before.
    fn advance(
        &mut self,
        context: &mut Context<'_>,
        client: &mut TcpStream,
        server: &mut TcpStream,
    ) -> Result<Option<Instant>, Outcome> {
        let link = self.link;
        // The server first: what it said before it closed is not lost to a client that still sends.
        let ends = (&mut *server, &mut *client);
        let down = self
            .down
            .advance(context, ends, &link.down, |_| Ok(Seen::Unchanged))?;
        let (requests, listener) = (&mut self.requests, self.listener);
        let up = self
            .up
            .advance(context, (client, server), &link.up, |bytes| {
                inspect(requests, bytes, listener, link)
            })?;
        if self.up.is_over && self.down.is_over {
            return Err(Outcome::Over);
        }
        let mut idle_until = None;
        if link.minds_idleness() {
            let now = clock::now();
            if up || down {
                link.moved(now);
            }
            if link.is_too_idle(now) {
                return Err(Outcome::Over);
            }
            idle_until = link.idle_until();
        }
        let due = [
            self.up.wakes_at(&link.up),
            self.down.wakes_at(&link.down),
            idle_until,
        ];
        Ok(due.into_iter().flatten().min())
    }
}

/// Looks for requests in what a client sends.
fn inspect(
    known: &mut Option<Requests>,
    bytes: &[u8],
    listener: &Listener,
    link: &ProxiedConnection,
) -> Result<Seen, Stop> {
    let Some(requests) = known else {
        return Ok(Seen::Unchanged);
    };
    if requests.is_opaque() {
        *known = None;
        return Ok(Seen::Unchanged);
    }
    let mut onward = Vec::with_capacity(bytes.len());
    match requests.take(bytes, &mut onward, |head| listener.rule(head, link)) {
        None => Ok(Seen::Instead(onward)),
        Some(stop) => Err(stop),
    }
}

impl Alarm {
    /// Whether the time has come; if not, the task is woken then.
    fn rings(&mut self, context: &mut Context<'_>, due: Option<Instant>) -> bool {
        let Some(due) = due else {
            self.0 = None;
            return false;
        };
        let due = due.into();
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if sleep.deadline() != due {
            sleep.as_mut().reset(due);
        }
        sleep.as_mut().poll(context).is_ready()
    }
}

/// Writes an answer of the proxy's own through the toxics of the way back, and ends that way.
pub(super) async fn answer(
    client: &mut TcpStream,
    link: &Rc<ProxiedConnection>,
    answer: Bytes,
) -> Outcome {
    let mut down = Pipe::read_to_its_end();
    let mut alarm = Alarm::default();
    {
        let chain = &mut *link.down.borrow_mut();
        push(chain, answer);
        chain.push(Item::End(End::Fin));
    }
    poll_fn(|context| {
        link.remember(context);
        loop {
            let flushed = down.flush(context, client, &mut link.down.borrow_mut());
            if let Err(outcome) = flushed {
                return Poll::Ready(outcome);
            }
            if down.is_over {
                return Poll::Ready(Outcome::Over);
            }
            if !alarm.rings(context, down.wakes_at(&link.down)) {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// Reads and forgets what a client sends, until it ends or the fault that withholds it is lifted.
pub(super) async fn withhold(
    client: &mut TcpStream,
    link: &Rc<ProxiedConnection>,
    lasts: impl Fn() -> bool,
) {
    poll_fn(|context| {
        link.remember(context);
        if !lasts() {
            return Poll::Ready(());
        }
        loop {
            let mut piece = [MaybeUninit::uninit(); 1024];
            let mut piece = ReadBuf::uninit(&mut piece);
            match ready!(Pin::new(&mut *client).poll_read(context, &mut piece)) {
                Ok(()) if !piece.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
    })
    .await;
}

/// Makes the kernel send RST when the connection is dropped.
pub(super) fn reset_on_drop(stream: &TcpStream) {
    // A connection that is gone already has nobody to tell.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
