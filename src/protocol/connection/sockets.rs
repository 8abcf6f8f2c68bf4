//! The namespaces: what they send to be connected, and what they are sent.

use std::borrow::Cow;
use std::time::Instant;

use super::acks::PendingAck;
use super::event::{Event, Received};
use super::flow::SessionFlow;
use super::manager::Manager;
use super::namespace::{Namespace, State};
use super::session::Session;
use crate::event::{Cause, DisconnectReason, Failure, Origin, Stage};
use crate::protocol::socket_io::packet::{Elements, Kind, Packet};
use crate::protocol::socket_io::{encode, reply};

impl Manager {
    /// The engine is open: the namespace connects, if it is to.
    pub(super) fn open_namespace(&mut self, session: &mut Session, namespace: usize) {
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
            self.send_connect(session, namespace, None);
        }
    }

    pub(super) fn send_connect(
        &mut self,
        session: &mut Session,
        namespace: usize,
        auth: Option<&str>,
    ) {
        self.namespaces[namespace].state = State::Connecting;
        let payload = self.namespaces[namespace].connect_payload(auth);
        let packet = encode::connect(&self.connect_name(session, namespace), &payload);
        self.send_message(session, packet, &[]);
        self.events
            .push_back(Event::NamespaceConnecting { namespace });
    }

    pub(super) fn on_socket_packet(
        &mut self,
        session: &mut Session,
        now: Instant,
        packet: Packet,
    ) -> SessionFlow {
        if self.concerns_all(&packet) {
            return self.refuse_all(packet.data());
        }
        let Some(namespace) = self.find_namespace(packet.namespace()) else {
            return SessionFlow::GoesOn;
        };
        if !self.namespaces[namespace].is_active() {
            return SessionFlow::GoesOn;
        }
        match packet.kind {
            Kind::Connect => self.on_connect(session, now, namespace, &packet),
            Kind::Disconnect => return self.on_disconnect(namespace),
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
            Kind::Ack => self.on_ack(session, now, namespace, &packet),
            Kind::ConnectError => return self.on_connect_error(namespace, packet.data()),
        }
        SessionFlow::GoesOn
    }

    fn on_connect(
        &mut self,
        session: &mut Session,
        now: Instant,
        namespace: usize,
        packet: &Packet,
    ) {
        if self.is_connected(namespace) {
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
        self.release_buffers(session, now, namespace);
        self.events.push_back(Event::Connected {
            namespace,
            recovered,
        });
    }

    fn on_event(&mut self, elements: &Elements, received: Received) {
        if elements.name.is_empty() {
            return;
        }
        if self.is_connected(received.namespace) {
            self.deliver(received);
        } else {
            let buffers = self.namespaces[received.namespace].buffers();
            buffers.early.push(received);
        }
    }

    fn on_ack(&mut self, session: &mut Session, now: Instant, namespace: usize, packet: &Packet) {
        let Some(ack) = packet.id.and_then(|id| self.acks(namespace).take(id)) else {
            return;
        };
        let PendingAck {
            tag,
            intended,
            sent,
            ..
        } = ack;
        self.events.push_back(Event::Acked {
            namespace,
            tag,
            intended,
            sent,
            arguments: packet.elements(),
        });
        if ack.is_retried {
            self.retry_succeeded(session, now, namespace);
        }
    }

    /// The server closes the namespace: it is not connected again by itself.
    fn on_disconnect(&mut self, namespace: usize) -> SessionFlow {
        let was_connected = self.deactivate(namespace) == State::Connected;
        self.report_disconnected(namespace, DisconnectReason::ServerDisconnect, was_connected);
        self.flow()
    }

    /// Whether it is an error of the root that speaks to every namespace: a release 2 server that
    /// refuses its root never gets to the others.
    fn concerns_all(&self, packet: &Packet) -> bool {
        let revision = self.out.revision();
        packet.kind == Kind::ConnectError
            && revision.root_connects_itself()
            && packet.namespace() == b"/"
    }

    fn refuse_all(&mut self, data: &[u8]) -> SessionFlow {
        let mut flow = SessionFlow::GoesOn;
        for namespace in 0..self.namespaces.len() {
            if self.namespaces[namespace].is_active() {
                flow = self.on_connect_error(namespace, data);
            }
        }
        flow
    }

    fn on_connect_error(&mut self, namespace: usize, data: &[u8]) -> SessionFlow {
        let is_final = self.out.revision().rejection_is_final();
        let was_connected = self.is_connected(namespace);
        if was_connected && !is_final {
            // Release 2 servers report errors of connected sockets' middleware like this.
            return SessionFlow::GoesOn;
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
            self.report_disconnected(namespace, DisconnectReason::ServerDisconnect, true);
        }
        self.flow()
    }

    /// The client closes the namespace.
    pub(super) fn close_namespace(
        &mut self,
        session: Option<&mut Session>,
        namespace: usize,
    ) -> SessionFlow {
        if !self.namespaces[namespace].is_active() {
            return SessionFlow::GoesOn;
        }
        if self.deactivate(namespace) == State::Connected {
            if let Some(session) = session {
                let packet = encode::disconnect(self.name(namespace));
                self.send_message(session, packet, &[]);
            }
            self.report_disconnected(namespace, DisconnectReason::ClientDisconnect, true);
        }
        self.flow()
    }

    /// Takes it out of the active ones and returns what it was.
    fn deactivate(&mut self, namespace: usize) -> State {
        std::mem::take(&mut self.namespaces[namespace].state)
    }

    /// The Manager closes with its last active namespace.
    fn flow(&self) -> SessionFlow {
        if self.namespaces.iter().any(Namespace::is_active) {
            SessionFlow::GoesOn
        } else {
            SessionFlow::ManagerCloses
        }
    }

    /// The engine closed under the namespace.
    pub(super) fn namespace_lost(&mut self, namespace: usize, reason: DisconnectReason) {
        let state = &mut self.namespaces[namespace].state;
        if *state != State::Inactive {
            let old = std::mem::replace(state, State::Idle);
            self.report_disconnected(namespace, reason, old == State::Connected);
        }
    }

    fn report_disconnected(
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
    fn connect_name(&self, session: &Session, namespace: usize) -> Cow<'_, str> {
        let written = &*self.out.config.namespaces[namespace];
        let query = &*session.engine.query;
        if self.out.revision().connect_has_query() && !query.is_empty() && !written.contains('?') {
            format!("{written}?{query}").into()
        } else {
            written.into()
        }
    }
}
