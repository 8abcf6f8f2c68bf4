//! A connection against a scripted server, in virtual time.
//!
//! What the client does is written down in short lines, and the test says what the server does.

mod acks;
mod close;
mod fuzz;
mod heartbeat;
mod misuse;
mod namespaces;
mod open;
mod reconnect;
mod revision3;
mod size;
mod upgrade;

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::frame::{Frame, WebSocketEnd};
use super::{
    AckRequest, Answer, Config, Connection, Emit, Emitted, Event, Method, RequestId, Transmit,
    WebSocketId,
};
use crate::event::{Cause, EngineRevision, Failure, Origin, Stage, TransportKind};

const OPEN: &str =
    r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#;
const CONNECTED: &str = r#"40{"sid":"s1"}"#;

/// A client, the time it lives in, and what it did.
struct Client {
    connection: Connection,
    now: Instant,
    wire: Vec<String>,
    events: Vec<String>,
    queries: Vec<String>,
    gets: Vec<RequestId>,
    posts: Vec<RequestId>,
    websockets: Vec<WebSocketId>,
    auth: Option<String>,
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn websocket_only() -> Config {
    Config {
        transports: vec![TransportKind::WebSocket],
        ..Config::default()
    }
}

fn polling_only() -> Config {
    Config {
        transports: vec![TransportKind::Polling],
        ..Config::default()
    }
}

fn refused() -> Failure {
    Failure::new(Stage::Tcp, Cause::ConnectionRefused, Origin::Network)
}

impl Client {
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant has no other beginning"
    )]
    fn new(config: Config) -> Self {
        let rng = fastrand::Rng::with_seed;
        Self {
            connection: Connection::new(Rc::new(config), rng(1), rng(2)),
            now: Instant::now(),
            wire: Vec::new(),
            events: Vec::new(),
            queries: Vec::new(),
            gets: Vec::new(),
            posts: Vec::new(),
            websockets: Vec::new(),
            auth: None,
        }
    }

    /// One that has just sent its first request.
    fn connecting(config: Config) -> Self {
        let mut client = Self::new(config);
        client.act(Connection::connect);
        client
    }

    /// One that is connected over polling without upgrade, with a poll in flight.
    fn polling(config: Config) -> Self {
        let mut client = Self::connecting(config);
        client.answer_get(OPEN);
        client.answer_post();
        client.answer_get(CONNECTED);
        client.forget();
        client
    }

    /// One that is connected over WebSocket.
    fn websocket() -> Self {
        let mut client = Self::connecting(websocket_only());
        client.open_websocket();
        client.text(OPEN);
        client.text(CONNECTED);
        client.forget();
        client
    }

    fn act(&mut self, command: impl FnOnce(&mut Connection, Instant)) {
        command(&mut self.connection, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            if let Some(event) = self.connection.poll_event() {
                self.note_event(event);
            } else if let Some(transmit) = self.connection.poll_transmit() {
                self.note_transmit(transmit);
            } else {
                return;
            }
        }
    }

    fn note_event(&mut self, event: Event) {
        if let Event::QueryNeeded { .. } = event {
            self.connection.provide_query(self.now, "k=v".into());
        } else if let Event::AuthNeeded { namespace } = event {
            let auth = self.auth.as_deref();
            self.connection.provide_auth(self.now, namespace, auth);
        } else {
            self.events.push(show(&event));
        }
    }

    fn note_transmit(&mut self, transmit: Transmit) {
        let line = match transmit {
            Transmit::Request(request) => {
                self.queries.push(request.query);
                let body = request.body.unwrap_or_default();
                match request.method {
                    Method::Get => {
                        self.gets.push(request.id);
                        "GET".to_owned()
                    }
                    Method::Post => {
                        self.posts.push(request.id);
                        format!("POST {}", String::from_utf8_lossy(&body))
                    }
                }
            }
            Transmit::OpenWebSocket { id, query, probe } => {
                self.queries.push(query);
                self.websockets.push(id);
                if probe { "PROBE" } else { "WEBSOCKET" }.to_owned()
            }
            Transmit::Frame { frame, .. } => match frame {
                Frame::Text(text) => format!("> {}", String::from_utf8_lossy(&text)),
                Frame::Binary(bytes) => format!(">> {bytes:?}"),
            },
            Transmit::CloseWebSocket { .. } => "CLOSE".to_owned(),
            Transmit::AbandonWebSocket { .. } => "ABANDON".to_owned(),
            Transmit::EngineEnded { .. } => "END".to_owned(),
        };
        self.wire.push(line.replace('\u{1e}', "|"));
    }

    /// Lets time pass, with every timer on time.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.connection.poll_timeout()
            && due <= end
        {
            self.now = self.now.max(due);
            self.act(Connection::handle_timeout);
        }
        self.now = end;
    }

    fn answer_get(&mut self, body: &str) {
        self.answer_get_with(200, body);
    }

    fn answer_get_with(&mut self, status: u16, body: &str) {
        let id = *self.gets.last().unwrap();
        self.answer(id, status, body);
    }

    fn answer_post(&mut self) {
        self.answer_post_with(200, "ok");
    }

    fn answer_post_with(&mut self, status: u16, body: &str) {
        let id = *self.posts.last().unwrap();
        self.answer(id, status, body);
    }

    fn answer(&mut self, id: RequestId, status: u16, body: &str) {
        let answer = Answer {
            status,
            body: Bytes::copy_from_slice(body.as_bytes()),
            note: None,
        };
        self.act(|connection, now| connection.handle_response(now, id, answer));
    }

    fn fail_get(&mut self) {
        let id = *self.gets.last().unwrap();
        self.act(|connection, now| connection.handle_request_failed(now, id, refused()));
    }

    fn open_websocket(&mut self) {
        let id = *self.websockets.last().unwrap();
        self.act(|connection, now| connection.handle_websocket_open(now, id));
    }

    fn refuse_websocket(&mut self) {
        let id = *self.websockets.last().unwrap();
        let failure = Failure::new(Stage::Open, Cause::WebsocketRefused, Origin::Server);
        self.act(|connection, now| connection.handle_websocket_refused(now, id, failure));
    }

    fn text(&mut self, text: &str) {
        self.frame(Frame::Text(Bytes::copy_from_slice(text.as_bytes())));
    }

    fn binary(&mut self, bytes: &[u8]) {
        self.frame(Frame::Binary(Bytes::copy_from_slice(bytes)));
    }

    fn frame(&mut self, frame: Frame) {
        let id = *self.websockets.last().unwrap();
        self.act(|connection, now| connection.handle_frame(now, id, frame));
    }

    fn end_websocket(&mut self, end: WebSocketEnd) {
        let id = *self.websockets.last().unwrap();
        self.act(|connection, now| connection.handle_websocket_closed(now, id, end));
    }

    fn close_websocket(&mut self) {
        self.end_websocket(WebSocketEnd::Closed { code: None });
    }

    /// Emits an event to the first namespace.
    fn emit(&mut self, event: &str, ack: Option<(Option<Duration>, u32)>) -> Emitted {
        self.emit_as(event, false, ack)
    }

    fn emit_as(
        &mut self,
        event: &str,
        volatile: bool,
        ack: Option<(Option<Duration>, u32)>,
    ) -> Emitted {
        let emit = Emit {
            namespace: 0,
            event,
            args: "",
            attachments: &[],
            volatile,
            ack: ack.map(|(timeout, retries)| AckRequest {
                timeout,
                retries,
                intended: self.now,
                tag: 7,
            }),
        };
        let emitted = self.connection.emit(self.now, &emit);
        self.drain();
        emitted
    }

    fn wire(&mut self) -> Vec<String> {
        std::mem::take(&mut self.wire)
    }

    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }

    fn forget(&mut self) {
        self.wire.clear();
        self.events.clear();
        self.queries.clear();
    }
}

