//! Engines that nobody listens to any more, but that still write what they were given.

use std::time::Instant;

use bytes::Bytes;

use super::manager::Manager;
use super::session::{Carrier, PollState, Session};
use super::timer::Timer;
use super::transmit::{EngineId, RequestId};
use super::upgrade::Probed;
use crate::protocol::engine_io::packet::Packet;
use crate::protocol::engine_io::payload::PayloadReader;

/// The closing engines of a client; none, most of the time.
#[derive(Debug, Default)]
pub(super) struct Draining {
    engines: Vec<DrainingEngine>,
}

/// A closing engine and how long it may take.
#[derive(Debug)]
struct DrainingEngine {
    session: Session,
    until: Option<Instant>,
}

/// What follows for a closing engine from something that happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DrainingFlow {
    GoesOn,
    /// It ends from our side.
    Goodbye,
    /// Its carrier ended.
    Lost,
}

impl Draining {
    pub(super) fn is_empty(&self) -> bool {
        self.engines.is_empty()
    }

    /// The session of the engine that was added last.
    pub(super) fn last(&self) -> Option<&Session> {
        self.engines.last().map(|engine| &engine.session)
    }

    /// The place of an engine.
    pub(super) fn find(&self, engine: EngineId) -> Option<usize> {
        let is_it = |draining: &DrainingEngine| draining.session.engine.id == engine;
        self.engines.iter().position(is_it)
    }

    /// The session at a place from [`find`](Self::find).
    pub(super) fn session_mut(&mut self, index: usize) -> &mut Session {
        &mut self.engines[index].session
    }

    /// Closes an engine that the Manager has let go of: at once, or when its queue is written.
    pub(super) fn add(&mut self, manager: &mut Manager, mut session: Session) {
        session.is_closing = true;
        if let Carrier::Polling(polling) = &session.carrier
            && matches!(polling.get, PollState::Reading { .. })
            && !session.is_done()
        {
            // The rest of the poll is of no interest, but a polling transport polls on until it
            // is closed; a poll that would be put off is not missed.
            let _ = session.poll_done(&mut manager.out);
        }
        let until = manager.timers.get(Timer::PingTimeout);
        self.engines.push(DrainingEngine { session, until });
        self.follow(manager, self.engines.len() - 1, DrainingFlow::GoesOn);
    }

    pub(super) fn response(
        &mut self,
        manager: &mut Manager,
        index: usize,
        id: RequestId,
        body: Option<Bytes>,
    ) {
        let flow = self.engines[index].session.drained_by(manager, id, body);
        if let Some(flow) = flow {
            self.follow(manager, index, flow);
        }
    }

    pub(super) fn probed(&mut self, manager: &mut Manager, index: usize, probed: &Probed) {
        let session = &mut self.engines[index].session;
        let mut flow = DrainingFlow::GoesOn;
        if matches!(probed, Probed::Failed(_)) {
            session.poll_again(&mut manager.out);
            if session.only_waits_for_upgrade() {
                flow = DrainingFlow::Goodbye;
            }
        }
        self.follow(manager, index, flow);
    }

    fn follow(&mut self, manager: &mut Manager, index: usize, flow: DrainingFlow) {
        let session = &mut self.engines[index].session;
        match flow {
            DrainingFlow::GoesOn => {
                session.try_switch(&mut manager.out);
                if session.is_done() {
                    self.end(manager, index, DrainingFlow::Goodbye);
                } else {
                    self.arm(manager);
                }
            }
            DrainingFlow::Goodbye | DrainingFlow::Lost => self.end(manager, index, flow),
        }
    }

    fn end(&mut self, manager: &mut Manager, index: usize, flow: DrainingFlow) {
        let mut session = self.engines.swap_remove(index).session;
        if flow == DrainingFlow::Lost {
            session.drop_probe(&mut manager.out);
        } else {
            session.say_goodbye(&mut manager.out);
        }
        if manager.is_last(session.engine.id) {
            manager.engine_left(&session);
        } else {
            manager.out.engine_ended(session.engine.id);
        }
        if self.engines.is_empty() {
            self.engines = Vec::new();
        }
        self.arm(manager);
    }

    /// Those that had until now to finish end as they would by their ping timeout.
    pub(super) fn timed_out(&mut self, manager: &mut Manager, now: Instant) {
        let is_late = |engine: &DrainingEngine| engine.until.is_some_and(|until| until <= now);
        while let Some(index) = self.engines.iter().position(is_late) {
            self.end(manager, index, DrainingFlow::Goodbye);
        }
        self.arm(manager);
    }

    fn arm(&self, manager: &mut Manager) {
        match self.engines.iter().filter_map(|engine| engine.until).min() {
            Some(until) => manager.timers.set(Timer::DrainingEngine, until),
            None => manager.timers.stop(Timer::DrainingEngine),
        }
    }
}

impl Session {
    /// A closing session's GET or POST was answered, or failed; nothing if the request is unknown.
    fn drained_by(
        &mut self,
        manager: &mut Manager,
        id: RequestId,
        body: Option<Bytes>,
    ) -> Option<DrainingFlow> {
        let Carrier::Polling(polling) = &mut self.carrier else {
            return None;
        };
        if polling.post == Some(id) && body.is_some() {
            self.post_done(&mut manager.out);
            return Some(DrainingFlow::GoesOn);
        }
        if polling.post != Some(id) && polling.get != PollState::InFlight(id) {
            return None;
        }
        let Some(body) = body else {
            return Some(DrainingFlow::Goodbye);
        };
        for packet in PayloadReader::new(manager.out.revision(), body) {
            match packet {
                Ok(Packet::Close) => return Some(DrainingFlow::Lost),
                Ok(_) => {}
                Err(_) => return Some(DrainingFlow::Goodbye),
            }
        }
        polling.get = PollState::Reading { only_noops: false };
        let _ = self.poll_done(&mut manager.out);
        Some(DrainingFlow::GoesOn)
    }
}
