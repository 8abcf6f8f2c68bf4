use std::collections::VecDeque;
use std::rc::Rc;

use super::config::Config;
use super::transmit::{EngineId, Method, Request, RequestId, Transmit, WebSocketId};
use crate::event::{EngineRevision, TransportKind};
use crate::protocol::engine_io::packet::Outgoing;
use crate::protocol::engine_io::payload::EncodedPayload;
use crate::protocol::engine_io::query::append_component;

/// The length of `t`, as in the reference client.
const TIMESTAMP_LEN: usize = 8;

/// What is unused beyond this is given back once a queue is empty.
const IDLE_CAPACITY: usize = 2;

/// An engine's id and what the driver wants in its URLs.
#[derive(Debug)]
pub(super) struct EngineQuery {
    pub(super) id: EngineId,
    /// Percent-encoded, or empty; fixed for the engine's life.
    pub(super) query: Box<str>,
}

/// What waits for the driver to carry it out.
#[derive(Debug)]
pub(super) struct Outbox {
    pub(super) config: Rc<Config>,
    queue: VecDeque<Transmit>,
    rng: fastrand::Rng,
    serial: u32,
}

impl Outbox {
    pub(super) fn new(config: Rc<Config>, rng: fastrand::Rng) -> Self {
        Self {
            config,
            queue: VecDeque::new(),
            rng,
            serial: 0,
        }
    }

    pub(super) fn revision(&self) -> EngineRevision {
        self.config.revision
    }

    pub(super) fn take(&mut self) -> Option<Transmit> {
        take_or_shrink(&mut self.queue)
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    /// The GET that asks for a session.
    pub(super) fn open_polling(&mut self, engine: &EngineQuery) -> RequestId {
        self.request(engine, None, None)
    }

    /// A GET of a session.
    pub(super) fn poll(&mut self, engine: &EngineQuery, sid: &str) -> RequestId {
        self.request(engine, Some(sid), None)
    }

    pub(super) fn post(
        &mut self,
        engine: &EngineQuery,
        sid: &str,
        body: EncodedPayload,
    ) -> RequestId {
        self.request(engine, Some(sid), Some(body))
    }

    fn request(
        &mut self,
        engine: &EngineQuery,
        sid: Option<&str>,
        body: Option<EncodedPayload>,
    ) -> RequestId {
        let id = RequestId {
            engine: engine.id,
            serial: self.next_serial(),
            opening: sid.is_none(),
        };
        let query = self.polling_query(engine, sid);
        let octet_stream = body.as_ref().is_some_and(|body| body.octet_stream);
        self.queue.push_back(Transmit::Request(Box::new(Request {
            id,
            method: if body.is_some() {
                Method::Post
            } else {
                Method::Get
            },
            query,
            body: body.map(|body| body.bytes),
            octet_stream,
            opening: sid.is_none(),
        })));
        id
    }

    /// Opens a WebSocket: a probe if there is a session already.
    pub(super) fn open_websocket(
        &mut self,
        engine: &EngineQuery,
        sid: Option<&str>,
    ) -> WebSocketId {
        let id = WebSocketId {
            engine: engine.id,
            serial: self.next_serial(),
        };
        let query = self.websocket_query(engine, sid);
        let probe = sid.is_some();
        self.queue
            .push_back(Transmit::OpenWebSocket { id, query, probe });
        id
    }

    pub(super) fn frame(&mut self, id: WebSocketId, packet: Outgoing) {
        let frame = packet.into_frame(self.config.revision, self.config.force_base64);
        self.queue.push_back(Transmit::Frame { id, frame });
    }

    pub(super) fn close_websocket(&mut self, id: WebSocketId) {
        self.queue.push_back(Transmit::CloseWebSocket { id });
    }

    pub(super) fn abandon_websocket(&mut self, id: WebSocketId) {
        self.queue.push_back(Transmit::AbandonWebSocket { id });
    }

    pub(super) fn engine_ended(&mut self, engine: EngineId) {
        self.queue.push_back(Transmit::EngineEnded { engine });
    }

    /// User keys, `EIO`, `transport`, `t`, `b64`, and `sid` once it is known.
    fn polling_query(&mut self, engine: &EngineQuery, sid: Option<&str>) -> String {
        let config = Rc::clone(&self.config);
        let mut query = self.begin_query(engine, TransportKind::Polling);
        if config.timestamp_requests != Some(false) {
            self.push_timestamp(&mut query);
        }
        if config
            .revision
            .polls_base64(config.force_base64, config.binary_polling)
        {
            query.push_str("&b64=1");
        }
        push_sid(&mut query, sid);
        query
    }

    /// User keys, `EIO`, `transport`, `sid`, `t` only if asked for, `b64`.
    fn websocket_query(&mut self, engine: &EngineQuery, sid: Option<&str>) -> String {
        let mut query = self.begin_query(engine, TransportKind::WebSocket);
        push_sid(&mut query, sid);
        if self.config.timestamp_requests == Some(true) {
            self.push_timestamp(&mut query);
        }
        if self.config.force_base64 {
            query.push_str("&b64=1");
        }
        query
    }

    fn begin_query(&self, engine: &EngineQuery, transport: TransportKind) -> String {
        let mut query = String::with_capacity(engine.query.len() + 80);
        if !engine.query.is_empty() {
            query.push_str(&engine.query);
            query.push('&');
        }
        query.push_str("EIO=");
        query.push(char::from(b'0' + self.config.revision.number()));
        query.push_str("&transport=");
        query.push_str(transport.name());
        query
    }

    fn push_timestamp(&mut self, query: &mut String) {
        query.push_str("&t=");
        for _ in 0..TIMESTAMP_LEN {
            query.push(self.rng.digit(36));
        }
    }

    fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }
}

fn push_sid(query: &mut String, sid: Option<&str>) {
    if let Some(sid) = sid {
        query.push_str("&sid=");
        append_component(query, sid);
    }
}

/// Takes the first of a queue; an empty one keeps only a little memory, since most clients of a
/// large run are idle at any moment.
pub(super) fn take_or_shrink<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    if first.is_none() && queue.capacity() > IDLE_CAPACITY {
        queue.shrink_to(IDLE_CAPACITY);
    }
    first
}
