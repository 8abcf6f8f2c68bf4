//! One Socket: a namespace on the connection.

use std::borrow::Cow;
use std::time::Instant;

use super::acks::{Acks, PendingAck};
use super::buffers::Buffers;
use super::event::{Event, Received};
use super::{Connection, Phase};
use crate::event::{Cause, DisconnectReason, Failure, Origin, Stage};
use crate::protocol::engine_io::packet::Outgoing;
use crate::protocol::socket_io::packet::{Elements, Kind, Packet};
use crate::protocol::socket_io::{encode, reply};

/// A namespace, as far as this client is concerned.
#[derive(Debug, Default)]
pub(super) struct Namespace {
    pub(super) state: State,
    pub(super) acks: Acks,
    /// What waits for the namespace to be connected; nothing most of the time.
    pub(super) buffers: Option<Box<Buffers>>,
    recovery: Option<Box<Recovery>>,
}

/// How far a namespace is on the present engine.
///
/// ```text
/// Inactive ─► Idle ─ engine opens ─► Asking ─► Connecting ─► Connected
///     ▲         ▲                      └───── engine closes ──────┘
///     └── disconnect by either side, refusal
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// Not to be connected.
    #[default]
    Inactive,
    /// To be connected on the next engine.
    Idle,
    /// The driver owes the auth payload.
    Asking,
    /// CONNECT was sent, or is not needed.
    Connecting,
    /// The server has said CONNECT.
    Connected,
}

/// What a session can be recovered by: both as raw JSON.
#[derive(Debug)]
struct Recovery {
    pid: Box<str>,
    offset: String,
}

impl Namespace {
    pub(super) fn is_active(&self) -> bool {
        self.state != State::Inactive
    }

    pub(super) fn buffers(&mut self) -> &mut Buffers {
        self.buffers.get_or_insert_default()
    }

    /// The data of CONNECT: pid and offset, then the auth, whose keys win as they come last.
    fn connect_payload(&self, auth: Option<&str>) -> String {
        let Some(recovery) = &self.recovery else {
            return auth.unwrap_or_default().to_owned();
        };
        let mut payload = format!("{{\"pid\":{}", recovery.pid);
        if !recovery.offset.is_empty() {
            payload.push_str(",\"offset\":");
            payload.push_str(&recovery.offset);
        }
        let members = auth
            .and_then(|auth| auth.trim().strip_prefix('{')?.strip_suffix('}'))
            .unwrap_or_default()
            .trim();
        if !members.is_empty() {
            payload.push(',');
            payload.push_str(members);
        }
        payload.push('}');
        payload
    }

    /// Takes the pid of a CONNECT; says whether the session was recovered, if it could be at all.
    fn recover(&mut self, pid: Option<&str>) -> Option<bool> {
        let Some(pid) = pid else {
            self.recovery = None;
            return None;
        };
        if let Some(recovery) = &mut self.recovery {
            let recovered = *recovery.pid == *pid;
            if !recovered {
                recovery.pid = pid.into();
            }
            return Some(recovered);
        }
        self.recovery = Some(Box::new(Recovery {
            pid: pid.into(),
            offset: String::new(),
        }));
        Some(false)
    }

    /// Any event whose last argument is a string moves the offset, as the reference client has it.
    fn note_offset(&mut self, received: &Received) {
        if let Some(recovery) = &mut self.recovery
            && received.ack.is_none()
            && let Ok(last) = std::str::from_utf8(received.last())
            && last.starts_with('"')
        {
            recovery.offset.clear();
            recovery.offset.push_str(last);
        }
    }
}

impl Connection {
    /// The engine is open: the namespace connects, if it is to.
    pub(super) fn open_namespace(&mut self, namespace: usize) {
        if self.namespaces[namespace].state != State::Idle {
            return;
        }
        let revision = self.out.revision();
        if revision.connect_has_payload() {
            self.namespaces[namespace].state = State::Asking;
            self.events.push_back(Event::AuthNeeded { namespace });
        } else if revision.root_connects_itself() && self.name(namespace) == "/" {
            self.namespaces[namespace].state = State::Connecting;
            self.events
                .push_back(Event::NamespaceConnecting { namespace });
        } else {
            self.send_connect(namespace, None);
        }
    }

