//! Reads one HTTP/1.1 answer from bytes that come in any pieces. No I/O.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{
    CONTENT_ENCODING, HeaderMap, HeaderName, LOCATION, SET_COOKIE, WWW_AUTHENTICATE,
};

use crate::http1::{Body, HeadReader, Malformed, Response};
use crate::limits;

/// Headers that matter here; the others are dropped.
const KEPT: [HeaderName; 4] = [SET_COOKIE, LOCATION, CONTENT_ENCODING, WWW_AUTHENTICATE];

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
#[derive(Debug)]
pub(super) struct Reader {
    heads: HeadReader,
    /// Bytes received that are not dealt with.
    received: Vec<u8>,
    begun: Option<Begun>,
    /// Longest body of a 200, in bytes.
    limit: usize,
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
    /// Reads an answer whose body has at most `limit` bytes; of one other than 200 no more is read
    /// than explains it.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            heads: HeadReader::default(),
            received: Vec::new(),
            begun: None,
            limit,
        }
    }

    /// Bytes held, capacity included.
    pub(super) fn held(&self) -> usize {
        let begun = self.begun.as_ref();
        self.received.capacity() + begun.map_or(0, |begun| begun.body.held())
    }

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
            let limit = self.limit;
            let begun = self
                .heads
                .take(&mut self.received, |head| Begun::new(head, limit))?;
            self.begun = begun.transpose()?;
        }
        let Some(begun) = &mut self.begun else {
            return Ok(None);
        };
        let taken = match begun.body.push(&self.received) {
            Ok(taken) => taken,
            // What explains a refusal has come; the rest is left, and the connection with it.
            Err(Malformed::BodyTooLarge { .. }) if begun.head.status != 200 => {
                return Ok(self.begun.take().map(|begun| begun.into_answer(false)));
            }
            Err(error) => return Err(error),
        };
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
    fn new(response: &Response<'_>, limit: usize) -> Result<Self, Malformed> {
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
            body: Body::new(
                framing,
                match response.status {
                    200 => limit,
                    _ => limit.min(limits::REFUSAL),
                },
            ),
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
        let mut reader = Reader::new(100);
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
    fn a_body_beyond_the_limit_is_refused_and_that_of_a_refusal_is_cut() {
        let body = "x".repeat(200);
        let mut reader = Reader::new(100);
        reader.push(format!("HTTP/1.1 200 X\r\n\r\n{body}").as_bytes());
        assert!(reader.poll().is_err());
        for head in ["", "Content-Length: 200\r\n"] {
            let text = format!("HTTP/1.1 502 X\r\n{head}\r\n{body}");
            let answer = read(text.as_bytes(), 50).unwrap();
            assert!(answer.status == 502 && !answer.keeps_alive);
            assert!(answer.body.len() <= 100, "{}", answer.body.len());
        }
    }

    #[test]
    fn a_body_may_be_read_into_its_place() {
        let mut reader = Reader::new(100);
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