fn show_failure(failure: &Failure) -> String {
    let status = failure.status.map(|status| format!(" {status}"));
    format!(
        "{}/{}{}",
        failure.stage,
        failure.cause,
        status.unwrap_or_default()
    )
}

fn show(event: &Event) -> String {
    match event {
        Event::QueryNeeded { .. } | Event::AuthNeeded { .. } => String::new(),
        Event::EngineOpening {
            transport,
            reconnect_attempt,
        } => match reconnect_attempt {
            Some(attempt) => format!("opening {transport}, attempt {attempt}"),
            None => format!("opening {transport}"),
        },
        Event::TransportFailed { transport, failure } => {
            format!("{transport} failed: {}", show_failure(failure))
        }
        Event::EngineOpened { transport } => format!("opened {transport}"),
        Event::EngineFailed { failure } => format!("engine failed: {}", show_failure(failure)),
        Event::Zombie => "zombie".to_owned(),
        Event::UpgradeStarted => "upgrading".to_owned(),
        Event::Upgraded => "upgraded".to_owned(),
        Event::UpgradeFailed { failure } => format!("upgrade failed: {}", show_failure(failure)),
        Event::NamespaceConnecting { namespace } => format!("connecting {namespace}"),
        Event::Connected {
            namespace,
            recovered,
        } => match recovered {
            Some(recovered) => format!("connected {namespace}, recovered: {recovered}"),
            None => format!("connected {namespace}"),
        },
        Event::Rejected {
            namespace,
            failure,
            active,
        } => format!(
            "rejected {namespace}: {}{}",
            show_failure(failure),
            if *active { ", active" } else { "" }
        ),
        Event::SessionFailed { failure } => format!("session failed: {}", show_failure(failure)),
        Event::Disconnected {
            namespace,
            reason,
            was_connected,
        } => format!(
            "disconnected {namespace}: {reason}{}",
            if *was_connected { "" } else { ", unconnected" }
        ),
        Event::ReconnectScheduled { attempt, .. } => format!("waiting for attempt {attempt}"),
        Event::GaveUp => "gave up".to_owned(),
        Event::Received(received) => format!(
            "received {} [{}]",
            String::from_utf8_lossy(received.name()),
            String::from_utf8_lossy(received.args())
        ),
        Event::Acked { .. } => "acked".to_owned(),
        Event::AckTimedOut { .. } => "ack timed out".to_owned(),
        Event::AckLost { .. } => "ack lost".to_owned(),
        Event::Retried { .. } => "retried".to_owned(),
        Event::BufferedSent { .. } => "buffered sent".to_owned(),
        Event::DroppedUnsent { .. } => "dropped unsent".to_owned(),
        Event::Heartbeat { late } => format!("ping, {} ms late", late.as_millis()),
    }
}
