use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;

use super::choice::Choice;
use super::pipe::both_ways;
use crate::http1::{Framing, Malformed, Remaining};
use crate::limits;
use crate::protocol::engine_io::handshake::opened;
use crate::server::http::{RequestHead, ResponseHead, linger, read_more, write_all};

/// What nginx says, in its shape.
const BAD_GATEWAY: &[u8] = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\
Content-Length: 52\r\nConnection: close\r\n\r\n<html><body><h1>502 Bad Gateway</h1></body></html>\r\n";

const BAD_REQUEST: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

const TOO_LARGE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n\
Content-Length: 0\r\nConnection: close\r\n\r\n";

/// How much of an answer is searched for a session id; open packets are far shorter.
const SEARCHED: usize = 4 * 1024;

/// An instance that does not accept within this time counts as dead, as nginx has it after 60 s.
const CONNECT: Duration = Duration::from_secs(10);

/// A client's connection.
struct Connection<'a> {
    choice: &'a Choice,
    client: TcpStream,
    /// Read from the client, not yet passed on.
    from_client: Vec<u8>,
    /// The instance that had the last request, while it keeps the connection.
    upstream: Option<Upstream>,
}

struct Upstream {
    instance: usize,
    stream: TcpStream,
    /// Read from the instance, not yet passed on.
    unread: Vec<u8>,
}

/// What becomes of a client's connection after a request.
enum After {
    Next,
    Close,
    /// It is closed once the client has had time to read.
    Linger,
}

/// Why there is no request to pass on.
enum NoRequest {
    Connection(io::Error),
    Malformed(Malformed),
}

/// Serves a client until either side has had enough.
///
/// # Errors
/// If a connection fails or does not speak HTTP/1.
pub(super) async fn serve(client: TcpStream, choice: &Choice) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut connection = Connection {
        choice,
        client,
        from_client: Vec::new(),
        upstream: None,
    };
    loop {
        let after = match connection.read_request().await {
            Ok(Some(request)) => connection.forward(&request).await?,
            Ok(None) => return Ok(()),
            Err(NoRequest::Connection(error)) => return Err(error),
            Err(NoRequest::Malformed(error)) => connection.reject(error).await?,
        };
        match after {
            After::Next => {}
            After::Close => return Ok(()),
            After::Linger => return linger(&connection.client).await,
        }
    }
}

