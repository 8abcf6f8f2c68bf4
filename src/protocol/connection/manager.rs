//! What outlives every engine of a client.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;

use super::acks::Acks;
use super::backoff::Backoff;
use super::config::Config;
use super::event::{Event, Received};
use super::last_transport::LastTransport;
use super::namespace::{Namespace, State};
use super::outbox::Outbox;
use super::session::Session;
use super::timer::{Timer, Timers};
use super::transmit::{EngineId, RequestId};
use crate::event::TransportKind;
use crate::protocol::engine_io::payload::PayloadReader;
use crate::protocol::socket_io::decoder::Decoder;
use crate::protocol::socket_io::packet;

/// The Manager and its Sockets: everything but the engines.
///
/// What happens to an engine is worked out by methods that take the engine and the Manager side by
/// side, so that neither has to look the other up.
#[derive(Debug)]
pub(super) struct Manager {
    pub(super) out: Outbox,
    pub(super) events: VecDeque<Event>,
    pub(super) namespaces: Box<[Namespace]>,
    pub(super) timers: Timers,
    pub(super) backoff: Backoff,
    pub(super) decoder: Decoder,
    /// The rest of a poll's answer; there is one only while the driver owes an auth payload.
    pub(super) inbox: Option<Box<Inbox>>,
    pub(super) choice: Option<Box<TransportChoice>>,
    /// What `remember_upgrade` remembers.
    pub(super) websocket_worked: bool,
    pub(super) last_transport: LastTransport,
    /// Whether the server gets no heartbeat.
    pub(super) is_mute: bool,
    pub(super) engines: u32,
}

/// Transports other than the configured ones.
#[derive(Debug)]
pub(super) struct TransportChoice {
    pub(super) transports: Vec<TransportKind>,
    pub(super) upgrade: bool,
}

/// The answer to a poll while its packets are dealt with.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) reader: PayloadReader,
    pub(super) body: Bytes,
    /// What was found in them, if it is dealt with after the next poll has gone out.
    pub(super) decoded: Vec<packet::Packet>,
}

impl Manager {
    pub(super) fn new(
        config: Rc<Config>,
        backoff_rng: fastrand::Rng,
        wire_rng: fastrand::Rng,
    ) -> Self {
        let namespaces = config.namespaces.iter().map(|_| Namespace::default());
        Self {
            namespaces: namespaces.collect(),
            decoder: Decoder::new(config.revision).with_parser(config.parser),
            out: Outbox::new(config, wire_rng),
            events: VecDeque::new(),
            timers: Timers::default(),
            backoff: Backoff::new(backoff_rng),
            inbox: None,
            choice: None,
            websocket_worked: false,
            last_transport: LastTransport::default(),
            is_mute: false,
            engines: 0,
        }
    }

    /// The id of a new engine.
    pub(super) fn next_engine(&mut self) -> EngineId {
        self.engines = self.engines.wrapping_add(1);
        EngineId(self.engines)
    }

    /// Whether no engine was opened after this one.
    pub(super) fn is_last(&self, engine: EngineId) -> bool {
        engine == EngineId(self.engines)
    }

    pub(super) fn transports(&self) -> &[TransportKind] {
        match &self.choice {
            Some(choice) => &choice.transports,
            None => &self.out.config.transports,
        }
    }

    pub(super) fn upgrades(&self) -> bool {
        match &self.choice {
            Some(choice) => choice.upgrade,
            None => self.out.config.upgrade,
        }
    }

    /// The first of the transports that are left, or WebSocket if it is remembered to work.
    pub(super) fn first_transport(&self, skipped: usize) -> TransportKind {
        let left = self.transports().get(skipped..).unwrap_or_default();
        let remembered = self.out.config.remember_upgrade && self.websocket_worked;
        if remembered && left.contains(&TransportKind::WebSocket) {
            return TransportKind::WebSocket;
        }
        left.first().copied().unwrap_or(TransportKind::Polling)
    }

    /// The namespace's name without the query that revision 3 may have behind it.
    pub(super) fn name(&self, namespace: usize) -> &str {
        let written = &*self.out.config.namespaces[namespace];
        written.split_once('?').map_or(written, |(name, _)| name)
    }

    pub(super) fn is_connected(&self, namespace: usize) -> bool {
        self.namespaces[namespace].state == State::Connected
    }

    pub(super) fn acks(&mut self, namespace: usize) -> &mut Acks {
        &mut self.namespaces[namespace].acks
    }

    /// Whether the driver owes an auth payload.
    pub(super) fn is_asking(&self) -> bool {
        self.namespaces.iter().any(|n| n.state == State::Asking)
    }

    /// Starts on the answer to a poll.
    pub(super) fn take_in(&mut self, body: Bytes) {
        self.inbox = Some(Box::new(Inbox {
            reader: PayloadReader::new(self.out.revision(), body.clone()),
            body,
            decoded: Vec::new(),
        }));
    }

    /// Hands an event that came in to the application.
    pub(super) fn deliver(&mut self, received: Received) {
        self.namespaces[received.namespace].note_offset(&received);
        self.events.push_back(Event::Received(received));
    }

    /// An engine has ended, and no other was opened since.
    pub(super) fn engine_left(&mut self, session: &Session) {
        self.last_transport = session.last_transport();
        self.out.engine_ended(session.engine.id);
    }

    /// A request of an engine that is gone was answered, or failed.
    pub(super) fn last_transport_answered(&mut self, id: RequestId, is_answered: bool) {
        if self.last_transport == LastTransport::Posting(id) {
            self.last_transport = if is_answered {
                LastTransport::Writable
            } else {
                LastTransport::Busy
            };
        }
    }

    /// Drops all that belonged to an engine that the Manager no longer listens to.
    pub(super) fn forget_engine(&mut self) {
        for timer in [Timer::PingTimeout, Timer::PingInterval, Timer::NextPoll] {
            self.timers.stop(timer);
        }
        self.inbox = None;
        self.decoder.reset();
        self.backoff.reset();
    }
}
