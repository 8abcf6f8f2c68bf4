//! The faults that touched one client, and which of them a loss is put down to. Pure.

use std::time::{Duration, Instant};

use crate::event::{AmbientFault, DisconnectReason, StrikeId};

/// A fault and when it struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strike {
    pub(super) fault: StrikeId,
    pub(super) struck: Instant,
}

/// What a loss is put down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribution {
    /// A fault that the client had felt.
    Own(Strike),
    /// A fault at large, of which the client hears by this loss.
    AtLarge(Strike),
    /// No fault, or one that lasts and has had its loss before.
    Nobody,
}

/// A fault that a client needs nothing more to be well of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) fault: StrikeId,
    /// How long it was felt.
    pub(super) outage: Duration,
    /// Until when.
    pub(super) well_at: Instant,
}

impl Passed {
    /// It lasted until it healed, if it lasted at all, and cost the client no connection.
    fn unharmed(mark: Strike, healed: Instant) -> Self {
        Self {
            fault: mark.fault,
            outage: healed.saturating_duration_since(mark.struck),
            well_at: healed,
        }
    }
}

/// A fault of the client's own that has not shown its effect yet, or that lasts.
///
/// ```text
/// Lasting ──healed──► Over ──settles──► (passed)
///    │                 └─── a loss ───► (blamed)
///    └─ a loss ─► (blamed) and Spent ──healed──► (forgotten)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It goes on.
    Lasting,
    /// It goes on, and a loss was put down to it.
    Spent,
    /// It is over, but a loss until `settles` is its doing all the same.
    Over { healed: Instant, settles: Instant },
}

/// The faults of one client; most clients never have any.
#[derive(Debug, Default)]
pub(super) struct FaultAttribution {
    own: Vec<(Strike, State)>,
    /// Faults at large that this client has felt, each with its last strike.
    felt: Vec<Strike>,
}

impl FaultAttribution {
    /// A fault for a moment, whose effect must show by `settles`.
    pub(super) fn strike(&mut self, now: Instant, fault: StrikeId, settles: Instant) {
        let healed = now;
        self.own.push((
            Strike { fault, struck: now },
            State::Over { healed, settles },
        ));
    }

    /// A fault that lasts.
    pub(super) fn begin(&mut self, now: Instant, fault: StrikeId) {
        self.own
            .push((Strike { fault, struck: now }, State::Lasting));
    }

    /// A fault that lasted is over; its effect may still show until `settles`.
    pub(super) fn heal(&mut self, now: Instant, fault: StrikeId, settles: Instant) {
        self.own
            .retain(|(mark, state)| !(mark.fault == fault && *state == State::Spent));
        for (mark, state) in &mut self.own {
            if mark.fault == fault && *state == State::Lasting {
                let healed = now;
                *state = State::Over { healed, settles };
            }
        }
    }

