//! WebSocket: frames in and out of one connection.

mod handshake;
mod request;

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Sink, Stream as _};
use tokio::io::AsyncWrite as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::failure;
use super::link_conditions::LinkConditions;
use super::socket::Stream;
use crate::event::{Cause, Failure, Origin, Stage};

pub use handshake::{HandshakeEnd, WebSocketHandshake};
pub(super) use request::HandshakeRequest;

/// The longest message that is taken, in bytes: the default of `ws`.
const MESSAGE_LIMIT: usize = 100 << 20;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8: checked when it came in, and for the caller to see to when it goes out.
    Text(Bytes),
    /// Any bytes.
    Binary(Bytes),
}

/// How a WebSocket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebSocketEnd {
    /// By a close frame of the peer (or its answer to ours). The JS client: `transport close`.
    Closed {
        /// As sent; nothing stands for a frame without one (1005 in JS).
        code: Option<u16>,
    },
    /// The connection went away without a close frame (1006 in JS). The JS client: `transport
    /// close`; why it went away is known here all the same.
    Lost(Failure),
    /// The peer broke the protocol or a limit. The JS client: `transport error`.
    Failed(Failure),
}

/// The peer's close frame.
#[derive(Debug, Clone, Copy)]
enum Goodbye {
    /// With this code, or without one.
    Said(Option<u16>),
    /// With a code that must not be sent: 1005, 1006, and all that mean nothing.
    Invalid,
}

/// An open WebSocket. Dropping it closes the connection without a close frame.
pub struct WebSocket {
    inner: WebSocketStream<Stream>,
    /// The peer's close frame, once one came.
    closed: Option<Goodbye>,
    /// Whether a close frame of ours is out.
    is_closing: bool,
    /// Whether our side of the connection has ended since.
    hung_up: bool,
}

