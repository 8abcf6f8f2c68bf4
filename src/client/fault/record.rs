//! The record of each fault of one client: how long it lasts, what the client suffers from it, and
//! which fault a loss is attributed to. Pure.

use std::time::{Duration, Instant};

use super::effects::Effects;
use crate::event::{AmbientFault, DisconnectReason, StrikeId};
use crate::fault::Condition;

/// A fault and the time at which it struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) struct Strike {
    pub(in crate::client) fault: StrikeId,
    pub(in crate::client) struck: Instant,
}

/// The cause of a loss, as far as faults go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Attribution {
    /// A fault that the client had felt.
    Own(Strike),
    /// A global fault, which the client notices by this loss.
    AtLarge(Strike),
    /// No fault, or one that lasts and has had its loss before.
    Nobody,
}

/// A fault after which the client is well again without a reconnection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) struct Passed {
    pub(in crate::client) fault: StrikeId,
    /// The time from the fault until the client was well again.
    pub(in crate::client) outage: Duration,
    /// The end of that time.
    pub(in crate::client) well_at: Instant,
}

/// A fault of the client's own.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Record {
    strike: Strike,
    state: State,
}

/// The state of a fault of the client's own.
///
/// ```text
/// Lasting ──over──► Over ──settles──► (passed)
///    │                └─── a loss ──► (attributed)
///    └─ a loss ─► (attributed) and Lasting, spent ──over──► (forgotten)
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// A condition that is not over.
    Lasting {
        condition: Condition,
        /// The time of its end; nothing means until the client leaves.
        until: Option<Instant>,
        /// Whether a loss has been attributed to it.
        is_spent: bool,
    },
    /// An impulse, or a condition that is over: a loss until `settles` is its doing all the same.
    Over { healed: Instant, settles: Instant },
}

impl State {
    fn condition(self) -> Option<Condition> {
        match self {
            Self::Lasting { condition, .. } => Some(condition),
            Self::Over { .. } => None,
        }
    }

    fn until(self) -> Option<Instant> {
        match self {
            Self::Lasting { until, .. } => until,
            Self::Over { .. } => None,
        }
    }

    fn settles(self) -> Option<Instant> {
        match self {
            Self::Lasting { .. } => None,
            Self::Over { settles, .. } => Some(settles),
        }
    }
}

/// The faults of one client, one record each; most clients never have any.
#[derive(Debug, Default)]
pub(in crate::client) struct ClientFaults {
    own: Vec<Record>,
    /// Global faults that this client has felt, each with its last strike.
    felt: Vec<Strike>,
}

impl ClientFaults {
    /// Adds an impulse, whose effect must show by `settles`.
    pub(in crate::client) fn strike(&mut self, now: Instant, fault: StrikeId, settles: Instant) {
        let healed = now;
        self.add(now, fault, State::Over { healed, settles });
    }

    /// Adds a condition that lasts until a time, or until the client leaves.
    pub(in crate::client) fn begin(
        &mut self,
        now: Instant,
        fault: StrikeId,
        condition: Condition,
        until: Option<Instant>,
    ) {
        let is_spent = false;
        let state = State::Lasting {
            condition,
            until,
            is_spent,
        };
        self.add(now, fault, state);
    }

    fn add(&mut self, struck: Instant, fault: StrikeId, state: State) {
        let strike = Strike { fault, struck };
        self.own.push(Record { strike, state });
    }

    /// Takes out a fault as if it had never begun.
    pub(in crate::client) fn withdraw(&mut self, fault: StrikeId) {
        self.own.retain(|record| record.strike.fault != fault);
    }

    /// The effects of all conditions that are not over.
    pub(in crate::client) fn effects(&self) -> Effects {
        let states = self.own.iter().map(|record| record.state);
        states.filter_map(State::condition).collect()
    }

    /// When the next condition is over.
    pub(in crate::client) fn next_end(&self) -> Option<Instant> {
        let states = self.own.iter().map(|record| record.state);
        states.filter_map(State::until).min()
    }

    /// Ends a condition that is over by now; its effect may still show until `settles`.
    pub(in crate::client) fn end_next(
        &mut self,
        now: Instant,
        settles: Instant,
    ) -> Option<StrikeId> {
        let is_over = |record: &Record| record.state.until().is_some_and(|until| until <= now);
        let place = self.own.iter().position(is_over)?;
        Some(self.end(place, now, settles))
    }

    /// Ends a condition, over or not, since the client leaves.
    pub(in crate::client) fn cut_short(
        &mut self,
        now: Instant,
        settles: Instant,
    ) -> Option<StrikeId> {
        let lasts = |record: &Record| record.state.condition().is_some();
        let place = self.own.iter().position(lasts)?;
        Some(self.end(place, now, settles))
    }

