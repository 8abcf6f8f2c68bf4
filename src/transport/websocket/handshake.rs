use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::WebSocket;
use super::deflate::Offer;
use super::request::HandshakeRequest;
use crate::event::{Cause, Failure, Origin, Stage};
use crate::http1::{Body, Framing, HeadReader, Malformed, Response};
use crate::limits;
use crate::transport::budget::Budget;
use crate::transport::dialer::Timings;
use crate::transport::failure;
use crate::transport::link_conditions::LinkConditions;
use crate::transport::settings::Settings;
use crate::transport::socket::{Stream, TcpSlot};

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
            result: shake(dialed.stream, request, &slot, &settings.budget).await,
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
    mut request: HandshakeRequest,
    slot: &TcpSlot,
    budget: &Budget,
) -> Result<WebSocket, Failure> {
    let broken = |e: io::Error| failure::from_io(Stage::Open, &e);
    stream.write_all(&request.head).await.map_err(broken)?;
    // TLS may hold the end of it back until it is told to flush.
    stream.flush().await.map_err(broken)?;
    request.head = Vec::new();
    slot.note_asked();
    let mut received = Vec::with_capacity(512);
    let mut heads = HeadReader::default();
    loop {
        let ended = stream.read_buf(&mut received).await.map_err(broken)? == 0;
        let head = heads.take(&mut received, Head::new);
        match head.and_then(Option::transpose) {
            Ok(Some(head)) if head.status == 101 => {
                let offer = head.check(&request)?;
                return Ok(WebSocket::extended(stream, received, budget, offer));
            }
            Ok(Some(head)) => {
                let body = read_body(&mut stream, head.framing, received).await;
                return Err(failure::from_refusal(head.status, &body));
            }
            Ok(None) if ended => {
                return Err(Failure::new(
                    Stage::Open,
                    Cause::ConnectionClosed,
                    Origin::Network,
                ));
            }
            Ok(None) => {}
            Err(_) if failure::is_tls_alert(received.first_chunk().copied()) => {
                return Err(failure::tls_required());
            }
            Err(error) => return Err(failure::from_http(error)),
        }
    }
}

/// What is read of a refusal, as far as it comes.
async fn read_body(stream: &mut Stream, framing: Framing, mut received: Vec<u8>) -> Vec<u8> {
    let mut body = Body::new(framing, limits::REFUSAL);
    let reading = async {
        while body.push(&received).is_ok() && !body.is_whole() {
            received.clear();
            match stream.read_buf(&mut received).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    };
    // Whatever came until then is good enough.
    let _ = tokio::time::timeout(BODY_PATIENCE, reading).await;
    body.into_data()
}

/// What counts in the head of an answer.
#[derive(Debug)]
struct Head {
    status: u16,
    framing: Framing,
    accept: Option<Box<[u8]>>,
    upgrades: bool,
    /// `Connection` names the upgrade. Without it, which some proxies take away, Node and browsers
    /// see no upgrade.
    is_switched: bool,
    has_protocol: bool,
    /// Extensions that the server accepted.
    extensions: Vec<Box<str>>,
}

impl Head {
    fn new(response: &Response<'_>) -> Result<Self, Malformed> {
        let headers = response.headers;
        let upgrade = headers.get("upgrade");
        let extensions = headers
            .all("sec-websocket-extensions")
            .map(|value| String::from_utf8_lossy(value).into())
            .collect();
        Ok(Self {
            status: response.status,
            framing: response.framing(false)?,
            accept: headers.get("sec-websocket-accept").map(Box::from),
            upgrades: upgrade.is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")),
            is_switched: headers.has_token("connection", b"upgrade"),
            has_protocol: headers.get("sec-websocket-protocol").is_some(),
            extensions,
        })
    }

    /// Checks that a 101 answers this handshake, as `ws` does; returns what it accepted of the
    /// offer to compress.
    fn check(&self, request: &HandshakeRequest) -> Result<Option<Offer>, Failure> {
        let expected = derive_accept_key(request.key.as_bytes());
        let accepted: Vec<&str> = self.extensions.iter().map(|value| &**value).collect();
        let offer = Offer::negotiated(&accepted)
            .filter(|offer| offer.is_none() || request.offers_compression);
        let problem = if !self.upgrades {
            "invalid Upgrade header"
        } else if !self.is_switched {
            "invalid Connection header"
        } else if self.accept.as_deref() != Some(expected.as_bytes()) {
            "invalid Sec-WebSocket-Accept header"
        } else if self.has_protocol {
            "a subprotocol that was not asked for"
        } else if let Some(offer) = offer {
            return Ok(offer);
        } else {
            "an extension that was not offered like this"
        };
        let failure = Failure::new(Stage::Open, Cause::ProtocolViolation, Origin::Server);
        Err(failure.with_status(101).with_message(problem))
    }
}
