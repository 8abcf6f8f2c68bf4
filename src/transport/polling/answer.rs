//! Reads one HTTP/1.1 answer from bytes that come in any pieces. No I/O.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderName, LOCATION, SET_COOKIE};
use httparse::{Header, ParserConfig, Status};

/// The longest head that is taken, in bytes: what Node takes.
const HEAD_LIMIT: usize = 16 * 1024;

/// Headers that a head may hold. Node takes 2,000, which no answer needs.
pub(crate) const HEADERS_LIMIT: usize = 256;

/// The longest body that is taken, in bytes: what `ws` allows for a message by default.
pub(super) const BODY_LIMIT: usize = 100 << 20;

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Those that matter here: `Set-Cookie`, `Location`, `Content-Encoding`.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether the connection can carry another exchange.
    pub(super) keeps_alive: bool,
}

/// Why something is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It is not HTTP, or breaks its rules.
    NotHttp(String),
    /// Its body is longer than [`BODY_LIMIT`].
    TooLarge,
}

/// An answer that is being read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What came and is not dealt with.
    received: Vec<u8>,
    head: Option<Head>,
    /// What is out of its chunks.
    unchunked: Vec<u8>,
}

#[derive(Debug)]
struct Head {
    status: u16,
    headers: HeaderMap,
    keeps_alive: bool,
    body: Body,
}

/// Where a body ends (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Length(usize),
    Chunked,
    /// Where the connection does.
    Rest,
}

impl Reader {
    /// Takes what came.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// Room for what came, and how much of it is missing at least.
    pub(super) fn room(&mut self) -> (&mut Vec<u8>, usize) {
        let missing = match self.head.as_ref().map(|head| head.body) {
            Some(Body::Length(length)) => length.saturating_sub(self.received.len()),
            Some(Body::Chunked | Body::Rest) | None => 0,
        };
        (&mut self.received, missing)
    }

    /// The answer, once all of it has come.
    pub(super) fn poll(&mut self) -> Result<Option<Answer>, Broken> {
        while self.head.is_none() {
            let Some((length, head)) = parse(&self.received)? else {
                return Ok(None);
            };
            self.received.drain(..length);
            // Interim answers come before the real one.
            self.head = Some(head).filter(|head| head.status >= 200 || head.status == 101);
        }
        let is_whole = match self.head.as_ref().map(|head| head.body) {
            Some(Body::Length(length)) if length > BODY_LIMIT => return Err(Broken::TooLarge),
            Some(Body::Length(length)) => self.received.len() >= length,
            Some(Body::Chunked) => self.unchunk()?,
            Some(Body::Rest) | None => false,
        };
        if self.received.len().max(self.unchunked.len()) > BODY_LIMIT {
            return Err(Broken::TooLarge);
        }
        Ok(if is_whole { self.take() } else { None })
    }

    /// The connection has ended; the answer, if its end is just that.
    pub(super) fn end(&mut self) -> Option<Answer> {
        match self.head.as_ref()?.body {
            Body::Rest => self.take(),
            Body::Length(_) | Body::Chunked => None,
        }
    }

    fn take(&mut self) -> Option<Answer> {
        let head = self.head.take()?;
        let mut body = std::mem::take(&mut self.received);
        let surplus = match head.body {
            Body::Length(length) => body.split_off(length),
            Body::Chunked => std::mem::replace(&mut body, std::mem::take(&mut self.unchunked)),
            Body::Rest => Vec::new(),
        };
        Some(Answer {
            status: head.status,
            headers: head.headers,
            body: body.into(),
            // What nobody asked for makes the next answer doubtful.
            keeps_alive: head.keeps_alive && surplus.is_empty(),
        })
    }

    /// Takes data out of chunks as far as they came whole; true after the last one.
    fn unchunk(&mut self) -> Result<bool, Broken> {
        let mut at = 0;
        let mut is_last = false;
        while let Some((start, size)) = chunk_size(&self.received[at..])? {
            let rest = &self.received[at..];
            let end = start + size;
            is_last = size == 0;
            let length = if is_last {
                trailers(&rest[start..]).map(|length| start + length)
            } else {
                line_end(&rest[end.min(rest.len())..])?.map(|length| end + length)
            };
            let Some(length) = length else {
                is_last = false;
                break;
            };
            self.unchunked.extend_from_slice(&rest[start..end]);
            at += length;
            if is_last {
                break;
            }
        }
        self.received.drain(..at);
        Ok(is_last)
    }
}