impl WebSocket {
    /// Over a stream whose handshake is done; `early` came in with the answer to it.
    pub async fn new(stream: Stream, early: Vec<u8>) -> Self {
        // tungstenite's own defaults cost 135 KiB and 110 µs per client. Frames go to the kernel
        // at once, as `ws` writes them.
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_LIMIT))
            .max_frame_size(Some(MESSAGE_LIMIT));
        let inner = if early.is_empty() {
            WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await
        } else {
            WebSocketStream::from_partially_read(stream, early, Role::Client, Some(config)).await
        };
        Self {
            inner,
            closed: None,
            is_closing: false,
            hung_up: false,
        }
    }

    /// The next message. Pings are answered here and never show.
    ///
    /// # Errors
    /// Says how the connection ended; there is nothing to be read after that.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, WebSocketEnd>> {
        loop {
            self.hang_up(cx);
            let Some(next) = ready!(Pin::new(&mut self.inner).poll_next(cx)) else {
                return Poll::Ready(Err(self.end()));
            };
            match next {
                Ok(Message::Text(text)) => return Poll::Ready(Ok(Frame::Text(text.into()))),
                Ok(Message::Binary(data)) => return Poll::Ready(Ok(Frame::Binary(data))),
                // tungstenite answers it, and ends the stream once the server closed TCP.
                Ok(Message::Close(frame)) => self.closed = Some(self.goodbye(frame.as_ref())),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(error) => return Poll::Ready(Err(self.failed(&error))),
            }
        }
    }

    /// Whether the peer's close frame has come. The end of the connection is then a matter of
    /// moments, but not of a certain time.
    #[must_use]
    pub fn is_closed_by_peer(&self) -> bool {
        self.closed.is_some()
    }

    /// Gives up waiting for the end of the connection.
    #[must_use]
    pub fn give_up(self) -> WebSocketEnd {
        self.end()
    }

    /// Ends our side once both close frames are through, as `ws` does without waiting for the
    /// peer: where both wait, the connection stays for ever.
    fn hang_up(&mut self, cx: &mut Context<'_>) {
        if self.closed.is_none() || self.hung_up {
            return;
        }
        if Pin::new(&mut self.inner).poll_flush(cx).is_ready() {
            self.hung_up = true;
            // Whatever comes of it shows at the next read.
            let _ = Pin::new(self.inner.get_mut()).poll_shutdown(cx);
        }
    }

    /// Hands a message to the kernel, or to a buffer where the kernel takes no more.
    ///
    /// # Errors
    /// If the connection is gone, or closing.
    pub fn start_send(&mut self, frame: Frame) -> Result<(), WebSocketEnd> {
        let (data, kind) = match frame {
            Frame::Text(text) => (text, Data::Text),
            Frame::Binary(data) => (data, Data::Binary),
        };
        // A raw frame spares the check that the text is UTF-8.
        let frame = RawFrame::message(data, OpCode::Data(kind), true);
        self.send(Message::Frame(frame))
    }

    /// Waits until the kernel took everything.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketEnd>> {
        let flushed = ready!(Pin::new(&mut self.inner).poll_flush(cx));
        Poll::Ready(flushed.map_err(|e| self.failed(&e)))
    }

    /// Sends a close frame, with this code or without one. [`WebSocket::poll_next`] then tells when the peer has
    /// answered and closed; the caller bounds the wait.
    ///
    /// # Errors
    /// If the connection is gone, or closing.
    pub fn start_close(&mut self, code: Option<u16>) -> Result<(), WebSocketEnd> {
        let frame = code.map(|code| CloseFrame {
            code: code.into(),
            reason: Utf8Bytes::default(),
        });
        self.is_closing = true;
        self.send(Message::Close(frame))
    }

    /// It belongs to a network that is not sound.
    ///
    /// # Errors
    /// If the kernel refuses the filter.
    pub fn join(&self, network: &Rc<LinkConditions>) -> io::Result<()> {
        self.inner.get_ref().tcp().join(network)
    }

    /// Ends the connection with RST.
    pub fn reset(self) {
        self.inner.get_ref().tcp().reset_on_close();
    }

    /// Sends FIN; frames of the peer, or the end of the connection, can still come.
    pub fn fin(&self) {
        self.inner.get_ref().tcp().fin();
    }

    fn send(&mut self, message: Message) -> Result<(), WebSocketEnd> {
        let sent = Pin::new(&mut self.inner).start_send(message);
        sent.map_err(|e| self.failed(&e))
    }

    /// tungstenite puts 1002 and these words in the place of a code that it does not allow, unless
    /// the frame answers one of ours.
    fn goodbye(&self, frame: Option<&CloseFrame>) -> Goodbye {
        let is_replaced = |frame: &CloseFrame| {
            frame.code == CloseCode::Protocol && frame.reason.as_str() == "Protocol violation"
        };
        if !self.is_closing && frame.is_some_and(is_replaced) {
            return Goodbye::Invalid;
        }
        Goodbye::Said(frame.map(|frame| frame.code.into()))
    }

    fn end(&self) -> WebSocketEnd {
        match self.closed {
            Some(Goodbye::Said(code)) => WebSocketEnd::Closed { code },
            Some(Goodbye::Invalid) => {
                WebSocketEnd::Failed(violation("a close frame with an invalid code"))
            }
            None => WebSocketEnd::Lost(closed_early()),
        }
    }

    fn failed(&self, error: &Error) -> WebSocketEnd {
        if self.closed.is_some() {
            return self.end();
        }
        match error {
            Error::Io(error) => WebSocketEnd::Lost(failure::from_io(Stage::Session, error)),
            Error::ConnectionClosed | Error::AlreadyClosed => self.end(),
            Error::Protocol(
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ) => self.end(),
            Error::Capacity(limit) => WebSocketEnd::Failed(
                Failure::new(Stage::Session, Cause::PayloadTooLarge, Origin::Server)
                    .with_message(&limit.to_string()),
            ),
            Error::Protocol(_)
            | Error::Utf8(_)
            | Error::AttackAttempt
            | Error::WriteBufferFull(_)
            | Error::Tls(_)
            | Error::Url(_)
            | Error::Http(_)
            | Error::HttpFormat(_) => WebSocketEnd::Failed(violation(&error.to_string())),
        }
    }
}

fn closed_early() -> Failure {
    Failure::new(Stage::Session, Cause::ConnectionClosed, Origin::Network)
}

fn violation(what: &str) -> Failure {
    Failure::new(Stage::Session, Cause::ProtocolViolation, Origin::Server).with_message(what)
}
