//! WebSocket: frames in and out of one connection.

mod deflate;
mod handshake;
mod reader;
mod request;

use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{BufMut as _, Bytes};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::budget::{Budget, Share};
use super::failure;
use super::link_conditions::LinkConditions;
use super::socket::Stream;
use crate::event::{Cause, Failure, Origin, Stage};
use crate::limits;
use deflate::{Deflater, Inflater, Offer};
use reader::{Breach, Incoming, Reader};

/// Value of `Sec-WebSocket-Extensions` in handshakes of clients that compress.
pub use deflate::OFFER as COMPRESSION_OFFER;
pub use handshake::{HandshakeEnd, WebSocketHandshake};
pub(super) use request::HandshakeRequest;

/// Bytes read into the stack at once: an idle connection holds none.
const READ: usize = 8192;

/// Most that is set aside at once for a message whose length is known, in bytes.
const ROOM: usize = 128 << 10;

/// Control frames dealt with before others get their turn.
const CONTROL_BATCH: u32 = 64;

/// What is kept of a buffer that is empty, in bytes.
const IDLE: usize = 1024;

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
    stream: Stream,
    reader: Reader,
    unsent: Unsent,
    /// Latest ping that has not been answered, where the peer does not read.
    ping: Option<Bytes>,
    /// The peer's close frame, once one came.
    closed: Option<Goodbye>,
    /// Whether a close frame of ours is out.
    is_closing: bool,
    /// Whether our side of the connection has ended since.
    hung_up: bool,
    deflater: Option<Box<Deflater>>,
    share: Share,
    /// Limit that a message to be sent has exceeded, for the next read to tell.
    overflow: Option<Box<str>>,
}

/// Frames on their way out.
#[derive(Debug, Default)]
struct Unsent {
    bytes: Vec<u8>,
    /// How many of them are out.
    sent: usize,
    /// Whether everything that was written has been flushed.
    is_flushed: bool,
}

impl WebSocket {
    /// Over a stream whose handshake is done; `early` came in with the answer to it.
    #[must_use]
    pub fn new(stream: Stream, early: Vec<u8>, budget: &Budget) -> Self {
        Self::extended(stream, early, budget, None)
    }

    /// With the extensions that the server accepted of [`COMPRESSION_OFFER`]; nothing if it accepted
    /// what was not offered.
    #[must_use]
    pub fn negotiated(
        stream: Stream,
        early: Vec<u8>,
        budget: &Budget,
        accepted: &[&str],
    ) -> Option<Self> {
        let offer = Offer::negotiated(accepted)?;
        Some(Self::extended(stream, early, budget, offer))
    }

    /// With what the server accepted of the offer to compress.
    fn extended(stream: Stream, early: Vec<u8>, budget: &Budget, offer: Option<Offer>) -> Self {
        let inflater = offer.map(|offer| Box::new(Inflater::new(offer)));
        Self {
            stream,
            reader: Reader::new(early, inflater),
            unsent: Unsent::default(),
            ping: None,
            closed: None,
            is_closing: false,
            hung_up: false,
            deflater: offer.map(|offer| Box::new(Deflater::new(offer))),
            share: budget.share(),
            overflow: None,
        }
    }