    pub(super) fn send_connect(&mut self, namespace: usize, auth: Option<&str>) {
        self.namespaces[namespace].state = State::Connecting;
        let payload = self.namespaces[namespace].connect_payload(auth);
        let packet = encode::connect(&self.connect_name(namespace), &payload);
        self.send(Outgoing::Text(packet));
        self.events
            .push_back(Event::NamespaceConnecting { namespace });
    }

    pub(super) fn on_socket_packet(&mut self, now: Instant, packet: Packet) {
        if self.concerns_all(&packet) {
            return self.refuse_all(packet.data());
        }
        let Some(namespace) = self.find_namespace(packet.namespace()) else {
            return;
        };
        if !self.namespaces[namespace].is_active() {
            return;
        }
        match packet.kind {
            Kind::Connect => self.on_connect(now, namespace, &packet),
            Kind::Disconnect => self.on_disconnect(namespace),
            Kind::Event(elements) => {
                let received = Received {
                    namespace,
                    ack: packet.id,
                    text: packet.text,
                    name: elements.name.clone(),
                    args: elements.args.clone(),
                    last: elements.last.clone(),
                    attachments: (!packet.attachments.is_empty())
                        .then(|| Box::new(packet.attachments)),
                };
                self.on_event(&elements, received);
            }
            Kind::Ack => self.on_ack(now, namespace, packet.id),
            Kind::ConnectError => self.on_connect_error(namespace, packet.data()),
        }
    }

    fn on_connect(&mut self, now: Instant, namespace: usize, packet: &Packet) {
        if self.namespaces[namespace].state == State::Connected {
            return;
        }
        let recovered = if self.out.revision().connect_has_payload() {
            let reply = reply::ConnectReply::read(packet.data());
            if !reply.has_sid {
                let cause = Cause::ProtocolViolation;
                let failure = Failure::new(Stage::Namespace, cause, Origin::Server)
                    .with_message("a CONNECT reply without sid");
                self.events.push_back(Event::Rejected {
                    namespace,
                    failure,
                    active: true,
                });
                return;
            }
            self.namespaces[namespace].recover(reply.pid)
        } else {
            None
        };
        self.namespaces[namespace].state = State::Connected;
        self.release_buffers(now, namespace);
        self.events.push_back(Event::Connected {
            namespace,
            recovered,
        });
    }

    fn on_event(&mut self, elements: &Elements, received: Received) {
        if elements.name.is_empty() {
            return;
        }
        let namespace = &mut self.namespaces[received.namespace];
        if namespace.state == State::Connected {
            self.deliver(received);
        } else {
            namespace.buffers().early.push(received);
        }
    }

    pub(super) fn deliver(&mut self, received: Received) {
        self.namespaces[received.namespace].note_offset(&received);
        self.events.push_back(Event::Received(received));
    }

    fn on_ack(&mut self, now: Instant, namespace: usize, id: Option<u64>) {
        let Some(ack) = id.and_then(|id| self.namespaces[namespace].acks.take(id)) else {
            return;
        };
        let PendingAck { intended, sent, .. } = ack;
        self.events.push_back(Event::Acked {
            namespace,
            intended,
            sent,
        });
        if ack.is_retried {
            self.retry_succeeded(now, namespace);
        }
    }

    /// The server closes the namespace: it is not connected again by itself.
    fn on_disconnect(&mut self, namespace: usize) {
        let was_connected = self.deactivate(namespace) == State::Connected;
        self.tell_disconnected(namespace, DisconnectReason::ServerDisconnect, was_connected);
    }