/// Where a chunk's data starts, and how long it is; nothing before its first line is whole.
fn chunk_size(bytes: &[u8]) -> Result<Option<(usize, usize)>, Broken> {
    match httparse::parse_chunk_size(bytes) {
        Ok(Status::Complete((_, size))) if size > BODY_LIMIT as u64 => Err(Broken::TooLarge),
        Ok(Status::Complete((start, size))) => Ok(Some((start, size as usize))),
        Ok(Status::Partial) => Ok(None),
        Err(_) => Err(Broken::NotHttp("invalid chunk size".to_owned())),
    }
}

/// The length of the end of a line; nothing if it has not come.
fn line_end(bytes: &[u8]) -> Result<Option<usize>, Broken> {
    match bytes {
        [b'\r', b'\n', ..] => Ok(Some(2)),
        [] | [b'\r'] => Ok(None),
        _ => Err(Broken::NotHttp("a chunk without end".to_owned())),
    }
}

/// The length of what follows the last chunk, the empty line included; nothing if it has not come.
fn trailers(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(2);
    }
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|place| place + 4)
}

fn parse(received: &[u8]) -> Result<Option<(usize, Head)>, Broken> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; HEADERS_LIMIT];
    let mut response = httparse::Response::new(&mut []);
    let parsed = ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, received, &mut headers)
        .map_err(|error| Broken::NotHttp(error.to_string()))?;
    match parsed {
        Status::Complete(length) => Ok(Some((length, Head::new(&response)?))),
        Status::Partial if received.len() > HEAD_LIMIT => Err(Broken::NotHttp(
            "the head of the answer has no end".to_owned(),
        )),
        Status::Partial => Ok(None),
    }
}

impl Head {
    fn new(response: &httparse::Response<'_, '_>) -> Result<Self, Broken> {
        let mut headers = HeaderMap::new();
        let mut length = None;
        let mut is_chunked = None;
        let mut connection: &[u8] = b"";
        for header in response.headers.iter() {
            let is = |name: &HeaderName| header.name.eq_ignore_ascii_case(name.as_str());
            if is(&http::header::CONTENT_LENGTH) {
                let this = Some(content_length(header.value)?);
                if length.is_some() && length != this {
                    return Err(Broken::NotHttp("two lengths".to_owned()));
                }
                length = this;
            } else if is(&http::header::TRANSFER_ENCODING) {
                is_chunked = Some(ends_with(header.value, b"chunked"));
            } else if is(&http::header::CONNECTION) {
                connection = header.value;
            } else if let Some(name) = [SET_COOKIE, LOCATION, CONTENT_ENCODING]
                .into_iter()
                .find(is)
                && let Ok(value) = HeaderValue::from_bytes(header.value)
            {
                headers.append(name, value);
            }
        }
        let status = response.code.unwrap_or_default();
        let body = match (is_chunked, length) {
            _ if matches!(status, 100..=199 | 204 | 304) => Body::Length(0),
            (Some(true), _) => Body::Chunked,
            (None, Some(length)) => Body::Length(length),
            (Some(false), _) | (None, None) => Body::Rest,
        };
        let keeps_alive = match response.version {
            Some(1) => !has_token(connection, b"close"),
            Some(_) | None => has_token(connection, b"keep-alive"),
        };
        Ok(Self {
            status,
            headers,
            keeps_alive: keeps_alive && body != Body::Rest,
            body,
        })
    }
}

fn content_length(value: &[u8]) -> Result<usize, Broken> {
    let digits = value.trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number = str::from_utf8(digits).ok().filter(|_| is_number);
    // One that is too large to be read is above every limit.
    number
        .map(|number| number.parse().unwrap_or(usize::MAX))
        .ok_or_else(|| Broken::NotHttp("invalid Content-Length".to_owned()))
}

fn ends_with(value: &[u8], end: &[u8]) -> bool {
    let value = value.trim_ascii();
    value.len() >= end.len() && value[value.len() - end.len()..].eq_ignore_ascii_case(end)
}