    fn end(&mut self, place: usize, now: Instant, settles: Instant) -> StrikeId {
        let record = &mut self.own[place];
        let fault = record.strike.fault;
        match record.state {
            State::Lasting { is_spent: true, .. } => {
                self.own.remove(place);
            }
            State::Lasting {
                is_spent: false, ..
            } => {
                let healed = now;
                record.state = State::Over { healed, settles };
            }
            State::Over { .. } => {}
        }
        fault
    }

    /// When [`ClientFaults::settle`] has something to do.
    pub(in crate::client) fn deadline(&self) -> Option<Instant> {
        let states = self.own.iter().map(|record| record.state);
        states.filter_map(State::settles).min()
    }

    /// The next fault after which a connected client is well, since its effect would have shown.
    pub(in crate::client) fn settle(&mut self, now: Instant) -> Option<Passed> {
        self.take(|settles| settles <= now)
    }

    /// The next fault after which a connected client is well, since nobody waits for its effect any
    /// longer: the client leaves, or is back from a loss that was attributed to another one.
    pub(in crate::client) fn dismiss(&mut self) -> Option<Passed> {
        self.take(|_| true)
    }

    /// The next fault that is over and settles at a wanted time, as one that cost the client no
    /// connection.
    fn take(&mut self, wanted: impl Fn(Instant) -> bool) -> Option<Passed> {
        let is_wanted = |record: &Record| record.state.settles().is_some_and(&wanted);
        let place = self.own.iter().position(is_wanted)?;
        let State::Over { healed, .. } = self.own[place].state else {
            return None;
        };
        let Strike { fault, struck } = self.own.remove(place).strike;
        Some(Passed {
            fault,
            outage: healed.saturating_duration_since(struck),
            well_at: healed,
        })
    }

    /// Takes out the impulse that struck last, which turned out to need no reconnection.
    pub(in crate::client) fn pass_latest(&mut self, now: Instant) -> Option<Passed> {
        let Record { strike, state } = *self.own.last()?;
        let State::Over { healed, .. } = state else {
            return None;
        };
        if healed > strike.struck {
            return None;
        }
        self.own.pop();
        Some(Passed {
            fault: strike.fault,
            outage: now.saturating_duration_since(strike.struck),
            well_at: now,
        })
    }

    /// Attributes a loss to the fault that struck last, one of the client's own or a global one.
    pub(in crate::client) fn blame(
        &mut self,
        now: Instant,
        reason: DisconnectReason,
        ambient: &[AmbientFault],
    ) -> Attribution {
        let own = (0..self.own.len()).max_by_key(|place| self.own[*place].strike.struck);
        let at_large = self.at_large(now, reason, ambient);
        match (own, at_large) {
            (Some(own), Some(at_large)) if self.own[own].strike.struck < at_large.struck => {
                self.meet(at_large)
            }
            (Some(own), _) => self.spend(own),
            (None, Some(at_large)) => self.meet(at_large),
            (None, None) => Attribution::Nobody,
        }
    }

    /// What a loss at `now` would be attributed to; nothing is spent by asking.
    pub(in crate::client) fn suspect(
        &self,
        now: Instant,
        ambient: &[AmbientFault],
    ) -> Option<Attribution> {
        let is_open = |record: &&Record| match record.state {
            State::Lasting { is_spent, .. } => !is_spent,
            State::Over { .. } => true,
        };
        let own = self.own.iter().filter(is_open).map(|record| record.strike);
        let own = own.max_by_key(|strike| strike.struck);
        let global = self.at_large(now, DisconnectReason::TransportError, ambient);
        match (own, global) {
            (Some(own), Some(global)) if own.struck < global.struck => {
                Some(Attribution::AtLarge(global))
            }
            (Some(own), _) => Some(Attribution::Own(own)),
            (None, global) => global.map(Attribution::AtLarge),
        }
    }

    /// The condition that began last, of those that are not over.
    pub(in crate::client) fn latest_condition(&self) -> Option<StrikeId> {
        let lasting = self
            .own
            .iter()
            .filter(|record| record.state.condition().is_some());
        let latest = lasting.max_by_key(|record| record.strike.struck);
        latest.map(|record| record.strike.fault)
    }

    fn meet(&mut self, at_large: Strike) -> Attribution {
        self.felt.retain(|felt| felt.fault != at_large.fault);
        self.felt.push(at_large);
        Attribution::AtLarge(at_large)
    }

    /// One loss is attributed to each fault: what comes after the client was back is another story.
    fn spend(&mut self, place: usize) -> Attribution {
        let Record { strike, state } = &mut self.own[place];
        let strike = *strike;
        match state {
            State::Lasting { is_spent, .. } => {
                if std::mem::replace(is_spent, true) {
                    return Attribution::Nobody;
                }
            }
            State::Over { .. } => {
                self.own.remove(place);
            }
        }
        Attribution::Own(strike)
    }

