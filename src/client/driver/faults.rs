//! What a client does to itself when it is told to, and how that is undone.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Driver;
use crate::client::command::Action;
use crate::client::connections::Arrival;
use crate::client::fault::Verdict;
use crate::event::{
    ATTRIBUTION_WINDOW, Cause, Event, Failure, Missed, Observer, Origin, Stage, StrikeId,
    TransportKind,
};
use crate::fault::impulse::{Disconnect, DisconnectHow, UpgradeStage};
use crate::fault::{Condition, Impulse};
use crate::protocol::{WebSocketEnd, WebSocketId};

/// No packet type begins like this, in any revision.
const MALFORMED: Bytes = Bytes::from_static(b"garbage");

/// What a message may have where the server has not told, in bytes: the reference server's
/// `maxHttpBufferSize`.
const USUAL_MAX_PAYLOAD: usize = 1_000_000;

/// How many heartbeat windows a connection is kept that the client has left on another network:
/// by then the server has given it up, even if its timers are late.
const WINDOWS_KEPT: u32 = 2;

/// What carries the client is gone by the scenario's will.
fn cut(stage: Stage, cause: Cause) -> Failure {
    Failure::new(stage, cause, Origin::Scenario)
}

impl<O: Observer> Driver<O> {
    /// A fault strikes, unless the client is not connected or there is nothing to do.
    pub(super) fn strike(&mut self, now: Instant, fault: StrikeId, action: Action) {
        let is_there = self.phase.is_running() && self.lifecycle.is_connected();
        let struck = match action {
            _ if !is_there => Err(Missed::NotConnected),
            Action::Impulse(impulse) => self.carry_out(now, fault, impulse),
            Action::Condition { condition, lasts } => {
                self.begin_fault(now, fault, condition, lasts)
            }
        };
        if let Err(why) = struck {
            self.lifecycle
                .report(now, Event::FaultMissed { fault, why });
        }
    }

    fn begin_fault(
        &mut self,
        now: Instant,
        fault: StrikeId,
        condition: Condition,
        lasts: Option<Duration>,
    ) -> Result<(), Missed> {
        let until = lasts.and_then(|lasts| now.checked_add(lasts));
        self.lifecycle.begin_fault(now, fault, condition, until);
        if self.take_effect().is_err() {
            self.lifecycle.withdraw_fault(fault);
            let _ = self.take_effect();
            return Err(Missed::Refused);
        }
        self.lifecycle.fault_applied(now, fault);
        Ok(())
    }

    /// Lets everything be as the conditions that are not over want it.
    fn take_effect(&mut self) -> std::io::Result<()> {
        let effects = self.lifecycle.fault_effects();
        self.connection.set_mute(effects.is_mute);
        self.connections.set_network(effects.network)
    }

    /// Whether the client must not do anything.
    pub(super) fn is_frozen(&self) -> bool {
        self.lifecycle.fault_effects().is_frozen
    }

    /// Undoes what is over by now.
    pub(super) fn end_faults(&mut self, now: Instant) {
        self.lifecycle.settle_faults(now);
        if self
            .lifecycle
            .next_fault_end()
            .is_some_and(|end| end <= now)
        {
            let settles = self.settles(now);
            self.lifecycle.end_faults(now, settles);
            // A filter that cannot be taken off ends with its socket.
            let _ = self.take_effect();
            self.lifecycle.settle_faults(now);
        }
        if let Some(leftovers) = &mut self.leftovers {
            leftovers.forget(now);
            if leftovers.is_empty() {
                self.leftovers = None;
            }
        }
    }

    /// Undoes everything: the client leaves.
    pub(super) fn end_all_faults(&mut self, now: Instant) {
        if let Some(leftovers) = &mut self.leftovers {
            *leftovers.abort() = None;
        }
        let settles = self.settles(now);
        if self.lifecycle.end_all_faults(now, settles) {
            // As above.
            let _ = self.take_effect();
        }
    }

    /// By when what happens now must have shown its effect: a silent loss shows within the
    /// heartbeat's window.
    fn settles(&self, now: Instant) -> Instant {
        now + self
            .connection
            .heartbeat_window()
            .unwrap_or(ATTRIBUTION_WINDOW)
    }

    /// Carries out an impulse.
    fn carry_out(&mut self, now: Instant, fault: StrikeId, impulse: Impulse) -> Result<(), Missed> {
        if self.is_frozen() || !self.can_carry_out(impulse) {
            return Err(Missed::NotApplicable);
        }
        let settles = self.settles(now);
        if let Impulse::NetworkChange(_) = impulse {
            // The kernel may refuse it, so it counts as felt only once it is done.
            return self.change_network(now, fault);
        }
        self.lifecycle.fault_felt(now, fault, settles);
        match impulse {
            Impulse::Disconnect(disconnect) => self.disconnect(now, disconnect.how),
            Impulse::TransportSwitch(switch) => {
                if !(switch.upgrade && self.connection.start_upgrade(now)) {
                    self.switch(now, switch.to);
                }
            }
            Impulse::UpgradeAbort(abort) => self.abort_upgrade(now, abort.stage),
            Impulse::NetworkChange(_) => {}
            Impulse::Garbage(_) => {
                self.connection.send_packet(now, MALFORMED);
            }
            Impulse::Oversize(_) => {
                let packet = self.oversized();
                self.connection.send_packet(now, packet);
            }
            Impulse::Abandon(_) => {
                self.connection.open_stray(now);
                self.lifecycle.fault_harmless(now);
            }
        }
        Ok(())
    }

