//! What a fault does to the connections of one client.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::{Arrival, CLOSE_LIMIT, Connections, SocketState};
use crate::event::{Cause, Failure, Origin, Stage};
use crate::protocol::{WebSocketEnd, WebSocketId};
use crate::transport::{Conditions, LinkConditions};

impl Connections {
    /// Sends FIN on every connection; what comes of it arrives as usual.
    pub(in crate::client) fn fin(&mut self) {
        for open in &mut self.sockets {
            open.socket.fin();
            open.state.spoil(None);
        }
        for request in &mut self.requests {
            request.exchange.fin();
            request.finned = true;
        }
        for opening in &self.handshakes {
            opening.handshake.fin();
        }
        self.http.fin_idle();
    }

    /// Ends every connection with RST.
    pub(in crate::client) fn reset(&mut self) {
        for open in self.sockets.drain(..) {
            open.socket.reset();
            if open.state.is_of_interest() {
                let (id, end) = (open.id, WebSocketEnd::Dropped(own_reset()));
                self.broken.push_back(Arrival::WebSocketEnded { id, end });
            }
        }
        for request in self.requests.drain(..) {
            request.exchange.reset();
            self.broken.push_back(Arrival::RequestFailed {
                id: request.id,
                failure: own_reset(),
                dialed: None,
            });
        }
        for opening in self.handshakes.drain(..) {
            opening.handshake.reset();
            self.broken.push_back(refused(opening.id));
        }
        self.http.reset_idle();
        self.news = true;
    }

    /// Sends a close frame with this code on every open WebSocket; the end arrives as if the peer
    /// had closed.
    pub(in crate::client) fn close_with(&mut self, code: u16, now: Instant) {
        for open in &mut self.sockets {
            if open.state.is_of_interest() {
                let _ = open.socket.start_close(Some(code));
                open.flushed = false;
                open.state.spoil(Some(now + CLOSE_LIMIT));
            }
        }
        self.news = true;
    }

    /// Ends a WebSocket with RST; nothing of it arrives any more.
    pub(in crate::client) fn drop_websocket(&mut self, id: WebSocketId) {
        if let Some(place) = self.sockets.iter().position(|open| open.id == id) {
            self.sockets.swap_remove(place).socket.reset();
        }
    }

    /// Ends a WebSocket handshake with RST if its request has been written; true if it did.
    pub(in crate::client) fn break_off(&mut self, id: WebSocketId) -> bool {
        let is_it = |opening: &super::Opening| opening.id == id && opening.handshake.is_asked();
        let Some(place) = self.handshakes.iter().position(is_it) else {
            return false;
        };
        self.handshakes.swap_remove(place).handshake.reset();
        self.broken.push_back(refused(id));
        self.news = true;
        true
    }

    /// Lets the network be like this, for all connections, also those that are still to be made.
    ///
    /// # Errors
    /// If the kernel refuses a filter.
    pub(in crate::client) fn set_network(&mut self, conditions: Conditions) -> io::Result<()> {
        if !self.http.has_network() && conditions == Conditions::default() {
            return Ok(());
        }
        let network = Rc::clone(self.http.network());
        if network.conditions() == conditions {
            return Ok(());
        }
        network.set(conditions);
        self.news = true;
        self.join(&network)
    }

    /// Leaves everything behind on a network that is silent from now on, and is told on it no more;
    /// connections are made on another one, from another address where there is one.
    ///
    /// What was open stays open, without a word to the peer, until the network that is returned is
    /// dropped.
    ///
    /// # Errors
    /// If the kernel refuses a filter.
    pub(in crate::client) fn change_network(&mut self) -> io::Result<Rc<LinkConditions>> {
        let left = Rc::clone(self.http.network());
        let conditions = left.conditions();
        left.set(Conditions {
            silent: true,
            ..conditions
        });
        if let Err(error) = self.join(&left) {
            left.set(conditions);
            let _ = self.join(&left);
            return Err(error);
        }
        self.sockets = Vec::new();
        self.requests = Vec::new();
        self.handshakes = Vec::new();
        let next = LinkConditions::new(left.moves() + 1, conditions);
        self.http.change_network(Rc::new(next));
        Ok(left)
    }

    fn join(&self, network: &Rc<LinkConditions>) -> io::Result<()> {
        for open in &self.sockets {
            open.socket.join(network)?;
        }
        for request in &self.requests {
            request.exchange.join(network)?;
        }
        for opening in &self.handshakes {
            opening.handshake.join(network)?;
        }
        self.http.join_idle(network)
    }
}

impl SocketState {
    /// A fault ends it; what comes of it is of interest all the same.
    fn spoil(&mut self, until: Option<Instant>) {
        match self {
            Self::Open | Self::Left { .. } | Self::FaultClosing { .. } => {
                *self = Self::FaultClosing { until }
            }
            Self::Closing { .. } => {}
        }
    }
}

fn refused(id: WebSocketId) -> Arrival {
    Arrival::WebSocketRefused {
        id,
        failure: own_reset(),
        dialed: None,
    }
}

fn own_reset() -> Failure {
    Failure::new(Stage::Session, Cause::ConnectionReset, Origin::Scenario)
}
