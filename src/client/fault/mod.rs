//! What is wrong with one client, and until when.
//!
//! Faults come in with their end, [`Effects`] go out: the sum of all that last. Nothing is carried
//! out here.

mod upgrade_abort;

use std::rc::Rc;
use std::time::Instant;

use crate::event::StrikeId;
use crate::fault::Condition;
use crate::fault::impulse::UpgradeStage;
use crate::transport::{Conditions, LinkConditions};

pub(super) use upgrade_abort::{UpgradeAbort, Verdict};

/// The faults of one client that are not over. Boxed, and there for as long as there is one.
#[derive(Debug, Default)]
pub(super) struct Faults {
    lasting: Vec<Lasting>,
    /// The next upgrade is to be broken off.
    abort: Option<UpgradeAbort>,
    /// Networks that the client has left, with its connections there, and until when their servers
    /// may wait for it.
    left: Vec<(Instant, Rc<LinkConditions>)>,
}

/// A fault that lasts.
#[derive(Debug, Clone, Copy)]
struct Lasting {
    fault: StrikeId,
    condition: Condition,
    /// Nothing means until the client leaves.
    until: Option<Instant>,
}

/// What faults that last do together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Effects {
    pub(super) network: Conditions,
    pub(super) is_mute: bool,
    pub(super) is_frozen: bool,
}

impl Faults {
    pub(super) fn begin(&mut self, fault: StrikeId, condition: Condition, until: Option<Instant>) {
        self.lasting.push(Lasting {
            fault,
            condition,
            until,
        });
    }

    /// Takes out a fault as if it had never begun.
    pub(super) fn withdraw(&mut self, fault: StrikeId) {
        self.lasting.retain(|lasting| lasting.fault != fault);
    }

    /// Takes out a fault that is over.
    pub(super) fn end_next(&mut self, now: Instant) -> Option<StrikeId> {
        let is_over = |lasting: &Lasting| lasting.until.is_some_and(|until| until <= now);
        let place = self.lasting.iter().position(is_over)?;
        Some(self.lasting.remove(place).fault)
    }

    /// Takes out every fault that lasts, over or not, and breaks off no more upgrade.
    pub(super) fn end_all(&mut self) -> Vec<StrikeId> {
        self.abort = None;
        let ended = std::mem::take(&mut self.lasting);
        ended.iter().map(|lasting| lasting.fault).collect()
    }

    pub(super) fn effects(&self) -> Effects {
        let mut effects = Effects::default();
        let network = &mut effects.network;
        for lasting in &self.lasting {
            match lasting.condition {
                Condition::Partition(_) => network.silent = true,
                Condition::PacketLoss(loss) => {
                    network.loss = network.loss.max(loss.share.fraction());
                }
                Condition::SlowReader(reader) => {
                    let rate = reader.rate.bytes_per_second();
                    network.read_rate = Some(network.read_rate.map_or(rate, |old| old.min(rate)));
                }
                Condition::Freeze(_) => effects.is_frozen = true,
                Condition::Mute(_) => effects.is_mute = true,
            }
        }
        effects
    }

    /// The next upgrade is broken off at this stage.
    pub(super) fn abort_upgrade(&mut self, stage: UpgradeStage) {
        self.abort = Some(UpgradeAbort::new(stage));
    }

    pub(super) fn abort(&mut self) -> &mut Option<UpgradeAbort> {
        &mut self.abort
    }

    /// Keeps what the client leaves behind on a network until nobody can wait for it any more.
    pub(super) fn leave_behind(&mut self, until: Instant, network: Rc<LinkConditions>) {
        self.left.push((until, network));
    }

    /// Forgets what nobody waits for any more.
    pub(super) fn forget(&mut self, now: Instant) {
        self.left.retain(|(until, _)| *until > now);
    }

    /// When the next of them is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let ends = self.lasting.iter().filter_map(|lasting| lasting.until);
        let left = self.left.iter().map(|(until, _)| *until);
        ends.chain(left).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lasting.is_empty() && self.abort.is_none() && self.left.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fault::condition::{Freeze, Mute, PacketLoss, Partition, SlowReader};

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
        let mut faults = Faults::default();
        faults.begin(StrikeId(0), Partition.into(), at(10));
        faults.begin(StrikeId(1), Partition.into(), at(20));
        faults.begin(StrikeId(2), share("20%").into(), None);
        faults.begin(StrikeId(3), share("10%").into(), None);
        faults.begin(StrikeId(4), rate("2KB/s").into(), at(15));
        faults.begin(StrikeId(5), rate("1KB/s").into(), at(15));
        faults.begin(StrikeId(6), Mute.into(), at(15));
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
        assert_eq!(faults.end_next(start + Duration::from_secs(9)), None);
        assert_eq!(faults.deadline(), at(10));
        let later = start + Duration::from_secs(15);
        let ended: Vec<_> = std::iter::from_fn(|| faults.end_next(later)).collect();
        assert_eq!(ended, [0, 4, 5, 6].map(StrikeId));
        assert!(faults.effects().network.silent);
        assert_eq!(faults.end_all(), [1, 2, 3].map(StrikeId));
        assert_eq!(faults.effects(), Effects::default());
        assert!(faults.is_empty());
        faults.begin(StrikeId(7), Freeze.into(), None);
        assert!(faults.effects().is_frozen);
        assert_eq!(faults.deadline(), None);
    }
}