    /// When [`FaultAttribution::settle`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let settles = self.own.iter().filter_map(|(_, state)| match state {
            State::Over { settles, .. } => Some(*settles),
            State::Lasting | State::Spent => None,
        });
        settles.min()
    }

    /// The next fault of which a connected client is well, since its effect would have shown.
    pub(super) fn settle(&mut self, now: Instant) -> Option<Passed> {
        self.take(|state| matches!(state, State::Over { settles, .. } if settles <= now))
            .map(|(mark, healed)| Passed::unharmed(mark, healed))
    }

    /// The next fault of which a connected client is well, since nobody waits for its effect any
    /// longer: the client leaves, or has come back from a loss that another one was blamed for.
    pub(super) fn dismiss(&mut self) -> Option<Passed> {
        self.take(|state| matches!(state, State::Over { .. }))
            .map(|(mark, healed)| Passed::unharmed(mark, healed))
    }

    /// The fault for a moment that struck last turned out to need no reconnection.
    pub(super) fn pass_latest(&mut self, now: Instant) -> Option<Passed> {
        let (mark, state) = *self.own.last()?;
        let State::Over { healed, .. } = state else {
            return None;
        };
        if healed > mark.struck {
            return None;
        }
        self.own.pop();
        Some(Passed {
            fault: mark.fault,
            outage: now.saturating_duration_since(mark.struck),
            well_at: now,
        })
    }

    /// Which fault did it: the one that struck last, of the client's own or at large.
    pub(super) fn blame(
        &mut self,
        now: Instant,
        reason: DisconnectReason,
        ambient: &[AmbientFault],
    ) -> Attribution {
        let own = (0..self.own.len()).max_by_key(|place| self.own[*place].0.struck);
        let at_large = self.at_large(now, reason, ambient);
        match (own, at_large) {
            (Some(own), Some(at_large)) if self.own[own].0.struck < at_large.struck => {
                self.meet(at_large)
            }
            (Some(own), _) => self.spend(own),
            (None, Some(at_large)) => self.meet(at_large),
            (None, None) => Attribution::Nobody,
        }
    }

    fn meet(&mut self, at_large: Strike) -> Attribution {
        self.felt.retain(|felt| felt.fault != at_large.fault);
        self.felt.push(at_large);
        Attribution::AtLarge(at_large)
    }

    /// One loss is put down to each fault: what comes after the client was back is another story.
    fn spend(&mut self, place: usize) -> Attribution {
        let (mark, state) = &mut self.own[place];
        let mark = *mark;
        match state {
            State::Spent => Attribution::Nobody,
            State::Lasting => {
                *state = State::Spent;
                Attribution::Own(mark)
            }
            State::Over { .. } => {
                self.own.remove(place);
                Attribution::Own(mark)
            }
        }
    }

    /// The latest fault at large that explains a loss at `now`.
    ///
    /// One strike is felt once: what comes after the client was back has another cause. A rolling
    /// restart strikes again with each instance, and may find a client a second time.
    fn at_large(
        &self,
        now: Instant,
        reason: DisconnectReason,
        ambient: &[AmbientFault],
    ) -> Option<Strike> {
        match reason {
            DisconnectReason::PingTimeout
            | DisconnectReason::TransportClose
            | DisconnectReason::TransportError
            | DisconnectReason::ParseError
            | DisconnectReason::ServerDisconnect => {}
            DisconnectReason::ClientDisconnect | DisconnectReason::ForcedClose => return None,
        }
        ambient.iter().rev().find_map(|at_large| {
            let mark = Strike {
                fault: at_large.fault,
                struck: at_large.explains(now)?,
            };
            (!self.felt.contains(&mark)).then_some(mark)
        })
    }

    fn take(&mut self, wanted: impl Fn(State) -> bool) -> Option<(Strike, Instant)> {
        let place = self.own.iter().position(|(_, state)| wanted(*state))?;
        let (mark, state) = self.own.remove(place);
        match state {
            State::Over { healed, .. } => Some((mark, healed)),
            State::Lasting | State::Spent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESET: StrikeId = StrikeId(1);
    const MUTE: StrikeId = StrikeId(2);
    const CLOSE: DisconnectReason = DisconnectReason::TransportClose;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn passed(fault: StrikeId, struck: Instant, outage: u64) -> Option<Passed> {
        let outage = seconds(outage);
        let well_at = struck + outage;
        Some(Passed {
            fault,
            outage,
            well_at,
        })
    }

    #[test]
    fn a_lasting_fault_without_a_loss_has_passed_when_its_effect_would_have_shown() {
        let start = crate::clock::now();
        let at = |n| start + seconds(n);
        let mut marks = FaultAttribution::default();
        marks.begin(at(0), MUTE);
        assert_eq!((marks.deadline(), marks.settle(at(100))), (None, None));
        marks.heal(at(10), MUTE, at(55));
        assert_eq!(marks.deadline(), Some(at(55)));
        assert_eq!(marks.settle(at(54)), None);
        assert_eq!(marks.settle(at(55)), passed(MUTE, at(0), 10));
        assert_eq!(marks.deadline(), None);
    }

    #[test]
    fn a_loss_after_the_end_of_a_fault_is_still_its_doing() {
        let start = crate::clock::now();
        let at = |n| start + seconds(n);
        let mut marks = FaultAttribution::default();
        marks.begin(at(0), MUTE);
        marks.heal(at(10), MUTE, at(55));
        let mark = Strike {
            fault: MUTE,
            struck: at(0),
        };
        assert_eq!(marks.blame(at(12), CLOSE, &[]), Attribution::Own(mark));
        assert_eq!(marks.blame(at(13), CLOSE, &[]), Attribution::Nobody);
    }

    #[test]
    fn one_loss_is_put_down_to_a_fault_however_long_it_lasts() {
        let start = crate::clock::now();
        let at = |n| start + seconds(n);
        let mut marks = FaultAttribution::default();
        marks.begin(at(0), MUTE);
        assert!(matches!(
            marks.blame(at(9), CLOSE, &[]),
            Attribution::Own(_)
        ));
        assert_eq!(marks.blame(at(18), CLOSE, &[]), Attribution::Nobody);
        marks.heal(at(20), MUTE, at(65));
        assert_eq!(marks.deadline(), None);
    }

    #[test]
    fn the_fault_that_struck_last_is_blamed_and_the_other_is_over_with_the_reconnection() {
        let start = crate::clock::now();
        let at = |n| start + seconds(n);
        let mut marks = FaultAttribution::default();
        marks.begin(at(0), MUTE);
        marks.strike(at(5), RESET, at(50));
        let Attribution::Own(mark) = marks.blame(at(6), CLOSE, &[]) else {
            panic!("nobody is blamed");
        };
        assert_eq!(mark.fault, RESET);
        assert_eq!(marks.dismiss(), None, "one lasts, one was blamed");
        marks.heal(at(10), MUTE, at(55));
        assert_eq!(marks.dismiss(), passed(MUTE, at(0), 10));
    }

    #[test]
    fn a_fault_at_large_is_blamed_if_it_struck_later() {
        let start = crate::clock::now();
        let at = |n| start + seconds(n);
        let restart = AmbientFault::announce(StrikeId(7), None);
        restart.strike(at(20));
        let mut marks = FaultAttribution::default();
        marks.begin(at(0), MUTE);
        let ambient = [restart];
        let blamed = marks.blame(at(21), CLOSE, &ambient);
        assert!(matches!(blamed, Attribution::AtLarge(mark) if mark.fault == StrikeId(7)));
        let blamed = marks.blame(at(30), CLOSE, &ambient);
        assert!(matches!(blamed, Attribution::Own(mark) if mark.fault == MUTE));
    }

    #[test]
    fn what_a_client_did_itself_is_never_put_down_to_a_fault_at_large() {
        let start = crate::clock::now();
        let restart = AmbientFault::announce(StrikeId(7), None);
        restart.strike(start);
        let own = DisconnectReason::ForcedClose;
        let blamed = FaultAttribution::default().blame(start + seconds(1), own, &[restart]);
        assert_eq!(blamed, Attribution::Nobody);
    }
}
