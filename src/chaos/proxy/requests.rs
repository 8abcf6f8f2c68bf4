//! Finds the requests in what a client sends, for faults that touch requests.

use crate::http1::{Remaining, without_headers};
use crate::limits;
use crate::server::http::RequestHead;

/// Where in its requests a connection is.
#[derive(Debug)]
pub(super) struct Requests {
    state: State,
    /// A head that is not complete yet.
    head: Vec<u8>,
}

#[derive(Debug)]
enum State {
    /// The next head.
    Head,
    /// The rest of a request.
    Body(Remaining),
    /// A WebSocket was asked for: frames come, or, if it was refused, the next request.
    Asked,
    /// No HTTP, or no longer.
    Opaque,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ruling<T> {
    /// It goes on to the server.
    Pass,
    /// It goes on without what asks for a WebSocket.
    Strip,
    /// It goes nowhere, and nothing after it.
    Stop(T),
}

impl Requests {
    pub(super) fn new() -> Self {
        Self {
            state: State::Head,
            head: Vec::new(),
        }
    }

    /// Whether bytes need not be looked at any more.
    pub(super) fn is_opaque(&self) -> bool {
        matches!(self.state, State::Opaque)
    }

    /// Takes what came; what goes on is added to `onward`. Says why nothing more goes on, if so.
    pub(super) fn take<T>(
        &mut self,
        mut bytes: &[u8],
        onward: &mut Vec<u8>,
        mut rule: impl FnMut(&RequestHead) -> Ruling<T>,
    ) -> Option<T> {
        while let Some(first) = bytes.first() {
            match &mut self.state {
                State::Opaque => {
                    onward.extend_from_slice(bytes);
                    return None;
                }
                // A client's frame is masked and short of reserved bits: its first byte is no
                // letter, and a method's is.
                State::Asked if first.is_ascii_uppercase() => self.state = State::Head,
                State::Asked => self.state = State::Opaque,
                State::Body(body) => {
                    let Ok(length) = body.take(bytes, |_| Ok(())) else {
                        self.state = State::Opaque;
                        continue;
                    };
                    onward.extend_from_slice(&bytes[..length]);
                    bytes = &bytes[length..];
                    if body.is_over() {
                        self.state = State::Head;
                    }
                }
                State::Head => {
                    let before = self.head.len();
                    self.head.extend_from_slice(bytes);
                    let head = match RequestHead::parse(&self.head) {
                        Ok(Some(head)) => head,
                        Ok(None) if self.may_become_a_head() => return None,
                        Ok(None) | Err(_) => {
                            onward.append(&mut self.head);
                            self.state = State::Opaque;
                            return None;
                        }
                    };
                    bytes = &bytes[head.length - before..];
                    if let Some(why) = self.pass(&head, onward, rule(&head)) {
                        return Some(why);
                    }
                }
            }
        }
        None
    }

    fn may_become_a_head(&self) -> bool {
        self.head.len() <= limits::HEAD && self.head.first().is_some_and(u8::is_ascii_uppercase)
    }

    fn pass<T>(
        &mut self,
        head: &RequestHead,
        onward: &mut Vec<u8>,
        ruling: Ruling<T>,
    ) -> Option<T> {
        let mut bytes = std::mem::take(&mut self.head);
        bytes.truncate(head.length);
        self.state = State::Body(Remaining::new(head.framing));
        match ruling {
            Ruling::Pass => {
                onward.append(&mut bytes);
                if head.is_websocket {
                    self.state = State::Asked;
                }
            }
            Ruling::Strip => {
                onward.append(&mut without_headers(&bytes, &["Upgrade", "Connection"]));
            }
            Ruling::Stop(why) => return Some(why),
        }
        if let State::Body(body) = &self.state
            && body.is_over()
        {
            self.state = State::Head;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = "GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: a\r\n\r\n";
    const POST: &str = "POST /socket.io/?sid=1 HTTP/1.1\r\nContent-Length: 4\r\n\r\nGET ";
    const ASK: &str =
        "GET /socket.io/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

    /// What goes on, and the sessions (or `-`) of the requests that were found.
    fn pass(requests: &mut Requests, bytes: &[u8], cut: usize) -> (Vec<u8>, Vec<bool>) {
        let (mut onward, mut found) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(cut) {
            let stopped = requests.take(piece, &mut onward, |head| {
                found.push(head.is_websocket);
                Ruling::<()>::Pass
            });
            assert_eq!(stopped, None);
        }
        (onward, found)
    }

    #[test]
    fn requests_are_found_however_they_are_cut_and_pass_unchanged() {
        let refused = [OPEN, POST, ASK, OPEN].concat();
        let accepted = [
            refused.as_bytes(),
            ASK.as_bytes(),
            b"\x81\x80\0\0\0\0GET / HTTP/1.1\r\n\r\n",
        ]
        .concat();
        for cut in 1..accepted.len() {
            let mut requests = Requests::new();
            let (onward, found) = pass(&mut requests, &accepted, cut);
            assert_eq!(onward, accepted);
            assert_eq!(found, [false, false, true, false, true]);
            assert!(requests.is_opaque());
        }
    }

    #[test]
    fn what_is_no_http_passes_at_once() {
        let mut requests = Requests::new();
        let (onward, found) = pass(&mut requests, b"\x16\x03\x01", 1);
        assert_eq!(onward, b"\x16\x03\x01");
        assert!(found.is_empty() && requests.is_opaque());
    }

    #[test]
    fn a_request_that_is_stopped_goes_nowhere() {
        let mut requests = Requests::new();
        let mut onward = Vec::new();
        let bytes = [OPEN, POST].concat();
        let stopped = requests.take(bytes.as_bytes(), &mut onward, |head| match head.sid {
            Some(_) => Ruling::Stop("post"),
            None => Ruling::Pass,
        });
        assert_eq!(
            (stopped, onward.as_slice()),
            (Some("post"), OPEN.as_bytes())
        );
    }

    #[test]
    fn a_stripped_handshake_is_a_request_like_any_other() {
        let mut requests = Requests::new();
        let mut onward = Vec::new();
        let stopped = requests.take(ASK.as_bytes(), &mut onward, |_| Ruling::<()>::Strip);
        assert_eq!(stopped, None);
        assert_eq!(onward, b"GET /socket.io/ HTTP/1.1\r\n\r\n");
        let (onward, found) = pass(&mut requests, OPEN.as_bytes(), 7);
        assert_eq!((onward.as_slice(), found), (OPEN.as_bytes(), vec![false]));
    }
}
