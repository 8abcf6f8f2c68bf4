//! The move of a polling session to WebSocket.

use super::outbox::Outbox;
use super::session::{Carrier, PollState, Probe, Session};
use super::transmit::WebSocketId;
use crate::event::{Cause, Failure, Origin, Stage};
use crate::protocol::engine_io::packet::{Outgoing, Packet};
use crate::protocol::frame::{Frame, WebSocketEnd};

/// What came of something that happened to a probe's WebSocket.
#[derive(Debug)]
pub(super) enum Probed {
    /// Nothing to tell.
    Unchanged,
    /// The pong came; GET and POST run empty.
    Answered,
    /// The upgrade failed.
    Failed(Failure),
}

impl Session {
    /// Whether this WebSocket is its probe's.
    pub(super) fn is_probe(&self, id: WebSocketId) -> bool {
        match &self.carrier {
            Carrier::Polling(polling) => polling.probe.websocket() == Some(id),
            Carrier::WebSocket { .. } => false,
        }
    }

    /// Whether an upgrade is under way and may still fail.
    pub(super) fn is_upgrading(&self) -> bool {
        match &self.carrier {
            Carrier::Polling(polling) => {
                polling.probe.is_open() || matches!(polling.probe, Probe::Pausing(_))
            }
            Carrier::WebSocket { .. } => false,
        }
    }

    /// Whether a probe is to start now.
    pub(super) fn probe_is_due(&self) -> bool {
        match &self.carrier {
            Carrier::Polling(polling) => polling.probe == Probe::Due,
            Carrier::WebSocket { .. } => false,
        }
    }

    /// Whether the session polls, is not on its way to WebSocket, and could be.
    pub(super) fn can_upgrade(&self) -> bool {
        let Carrier::Polling(polling) = &self.carrier else {
            return false;
        };
        let is_free = match polling.probe {
            Probe::None | Probe::Due | Probe::Lingering(_) => true,
            Probe::Connecting(_) | Probe::AwaitingPong(_) | Probe::Pausing(_) | Probe::Stalled => {
                false
            }
        };
        is_free && self.offers_websocket && !self.is_closing
    }

    /// A WebSocket is open: the probe's, if it is of interest at all.
    pub(super) fn websocket_open(&mut self, out: &mut Outbox, websocket: WebSocketId) {
        if let Carrier::Polling(polling) = &mut self.carrier
            && let Probe::Connecting(id) = polling.probe
            && id == websocket
        {
            out.frame(id, Outgoing::PROBE);
            polling.probe = Probe::AwaitingPong(id);
        }
    }

    pub(super) fn probe_frame(&mut self, out: &Outbox, frame: Frame) -> Probed {
        let Carrier::Polling(polling) = &mut self.carrier else {
            return Probed::Unchanged;
        };
        let Probe::AwaitingPong(id) = polling.probe else {
            return Probed::Unchanged;
        };
        if let Ok(Packet::Pong(data)) = Packet::from_frame(out.revision(), frame)
            && data == "probe"
        {
            polling.probe = Probe::Pausing(id);
            if polling.get == PollState::PutOff {
                polling.get = PollState::Empty;
            }
            return Probed::Answered;
        }
        polling.probe = Probe::Lingering(id);
        let failure = Failure::new(Stage::Upgrade, Cause::ProbeFailed, Origin::Server);
        Probed::Failed(failure.with_message("the first packet is not the probe's pong"))
    }

    /// The probe's WebSocket could not be opened, or ended.
    pub(super) fn probe_ended(&mut self, failure: Failure) -> Probed {
        let Carrier::Polling(polling) = &mut self.carrier else {
            return Probed::Unchanged;
        };
        let next = match polling.probe {
            Probe::Connecting(_) | Probe::AwaitingPong(_) => Probe::None,
            Probe::Pausing(_) => Probe::Stalled,
            Probe::Lingering(_) => {
                polling.probe = Probe::None;
                return Probed::Unchanged;
            }
            Probe::None | Probe::Due | Probe::Stalled => return Probed::Unchanged,
        };
        polling.probe = next;
        Probed::Failed(failure.at_stage(Stage::Upgrade))
    }
}

/// Why a probe ended with its WebSocket.
pub(super) fn failure_of(end: WebSocketEnd) -> Failure {
    match end {
        WebSocketEnd::Closed { code } => {
            let mut failure = Failure::new(Stage::Upgrade, Cause::ProbeFailed, Origin::Server);
            failure.status = code;
            failure.with_message("the probe was closed")
        }
        WebSocketEnd::Dropped(failure) | WebSocketEnd::Failed(failure) => failure,
    }
}
