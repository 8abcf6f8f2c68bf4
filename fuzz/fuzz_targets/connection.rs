//! Any sequence of arrivals, commands and times against one client.
#![no_main]

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sio_load::event::{Cause, EngineRevision, Failure, Origin, Stage, TransportKind};
use sio_load::protocol::{
    AckRequest, Answer, Config, Connection, Emit, Event, Frame, RequestId, Transmit, WebSocketEnd,
    WebSocketId,
};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    is_v3: bool,
    try_all_transports: bool,
    remember_upgrade: bool,
    force_base64: bool,
    steps: Vec<Step<'a>>,
}

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    Handshake {
        request: u8,
    },
    Response {
        request: u8,
        status: u16,
        body: &'a str,
    },
    Answer {
        request: u8,
        body: &'a str,
    },
    RequestFailed {
        request: u8,
    },
    WebSocketOpen {
        websocket: u8,
    },
    WebSocketRefused {
        websocket: u8,
    },
    WebSocketClosed {
        websocket: u8,
        code: Option<u16>,
    },
    WebSocketFailed {
        websocket: u8,
    },
    Text {
        websocket: u8,
        text: &'a str,
    },
    Binary {
        websocket: u8,
        bytes: &'a [u8],
    },
    Connect,
    Disconnect,
    DisconnectNamespace,
    CloseEngine,
    StartUpgrade,
    SetTransports {
        polling: bool,
        upgrade: bool,
    },
    Emit {
        event: &'a str,
        volatile: bool,
        attachments: u8,
        ack: Option<(Option<u16>, u8)>,
    },
    Ack {
        id: u64,
    },
    Pass {
        milliseconds: u16,
    },
}

const OPEN: &str =
    r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#;

struct Driver {
    connection: Connection,
    now: Instant,
    requests: Vec<RequestId>,
    websockets: Vec<WebSocketId>,
}

fn failure() -> Failure {
    Failure::new(Stage::Tcp, Cause::ConnectionReset, Origin::Network)
}

fn pick<T: Copy>(ids: &[T], from_the_end: u8) -> Option<T> {
    ids.iter().rev().nth(from_the_end.into()).copied()
}

impl Driver {
    fn drain(&mut self) {
        loop {
            if let Some(event) = self.connection.poll_event() {
                if let Event::QueryNeeded { .. } = event {
                    self.connection.provide_query(self.now, "".into());
                } else if let Event::AuthNeeded { namespace } = event {
                    self.connection
                        .provide_auth(self.now, namespace, Some("{\"a\":1}"));
                } else if let Event::Received(received) = event {
                    let _ = (received.name(), received.args(), received.attachments());
                }
            } else if let Some(transmit) = self.connection.poll_transmit() {
                if let Transmit::Request(request) = transmit {
                    self.requests.push(request.id);
                } else if let Transmit::OpenWebSocket { id, .. } = transmit {
                    self.websockets.push(id);
                }
            } else {
                return;
            }
        }
    }

    fn respond(&mut self, request: u8, status: u16, body: &str) {
        if let Some(id) = pick(&self.requests, request) {
            let answer = Answer {
                status,
                body: Bytes::copy_from_slice(body.as_bytes()),
                note: None,
            };
            self.connection.handle_response(self.now, id, answer);
        }
    }

    fn close(&mut self, websocket: u8, end: WebSocketEnd) {
        if let Some(id) = pick(&self.websockets, websocket) {
            self.connection.handle_websocket_closed(self.now, id, end);
        }
    }

    fn frame(&mut self, websocket: u8, frame: Frame) {
        if let Some(id) = pick(&self.websockets, websocket) {
            self.connection.handle_frame(self.now, id, frame);
        }
    }

