use std::future::{Future, poll_fn};
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{BufMut, Bytes};
use flate2::read::GzDecoder;
use http::header::CONTENT_ENCODING;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::answer::{Answer, Reader};
use crate::event::{Cause, Failure, Origin, Stage};
use crate::http1::Malformed;
use crate::limits;
use crate::transport::budget::Share;
use crate::transport::failure;
use crate::transport::socket::{Stream, Tcp};

/// The largest read into the stack, in bytes. Nothing is held for it while a poll waits.
const READ: usize = 8192;

/// Bytes that are decompressed at once.
const DECODED: usize = 32 << 10;

/// The most that is set aside at once for a body whose length is known, in bytes.
const ROOM: usize = 128 << 10;

/// An HTTP/1.1 connection.
pub(super) struct HttpConnection {
    stream: Stream,
}

impl HttpConnection {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream }
    }

    pub(super) fn tcp(&self) -> &Rc<Tcp> {
        self.stream.tcp()
    }

    /// Whether the connection, on which nothing goes on, still stands.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>) -> bool {
        let mut byte = [0];
        // Whatever comes without being asked for, its end included, makes it useless.
        Pin::new(&mut self.stream)
            .poll_read(cx, &mut ReadBuf::new(&mut byte))
            .is_pending()
    }

    /// One request and its whole answer.
    ///
    /// The body of a 200 has at most `limit` bytes, for which `share` draws on the budget.
    pub(super) async fn exchange(
        &mut self,
        request: Vec<u8>,
        limit: usize,
        share: &mut Share,
    ) -> Result<Answer, Failure> {
        self.tcp().expect_answer();
        let mut writing = Writing {
            request,
            written: 0,
            failed: None,
        };
        let mut reader = Reader::new(limit);
        poll_fn(|cx| self.poll_exchange(cx, &mut writing, &mut reader, share)).await
    }

    /// Says that no more will come, where TLS has a word for it. The end of the TCP connection
    /// follows with the end of this value.
    pub(super) fn hang_up(mut self) {
        if let Stream::Tls(_) = &self.stream {
            let mut cx = Context::from_waker(Waker::noop());
            // If there is no room for it in the socket the peer has stopped reading.
            let _ = Pin::new(&mut self.stream).poll_shutdown(&mut cx);
        }
    }

    /// Reads while it writes: a server may refuse a large body before it has read it.
    fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
        writing: &mut Writing,
        reader: &mut Reader,
        share: &mut Share,
    ) -> Poll<Result<Answer, Failure>> {
        writing.poll(cx, &mut self.stream);
        loop {
            let read = match self.poll_read(cx, reader) {
                Poll::Pending => {
                    let Some(error) = writing.failed.take() else {
                        return Poll::Pending;
                    };
                    Err(error)
                }
                Poll::Ready(read) => read,
            };
            let answer = match read {
                Ok(0) => reader.end().ok_or_else(|| writing.ended()).map(Some),
                Ok(_) => match share.hold(reader.held()) {
                    Ok(()) => reader.poll().map_err(|broken| self.broken(broken)),
                    Err(exhausted) => Err(failure::too_large(&exhausted.to_string())),
                },
                Err(error) => Err(failure::from_io(Stage::Open, &error)),
            };
            if let Some(end) = answer.transpose() {
                return Poll::Ready(end);
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, reader: &mut Reader) -> Poll<io::Result<usize>> {
        if let Some((room, announced)) = reader.room()
            && announced > READ
        {
            room.reserve(announced.min(ROOM));
            let mut rest = room.limit(announced);
            let read = ready!(pin!(self.stream.read_buf(&mut rest)).poll(cx))?;
            reader.filled(read);
            return Poll::Ready(Ok(read));
        }
        let mut space = [const { MaybeUninit::uninit() }; READ];
        let mut read = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        reader.push(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }

    fn broken(&self, broken: Malformed) -> Failure {
        if failure::is_tls_alert(self.tcp().first_bytes()) {
            return failure::tls_required();
        }
        failure::from_http(broken)
    }
}

/// A request on its way out.
struct Writing {
    /// Empty once it is out.
    request: Vec<u8>,
    written: usize,
    /// Why it will not go out. An answer may have come all the same.
    failed: Option<io::Error>,
}

impl Writing {
    fn poll(&mut self, cx: &mut Context<'_>, stream: &mut Stream) {
        if self.request.is_empty() {
            return;
        }
        match self.poll_write(cx, stream) {
            Poll::Pending => {}
            Poll::Ready(done) => {
                self.request = Vec::new();
                self.failed = done.err();
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Result<()>> {
        while self.written < self.request.len() {
            let rest = &self.request[self.written..];
            match ready!(Pin::new(&mut *stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        // TLS may hold the end of it back until it is told to flush.
        Pin::new(stream).poll_flush(cx)
    }

    /// The peer ended the connection before its answer was whole.
    fn ended(&mut self) -> Failure {
        match self.failed.take() {
            Some(error) => failure::from_io(Stage::Open, &error),
            None => Failure::new(Stage::Open, Cause::ConnectionClosed, Origin::Network)
                .with_message("the connection ended before the answer did"),
        }
    }
}

/// The body as it was before the server compressed it, at most `limit` bytes of it; an explanation
/// that is longer is cut.
pub(super) fn decoded(answer: Answer, limit: usize, share: &mut Share) -> Result<Bytes, Failure> {
    let is_gzip = answer
        .headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if !is_gzip {
        return Ok(answer.body);
    }
    let is_explanation = answer.status != 200;
    let limit = if is_explanation {
        limits::REFUSAL
    } else {
        limit
    };
    let mut plain = Vec::new();
    let mut decoder = GzDecoder::new(&answer.body[..]).take(limit as u64 + 1);
    loop {
        let length = plain.len();
        plain.resize(length + DECODED, 0);
        let read = decoder.read(&mut plain[length..]);
        let read = read.map_err(|error| {
            Failure::new(Stage::Open, Cause::NotSocketio, Origin::Server)
                .with_message(&error.to_string())
        })?;
        plain.truncate(length + read);
        if read == 0 {
            break;
        }
        share
            .hold(answer.body.len() + plain.capacity())
            .map_err(|exhausted| failure::too_large(&exhausted.to_string()))?;
    }
    if plain.len() > limit {
        if !is_explanation {
            let broken = Malformed::BodyTooLarge { limit };
            return Err(failure::too_large(&broken.to_string()));
        }
        plain.truncate(limit);
    }
    Ok(plain.into())
}
