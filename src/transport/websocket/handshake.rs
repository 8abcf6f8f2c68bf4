use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::request::HandshakeRequest;
use super::{WebSocket, refusal};
use crate::event::{Cause, Failure, Origin, Stage};
use crate::transport::dialer::Timings;
use crate::transport::failure;
use crate::transport::link_conditions::LinkConditions;
use crate::transport::polling::{HEADERS_LIMIT, has_token};
use crate::transport::settings::Settings;
use crate::transport::socket::{Stream, TcpSlot};

/// The longest head of an answer, in bytes; Node's limit too.
const HEAD_LIMIT: usize = 16 * 1024;
/// The most that is read of a refusal's body, in bytes.
const BODY_LIMIT: usize = 4096;
/// How long the body of a refusal may take after its head: it only explains what is already
/// known, and some servers never end it.
const BODY_PATIENCE: Duration = Duration::from_millis(500);

/// How a WebSocket handshake ended.
pub struct HandshakeEnd {
    /// An answer other than 101 is `websocket_refused`, or what its body names.
    pub result: Result<WebSocket, Failure>,
    /// Of the connection; nothing if there was none.
    pub timings: Option<Timings>,
}

/// A WebSocket handshake under way. Dropping it closes its connection.
pub struct WebSocketHandshake {
    run: Pin<Box<dyn Future<Output = HandshakeEnd>>>,
    slot: Rc<TcpSlot>,
}

impl WebSocketHandshake {
    pub(in crate::transport) fn new(
        settings: &Rc<Settings>,
        client: u64,
        request: HandshakeRequest,
        network: Option<&Rc<LinkConditions>>,
    ) -> Self {
        let slot = Rc::new(TcpSlot::on(network));
        let run = run(Rc::clone(settings), client, request, Rc::clone(&slot));
        Self {
            run: Box::pin(run),
            slot,
        }
    }

    /// Goes on until the WebSocket is open or refused. Must not be called again after that.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<HandshakeEnd> {
        let end = ready!(self.run.as_mut().poll(cx));
        // An open WebSocket reads faster when it is the only one to know its connection.
        self.slot.set(None);
        Poll::Ready(end)
    }

    /// Whether the request has been written; the answer is not there yet.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.slot.is_asked()
    }

    /// Its connection, now or once it is made, belongs to a network that is not sound.
    ///
    /// # Errors
    /// If the kernel refuses the filter.
    pub fn join(&self, network: &Rc<LinkConditions>) -> io::Result<()> {
        self.slot.join(network)
    }

    /// Ends the connection with RST.
    pub fn reset(self) {
        self.slot.reset_on_close();
    }

    /// Sends FIN; the answer, or the end of the connection, can still come.
    pub fn fin(&self) {
        self.slot.fin();
    }
}

async fn run(
    settings: Rc<Settings>,
    client: u64,
    request: HandshakeRequest,
    slot: Rc<TcpSlot>,
) -> HandshakeEnd {
    let dialer = &settings.dialer;
    match dialer.dial_to(dialer.target(), client, &slot).await {
        Ok(dialed) => HandshakeEnd {
            result: shake(dialed.stream, request, &slot).await,
            timings: Some(dialed.timings),
        },
        Err(failure) => HandshakeEnd {
            result: Err(failure),
            timings: None,
        },
    }
}

async fn shake(
    mut stream: Stream,
    request: HandshakeRequest,
    slot: &TcpSlot,
) -> Result<WebSocket, Failure> {
    let broken = |e: io::Error| failure::from_io(Stage::Open, &e);
    stream.write_all(&request.head).await.map_err(broken)?;
    // TLS may hold the end of it back until it is told to flush.
    stream.flush().await.map_err(broken)?;
    drop(request.head);
    slot.note_asked();
    let mut received = Vec::with_capacity(512);
    loop {
        let ended = stream.read_buf(&mut received).await.map_err(broken)? == 0;
        if let Some(head) = Head::parse_final(&mut received)? {
            let rest = received.split_off(head.length);
            if head.status == 101 {
                head.check(&request.key)?;
                return Ok(WebSocket::new(stream, rest).await);
            }
            let body = read_body(&mut stream, &head, rest).await;
            return Err(refusal::read(head.status, head.is_chunked, &body));
        }
        if ended {
            let failure = Failure::new(Stage::Open, Cause::ConnectionClosed, Origin::Network);
            return Err(failure);
        }
        if received.len() > HEAD_LIMIT {
            let failure = Failure::new(Stage::Open, Cause::NotSocketio, Origin::Server);
            return Err(failure.with_message("the head of the answer has no end"));
        }
    }
}

