use std::io;

use memchr::memmem;

/// What whoever passes it on has to know of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestHead {
    /// Bytes up to the end of the blank line.
    pub(crate) length: usize,
    /// The session that it belongs to.
    pub(crate) sid: Option<Box<[u8]>>,
    /// What follows.
    pub(crate) body: Body,
    /// Whether its answer has no body whatever its head says.
    pub(crate) is_head_request: bool,
    /// Whether it asks for a WebSocket.
    pub(crate) is_websocket: bool,
}

/// What whoever passes it on has to know of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResponseHead {
    /// Bytes up to the end of the blank line.
    pub(crate) length: usize,
    /// What follows.
    pub(crate) body: Body,
    /// 101: from now on it is no longer HTTP.
    pub(crate) is_switching: bool,
    /// 100 to 199 but 101: the real answer is still to come.
    pub(crate) is_interim: bool,
    /// Whether the connection ends with this response.
    pub(crate) closes: bool,
}

/// How the end of a message is found (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks, up to the last one.
    Chunked,
    /// All that comes until the connection ends; never a request's.
    ToEnd,
}

/// A message that is no HTTP/1.
#[derive(Debug, thiserror::Error)]
#[error("not an HTTP/1 message")]
pub(crate) struct NotHttp;

impl From<NotHttp> for io::Error {
    fn from(error: NotHttp) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

impl RequestHead {
    /// Reads a head; nothing if it is not complete.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, NotHttp> {
        let Some(head) = Lines::parse(bytes) else {
            return Ok(None);
        };
        let mut words = head.start.split(|byte| *byte == b' ');
        let (method, target) = (words.next(), words.next().ok_or(NotHttp)?);
        Ok(Some(Self {
            length: head.length,
            sid: sid_of(target).map(Box::from),
            body: head.body()?.unwrap_or(Body::Length(0)),
            is_head_request: method == Some(b"HEAD"),
            is_websocket: head
                .header(b"upgrade")
                .is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")),
        }))
    }
}

impl ResponseHead {
    /// Reads a head; nothing if it is not complete.
    pub(crate) fn parse(bytes: &[u8], request: &RequestHead) -> Result<Option<Self>, NotHttp> {
        let Some(head) = Lines::parse(bytes) else {
            return Ok(None);
        };
        let status = head.start.get(9..12).ok_or(NotHttp)?;
        let status: u16 = std::str::from_utf8(status)
            .ok()
            .and_then(|status| status.parse().ok())
            .ok_or(NotHttp)?;
        let has_no_body = request.is_head_request || matches!(status, 100..=199 | 204 | 304);
        let body = if has_no_body {
            Body::Length(0)
        } else {
            head.body()?.unwrap_or(Body::ToEnd)
        };
        let closes = head
            .header(b"connection")
            .is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
        Ok(Some(Self {
            length: head.length,
            body,
            is_switching: status == 101,
            is_interim: matches!(status, 100..=199) && status != 101,
            closes: closes || body == Body::ToEnd || head.start.starts_with(b"HTTP/1.0"),
        }))
    }
}

/// A request's head without these headers, byte for byte otherwise.
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

/// The session id of an open packet in a polling response.
///
/// Searched as text: an open packet is short and begins the body, in both revisions; a server that
/// compresses such a small answer would not be understood.
pub(crate) fn opened_sid(body: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"\"sid\":\"";
    let start = memmem::find(body, NAME)? + NAME.len();
    let end = memchr::memchr(b'"', &body[start..])?;
    Some(&body[start..start + end])
}

fn sid_of(target: &[u8]) -> Option<&[u8]> {
    let query = &target[memchr::memchr(b'?', target)? + 1..];
    query
        .split(|byte| *byte == b'&')
        .find_map(|pair| pair.strip_prefix(b"sid="))
}

struct Lines<'a> {
    length: usize,
    start: &'a [u8],
    headers: &'a [u8],
}

impl<'a> Lines<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let end = memmem::find(bytes, b"\r\n\r\n")?;
        let head = &bytes[..end];
        let line = memmem::find(head, b"\r\n").unwrap_or(end);
        Some(Self {
            length: end + 4,
            start: &head[..line],
            headers: &head[line..],
        })
    }

    fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers.split(|byte| *byte == b'\n').find_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            line[..colon]
                .eq_ignore_ascii_case(name)
                .then(|| line[colon + 1..].trim_ascii())
        })
    }

    fn body(&self) -> Result<Option<Body>, NotHttp> {
        if let Some(coding) = self.header(b"transfer-encoding") {
            let is_chunked = coding.to_ascii_lowercase().ends_with(b"chunked");
            return Ok(is_chunked.then_some(Body::Chunked));
        }
        self.header(b"content-length")
            .map(|length| {
                let length = std::str::from_utf8(length).map_err(|_| NotHttp)?;
                Ok(Body::Length(length.parse().map_err(|_| NotHttp)?))
            })
            .transpose()
    }
}

/// Finds the end of a chunked body as its bytes go by, wherever they are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// In a line that gives a size in hexadecimal digits; extensions after `;` are skipped.
    Size { size: u64, in_extension: bool },
    /// In a chunk, with so many bytes of it and its line end to come.
    Data { left: u64 },
    /// After the last chunk: in the trailer, whose first empty line ends the body.
    Trailer { is_line_empty: bool },
    /// Behind the end.
    Over,
}

impl Chunks {
    pub(crate) fn new() -> Self {
        Self::Size {
            size: 0,
            in_extension: false,
        }
    }

