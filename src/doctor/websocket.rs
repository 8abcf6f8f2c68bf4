//! A WebSocket whose handshake is seen whole.

use std::future::poll_fn;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::http::{self, Answered, Reply, Trouble};
use super::probe::Probe;
use super::request::Request;
use crate::event::{Cause, Failure, Origin, Stage};
use crate::http1::has_token;
use crate::limits;
use crate::trace::Voice;
use crate::transport::{Budget, COMPRESSION_OFFER, Frame, WebSocket, WebSocketEnd};

/// How long the body of a refusal may take after its head: it only explains what is known.
const BODY_PATIENCE: Duration = Duration::from_millis(500);
/// How long the other side may take to answer a close frame.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// An open WebSocket.
pub(super) struct Socket {
    inner: WebSocket,
}

/// What came over a WebSocket.
#[derive(Debug)]
pub(super) enum Next {
    /// A message of text.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
    /// The connection ended.
    End(WebSocketEnd),
    /// Nothing within the time.
    Silence,
}

/// Why clients take a 101 for none.
fn problem_of(reply: &Reply, key: &str) -> Option<&'static str> {
    let says = |name, token: &[u8]| {
        reply
            .header(name)
            .is_some_and(|value| has_token(value.as_bytes(), token))
    };
    if reply.header("sec-websocket-accept") != Some(&derive_accept_key(key.as_bytes())) {
        Some("the 101 does not answer this handshake")
    } else if !says("upgrade", b"websocket") {
        Some("the 101 comes without `Upgrade: websocket`")
    } else if !says("connection", b"upgrade") {
        Some("the 101 comes without `Connection: Upgrade`")
    } else {
        None
    }
}

impl Socket {
    /// Adds the headers of a handshake; returns the key to check the answer by.
    pub(super) fn handshake(request: Request) -> (Request, String) {
        let mut nonce = [0; 16];
        fastrand::fill(&mut nonce);
        let key = STANDARD.encode(nonce);
        let request = request
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", &key)
            .header("Sec-WebSocket-Extensions", COMPRESSION_OFFER);
        (request, key)
    }

    /// Reads the rest of an answer: a WebSocket if it is a right 101, and the reply in any case.
    pub(super) async fn answer(
        answered: Answered,
        key: &str,
    ) -> Result<(Option<Self>, Reply), Trouble> {
        if answered.reply.status != 101 {
            let head = answered.reply.clone();
            let reply = match tokio::time::timeout(BODY_PATIENCE, http::finish(answered)).await {
                Ok(reply) => reply?,
                Err(_) => head,
            };
            return Ok((None, reply));
        }
        if let Some(problem) = problem_of(&answered.reply, key) {
            let failure = Failure::new(Stage::Open, Cause::ProtocolViolation, Origin::Server);
            return Err(failure.with_status(101).with_message(problem).into());
        }
        let Answered {
            reply,
            stream,
            rest,
            ..
        } = answered;
        let accepted: Vec<&str> = reply.all("sec-websocket-extensions").collect();
        let budget = Budget::of(limits::BUDGET);
        let Some(inner) = WebSocket::negotiated(stream, rest, &budget, &accepted) else {
            let failure = Failure::new(Stage::Open, Cause::ProtocolViolation, Origin::Server);
            let problem = "the 101 accepts an extension that was not offered like this";
            return Err(failure.with_status(101).with_message(problem).into());
        };
        Ok((Some(Self { inner }), reply))
    }

    /// Sends a message of text.
    pub(super) async fn send(&mut self, probe: &Probe, text: &str) -> Result<(), WebSocketEnd> {
        probe.trace.say(Voice::WebSocket, || {
            format!("writing \"{}\"", probe.masked_body(text))
        });
        self.inner
            .start_send(Frame::Text(Bytes::copy_from_slice(text.as_bytes())))?;
        poll_fn(|cx| self.inner.poll_flush(cx)).await
    }

    /// Waits for a message.
    pub(super) async fn next(&mut self, probe: &Probe, limit: Duration) -> Next {
        let next = tokio::time::timeout(limit, poll_fn(|cx| self.inner.poll_next(cx))).await;
        let next = match next {
            Ok(Ok(Frame::Text(text))) => Next::Text(text),
            Ok(Ok(Frame::Binary(bytes))) => Next::Binary(bytes),
            Ok(Err(end)) => Next::End(end),
            Err(_) => Next::Silence,
        };
        probe.trace.say(Voice::WebSocket, || match &next {
            Next::Text(text) => format!("received \"{}\"", String::from_utf8_lossy(text)),
            Next::Binary(bytes) => format!("received {} bytes", bytes.len()),
            Next::End(end) => format!("closed: {}", describe(end)),
            Next::Silence => format!("nothing within {} ms", limit.as_millis()),
        });
        next
    }

    /// Says goodbye and waits a moment for the answer.
    pub(super) async fn close(mut self) {
        if self.inner.start_close(None).is_err() {
            return;
        }
        let goodbye = async {
            // The end of it, whatever it is, is what is waited for.
            let _ = poll_fn(|cx| self.inner.poll_flush(cx)).await;
            while poll_fn(|cx| self.inner.poll_next(cx)).await.is_ok() {}
        };
        let _ = tokio::time::timeout(CLOSE_PATIENCE, goodbye).await;
    }

    /// Cuts the connection as a lost network does: the server gets no close frame.
    pub(super) fn cut(self) {
        self.inner.reset();
    }
}

/// How a WebSocket ended, for people.
pub(super) fn describe(end: &WebSocketEnd) -> String {
    match end {
        WebSocketEnd::Closed { code: Some(code) } => format!("close frame with code {code}"),
        WebSocketEnd::Closed { code: None } => "close frame without a code".to_owned(),
        WebSocketEnd::Lost(failure) => format!("no close frame (1006): {}", failure.cause),
        WebSocketEnd::Failed(failure) => failure.to_string(),
    }
}