/// What is read of a refusal, as far as it comes.
async fn read_body(stream: &mut Stream, head: &Head, mut body: Vec<u8>) -> Vec<u8> {
    let wanted = head.content_length.unwrap_or(BODY_LIMIT).min(BODY_LIMIT);
    let is_whole =
        |body: &[u8]| body.len() >= wanted || (head.is_chunked && refusal::is_whole(body));
    let reading = async {
        while !is_whole(&body) {
            match stream.read_buf(&mut body).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    };
    // Whatever came until then is good enough.
    let _ = tokio::time::timeout(BODY_PATIENCE, reading).await;
    body.truncate(wanted);
    body
}

/// What counts in the head of an answer.
#[derive(Debug, Default)]
struct Head {
    status: u16,
    /// With the empty line, in bytes.
    length: usize,
    accept: Option<Box<[u8]>>,
    upgrades: bool,
    /// `Connection` names the upgrade. Without it, which some proxies take away, Node and browsers
    /// see no upgrade.
    is_switched: bool,
    /// A subprotocol or an extension, of which none was offered.
    unasked: bool,
    content_length: Option<usize>,
    is_chunked: bool,
}

impl Head {
    /// The head of the answer itself; interim ones before it are taken away. Nothing if it is not
    /// complete.
    fn parse_final(received: &mut Vec<u8>) -> Result<Option<Self>, Failure> {
        while let Some(head) = Self::parse(received)? {
            let is_interim = (100..200).contains(&head.status) && head.status != 101;
            if !is_interim {
                return Ok(Some(head));
            }
            received.drain(..head.length);
        }
        Ok(None)
    }

    /// Nothing if the head is not complete.
    fn parse(received: &[u8]) -> Result<Option<Self>, Failure> {
        let first = received.first_chunk::<2>().copied();
        if failure::is_tls_alert(first) {
            return Err(failure::tls_required());
        }
        let mut headers = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; HEADERS_LIMIT];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default()
            .parse_response_with_uninit_headers(&mut response, received, &mut headers)
            .map_err(|error| {
                Failure::new(Stage::Open, Cause::NotSocketio, Origin::Server)
                    .with_message(&error.to_string())
            })?;
        let httparse::Status::Complete(length) = parsed else {
            return Ok(None);
        };
        let mut head = Self {
            status: response.code.unwrap_or_default(),
            length,
            ..Self::default()
        };
        for header in response.headers.iter() {
            head.note(header.name, header.value);
        }
        Ok(Some(head))
    }

    fn note(&mut self, name: &str, value: &[u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("sec-websocket-accept") {
            self.accept = Some(value.into());
        } else if is("upgrade") {
            self.upgrades = value.eq_ignore_ascii_case(b"websocket");
        } else if is("connection") {
            self.is_switched |= has_token(value, b"upgrade");
        } else if is("sec-websocket-protocol") || is("sec-websocket-extensions") {
            self.unasked = true;
        } else if is("content-length") {
            self.content_length = str::from_utf8(value)
                .ok()
                .and_then(|v| v.trim().parse().ok());
        } else if is("transfer-encoding") {
            self.is_chunked = value.eq_ignore_ascii_case(b"chunked");
        }
    }

    /// That a 101 answers this handshake, as `ws` checks it.
    fn check(&self, key: &str) -> Result<(), Failure> {
        let expected = derive_accept_key(key.as_bytes());
        let problem = if !self.upgrades {
            "invalid Upgrade header"
        } else if !self.is_switched {
            "invalid Connection header"
        } else if self.accept.as_deref() != Some(expected.as_bytes()) {
            "invalid Sec-WebSocket-Accept header"
        } else if self.unasked {
            "an extension or subprotocol that was not asked for"
        } else {
            return Ok(());
        };
        let failure = Failure::new(Stage::Open, Cause::ProtocolViolation, Origin::Server);
        Err(failure.with_status(101).with_message(problem))
    }
}