/// Whether a list of tokens, such as that of `Connection`, holds this one.
pub(crate) fn has_token(value: &[u8], token: &[u8]) -> bool {
    value
        .split(|byte| *byte == b',')
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads an answer in pieces of this size; nothing if it is not whole at its end.
    fn read(text: &[u8], piece: usize) -> Result<Option<Answer>, Broken> {
        let mut reader = Reader::default();
        for piece in text.chunks(piece) {
            reader.push(piece);
            if let Some(answer) = reader.poll()? {
                return Ok(Some(answer));
            }
        }
        Ok(reader.end())
    }

    fn body(text: &str) -> Option<String> {
        let answer = read(text.as_bytes(), text.len()).unwrap()?;
        Some(String::from_utf8(answer.body.to_vec()).unwrap())
    }

    fn keeps_alive(head: &str) -> bool {
        let text = format!("HTTP/1.{head}\r\n\r\n");
        read(text.as_bytes(), 1).unwrap().unwrap().keeps_alive
    }

    #[test]
    fn a_body_ends_where_its_length_its_last_chunk_or_the_connection_says() {
        let whole = |rest: &str| body(&format!("HTTP/1.1 200 OK\r\n{rest}"));
        assert_eq!(whole("Content-Length: 2\r\n\r\nab").as_deref(), Some("ab"));
        assert_eq!(whole("Content-Length: 3\r\n\r\nab"), None);
        assert_eq!(whole("\r\nab").as_deref(), Some("ab"));
        let chunked = "transfer-encoding: gzip, Chunked\r\n\r\n";
        let read = |rest| whole(&format!("{chunked}{rest}"));
        assert_eq!(read("2\r\nab\r\n0\r\n\r\n").as_deref(), Some("ab"));
        assert_eq!(
            read("2;x=1\r\nab\r\n0\r\nA: b\r\n\r\n").as_deref(),
            Some("ab")
        );
        assert_eq!(read("2\r\nab\r\n0\r\n"), None);
        assert_eq!(read("2\r\nab"), None);
        assert_eq!(
            whole("Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").as_deref(),
            Some("")
        );
    }

    #[test]
    fn answers_that_have_no_body_end_with_their_head() {
        for status in [
            "204 No Content",
            "304 Not Modified",
            "101 Switching Protocols",
        ] {
            assert_eq!(
                body(&format!("HTTP/1.1 {status}\r\n\r\n")).as_deref(),
                Some("")
            );
        }
    }

    #[test]
    fn an_answer_may_have_as_many_headers_as_proxies_add() {
        let more = "X-Added: y\r\n".repeat(200);
        let text = format!("HTTP/1.1 200 OK\r\n{more}Content-Length: 1\r\n\r\nx");
        assert_eq!(body(&text).as_deref(), Some("x"));
    }

    #[test]
    fn interim_answers_are_passed_over() {
        let text = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
        let answer = read(text.as_bytes(), 7).unwrap().unwrap();
        assert_eq!((answer.status, &answer.body[..]), (200, &b"x"[..]));
    }

    #[test]
    fn a_connection_is_kept_unless_one_side_says_otherwise() {
        assert!(keeps_alive("1 204 X"));
        assert!(!keeps_alive("1 204 X\r\nConnection: x, Close"));
        assert!(!keeps_alive("0 204 X"));
        assert!(keeps_alive("0 204 X\r\nConnection: keep-alive"));
        let surplus = b"HTTP/1.1 204 X\r\n\r\nHTTP";
        assert!(!read(surplus, 99).unwrap().unwrap().keeps_alive);
        assert!(
            !read(b"HTTP/1.1 200 X\r\n\r\nx", 99)
                .unwrap()
                .unwrap()
                .keeps_alive
        );
    }

    #[test]
    fn what_breaks_the_rules_is_no_answer() {
        let ok = "HTTP/1.1 200 OK\r\n";
        for text in [
            "220 smtp ready\r\n".to_owned(),
            format!("{ok}Content-Length: -1\r\n\r\n"),
            format!("{ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            format!("{ok}Transfer-Encoding: chunked\r\n\r\nx\r\n"),
            format!("{ok}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"),
            format!("{ok}X: {}", "x".repeat(HEAD_LIMIT)),
        ] {
            let read = read(text.as_bytes(), text.len());
            assert!(
                matches!(read, Err(Broken::NotHttp(_))),
                "{text:.40}: {read:?}"
            );
        }
        for text in [
            format!("{ok}Content-Length: {}\r\n\r\n", u128::MAX),
            format!("{ok}Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n"),
        ] {
            let read = read(text.as_bytes(), text.len());
            assert!(
                matches!(read, Err(Broken::TooLarge)),
                "{text:.40}: {read:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_pieces_make_the_same_answer(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            piece in 1..64usize,
            chunk in 1..32usize,
        ) {
            let mut plain = format!("HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
            plain.extend_from_slice(&body);
            let mut chunked = b"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for part in body.chunks(chunk) {
                chunked.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                chunked.extend_from_slice(part);
                chunked.extend_from_slice(b"\r\n");
            }
            chunked.extend_from_slice(b"0\r\n\r\n");
            for text in [plain, chunked] {
                let answer = read(&text, piece).unwrap().unwrap();
                prop_assert_eq!(&answer.body[..], &body[..]);
                prop_assert!(answer.keeps_alive);
                prop_assert_eq!(&answer.headers[SET_COOKIE], "a");
            }
        }
    }
}