    /// Whether there is something that the impulse can do to this client.
    fn can_carry_out(&self, impulse: Impulse) -> bool {
        let is_close_frame =
            |disconnect: Disconnect| matches!(disconnect.how, DisconnectHow::WebSocketClose(_));
        if let Impulse::Disconnect(disconnect) = impulse
            && is_close_frame(disconnect)
        {
            return self.connection.transport() == Some(TransportKind::WebSocket);
        }
        true
    }

    fn disconnect(&mut self, now: Instant, how: DisconnectHow) {
        match how {
            DisconnectHow::Close => self.connection.close_engine(now),
            DisconnectHow::Namespace => {
                self.connection.disconnect(now);
                self.pump(now);
                self.connection.connect(now);
            }
            DisconnectHow::Fin => self.connections.fin(),
            DisconnectHow::Reset => self.connections.reset(),
            DisconnectHow::WebSocketClose(code) => self.connections.close_with(code, now),
        }
    }

    fn switch(&mut self, now: Instant, to: TransportKind) {
        self.connection.set_transports(vec![to], false);
        self.connection.close_engine(now);
    }

    /// A message of text that is one byte too long for the server.
    fn oversized(&self) -> Bytes {
        const HEAD: &[u8] = b"42[\"oversize\",\"";
        const TAIL: &[u8] = b"\"]";
        let limit = self.connection.max_payload();
        let length = limit.unwrap_or(USUAL_MAX_PAYLOAD).saturating_add(1);
        let filling = length.saturating_sub(HEAD.len() + TAIL.len());
        let mut packet = HEAD.to_vec();
        packet.resize(HEAD.len() + filling, b'x');
        packet.extend_from_slice(TAIL);
        packet.into()
    }

    /// All that is open falls silent for good, and the system tells the client, as it tells a
    /// browser by its `offline` event.
    fn change_network(&mut self, now: Instant, fault: StrikeId) -> Result<(), Missed> {
        let window = self
            .connection
            .heartbeat_window()
            .unwrap_or(ATTRIBUTION_WINDOW);
        let Ok(left) = self.connections.change_network() else {
            return Err(Missed::Refused);
        };
        self.leftovers
            .get_or_insert_default()
            .leave_behind(now + window * WINDOWS_KEPT, left);
        self.lifecycle.fault_felt(now, fault, now + window);
        self.lifecycle.report(now, Event::ZombieSession);
        let failure = cut(Stage::Session, Cause::ConnectionClosed);
        self.connection
            .handle_network_lost(now, failure.with_message("network connection lost"));
        Ok(())
    }

    // The upgrade that is broken off.

    fn abort_upgrade(&mut self, now: Instant, stage: UpgradeStage) {
        self.leftovers.get_or_insert_default().abort_upgrade(stage);
        let both = vec![TransportKind::Polling, TransportKind::WebSocket];
        self.connection.set_transports(both, true);
        self.connection.close_engine(now);
    }

    /// A probe goes out.
    pub(super) fn note_probe(&mut self, id: WebSocketId) {
        if let Some(left) = &mut self.leftovers
            && let Some(abort) = left.abort()
            && !abort.probe_begun(id)
        {
            self.forget_abort();
        }
    }

    /// Breaks off the probe's handshake if its request is written; true if it did.
    pub(super) fn break_off_handshake(&mut self) -> bool {
        let Some(left) = &mut self.leftovers else {
            return false;
        };
        let handshake = left.abort().as_ref().and_then(|abort| abort.handshake());
        let broken = handshake.is_some_and(|id| self.connections.break_off(id));
        if broken {
            self.forget_abort();
        }
        broken
    }

    /// What is left of an arrival if an upgrade is to be broken off by it.
    pub(super) fn intercept(&mut self, now: Instant, arrival: Arrival) -> Option<Arrival> {
        let Some(abort) = self.leftovers.as_mut().and_then(|left| *left.abort()) else {
            return Some(arrival);
        };
        match arrival {
            Arrival::WebSocketOpen { id, .. } => self.judge(now, id, abort.opened(id), arrival),
            Arrival::Frame { id, .. } => self.judge(now, id, abort.received(id), arrival),
            Arrival::WebSocketEnded { id, .. } if abort.is_probe(id) => {
                self.forget_abort();
                let end = WebSocketEnd::Dropped(cut(Stage::Upgrade, Cause::ProbeFailed));
                Some(Arrival::WebSocketEnded { id, end })
            }
            Arrival::WebSocketRefused { id, .. } if abort.is_probe(id) => {
                self.forget_abort();
                Some(arrival)
            }
            Arrival::WebSocketEnded { .. }
            | Arrival::WebSocketRefused { .. }
            | Arrival::Response { .. }
            | Arrival::RequestFailed { .. }
            | Arrival::StepResponse { .. } => Some(arrival),
        }
    }

    fn judge(
        &mut self,
        now: Instant,
        id: WebSocketId,
        verdict: Verdict,
        arrival: Arrival,
    ) -> Option<Arrival> {
        match verdict {
            Verdict::Pass => return Some(arrival),
            Verdict::Swallow => return None,
            Verdict::Cut => self.connections.close_websocket(id, now),
            Verdict::CutAfter => {
                if let Arrival::Frame { frame, .. } = arrival {
                    self.connection.handle_frame(now, id, frame);
                }
                self.connections.drop_websocket(id);
            }
        }
        self.forget_abort();
        let end = WebSocketEnd::Dropped(cut(Stage::Upgrade, Cause::ProbeFailed));
        Some(Arrival::WebSocketEnded { id, end })
    }

    fn forget_abort(&mut self) {
        if let Some(left) = &mut self.leftovers {
            *left.abort() = None;
        }
        self.connection.reset_transports();
    }
}
