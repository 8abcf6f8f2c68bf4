use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Status};

use super::framing::{Framing, has_token};
use super::malformed::Malformed;
use crate::limits;

/// Headers of a message, in their order on the wire.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a>(&'a [Header<'a>]);

impl<'a> Headers<'a> {
    /// Names and values, each name as it was spelled.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.0.iter().map(|header| (header.name, header.value))
    }

    /// Values of all headers with this name.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Value of the first header with this name.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Whether one of the lists with this name holds a token.
    #[must_use]
    pub fn has_token(self, name: &str, token: &[u8]) -> bool {
        self.all(name).any(|value| has_token(value, token))
    }
}

/// Head of a response, as long as its bytes are at hand.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    /// Status code.
    pub status: u16,
    /// Text behind the status; often empty.
    pub reason: &'a str,
    /// All of them.
    pub headers: Headers<'a>,
    is_http_1_1: bool,
}

impl Response<'_> {
    /// Whether the real response is still to come: 1xx except 101.
    #[must_use]
    pub fn is_interim(&self) -> bool {
        matches!(self.status, 100 | 102..=199)
    }

    /// Reads where the body ends; `is_head` says that this answers a HEAD request.
    ///
    /// # Errors
    /// If the lengths contradict each other or cannot be read.
    pub fn framing(&self, is_head: bool) -> Result<Framing, Malformed> {
        Framing::of_response(self.status, self.headers, is_head)
    }

    /// Whether the connection can carry another exchange after a body with this end.
    #[must_use]
    pub fn keeps_alive(&self, framing: Framing) -> bool {
        let says = |token: &[u8]| self.headers.has_token("connection", token);
        let is_kept = if self.is_http_1_1 {
            !says(b"close")
        } else {
            says(b"keep-alive")
        };
        is_kept && framing != Framing::ToEnd
    }
}

/// Head of a request, as long as its bytes are at hand.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Method in capitals.
    pub method: &'a str,
    /// Path and query as sent.
    pub target: &'a str,
    /// All of them.
    pub headers: Headers<'a>,
}

impl Request<'_> {
    /// Reads where the body ends.
    ///
    /// # Errors
    /// If that cannot be known.
    pub fn framing(&self) -> Result<Framing, Malformed> {
        Framing::of_request(self.headers)
    }
}

/// Reads the head of a response; returns its length in bytes and what `read` makes of it, or
/// nothing if there is more to come.
///
/// # Errors
/// If it is no HTTP/1, or exceeds a limit.
pub fn read_response<T>(
    bytes: &[u8],
    read: impl FnOnce(&Response<'_>) -> T,
) -> Result<Option<(usize, T)>, Malformed> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; limits::HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let status = ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        window(bytes),
        &mut headers,
    );
    Ok(complete(bytes, status)?.map(|length| {
        let head = Response {
            status: response.code.unwrap_or_default(),
            reason: response.reason.unwrap_or_default(),
            headers: Headers(response.headers),
            is_http_1_1: response.version == Some(1),
        };
        (length, read(&head))
    }))
}

/// Reads the head of a request, as [`read_response`] does.
///
/// # Errors
/// If it is no HTTP/1, or exceeds a limit.
pub fn read_request<T>(
    bytes: &[u8],
    read: impl FnOnce(&Request<'_>) -> T,
) -> Result<Option<(usize, T)>, Malformed> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; limits::HEADERS];
    let mut request = httparse::Request::new(&mut []);
    let status = request.parse_with_uninit_headers(window(bytes), &mut headers);
    Ok(complete(bytes, status)?.map(|length| {
        let head = Request {
            method: request.method.unwrap_or_default(),
            target: request.path.unwrap_or_default(),
            headers: Headers(request.headers),
        };
        (length, read(&head))
    }))
}

/// The part of the bytes in which a head must end: what follows cannot change the result, however
/// the bytes are cut.
fn window(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(limits::HEAD)]
}

fn complete(
    bytes: &[u8],
    status: Result<Status<usize>, httparse::Error>,
) -> Result<Option<usize>, Malformed> {
    match status {
        Ok(Status::Complete(length)) => Ok(Some(length)),
        Ok(Status::Partial) if bytes.len() > limits::HEAD => Err(Malformed::HeadTooLong),
        Ok(Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(Malformed::TooManyHeaders),
        Err(error) => Err(Malformed::Head(error)),
    }
}

/// Finds the head of the real response behind any number of interim ones, which are dropped.
#[derive(Debug, Default)]
pub struct HeadReader {
    interim: u32,
}

impl HeadReader {
    /// Takes the head off the bytes received; nothing if there is more to come.
    ///
    /// # Errors
    /// If it is no HTTP/1, or exceeds a limit.
    pub fn take<T>(
        &mut self,
        received: &mut Vec<u8>,
        mut read: impl FnMut(&Response<'_>) -> T,
    ) -> Result<Option<T>, Malformed> {
        loop {
            let head = read_response(received, |head| (!head.is_interim()).then(|| read(head)))?;
            let Some((length, head)) = head else {
                return Ok(None);
            };
            received.drain(..length);
            if head.is_some() {
                return Ok(head);
            }
            self.interim += 1;
            if self.interim > limits::INTERIM_RESPONSES {
                return Err(Malformed::TooManyInterim);
            }
        }
    }
}

/// Returns a head without the headers of these names, byte for byte otherwise.
pub(crate) fn without_headers(head: &[u8], names: &[&str]) -> Vec<u8> {
    let is_kept = |line: &&[u8]| {
        memchr::memchr(b':', line).is_none_or(|colon| {
            let name = &line[..colon];
            !names
                .iter()
                .any(|unwanted| name.eq_ignore_ascii_case(unwanted.as_bytes()))
        })
    };
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    // The request line may have a colon in its target.
    let start = lines.next().unwrap_or_default();
    let kept: Vec<&[u8]> = lines.filter(is_kept).collect();
    [start, &kept.concat()].concat()
}
