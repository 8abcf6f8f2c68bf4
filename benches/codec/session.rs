use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use sio_load::clock;
use sio_load::event::TransportKind;
use sio_load::protocol::{
    AckRequest, Config, Connection, Emit, Event, Frame, Transmit, WebSocketId,
};

use super::timing::Timing;

/// An emit and its ack through a whole connection: everything but the socket.
pub(crate) fn emit_and_ack(timing: &Timing) {
    let now = clock::now();
    timing.measure(
        "emit and its ack through a connection",
        100_000,
        || Client::connected(now),
        |client| client.emit_and_take_ack(now),
    );
}

struct Client {
    connection: Connection,
    socket: WebSocketId,
    acks: u64,
}

impl Client {
    fn connected(now: Instant) -> Self {
        let config = Config {
            transports: vec![TransportKind::WebSocket],
            ..Config::default()
        };
        let random = || fastrand::Rng::with_seed(1);
        let mut connection = Connection::new(Rc::new(config), random(), random());
        connection.connect(now);
        connection.provide_query(now, "".into());
        let Some(Transmit::OpenWebSocket { id, .. }) = connection.poll_transmit() else {
            panic!("a client begins with its WebSocket");
        };
        connection.handle_websocket_open(now, id);
        let open = r#"0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
        connection.handle_frame(now, id, Frame::Text(Bytes::from_static(open.as_bytes())));
        connection.provide_auth(now, 0, None);
        let connected = Bytes::from_static(br#"40{"sid":"b"}"#);
        connection.handle_frame(now, id, Frame::Text(connected));
        assert!(connection.is_connected(0));
        let mut client = Self {
            connection,
            socket: id,
            acks: 0,
        };
        client.drain();
        client
    }

    fn emit_and_take_ack(&mut self, now: Instant) {
        let emit = Emit {
            namespace: 0,
            event: "echo",
            args: super::ARGUMENTS,
            attachments: &[],
            volatile: false,
            ack: Some(AckRequest {
                tag: 0,
                timeout: None,
                retries: 0,
                intended: now,
            }),
        };
        self.connection.emit(now, &emit);
        assert_eq!(self.drain(), (1, 0));
        let ack = format!("43{}[{}]", self.acks, super::ARGUMENTS);
        self.acks += 1;
        self.connection
            .handle_frame(now, self.socket, Frame::Text(ack.into()));
        assert_eq!(self.drain(), (0, 1));
    }

    /// How many frames and acks there were.
    fn drain(&mut self) -> (usize, usize) {
        let (mut frames, mut acks) = (0, 0);
        loop {
            if let Some(event) = self.connection.poll_event() {
                acks += usize::from(matches!(event, Event::Acked { .. }));
            } else if let Some(transmit) = self.connection.poll_transmit() {
                frames += usize::from(matches!(transmit, Transmit::Frame { .. }));
            } else {
                return (frames, acks);
            }
        }
    }
}