    fn pass(&mut self, milliseconds: u64) {
        let end = self.now + Duration::from_millis(milliseconds);
        while let Some(due) = self.connection.poll_timeout() {
            if due > end {
                break;
            }
            self.now = self.now.max(due);
            self.connection.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn emit(&mut self, event: &str, volatile: bool, count: u8, ack: Option<(Option<u16>, u8)>) {
        let attachments = vec![Bytes::from_static(b"x"); usize::from(count % 3)];
        let emit = Emit {
            namespace: 0,
            event,
            args: "1",
            attachments: &attachments,
            volatile,
            ack: ack.map(|(timeout, retries)| AckRequest {
                timeout: timeout.map(|ms| Duration::from_millis(1 + u64::from(ms))),
                retries: u32::from(retries % 3),
                intended: self.now,
                tag: 0,
            }),
        };
        self.connection.emit(self.now, &emit);
    }

    fn apply(&mut self, step: Step<'_>) {
        let now = self.now;
        match step {
            Step::Handshake { request } => self.respond(request, 200, OPEN),
            Step::Response {
                request,
                status,
                body,
            } => self.respond(request, status, body),
            Step::Answer { request, body } => self.respond(request, 200, body),
            Step::RequestFailed { request } => {
                if let Some(id) = pick(&self.requests, request) {
                    self.connection.handle_request_failed(now, id, failure());
                }
            }
            Step::WebSocketOpen { websocket } => {
                if let Some(id) = pick(&self.websockets, websocket) {
                    self.connection.handle_websocket_open(now, id);
                }
            }
            Step::WebSocketRefused { websocket } => {
                if let Some(id) = pick(&self.websockets, websocket) {
                    self.connection.handle_websocket_refused(now, id, failure());
                }
            }
            Step::WebSocketClosed { websocket, code } => {
                self.close(websocket, WebSocketEnd::Closed { code });
            }
            Step::WebSocketFailed { websocket } => {
                self.close(websocket, WebSocketEnd::Failed(failure()));
            }
            Step::Text { websocket, text } => {
                self.frame(
                    websocket,
                    Frame::Text(Bytes::copy_from_slice(text.as_bytes())),
                );
            }
            Step::Binary { websocket, bytes } => {
                self.frame(websocket, Frame::Binary(Bytes::copy_from_slice(bytes)));
            }
            Step::Connect => self.connection.connect(now),
            Step::Disconnect => self.connection.disconnect(now),
            Step::DisconnectNamespace => self.connection.disconnect_namespace(now, 1),
            Step::CloseEngine => self.connection.close_engine(now),
            Step::StartUpgrade => {
                self.connection.start_upgrade(now);
            }
            Step::SetTransports { polling, upgrade } => {
                let transport = if polling {
                    TransportKind::Polling
                } else {
                    TransportKind::WebSocket
                };
                self.connection.set_transports(vec![transport], upgrade);
            }
            Step::Emit {
                event,
                volatile,
                attachments,
                ack,
            } => {
                self.emit(event, volatile, attachments, ack);
            }
            Step::Ack { id } => self.connection.ack(now, 0, id, "1"),
            Step::Pass { milliseconds } => self.pass(milliseconds.into()),
        }
        self.drain();
    }
}

fuzz_target!(|input: Input<'_>| {
    let config = Config {
        revision: if input.is_v3 {
            EngineRevision::V3
        } else {
            EngineRevision::V4
        },
        try_all_transports: input.try_all_transports,
        remember_upgrade: input.remember_upgrade,
        force_base64: input.force_base64,
        namespaces: vec!["/".into(), "/a".into()],
        ..Config::default()
    };
    let rng = fastrand::Rng::with_seed;
    let mut driver = Driver {
        connection: Connection::new(Rc::new(config), rng(1), rng(2)),
        now: Instant::now(),
        requests: Vec::new(),
        websockets: Vec::new(),
    };
    driver.apply(Step::Connect);
    for step in input.steps {
        driver.apply(step);
    }
    driver.apply(Step::Disconnect);
    driver.pass(100_000);
    assert!(driver.connection.poll_event().is_none());
});
