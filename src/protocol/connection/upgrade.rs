//! The move of a polling session to WebSocket.

use std::time::Instant;

use super::event::Event;
use super::outbox::Outbox;
use super::session::{Carrier, PollState, Probe, Session};
use super::timer::Timer;
use super::transmit::WebSocketId;
use super::{Connection, Phase};
use crate::event::{Cause, DisconnectReason, Failure, Origin, Stage};
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

    pub(super) fn probe_opened(&mut self, out: &mut Outbox) {
        if let Some(probe) = self.probe_mut()
            && let Probe::Connecting(id) = *probe
        {
            out.frame(id, Outgoing::PROBE);
            *probe = Probe::AwaitingPong(id);
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
        let Some(probe) = self.probe_mut() else {
            return Probed::Unchanged;
        };
        let next = match *probe {
            Probe::Connecting(_) | Probe::AwaitingPong(_) => Probe::None,
            Probe::Pausing(_) => Probe::Stalled,
            Probe::Lingering(_) => {
                *probe = Probe::None;
                return Probed::Unchanged;
            }
            Probe::None | Probe::Due | Probe::Stalled => return Probed::Unchanged,
        };
        *probe = next;
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

impl Connection {
    /// Starts a probe on an open polling session.
    pub(super) fn start_probe(&mut self) {
        if let Phase::Open(session) = &mut self.phase {
            self.websocket_worked = false;
            session.start_probe(&mut self.out);
            self.events.push_back(Event::UpgradeStarted);
        }
    }

    /// Whether the session polls, is not on its way to WebSocket, and could be.
    pub(super) fn can_upgrade(&self) -> bool {
        let Phase::Open(session) = &self.phase else {
            return false;
        };
        let Carrier::Polling(polling) = &session.carrier else {
            return false;
        };
        let is_free = match polling.probe {
            Probe::None | Probe::Due | Probe::Lingering(_) => true,
            Probe::Connecting(_) | Probe::AwaitingPong(_) | Probe::Pausing(_) | Probe::Stalled => {
                false
            }
        };
        is_free && session.offers_websocket && !session.is_closing
    }

    /// Tells what came of the probe and goes on from there.
    pub(super) fn after_probe(&mut self, now: Instant, probed: Probed) {
        match probed {
            Probed::Unchanged => {}
            Probed::Answered => {
                self.websocket_worked = true;
                self.timers.stop(Timer::NextPoll);
            }
            Probed::Failed(failure) => {
                self.events.push_back(Event::UpgradeFailed { failure });
                self.timers.stop(Timer::NextPoll);
                if let Phase::Open(session) = &mut self.phase {
                    session.poll_again(&mut self.out);
                    if session.only_waits_for_upgrade() {
                        return self.end_session(now, DisconnectReason::ForcedClose, None);
                    }
                }
            }
        }
        self.settle(now);
    }

    /// Does what an empty lane allows: the switch to WebSocket, the end of a closing engine.
    pub(super) fn settle(&mut self, now: Instant) {
        let Phase::Open(session) = &mut self.phase else {
            return;
        };
        if session.try_switch(&mut self.out) {
            self.events.push_back(Event::Upgraded);
        }
        if session.is_done() {
            self.end_session(now, DisconnectReason::ForcedClose, None);
        }
    }
}
