use std::io;

use percent_encoding::percent_decode;

use crate::http1::{self, Framing, Malformed};

/// What whoever passes it on has to know of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestHead {
    /// Bytes up to the end of the blank line.
    pub(crate) length: usize,
    /// The session that it belongs to, decoded.
    pub(crate) sid: Option<Box<[u8]>>,
    /// Where its body ends.
    pub(crate) framing: Framing,
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
    /// Where its body ends.
    pub(crate) framing: Framing,
    /// 101: from now on it is no longer HTTP.
    pub(crate) is_switching: bool,
    /// 100 to 199 but 101: the real answer is still to come.
    pub(crate) is_interim: bool,
    /// Whether the connection ends with this response.
    pub(crate) closes: bool,
}

impl From<Malformed> for io::Error {
    fn from(error: Malformed) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

impl RequestHead {
    /// Reads a head; nothing if it is not complete.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let head = http1::read_request(bytes, |request| {
            let upgrade = request.headers.get("upgrade");
            Ok(Self {
                length: 0,
                sid: sid_of(request.target),
                framing: request.framing()?,
                is_head_request: request.method == "HEAD",
                is_websocket: upgrade.is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")),
            })
        })?;
        let with_length = |(length, head): (usize, Result<Self, Malformed>)| {
            head.map(|head| Self { length, ..head })
        };
        head.map(with_length).transpose()
    }
}

impl ResponseHead {
    /// Reads a head; nothing if it is not complete.
    pub(crate) fn parse(bytes: &[u8], request: &RequestHead) -> Result<Option<Self>, Malformed> {
        let head = http1::read_response(bytes, |response| {
            let framing = response.framing(request.is_head_request)?;
            Ok(Self {
                length: 0,
                framing,
                is_switching: response.status == 101,
                is_interim: response.is_interim(),
                closes: !response.keeps_alive(framing),
            })
        })?;
        let with_length = |(length, head): (usize, Result<Self, Malformed>)| {
            head.map(|head| Self { length, ..head })
        };
        head.map(with_length).transpose()
    }
}

fn sid_of(target: &str) -> Option<Box<[u8]>> {
    let (_, query) = target.split_once('?')?;
    let sid = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("sid="))?;
    Some(percent_decode(sid.as_bytes()).collect())
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
            "POST /socket.io/?EIO=4&transport=polling&sid=ab-C_1%2B HTTP/1.1\r\nHost: a\r\n\
             content-length:  12\r\n\r\nrest",
        );
        assert_eq!(head.sid.as_deref(), Some(&b"ab-C_1+"[..]));
        assert_eq!(head.framing, Framing::Length(12));
        let head = request("GET /?xsid=1 HTTP/1.1\r\n\r\n");
        assert_eq!((head.sid, head.framing), (None, Framing::Length(0)));
        assert!(
            RequestHead::parse(b"GET / HTTP/1.1\r\nHost")
                .unwrap()
                .is_none()
        );
        assert!(RequestHead::parse(b"\x16\x03\x01\r\n\r\n").is_err());
        assert!(request("GET / HTTP/1.1\r\nUPGRADE: WebSocket\r\n\r\n").is_websocket);
    }

    #[test]
    fn a_response_tells_how_it_ends() {
        let get = request("GET / HTTP/1.1\r\n\r\n");
        let parse = |text: &str| ResponseHead::parse(text.as_bytes(), &get).unwrap().unwrap();
        let head = parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!((head.framing, head.closes), (Framing::Chunked, false));
        let head = parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x, Close\r\n\r\n");
        assert_eq!((head.framing, head.closes), (Framing::Length(2), true));
        let head = parse("HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!((head.framing, head.closes), (Framing::ToEnd, true));
        assert!(parse("HTTP/1.1 101 Switching Protocols\r\n\r\n").is_switching);
        assert!(parse("HTTP/1.1 100 Continue\r\n\r\n").is_interim);
        let asked = request("HEAD / HTTP/1.1\r\n\r\n");
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        let head = ResponseHead::parse(text, &asked).unwrap().unwrap();
        assert_eq!(head.framing, Framing::Length(0));
    }
}