    /// The latest global fault that explains a loss at `now`.
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::condition::{Freeze, Mute, PacketLoss, Partition, SlowReader};
    use crate::transport::Conditions;

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
        let mut marks = ClientFaults::default();
        marks.begin(at(0), MUTE, Mute.into(), None);
        assert_eq!((marks.deadline(), marks.settle(at(100))), (None, None));
        assert_eq!(marks.cut_short(at(10), at(55)), Some(MUTE));
        assert_eq!(marks.deadline(), Some(at(55)));
        assert_eq!(marks.settle(at(54)), None);
        assert_eq!(marks.settle(at(55)), passed(MUTE, at(0), 10));
        assert_eq!(marks.deadline(), None);
    }

    #[test]
    fn a_loss_after_the_end_of_a_fault_is_still_its_doing() {
        let start = crate::clock::now();
        let at = |n| start + seconds(n);
        let mut marks = ClientFaults::default();
        marks.begin(at(0), MUTE, Mute.into(), None);
        assert_eq!(marks.cut_short(at(10), at(55)), Some(MUTE));
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
        let mut marks = ClientFaults::default();
        marks.begin(at(0), MUTE, Mute.into(), None);
        assert!(matches!(
            marks.blame(at(9), CLOSE, &[]),
            Attribution::Own(_)
        ));
        assert_eq!(marks.blame(at(18), CLOSE, &[]), Attribution::Nobody);
        assert_eq!(marks.cut_short(at(20), at(65)), Some(MUTE));
        assert_eq!(marks.deadline(), None);
    }

    #[test]
    fn the_fault_that_struck_last_is_blamed_and_the_other_is_over_with_the_reconnection() {
        let start = crate::clock::now();
        let at = |n| start + seconds(n);
        let mut marks = ClientFaults::default();
        marks.begin(at(0), MUTE, Mute.into(), None);
        marks.strike(at(5), RESET, at(50));
        let Attribution::Own(mark) = marks.blame(at(6), CLOSE, &[]) else {
            panic!("nobody is blamed");
        };
        assert_eq!(mark.fault, RESET);
        assert_eq!(marks.dismiss(), None, "one lasts, one was blamed");
        assert_eq!(marks.cut_short(at(10), at(55)), Some(MUTE));
        assert_eq!(marks.dismiss(), passed(MUTE, at(0), 10));
    }

    #[test]
    fn a_fault_at_large_is_blamed_if_it_struck_later() {
        let start = crate::clock::now();
        let at = |n| start + seconds(n);
        let restart = AmbientFault::announce(StrikeId(7), None);
        restart.strike(at(20));
        let mut marks = ClientFaults::default();
        marks.begin(at(0), MUTE, Mute.into(), None);
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
        let blamed = ClientFaults::default().blame(start + seconds(1), own, &[restart]);
        assert_eq!(blamed, Attribution::Nobody);
    }

    #[test]
    fn faults_that_overlap_do_what_the_worst_of_them_does_until_each_is_over() {
        let start = crate::clock::now();
        let at = |seconds| Some(start + Duration::from_secs(seconds));
        let share = |share: &str| PacketLoss {
            share: share.parse().expect("a share"),
        };
        let rate = |rate: &str| SlowReader {
            rate: rate.parse().expect("a rate"),
        };
        let mut faults = ClientFaults::default();
        faults.begin(start, StrikeId(0), Partition.into(), at(10));
        faults.begin(start, StrikeId(1), Partition.into(), at(20));
        faults.begin(start, StrikeId(2), share("20%").into(), None);
        faults.begin(start, StrikeId(3), share("10%").into(), None);
        faults.begin(start, StrikeId(4), rate("2KB/s").into(), at(15));
        faults.begin(start, StrikeId(5), rate("1KB/s").into(), at(15));
        faults.begin(start, StrikeId(6), Mute.into(), at(15));
        let all = Effects {
            network: Conditions {
                silent: true,
                loss: 0.2,
                read_rate: Some(1000),
            },
            is_mute: true,
            is_frozen: false,
        };
        assert_eq!(faults.effects(), all);
        let end = |faults: &mut ClientFaults, at| faults.end_next(at, at);
        assert_eq!(end(&mut faults, start + Duration::from_secs(9)), None);
        assert_eq!(faults.next_end(), at(10));
        let later = start + Duration::from_secs(15);
        let ended: Vec<_> = std::iter::from_fn(|| end(&mut faults, later)).collect();
        assert_eq!(ended, [0, 4, 5, 6].map(StrikeId));
        assert!(faults.effects().network.silent);
        let cut: Vec<_> = std::iter::from_fn(|| faults.cut_short(later, later)).collect();
        assert_eq!(cut, [1, 2, 3].map(StrikeId));
        assert_eq!(faults.effects(), Effects::default());
        faults.begin(start, StrikeId(7), Freeze.into(), None);
        assert!(faults.effects().is_frozen);
        assert_eq!(faults.next_end(), None);
    }
}
