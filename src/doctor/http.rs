//! One request and its answer over a connection of its own, with every header of both.
//!
//! The clients of a run know no other methods than theirs and forget the headers of an answer; a
//! diagnosis needs both.

use std::cell::Cell;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::event::{Cause, Failure, Origin, Stage};
use crate::transport::{
    Dialer, HEADERS_LIMIT, Stream, Timings, answers_in_tls, from_io, wants_tls,
};

/// The longest head of an answer, in bytes; Node's limit too.
const HEAD_LIMIT: usize = 16 * 1024;
/// The most that is read of a body, in bytes.
const BODY_LIMIT: usize = 4 << 20;

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
    loop {
        let read = stream.read_buf(&mut received).await.map_err(broken);
        if let Some(reply) = take_head(&mut received)? {
            return Ok(Answered {
                reply,
                stream,
                rest: received,
            });
        }
        if read? == 0 {
            return Err(ended(received));
        }
        if received.len() > HEAD_LIMIT {
            return Err(no_http(received));
        }
    }
}

/// Reads the body of an answer.
pub(super) async fn finish(answered: Answered) -> Result<Reply, Trouble> {
    let Answered {
        mut reply,
        mut stream,
        mut rest,
    } = answered;
    loop {
        if let Some(body) = body(&reply, &rest) {
            reply.body = body;
            break;
        }
        let read = stream.read_buf(&mut rest).await.map_err(broken);
        let until_end = length(&reply).is_none() && !is_chunked(&reply);
        match read {
            Ok(0) if until_end => {
                reply.body = rest;
                break;
            }
            Ok(0) => return Err(closed().with_status(reply.status).into()),
            Ok(_) if rest.len() > BODY_LIMIT => {
                reply.body = rest;
                break;
            }
            Ok(_) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
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
    if answers_in_tls(&received) {
        return tls_required().into();
    }
    let failure = Failure::new(Stage::Open, Cause::NotSocketio, Origin::Server);
    Trouble {
        failure: failure.with_message("the answer is no HTTP"),
        received,
    }
}

/// Takes the head of the answer, and interim ones before it; nothing if there is more to come.
fn take_head(received: &mut Vec<u8>) -> Result<Option<Reply>, Trouble> {
    while let Some((reply, length)) = head(received)? {
        received.drain(..length);
        let is_interim = (100..200).contains(&reply.status) && reply.status != 101;
        if !is_interim {
            return Ok(Some(reply));
        }
    }
    Ok(None)
}

/// The head of an answer and its length; nothing if there is more to come.
fn head(received: &[u8]) -> Result<Option<(Reply, usize)>, Trouble> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(received) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(no_http(received.to_vec())),
    };
    let reply = Reply {
        status: response.code.unwrap_or_default(),
        headers: response
            .headers
            .iter()
            .map(|header| {
                let value = String::from_utf8_lossy(header.value).into_owned();
                (header.name.to_owned(), value)
            })
            .collect(),
        body: Vec::new(),
    };
    Ok(Some((reply, length)))
}

fn length(reply: &Reply) -> Option<usize> {
    reply.header("content-length")?.trim().parse().ok()
}

fn is_chunked(reply: &Reply) -> bool {
    reply
        .header("transfer-encoding")
        .is_some_and(|encoding| encoding.eq_ignore_ascii_case("chunked"))
}

/// The body, once it is whole.
fn body(reply: &Reply, rest: &[u8]) -> Option<Vec<u8>> {
    if matches!(reply.status, 100..=199 | 204 | 304) {
        return Some(Vec::new());
    }
    if is_chunked(reply) {
        return unchunked(rest);
    }
    rest.get(..length(reply)?).map(<[u8]>::to_vec)
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(rest) else {
            return None;
        };
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        body.extend_from_slice(rest.get(start..end)?);
        if size == 0 {
            return Some(body);
        }
        rest = rest.get(end + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_whole_by_its_length_or_by_its_last_chunk() {
        let of = |name: &str, value: &str| Reply {
            status: 200,
            headers: vec![(name.to_owned(), value.to_owned())],
            body: Vec::new(),
        };
        let sized = of("Content-Length", "3");
        assert_eq!(body(&sized, b"ab"), None);
        assert_eq!(body(&sized, b"abc"), Some(b"abc".to_vec()));
        let chunked = of("Transfer-Encoding", "chunked");
        assert_eq!(body(&chunked, b"2\r\nab\r\n"), None);
        let whole = b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        assert_eq!(body(&chunked, whole), Some(b"abc".to_vec()));
    }

    #[test]
    fn interim_answers_are_no_answers() {
        let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
        let mut received = interim.to_vec();
        assert!(take_head(&mut received).unwrap().is_none());
        received.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        received.extend_from_slice("X-Added: y\r\n".repeat(200).as_bytes());
        received.extend_from_slice(b"\r\nbody");
        let reply = take_head(&mut received).unwrap().unwrap();
        assert_eq!((reply.status, &received[..]), (200, &b"body"[..]));
    }

    #[test]
    fn what_is_no_http_is_kept_to_be_recognised() {
        let trouble = head(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap_err();
        assert!(trouble.received.starts_with(b"SSH-2.0"));
        let alert = head(b"\x15\x03\x03\x00\x02\x02\x46").unwrap_err();
        assert_eq!(alert.failure.cause, Cause::TlsRequired);
    }
}
