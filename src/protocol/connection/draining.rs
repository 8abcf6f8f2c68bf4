//! Engines that nobody listens to any more, but that still write what they were given.

use std::time::Instant;

use bytes::Bytes;

use super::Connection;
use super::session::{Carrier, PollState, Session};
use super::timer::Timer;
use super::transmit::RequestId;
use super::upgrade::Probed;
use crate::protocol::engine_io::packet::Packet;
use crate::protocol::engine_io::payload::PayloadReader;

/// A closing engine and how long it may take.
#[derive(Debug)]
pub(super) struct DrainingEngine {
    pub(super) session: Session,
    until: Option<Instant>,
}

impl Connection {
    /// Closes an engine that the Manager has let go of: at once, or when its queue is written.
    pub(super) fn leave(&mut self, mut session: Session) {
        session.is_closing = true;
        if let Carrier::Polling(polling) = &session.carrier
            && matches!(polling.get, PollState::Reading { .. })
            && !session.is_done()
        {
            // The rest of the poll is of no interest, but a polling transport polls on until it
            // is closed; a poll that would be put off is not missed.
            let _ = session.poll_done(&mut self.out);
        }
        let until = self.timers.get(Timer::PingTimeout);
        self.leaving.push(DrainingEngine { session, until });
        self.settle_leaving(self.leaving.len() - 1);
    }

    pub(super) fn leaving_response(&mut self, index: usize, id: RequestId, body: Option<Bytes>) {
        let revision = self.out.revision();
        let session = &mut self.leaving[index].session;
        let Carrier::Polling(polling) = &mut session.carrier else {
            return;
        };
        if polling.post == Some(id) && body.is_some() {
            session.post_done(&mut self.out);
            return self.settle_leaving(index);
        }
        if polling.post != Some(id) && polling.get != PollState::InFlight(id) {
            return;
        }
        let Some(body) = body else {
            return self.end_leaving(index, true);
        };
        for packet in PayloadReader::new(revision, body) {
            match packet {
                Ok(Packet::Close) => return self.end_leaving(index, false),
                Ok(_) => {}
                Err(_) => return self.end_leaving(index, true),
            }
        }
        polling.get = PollState::Reading { only_noops: false };
        let _ = session.poll_done(&mut self.out);
        self.settle_leaving(index);
    }

    pub(super) fn leaving_probed(&mut self, index: usize, probed: &Probed) {
        if matches!(probed, Probed::Failed(_)) {
            let session = &mut self.leaving[index].session;
            session.poll_again(&mut self.out);
            if session.only_waits_for_upgrade() {
                return self.end_leaving(index, true);
            }
        }
        self.settle_leaving(index);
    }

    fn settle_leaving(&mut self, index: usize) {
        let session = &mut self.leaving[index].session;
        session.try_switch(&mut self.out);
        if session.is_done() {
            self.end_leaving(index, true);
        } else {
            self.arm_leaving();
        }
    }

    /// It is over; `goodbye` unless the carrier is.
    pub(super) fn end_leaving(&mut self, index: usize, goodbye: bool) {
        let mut session = self.leaving.swap_remove(index).session;
        if goodbye {
            session.say_goodbye(&mut self.out);
        } else {
            session.drop_probe(&mut self.out);
        }
        if self.is_last(session.head.id) {
            self.last_transport = session.last_transport();
        }
        self.out.engine_ended(session.head.id);
        if self.leaving.is_empty() {
            self.leaving = Vec::new();
        }
        self.arm_leaving();
    }

    /// Those that had until now to finish end as they would by their ping timeout.
    pub(super) fn leaving_timed_out(&mut self, now: Instant) {
        let is_late = |leaving: &DrainingEngine| leaving.until.is_some_and(|until| until <= now);
        while let Some(index) = self.leaving.iter().position(is_late) {
            self.end_leaving(index, true);
        }
        self.arm_leaving();
    }

    fn arm_leaving(&mut self) {
        match self
            .leaving
            .iter()
            .filter_map(|leaving| leaving.until)
            .min()
        {
            Some(until) => self.timers.set(Timer::DrainingEngine, until),
            None => self.timers.stop(Timer::DrainingEngine),
        }
    }
}