    /// Takes the next bytes; returns how many of them belong to the body.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, NotHttp> {
        let mut at = 0;
        while at < bytes.len() && *self != Self::Over {
            if let Self::Data { left } = *self {
                let length = left.min((bytes.len() - at) as u64);
                at += length as usize;
                *self = if length == left {
                    Self::new()
                } else {
                    Self::Data {
                        left: left - length,
                    }
                };
            } else {
                self.step(bytes[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<(), NotHttp> {
        *self = match (*self, byte) {
            (Self::Size { size: 0, .. }, b'\n') => Self::Trailer {
                is_line_empty: true,
            },
            (Self::Size { size, .. }, b'\n') => Self::Data {
                left: size.checked_add(2).ok_or(NotHttp)?,
            },
            (Self::Size { size, .. }, b';') => Self::Size {
                size,
                in_extension: true,
            },
            (state @ Self::Size { in_extension, .. }, byte) if in_extension || byte == b'\r' => {
                state
            }
            (Self::Size { size, .. }, digit) => {
                let digit = char::from(digit).to_digit(16).ok_or(NotHttp)?;
                let size = size.checked_mul(16).ok_or(NotHttp)?;
                Self::Size {
                    size: size + u64::from(digit),
                    in_extension: false,
                }
            }
            (
                Self::Trailer {
                    is_line_empty: true,
                },
                b'\n',
            ) => Self::Over,
            (Self::Trailer { is_line_empty }, byte) => Self::Trailer {
                is_line_empty: byte == b'\n' || (is_line_empty && byte == b'\r'),
            },
            (state @ (Self::Data { .. } | Self::Over), _) => state,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> RequestHead {
        RequestHead::parse(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn a_request_tells_its_session_and_its_length() {
        let head = request(
            "POST /socket.io/?EIO=4&transport=polling&sid=ab-C_1 HTTP/1.1\r\nHost: a\r\n\
             content-length:  12\r\n\r\nrest",
        );
        assert_eq!(head.sid.as_deref(), Some(&b"ab-C_1"[..]));
        assert_eq!(head.body, Body::Length(12));
        let head = request("GET /?xsid=1 HTTP/1.1\r\n\r\n");
        assert_eq!((head.sid, head.body), (None, Body::Length(0)));
        assert!(
            RequestHead::parse(b"GET / HTTP/1.1\r\nHost")
                .unwrap()
                .is_none()
        );
        assert!(RequestHead::parse(b"\x16\x03\x01\r\n\r\n").is_err());
    }

    #[test]
    fn headers_are_taken_out_and_nothing_else() {
        let head = b"GET /a?Upgrade: HTTP/1.1\r\nHost: a\r\nconnection: Upgrade\r\nUPGRADE: \
            websocket\r\nX-Upgrade: 1\r\n\r\n";
        assert!(request(std::str::from_utf8(head).unwrap()).is_websocket);
        let rest = without_headers(head, &["Upgrade", "Connection"]);
        let rest = std::str::from_utf8(&rest).unwrap();
        assert_eq!(
            rest,
            "GET /a?Upgrade: HTTP/1.1\r\nHost: a\r\nX-Upgrade: 1\r\n\r\n"
        );
        assert!(!request(rest).is_websocket);
    }

    #[test]
    fn a_response_tells_how_it_ends() {
        let get = request("GET / HTTP/1.1\r\n\r\n");
        let parse = |text: &str| ResponseHead::parse(text.as_bytes(), &get).unwrap().unwrap();
        let head = parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!((head.body, head.closes), (Body::Chunked, false));
        let head = parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Close\r\n\r\n");
        assert_eq!((head.body, head.closes), (Body::Length(2), true));
        let head = parse("HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!((head.body, head.closes), (Body::ToEnd, true));
        let head = parse("HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!((head.body, head.closes), (Body::Length(0), false));
        assert!(parse("HTTP/1.1 101 Switching Protocols\r\n\r\n").is_switching);
        assert!(parse("HTTP/1.1 100 Continue\r\n\r\n").is_interim);
    }

    #[test]
    fn the_open_packet_of_either_revision_tells_the_session() {
        assert_eq!(
            opened_sid(br#"0{"sid":"ab","upgrades":[]}"#),
            Some(&b"ab"[..])
        );
        assert_eq!(opened_sid(br#"96:0{"sid":"ab","#), Some(&b"ab"[..]));
        assert_eq!(opened_sid(br#"0{"sid":"ab"#), None);
        assert_eq!(
            opened_sid(br#"{"code":1,"message":"Session ID unknown"}"#),
            None
        );
    }

    proptest::proptest! {
        #[test]
        fn a_chunked_body_ends_where_it_ends_however_it_is_cut(
            chunks in proptest::collection::vec(1usize..40, 0..5),
            trailer in proptest::bool::ANY,
            cuts in proptest::collection::vec(1usize..30, 1..20),
        ) {
            let mut body: String = chunks
                .iter()
                .map(|size| format!("{size:X};x=1\r\n{}\r\n", "\n".repeat(*size)))
                .collect();
            body += if trailer { "0\r\nA: b\r\n\r\n" } else { "0\r\n\r\n" };
            let bytes = format!("{body}HTTP/1.1 200 OK").into_bytes();
            let (mut state, mut at, mut cuts) = (Chunks::new(), 0, cuts.iter().cycle());
            while state != Chunks::Over {
                let end = (at + cuts.next().unwrap()).min(bytes.len());
                at += state.take(&bytes[at..end]).unwrap();
            }
            proptest::prop_assert_eq!(at, body.len());
        }
    }
}
