use std::cell::{Cell, OnceCell};
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::dialer::CertificateFacts;
use super::link_conditions::LinkConditions;

/// How many bytes of TCP payload went over the connections of one population on one worker.
#[derive(Debug, Default)]
pub struct ByteMeter {
    sent: Cell<u64>,
    received: Cell<u64>,
}

impl ByteMeter {
    /// Bytes written so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// Bytes read so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.get()
    }
}

/// One TCP connection, with what is known about the traffic on it.
///
/// Shared by `Rc` with whoever may have to break the connection while it is in use, so that no
/// descriptor has to be duplicated for it.
pub struct Tcp {
    stream: TcpStream,
    meter: Rc<ByteMeter>,
    /// The first two bytes that came in: they tell TLS from HTTP.
    first: Cell<[u8; 2]>,
    first_len: Cell<u8>,
    /// Whether a byte of plain text came in since [`Tcp::expect_answer`].
    answered: Cell<bool>,
    /// Unset as long as there is nothing to say about it.
    network: OnceCell<Rc<LinkConditions>>,
}

impl Tcp {
    pub(super) fn new(stream: TcpStream, meter: Rc<ByteMeter>) -> Self {
        Self {
            stream,
            meter,
            first: Cell::new([0; 2]),
            first_len: Cell::new(0),
            answered: Cell::new(false),
            network: OnceCell::new(),
        }
    }

    /// The socket, for options that a fault sets (`SO_LINGER`, shutdown, a filter).
    #[must_use]
    pub fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.stream)
    }

    /// Lets it be as its network is now. It stays with the first network that it joins.
    ///
    /// # Errors
    /// If the kernel refuses the filter.
    pub fn join(&self, network: &Rc<LinkConditions>) -> io::Result<()> {
        let network = self.network.get_or_init(|| Rc::clone(network));
        network.filter(&self.socket())
    }

    /// Whether nothing can be told to the peer; if so, the task of `cx` is woken when it can.
    fn is_held(&self, cx: &Context<'_>) -> bool {
        let network = self.network.get();
        network.is_some_and(|network| network.poll_audible(cx).is_pending())
    }

    fn is_silent(&self) -> bool {
        self.network
            .get()
            .is_some_and(|network| network.is_silent())
    }

    /// Makes the next close send RST and throw away what is not yet sent (`SO_LINGER` 0).
    pub fn reset_on_close(&self) {
        // Fails only on a socket that is already gone, which needs no RST any more.
        let _ = self.socket().set_linger(Some(Duration::ZERO));
    }

    /// Sends FIN; reading goes on.
    pub fn fin(&self) {
        if self.is_silent() {
            return;
        }
        // Fails only on a socket that is already shut or reset.
        let _ = self.socket().shutdown(Shutdown::Write);
    }

    /// Forgets earlier answers, before a request.
    pub(super) fn expect_answer(&self) {
        self.answered.set(false);
    }

    /// Whether any byte of an answer came in since [`Tcp::expect_answer`].
    pub(super) fn is_answered(&self) -> bool {
        self.answered.get()
    }

    /// The first two bytes that the peer ever sent, if so many came.
    pub(super) fn first_bytes(&self) -> Option<[u8; 2]> {
        (self.first_len.get() == 2).then(|| self.first.get())
    }

    fn note_received(&self, bytes: &[u8]) {
        let meter = &self.meter.received;
        meter.set(meter.get() + bytes.len() as u64);
        let mut known = self.first_len.get();
        if known < 2 {
            let mut first = self.first.get();
            for &byte in bytes.iter().take(usize::from(2 - known)) {
                first[usize::from(known)] = byte;
                known += 1;
            }
            self.first.set(first);
            self.first_len.set(known);
        }
    }

    fn note_sent(&self, bytes: usize) {
        let meter = &self.meter.sent;
        meter.set(meter.get() + bytes as u64);
    }

    fn poll_read_shared(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read_buf(buf) {
                Ok(_) => return Poll::Ready(Ok(())),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }

    fn poll_write_shared(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_write(bytes) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        if self.is_silent()
            && let Some(network) = self.network.get()
            // Without a descriptor to spare the peer hears the end, which is the lesser evil.
            && let Ok(socket) = self.stream.as_fd().try_clone_to_owned()
        {
            network.keep(socket);
        }
    }
}

