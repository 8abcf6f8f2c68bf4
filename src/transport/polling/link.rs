use std::future::{Future, poll_fn};
use std::io::Read;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use flate2::read::GzDecoder;
use http::header::CONTENT_ENCODING;
use http::response::Parts;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::event::{Cause, Failure, Origin, Stage};
use crate::transport::failure;
use crate::transport::socket::{Stream, Tcp};

/// The longest response that is taken, in bytes: what `ws` allows for a message by default.
const BODY_LIMIT: usize = 100 << 20;

/// The longest head of a response, and the largest read, in bytes. hyper keeps a buffer of this
/// size for as long as a poll is held.
const READ_BUFFER: usize = 8192;

/// An HTTP/1.1 connection: hyper on one of our streams.
pub(super) struct Link {
    sender: http1::SendRequest<Full<Bytes>>,
    connection: http1::Connection<TokioIo<Stream>, Full<Bytes>>,
    /// A connection that ended must not be polled again.
    ended: bool,
    tcp: Rc<Tcp>,
}

impl Link {
    pub(super) async fn new(stream: Stream) -> Result<Self, Failure> {
        let tcp = Rc::clone(stream.tcp());
        let (sender, connection) = http1::Builder::new()
            .title_case_headers(true)
            .writev(false)
            .read_buf_exact_size(Some(READ_BUFFER))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| failure::from_hyper(&e, None))?;
        Ok(Self {
            sender,
            connection,
            ended: false,
            tcp,
        })
    }

    pub(super) fn tcp(&self) -> &Rc<Tcp> {
        &self.tcp
    }

    /// Whether the connection, on which nothing goes on, still stands.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        !self.ended && self.sender.is_ready()
    }

    /// One request and its whole response.
    pub(super) async fn exchange(
        &mut self,
        request: http::Request<Full<Bytes>>,
    ) -> Result<(Parts, Bytes), Failure> {
        self.tcp.expect_answer();
        match self.run(request).await {
            Ok(answer) => Ok(answer),
            Err(End::Hyper(error)) => Err(failure::from_hyper(&error, self.tcp.first_bytes())),
            Err(End::TooLarge) => Err(Failure::new(
                Stage::Open,
                Cause::PayloadTooLarge,
                Origin::Server,
            )),
        }
    }

    async fn run(&mut self, request: http::Request<Full<Bytes>>) -> Result<(Parts, Bytes), End> {
        let response = {
            let mut response = pin!(self.sender.send_request(request));
            let connection = &mut self.connection;
            let ended = &mut self.ended;
            poll_fn(|cx| {
                drive(connection, ended, cx);
                response.as_mut().poll(cx)
            })
            .await
            .map_err(End::Hyper)?
        };
        let (parts, body) = response.into_parts();
        let body = self.collect(body).await?;
        Ok((parts, body))
    }

    /// Most bodies come in one piece, which is then passed on without a copy.
    async fn collect(&mut self, mut body: Incoming) -> Result<Bytes, End> {
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        while !body.is_end_stream() {
            let frame = poll_fn(|cx| {
                self.drive(cx);
                Pin::new(&mut body).poll_frame(cx)
            });
            let Some(frame) = frame.await else { break };
            let Ok(data) = frame.map_err(End::Hyper)?.into_data() else {
                continue;
            };
            if first.is_empty() {
                first = data;
                continue;
            }
            if whole.is_empty() {
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&data);
            if whole.len() > BODY_LIMIT {
                return Err(End::TooLarge);
            }
        }
        Ok(if whole.is_empty() {
            first
        } else {
            whole.freeze()
        })
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.connection, &mut self.ended, cx);
    }
}

/// Why there is no whole response.
enum End {
    Hyper(hyper::Error),
    TooLarge,
}

/// Lets hyper read and write. Its errors are reported to the request under way as well.
fn drive(
    connection: &mut http1::Connection<TokioIo<Stream>, Full<Bytes>>,
    ended: &mut bool,
    cx: &mut Context<'_>,
) {
    if !*ended && let Poll::Ready(_) = Pin::new(connection).poll(cx) {
        *ended = true;
    }
}

/// The body as it was before the server compressed it.
pub(super) fn decoded(parts: &Parts, body: Bytes) -> Result<Bytes, Failure> {
    let is_gzip = parts
        .headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if !is_gzip {
        return Ok(body);
    }
    let mut plain = Vec::with_capacity(body.len() * 4);
    let failed = |cause| Failure::new(Stage::Open, cause, Origin::Server);
    GzDecoder::new(&body[..])
        .take(BODY_LIMIT as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|e| failed(Cause::NotSocketio).with_message(&e.to_string()))?;
    if plain.len() > BODY_LIMIT {
        return Err(failed(Cause::PayloadTooLarge));
    }
    Ok(plain.into())
}
