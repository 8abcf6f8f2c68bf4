//! What conditions do together to one client.

use crate::fault::Condition;
use crate::transport::Conditions;

/// The joint effect of conditions: of each kind the worst.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::client) struct Effects {
    pub(in crate::client) network: Conditions,
    pub(in crate::client) is_mute: bool,
    pub(in crate::client) is_frozen: bool,
}

impl Effects {
    fn add(&mut self, condition: Condition) {
        let network = &mut self.network;
        match condition {
            Condition::Partition(_) => network.silent = true,
            Condition::PacketLoss(loss) => {
                network.loss = network.loss.max(loss.share.fraction());
            }
            Condition::SlowReader(reader) => {
                let rate = reader.rate.bytes_per_second();
                network.read_rate = Some(network.read_rate.map_or(rate, |old| old.min(rate)));
            }
            Condition::Freeze(_) => self.is_frozen = true,
            Condition::Mute(_) => self.is_mute = true,
        }
    }
}

impl FromIterator<Condition> for Effects {
    fn from_iter<C: IntoIterator<Item = Condition>>(conditions: C) -> Self {
        let mut effects = Self::default();
        for condition in conditions {
            effects.add(condition);
        }
        effects
    }
}