impl Connection<'_> {
    /// The next request's head, or nothing if one side ends the connection between two requests.
    async fn read_request(&mut self) -> Result<Option<RequestHead>, NoRequest> {
        loop {
            match RequestHead::parse(&self.from_client) {
                Ok(None) => {}
                Ok(head) => return Ok(head),
                Err(error) => return Err(NoRequest::Malformed(error)),
            }
            let read = match &mut self.upstream {
                None => read_more(&self.client, &mut self.from_client).await,
                // An instance that closes a connection that it has kept alive closes its client's,
                // which then knows as much as without a balancer.
                Some(upstream) => tokio::select! {
                    read = read_more(&self.client, &mut self.from_client) => read,
                    _ = read_more(&upstream.stream, &mut upstream.unread) => Ok(0),
                },
            };
            if read.map_err(NoRequest::Connection)? == 0 {
                return Ok(None);
            }
        }
    }

    /// Passes a request on and its answer back.
    async fn forward(&mut self, request: &RequestHead) -> io::Result<After> {
        let Some(mut upstream) = self.reach(request).await else {
            return self.refuse().await;
        };
        let is_sent = Cell::new(false);
        let sending = Sending {
            client: &self.client,
            from_client: &mut self.from_client,
            server: &upstream.stream,
            is_sent: &is_sent,
        };
        let answered = tokio::select! {
            answered = receive(&upstream.stream, &mut upstream.unread, request, &self.client) => answered,
            gone = sending.run(request) => match gone? {},
        };
        let Ok(response) = answered else {
            return self.refuse().await;
        };
        if response.is_switching {
            self.switch(upstream).await?;
            return Ok(After::Close);
        }
        self.pass_back(request, &response, &mut upstream).await?;
        Ok(if !is_sent.get() {
            // The instance has answered before it had all: it wants no more of it.
            After::Linger
        } else if response.closes {
            After::Close
        } else {
            self.upstream = Some(upstream);
            After::Next
        })
    }

    /// A connection to the instance that is to have the request, or to the next that accepts.
    async fn reach(&mut self, request: &RequestHead) -> Option<Upstream> {
        let kept = self.upstream.take();
        let current = kept.as_ref().map(|upstream| upstream.instance);
        let first = self.choice.choose(request.sid.as_deref(), current);
        if let Some(upstream) = kept.filter(|upstream| upstream.instance == first) {
            return Some(upstream);
        }
        for instance in self.choice.from(first) {
            let connecting = TcpStream::connect(self.choice.address(instance));
            match tokio::time::timeout(CONNECT, connecting).await {
                Ok(Ok(stream)) => {
                    // Without it, small packets wait for the delayed ACK of a keep-alive connection.
                    let _ = stream.set_nodelay(true);
                    return Some(Upstream {
                        instance,
                        stream,
                        unread: Vec::new(),
                    });
                }
                Ok(Err(error)) => self.choice.note_shortage(&error),
                Err(_) => {}
            }
        }
        None
    }

    async fn refuse(&mut self) -> io::Result<After> {
        write_all(&self.client, BAD_GATEWAY).await?;
        Ok(After::Linger)
    }

    /// Answers what is no request, or too long a one, as nginx and Node do.
    async fn reject(&mut self, error: Malformed) -> io::Result<After> {
        let answer = if error.is_too_large() {
            TOO_LARGE
        } else {
            BAD_REQUEST
        };
        write_all(&self.client, answer).await?;
        Ok(After::Linger)
    }

    /// After 101: bytes both ways.
    async fn switch(&mut self, upstream: Upstream) -> io::Result<()> {
        // Taken, so that an idle WebSocket holds no buffers.
        write_all(&self.client, &upstream.unread).await?;
        write_all(&upstream.stream, &std::mem::take(&mut self.from_client)).await?;
        let stream = upstream.stream;
        drop(upstream.unread);
        both_ways(&self.client, &stream).await
    }

    /// Passes an answer back, head and all, and learns from it who has opened which session.
    async fn pass_back(
        &mut self,
        request: &RequestHead,
        response: &ResponseHead,
        upstream: &mut Upstream,
    ) -> io::Result<()> {
        let mut searched = (request.sid.is_none() && self.choice.learns()).then(Vec::new);
        let mut body = Remaining::new(response.framing);
        let mut head = response.length;
        loop {
            let length = body.take(&upstream.unread[head..], |piece| {
                if let Some(seen) = &mut searched {
                    let room = SEARCHED.saturating_sub(seen.len());
                    seen.extend_from_slice(&piece[..piece.len().min(room)]);
                }
                Ok(())
            })?;
            // Before the client has all of the open packet, and so before it can come back.
            if let Some(seen) = &searched {
                let is_whole = seen.len() >= SEARCHED || body.is_over();
                if let Some((_, handshake)) = opened(&Bytes::copy_from_slice(seen)) {
                    self.choice
                        .learn(handshake.sid.as_bytes(), upstream.instance);
                    searched = None;
                } else if is_whole {
                    searched = None;
                }
            }
            write_all(&self.client, &upstream.unread[..head + length]).await?;
            upstream.unread.drain(..head + length);
            head = 0;
            if body.is_over() {
                return Ok(());
            }
            if read_more(&upstream.stream, &mut upstream.unread).await? == 0 {
                return match response.framing {
                    Framing::ToEnd => Ok(()),
                    Framing::Length(_) | Framing::Chunked => {
                        Err(io::ErrorKind::UnexpectedEof.into())
                    }
                };
            }
        }
    }
}

/// A request on its way to an instance.
struct Sending<'a> {
    client: &'a TcpStream,
    from_client: &'a mut Vec<u8>,
    server: &'a TcpStream,
    is_sent: &'a Cell<bool>,
}

impl Sending<'_> {
    async fn read(&mut self) -> io::Result<()> {
        match read_more(self.client, self.from_client).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Sends head and body, then watches the client; comes back only when the client is gone, so
    /// that its poll does not stay open at the instance.
    async fn run(mut self, request: &RequestHead) -> io::Result<Infallible> {
        let mut body = Remaining::new(request.framing);
        let mut head = request.length;
        loop {
            let length = head + body.take(&self.from_client[head..], |_| Ok(()))?;
            if write_all(self.server, &self.from_client[..length])
                .await
                .is_err()
            {
                // It may have answered before it closed: reading will tell.
                return std::future::pending().await;
            }
            self.from_client.drain(..length);
            head = 0;
            if body.is_over() {
                break;
            }
            self.read().await?;
        }
        self.is_sent.set(true);
        // Requests that are sent ahead wait here.
        while self.from_client.len() < limits::HEAD {
            self.read().await?;
        }
        std::future::pending().await
    }
}

/// The head of the answer; interim ones are passed back at once.
async fn receive(
    server: &TcpStream,
    unread: &mut Vec<u8>,
    request: &RequestHead,
    client: &TcpStream,
) -> io::Result<ResponseHead> {
    loop {
        while let Some(response) = ResponseHead::parse(unread, request).map_err(io::Error::from)? {
            if !response.is_interim {
                return Ok(response);
            }
            write_all(client, &unread[..response.length]).await?;
            unread.drain(..response.length);
        }
        if read_more(server, unread).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