impl fmt::Debug for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tcp").field("stream", &self.stream).finish()
    }
}

/// The byte stream of a dialed connection.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP as it is.
    Plain(Socket),
    /// Over TLS.
    Tls(Box<TlsStream<Socket>>),
}

impl Stream {
    /// The TCP connection below.
    #[must_use]
    pub fn tcp(&self) -> &Rc<Tcp> {
        match self {
            Self::Plain(socket) => &socket.0,
            Self::Tls(stream) => &stream.get_ref().0.0,
        }
    }
}

impl Stream {
    /// What the server showed in the TLS handshake; nothing without TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<CertificateFacts> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => CertificateFacts::of(stream.get_ref().1),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(match this {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        })?;
        if buf.filled().len() > before {
            this.tcp().answered.set(true);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A counted TCP socket.
///
/// Alone with its connection it reads as tokio's own stream does, which knows from a short read
/// that nothing is left and saves the read that would only say so. A shared one cannot.
#[derive(Debug)]
pub struct Socket(pub(super) Rc<Tcp>);

impl Socket {
    fn poll_read_freely(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(match Rc::get_mut(&mut self.0) {
            Some(tcp) => Pin::new(&mut tcp.stream).poll_read(cx, buf),
            None => self.0.poll_read_shared(cx, buf),
        })?;
        self.0.note_received(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }

    /// Reads no more than the network allows.
    fn poll_read_on(
        &mut self,
        network: &LinkConditions,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(allowed) = ready!(network.poll_allowance(cx)) else {
            return self.poll_read_freely(cx, buf);
        };
        let room = allowed.min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
        ready!(self.poll_read_freely(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        network.spend(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.0.network.get().cloned() {
            None => self.poll_read_freely(cx, buf),
            Some(network) => self.poll_read_on(&network, cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.0.is_held(cx) {
            return Poll::Pending;
        }
        let written = ready!(match Rc::get_mut(&mut self.0) {
            Some(tcp) => Pin::new(&mut tcp.stream).poll_write(cx, bytes),
            None => self.0.poll_write_shared(cx, bytes),
        })?;
        self.0.note_sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.0.is_held(cx) {
            return Poll::Pending;
        }
        Poll::Ready(match self.0.socket().shutdown(Shutdown::Write) {
            Err(e) if e.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        })
    }
}

/// Where a connection under way can be reached for faults while a future owns its stream.
#[derive(Default)]
pub(super) struct TcpSlot {
    tcp: Cell<Option<Rc<Tcp>>>,
    /// On which network the connection is to be made.
    network: OnceCell<Rc<LinkConditions>>,
    asked: Cell<bool>,
}

impl TcpSlot {
    pub(super) fn on(network: Option<&Rc<LinkConditions>>) -> Self {
        let slot = Self::default();
        if let Some(network) = network {
            let _ = slot.network.set(Rc::clone(network));
        }
        slot
    }

    pub(super) fn network(&self) -> Option<&Rc<LinkConditions>> {
        self.network.get()
    }

    /// The connection under way, and one that is still to be made, join a network.
    pub(super) fn join(&self, network: &Rc<LinkConditions>) -> io::Result<()> {
        let network = self.network.get_or_init(|| Rc::clone(network));
        self.get().map_or(Ok(()), |tcp| tcp.join(network))
    }

    /// The connection under way, if there is one, ends with RST when it is dropped.
    pub(super) fn reset_on_close(&self) {
        if let Some(tcp) = self.get() {
            tcp.reset_on_close();
        }
    }

    /// Sends FIN on the connection under way, if there is one.
    pub(super) fn fin(&self) {
        if let Some(tcp) = self.get() {
            tcp.fin();
        }
    }

    /// The request was written.
    pub(super) fn note_asked(&self) {
        self.asked.set(true);
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.get()
    }

    pub(super) fn set(&self, tcp: Option<Rc<Tcp>>) {
        self.tcp.set(tcp);
    }

    pub(super) fn get(&self) -> Option<Rc<Tcp>> {
        let tcp = self.tcp.take();
        self.tcp.set(tcp.clone());
        tcp
    }
}
