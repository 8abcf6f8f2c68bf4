//! Reads one HTTP/1.1 answer from bytes that come in any pieces. No I/O.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderName, LOCATION, SET_COOKIE};

use crate::http1::{Body, HeadReader, Malformed, Response};
use crate::limits;

/// Headers that matter here; the others are dropped.
const KEPT: [HeaderName; 3] = [SET_COOKIE, LOCATION, CONTENT_ENCODING];

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Those of [`KEPT`].
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether the connection can carry another exchange.
    pub(super) keeps_alive: bool,
}

/// An answer that is being read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    heads: HeadReader,
    /// Bytes received that are not dealt with.
    received: Vec<u8>,
    begun: Option<Begun>,
}

/// An answer whose head has come.
#[derive(Debug)]
struct Begun {
    head: Head,
    body: Body,
}

#[derive(Debug)]
struct Head {
    status: u16,
    headers: HeaderMap,
    keeps_alive: bool,
}

impl Reader {
    /// Takes what came.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// Buffer for the data of a body that has begun, and how much of it is certain to come.
    /// [`Reader::filled`] must follow.
    pub(super) fn room(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        let begun = self.begun.as_mut()?;
        Some(begun.body.room()).filter(|(_, announced)| *announced > 0)
    }

    /// Accounts for bytes that were read into [`Reader::room`].
    pub(super) fn filled(&mut self, bytes: usize) {
        if let Some(begun) = &mut self.begun {
            begun.body.filled(bytes);
        }
    }

    /// The answer, once all of it has come.
    pub(super) fn poll(&mut self) -> Result<Option<Answer>, Malformed> {
        if self.begun.is_none() {
            let begun = self.heads.take(&mut self.received, Begun::new)?;
            self.begun = begun.transpose()?;
        }
        let Some(begun) = &mut self.begun else {
            return Ok(None);
        };
        let taken = begun.body.push(&self.received)?;
        if !begun.body.is_whole() {
            self.received.clear();
            return Ok(None);
        }
        // What nobody asked for makes the next answer doubtful.
        let has_surplus = taken < self.received.len();
        Ok(self
            .begun
            .take()
            .map(|begun| begun.into_answer(!has_surplus)))
    }

    /// The connection has ended; the answer, if its end is just that.
    pub(super) fn end(&mut self) -> Option<Answer> {
        let begun = self.begun.take_if(|begun| begun.body.is_whole_at_end())?;
        Some(begun.into_answer(false))
    }
}

impl Begun {
    fn new(response: &Response<'_>) -> Result<Self, Malformed> {
        let framing = response.framing(false)?;
        let mut headers = HeaderMap::new();
        for (name, value) in response.headers.iter() {
            let is = |kept: &HeaderName| name.eq_ignore_ascii_case(kept.as_str());
            if let Some(kept) = KEPT.into_iter().find(is)
                && let Ok(value) = HeaderValue::from_bytes(value)
            {
                headers.append(kept, value);
            }
        }
        Ok(Self {
            head: Head {
                status: response.status,
                headers,
                keeps_alive: response.keeps_alive(framing),
            },
            body: Body::new(framing, limits::BODY),
        })
    }

    fn into_answer(self, is_clean: bool) -> Answer {
        Answer {
            status: self.head.status,
            headers: self.head.headers,
            body: self.body.into_data().into(),
            keeps_alive: self.head.keeps_alive && is_clean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an answer in pieces of this size; nothing if it is not whole at its end.
    fn read(text: &[u8], piece: usize) -> Option<Answer> {
        let mut reader = Reader::default();
        for piece in text.chunks(piece) {
            reader.push(piece);
            if let Some(answer) = reader.poll().unwrap() {
                return Some(answer);
            }
        }
        reader.end()
    }

    #[test]
    fn an_answer_keeps_the_headers_that_matter() {
        let more = "X-Added: y\r\n".repeat(200);
        let text = format!(
            "HTTP/1.1 302 Found\r\n{more}set-cookie: a\r\nSet-Cookie: b\r\nLocation: /x\r\n\
             Content-Length: 1\r\n\r\nx"
        );
        let answer = read(text.as_bytes(), 7).unwrap();
        assert_eq!((answer.status, &answer.body[..]), (302, &b"x"[..]));
        assert!(answer.headers.get_all(SET_COOKIE).iter().eq(["a", "b"]));
        assert_eq!(answer.headers.len(), 3);
        assert!(answer.keeps_alive);
    }

    #[test]
    fn a_connection_with_more_than_the_answer_is_not_kept() {
        assert!(read(b"HTTP/1.1 204 X\r\n\r\n", 99).unwrap().keeps_alive);
        assert!(!read(b"HTTP/1.1 204 X\r\n\r\nHTTP", 99).unwrap().keeps_alive);
        assert!(!read(b"HTTP/1.1 200 X\r\n\r\nx", 99).unwrap().keeps_alive);
    }

    #[test]
    fn a_body_may_be_read_into_its_place() {
        let mut reader = Reader::default();
        assert!(reader.room().is_none());
        reader.push(b"HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\nab");
        assert!(reader.poll().unwrap().is_none());
        let (room, announced) = reader.room().unwrap();
        assert_eq!((announced, &room[..]), (3, &b"ab"[..]));
        room.extend_from_slice(b"cde");
        reader.filled(3);
        assert_eq!(&reader.poll().unwrap().unwrap().body[..], b"abcde");
    }
}
