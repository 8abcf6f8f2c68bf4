//! One request and its answer over a connection of its own, with every header of both.
//!
//! The clients of a run know no other methods than theirs and forget the headers of an answer; a
//! diagnosis needs both.

use std::cell::Cell;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::event::{Cause, Failure, Origin, Stage};
use crate::http1::{Body, Framing, HeadReader, Malformed, Response};
use crate::limits;
use crate::transport::{Dialer, Stream, Timings, answers_in_tls, from_http, from_io, wants_tls};

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// The first header of that name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let named = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(named)
            .map(|(_, value)| value.as_str())
    }

    /// All headers of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Why nothing came back.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) failure: Failure,
    /// What did come, if it is no HTTP.
    pub(super) received: Vec<u8>,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            received: Vec::new(),
        }
    }
}

/// An answer up to the end of its head, and the stream that may hold more.
pub(super) struct Answered {
    pub(super) reply: Reply,
    pub(super) stream: Stream,
    /// What came after the head.
    pub(super) rest: Vec<u8>,
    framing: Framing,
}

/// Sends a request and reads the head of the answer; `phases` is set once there is a connection.
pub(super) async fn begin(
    dialer: &Dialer,
    request: &[u8],
    phases: &Cell<Option<Timings>>,
) -> Result<Answered, Trouble> {
    let dialed = dialer.dial(0).await?;
    phases.set(Some(dialed.timings));
    let mut stream = dialed.stream;
    write(&mut stream, request).await?;
    let mut received = Vec::with_capacity(1024);
    let mut heads = HeadReader::default();
    loop {
        let read = stream.read_buf(&mut received).await.map_err(broken);
        if let Some((reply, framing)) = take_head(&mut heads, &mut received)? {
            return Ok(Answered {
                reply,
                stream,
                rest: received,
                framing,
            });
        }
        if read? == 0 {
            return Err(ended(received));
        }
    }
}

/// Reads the body of an answer, as far as it is of interest.
pub(super) async fn finish(answered: Answered) -> Result<Reply, Trouble> {
    let Answered {
        mut reply,
        mut stream,
        mut rest,
        framing,
    } = answered;
    let mut body = Body::new(framing, limits::DIAGNOSED_BODY);
    loop {
        match body.push(&rest) {
            Ok(_) if body.is_whole() => break,
            Ok(_) => rest.clear(),
            Err(Malformed::BodyTooLarge { .. }) => break,
            Err(error) => return Err(from_http(error).with_status(reply.status).into()),
        }
        if stream.read_buf(&mut rest).await.map_err(broken)? == 0 {
            if body.is_whole_at_end() {
                break;
            }
            return Err(closed().with_status(reply.status).into());
        }
    }
    reply.body = body.into_data();
    if wants_tls(reply.status, &reply.body) {
        return Err(tls_required().with_status(reply.status).into());
    }
    Ok(reply)
}

async fn write(stream: &mut Stream, request: &[u8]) -> Result<(), Failure> {
    stream.write_all(request).await.map_err(broken)?;
    // TLS may hold the end of it back until it is told to flush.
    stream.flush().await.map_err(broken)
}

fn broken(error: io::Error) -> Failure {
    from_io(Stage::Open, &error)
}

fn closed() -> Failure {
    Failure::new(Stage::Open, Cause::ConnectionClosed, Origin::Network)
}

fn tls_required() -> Failure {
    Failure::new(Stage::Open, Cause::TlsRequired, Origin::Scenario)
}

fn ended(received: Vec<u8>) -> Trouble {
    if received.is_empty() {
        return closed().into();
    }
    no_http(received)
}

fn no_http(received: Vec<u8>) -> Trouble {
    let failure = Failure::new(Stage::Open, Cause::NotSocketio, Origin::Server);
    not_read(failure.with_message("the answer is no HTTP"), received)
}

fn not_read(failure: Failure, received: Vec<u8>) -> Trouble {
    if answers_in_tls(&received) {
        return tls_required().into();
    }
    Trouble { failure, received }
}

/// Takes the head of the answer, and interim ones before it; nothing if there is more to come.
fn take_head(
    heads: &mut HeadReader,
    received: &mut Vec<u8>,
) -> Result<Option<(Reply, Framing)>, Trouble> {
    let head = heads.take(received, |head| Ok((reply(head), head.framing(false)?)));
    match head.and_then(Option::transpose) {
        Ok(head) => Ok(head),
        Err(Malformed::Head(_)) => Err(no_http(received.clone())),
        Err(error) => Err(not_read(from_http(error), received.clone())),
    }
}

fn reply(head: &Response<'_>) -> Reply {
    let text = |value| String::from_utf8_lossy(value).into_owned();
    Reply {
        status: head.status,
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_owned(), text(value)))
            .collect(),
        body: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(bytes: &[u8]) -> Result<Option<(Reply, Framing)>, Trouble> {
        take_head(&mut HeadReader::default(), &mut bytes.to_vec())
    }

    #[test]
    fn every_header_of_the_answer_is_kept() {
        let mut received = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n".to_vec();
        received.extend_from_slice("X-Added: y\r\n".repeat(200).as_bytes());
        received.extend_from_slice(b"\r\nbody");
        let (reply, framing) = take_head(&mut HeadReader::default(), &mut received)
            .unwrap()
            .unwrap();
        assert_eq!((reply.status, reply.all("x-added").count()), (200, 200));
        assert_eq!((framing, &received[..]), (Framing::ToEnd, &b"body"[..]));
    }

    #[test]
    fn what_is_no_http_is_kept_to_be_recognised() {
        let trouble = head(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap_err();
        assert!(trouble.received.starts_with(b"SSH-2.0"));
        let alert = head(b"\x15\x03\x03\x00\x02\x02\x46").unwrap_err();
        assert_eq!(alert.failure.cause, Cause::TlsRequired);
    }
}