    /// The next message. Pings are answered here and never show.
    ///
    /// # Errors
    /// Says how the connection ended; there is nothing to be read after that.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, WebSocketEnd>> {
        if let Some(limit) = &self.overflow {
            return Poll::Ready(Err(too_large(limit)));
        }
        let mut control_frames = 0;
        loop {
            self.hang_up(cx);
            let next = if self.closed.is_some() {
                None
            } else {
                match self.reader.next() {
                    Ok(next) => next,
                    Err(breach) => match self.breached(breach) {
                        Some(end) => return Poll::Ready(Err(end)),
                        None => continue,
                    },
                }
            };
            match next {
                Some(Incoming::Text(text)) => return Poll::Ready(Ok(Frame::Text(text))),
                Some(Incoming::Binary(data)) => return Poll::Ready(Ok(Frame::Binary(data))),
                Some(Incoming::Ping(payload)) => self.answer_ping(payload),
                Some(Incoming::Pong) => {}
                Some(Incoming::Close(code)) => self.close_by_peer(Goodbye::Said(code), code),
                None => {
                    match ready!(self.poll_read(cx)) {
                        Ok(0) => return Poll::Ready(Err(self.end())),
                        Ok(_) => {}
                        Err(error) => return Poll::Ready(Err(self.failed(&error))),
                    }
                    if let Err(exhausted) = self.share.hold(self.held()) {
                        return Poll::Ready(Err(too_large(&exhausted.to_string())));
                    }
                    continue;
                }
            }
            control_frames += 1;
            if control_frames == CONTROL_BATCH {
                cx.waker().wake_by_ref();
                return Poll::Pending;
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
        if self.unsent.poll_flush(cx, &mut self.stream).is_ready() {
            self.hung_up = true;
            // Whatever comes of it shows at the next read.
            let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
        }
    }

    /// Hands a message to the kernel, or to a buffer where the kernel takes no more.
    ///
    /// # Errors
    /// If the connection is gone or closing, or if too much waits to be sent already: the connection
    /// then ends at the next read.
    pub fn start_send(&mut self, frame: Frame) -> Result<(), WebSocketEnd> {
        if self.is_closing || self.closed.is_some() {
            return Err(self.end());
        }
        if self.unsent.waiting() > limits::UNSENT {
            return Err(self.overflows("the server reads nothing of what is sent"));
        }
        let (data, kind) = match frame {
            Frame::Text(text) => (text, Data::Text),
            Frame::Binary(data) => (data, Data::Binary),
        };
        let is_long = data.len() >= deflate::THRESHOLD;
        let compressed = match &mut self.deflater {
            Some(deflater) if is_long => deflater.deflate(&data),
            Some(_) | None => None,
        };
        let is_compressed = compressed.is_some();
        let payload = compressed.as_deref().unwrap_or(&data);
        self.unsent.push(OpCode::Data(kind), is_compressed, payload);
        self.unsent.write_now(&mut self.stream);
        self.share
            .hold(self.held())
            .map_err(|exhausted| self.overflows(&exhausted.to_string()))
    }

    fn overflows(&mut self, limit: &str) -> WebSocketEnd {
        self.overflow = Some(limit.into());
        too_large(limit)
    }

    /// Waits until the kernel took everything.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketEnd>> {
        loop {
            let flushed = ready!(self.unsent.poll_flush(cx, &mut self.stream));
            if let Err(error) = flushed {
                return Poll::Ready(Err(self.failed(&error)));
            }
            match self.ping.take() {
                Some(payload) => self.answer_ping(payload),
                None => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Sends a close frame, with this code or without one. [`WebSocket::poll_next`] then tells when the peer has
    /// answered and closed; the caller bounds the wait.
    ///
    /// # Errors
    /// If the connection is gone, or closing.
    pub fn start_close(&mut self, code: Option<u16>) -> Result<(), WebSocketEnd> {
        if self.is_closing || self.closed.is_some() {
            return Err(self.end());
        }
        self.is_closing = true;
        self.push_close(code);
        Ok(())
    }

    /// It belongs to a network that is not sound.
    ///
    /// # Errors
    /// If the kernel refuses the filter.
    pub fn join(&self, network: &Rc<LinkConditions>) -> io::Result<()> {
        self.stream.tcp().join(network)
    }

    /// Ends the connection with RST.
    pub fn reset(self) {
        self.stream.tcp().reset_on_close();
    }

    /// Sends FIN; frames of the peer, or the end of the connection, can still come.
    pub fn fin(&self) {
        self.stream.tcp().fin();
    }

    /// Bytes held in buffers, capacity included.
    fn held(&self) -> usize {
        self.reader.held() + self.unsent.bytes.capacity()
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Some((room, missing)) = self.reader.room()
            && missing > READ
        {
            room.reserve(missing.min(ROOM));
            let mut rest = room.limit(missing);
            let read = ready!(pin!(self.stream.read_buf(&mut rest)).poll(cx))?;
            self.reader.filled(read);
            return Poll::Ready(Ok(read));
        }
        let mut space = [const { MaybeUninit::uninit() }; READ];
        let mut read = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        // What follows a close frame is nobody's.
        if self.closed.is_none() {
            self.reader.push(read.filled());
        }
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Where the peer does not read, only its latest ping is answered (RFC 6455, section 5.5.3).
    fn answer_ping(&mut self, payload: Bytes) {
        if self.is_closing {
            return;
        }
        if self.unsent.waiting() > limits::UNSENT_PONGS {
            self.ping = Some(payload);
            return;
        }
        let pong = OpCode::Control(Control::Pong);
        self.unsent.push(pong, false, &payload);
        self.unsent.write_now(&mut self.stream);
    }

    fn close_by_peer(&mut self, how: Goodbye, answer: Option<u16>) {
        self.closed = Some(how);
        if !self.is_closing {
            self.push_close(answer);
        }
    }

    fn push_close(&mut self, code: Option<u16>) {
        let payload = code.map(u16::to_be_bytes);
        let payload = payload.as_ref().map_or(&[][..], |code| &code[..]);
        self.unsent
            .push(OpCode::Control(Control::Close), false, payload);
        self.unsent.write_now(&mut self.stream);
    }

    /// What a breach of the peer means; nothing where it is a close frame all the same.
    fn breached(&mut self, breach: Breach) -> Option<WebSocketEnd> {
        match breach {
            Breach::CloseCode if self.is_closing => {
                self.close_by_peer(Goodbye::Said(None), None);
                return None;
            }
            Breach::CloseCode => {
                self.close_by_peer(Goodbye::Invalid, Some(PROTOCOL_ERROR));
                return None;
            }
            Breach::ReservedBits
            | Breach::Masked
            | Breach::Opcode
            | Breach::Control
            | Breach::Continuation
            | Breach::Interleaved
            | Breach::Utf8
            | Breach::Close
            | Breach::Compressed
            | Breach::Http(_)
            | Breach::TooLarge => {}
        }
        Some(if breach == Breach::TooLarge {
            too_large(&breach.to_string())
        } else {
            WebSocketEnd::Failed(violation(&breach.to_string()))
        })
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

    fn failed(&self, error: &io::Error) -> WebSocketEnd {
        if self.closed.is_some() {
            return self.end();
        }
        WebSocketEnd::Lost(failure::from_io(Stage::Session, error))
    }
}

/// Close code of a breach of the protocol.
const PROTOCOL_ERROR: u16 = 1002;

impl Unsent {
    /// Bytes that the kernel has not taken.
    fn waiting(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Appends a frame, masked as a client must.
    fn push(&mut self, opcode: OpCode, is_compressed: bool, payload: &[u8]) {
        if self.waiting() == 0 {
            self.bytes.clear();
            self.sent = 0;
        }
        let mask = fastrand::u32(..).to_ne_bytes();
        let header = FrameHeader {
            rsv1: is_compressed,
            opcode,
            mask: Some(mask),
            ..FrameHeader::default()
        };
        let length = payload.len() as u64;
        self.bytes.reserve(header.len(length) + payload.len());
        header
            .format(length, &mut self.bytes)
            .expect("a Vec takes every byte");
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        apply_mask(&mut self.bytes[start..], mask);
        self.is_flushed = false;
    }

    /// Writes what the kernel takes at once; the rest waits for a flush.
    fn write_now(&mut self, stream: &mut Stream) {
        let mut cx = Context::from_waker(Waker::noop());
        // An error shows at the next flush or read.
        let _ = self.poll_write(&mut cx, stream);
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Result<()>> {
        while self.waiting() > 0 {
            let rest = &self.bytes[self.sent..];
            match ready!(Pin::new(&mut *stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
        }
        self.bytes.clear();
        self.sent = 0;
        if self.bytes.capacity() > IDLE {
            self.bytes = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Result<()>> {
        ready!(self.poll_write(cx, stream))?;
        if !self.is_flushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }
}

/// Eight bytes at a time: a byte-wise loop is what large messages would spend their time in.
fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

fn too_large(what: &str) -> WebSocketEnd {
    let failure = Failure::new(Stage::Session, Cause::TooLarge, Origin::Server);
    WebSocketEnd::Failed(failure.with_message(what))
}

fn closed_early() -> Failure {
    Failure::new(Stage::Session, Cause::ConnectionClosed, Origin::Network)
}

fn violation(what: &str) -> Failure {
    Failure::new(Stage::Session, Cause::ProtocolViolation, Origin::Server).with_message(what)
}