    /// Whether it is an error of the root that speaks to every namespace: a release 2 server that
    /// refuses its root never gets to the others.
    fn concerns_all(&self, packet: &Packet) -> bool {
        let revision = self.out.revision();
        packet.kind == Kind::ConnectError
            && revision.root_connects_itself()
            && packet.namespace() == b"/"
    }

    fn refuse_all(&mut self, data: &[u8]) {
        for namespace in 0..self.namespaces.len() {
            if self.namespaces[namespace].is_active() {
                self.on_connect_error(namespace, data);
            }
        }
    }

    fn on_connect_error(&mut self, namespace: usize, data: &[u8]) {
        let is_final = self.out.revision().rejection_is_final();
        let was_connected = self.namespaces[namespace].state == State::Connected;
        if was_connected && !is_final {
            // Release 2 servers report errors of connected sockets' middleware like this.
            return;
        }
        if is_final {
            self.deactivate(namespace);
        }
        self.events.push_back(Event::Rejected {
            namespace,
            failure: reply::rejection(data),
            active: !is_final,
        });
        if was_connected {
            // No server is known to do this; the books must balance if one does.
            self.tell_disconnected(namespace, DisconnectReason::ServerDisconnect, true);
        }
    }

    /// The client closes the namespace.
    pub(super) fn close_namespace(&mut self, namespace: usize) {
        if self.namespaces[namespace].state == State::Connected {
            let name = self.name(namespace);
            let packet = encode::disconnect(name);
            self.send(Outgoing::Text(packet));
        }
        if self.deactivate(namespace) == State::Connected {
            self.tell_disconnected(namespace, DisconnectReason::ClientDisconnect, true);
        }
    }

    /// Takes it out of the active ones and returns what it was; the Manager closes with the last.
    fn deactivate(&mut self, namespace: usize) -> State {
        let old = std::mem::take(&mut self.namespaces[namespace].state);
        if old != State::Inactive && !self.namespaces.iter().any(Namespace::is_active) {
            self.close_manager();
        }
        old
    }

    /// The engine closed under the namespace.
    pub(super) fn namespace_lost(&mut self, namespace: usize, reason: DisconnectReason) {
        let state = &mut self.namespaces[namespace].state;
        if *state != State::Inactive {
            let old = std::mem::replace(state, State::Idle);
            self.tell_disconnected(namespace, reason, old == State::Connected);
        }
    }

    fn tell_disconnected(
        &mut self,
        namespace: usize,
        reason: DisconnectReason,
        was_connected: bool,
    ) {
        self.events.push_back(Event::Disconnected {
            namespace,
            reason,
            was_connected,
        });
        self.lose_acks(namespace);
    }

    fn find_namespace(&self, name: &[u8]) -> Option<usize> {
        (0..self.namespaces.len()).find(|index| self.name(*index).as_bytes() == name)
    }

    /// The name that CONNECT has: in release 2 with the client's query behind it, unless the
    /// namespace has one of its own.
    fn connect_name(&self, namespace: usize) -> Cow<'_, str> {
        let written = &*self.out.config.namespaces[namespace];
        match &self.phase {
            Phase::Open(session)
                if self.out.revision().connect_has_query()
                    && !session.head.query.is_empty()
                    && !written.contains('?') =>
            {
                format!("{written}?{}", session.head.query).into()
            }
            Phase::Idle
            | Phase::Waiting { .. }
            | Phase::AskingQuery { .. }
            | Phase::Opening(_)
            | Phase::Open(_) => written.into(),
        }
    }

    /// The name without the query that revision 3 may have behind it.
    pub(super) fn name(&self, namespace: usize) -> &str {
        let written = &*self.out.config.namespaces[namespace];
        written.split_once('?').map_or(written, |(name, _)| name)
    }

    /// Gives a packet to the open engine; without one it is lost.
    pub(super) fn send(&mut self, packet: Outgoing) {
        if let Phase::Open(session) = &mut self.phase {
            session.send(&mut self.out, packet);
        }
    }
}
