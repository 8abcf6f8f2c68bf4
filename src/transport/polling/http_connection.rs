use std::future::{Future, poll_fn};
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{BufMut, Bytes};
use flate2::read::GzDecoder;
use http::header::{CONTENT_ENCODING, HeaderMap};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::answer::{Answer, Reader};
use crate::event::{Cause, Failure, Origin, Stage};
use crate::http1::Malformed;
use crate::limits;
use crate::transport::failure;
use crate::transport::socket::{Stream, Tcp};

/// The largest read into the stack, in bytes. Nothing is held for it while a poll waits.
const READ: usize = 8192;

/// The most that is set aside at once for a body whose length is known, in bytes.
const ROOM: usize = 1 << 20;

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
    pub(super) async fn exchange(&mut self, request: Vec<u8>) -> Result<Answer, Failure> {
        self.tcp().expect_answer();
        let mut writing = Writing {
            request,
            written: 0,
            failed: None,
        };
        let mut reader = Reader::default();
        poll_fn(|cx| self.poll_exchange(cx, &mut writing, &mut reader)).await
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
                Ok(_) => reader.poll().map_err(|broken| self.broken(broken)),
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

/// The body as it was before the server compressed it.
pub(super) fn decoded(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Failure> {
    let is_gzip = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if !is_gzip {
        return Ok(body);
    }
    let mut plain = Vec::with_capacity(body.len() * 4);
    let failed = |cause| Failure::new(Stage::Open, cause, Origin::Server);
    GzDecoder::new(&body[..])
        .take(limits::BODY as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|e| failed(Cause::NotSocketio).with_message(&e.to_string()))?;
    if plain.len() > limits::BODY {
        return Err(failed(Cause::PayloadTooLarge));
    }
    Ok(plain.into())
}
