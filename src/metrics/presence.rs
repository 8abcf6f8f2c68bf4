//! The clients of a share of the run that are connected right now, as its snapshots tell. A share
//! that is lost takes them along, and the run's own numbers must say so.

use std::collections::BTreeMap;
use std::time::Duration;

use super::snapshot::{Interval, Snapshot};
use super::tally::Tally;
use crate::event::{Counter, PopulationId};

/// Connected clients and handshakes under way, by population, of one share of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence(BTreeMap<PopulationId, Present>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Present {
    connected: i64,
    in_flight: i64,
}

impl Presence {
    /// Follows a snapshot of the share.
    pub fn follow(&mut self, snapshot: &Snapshot) {
        for interval in snapshot.seconds.values() {
            for (population, tally) in &interval.populations {
                let present = self.0.entry(*population).or_default();
                present.connected += tally.connected_change.iter().sum::<i64>();
                present.in_flight += tally.in_flight_change;
            }
        }
    }

    /// The end of the share at this time of the run, as a snapshot: nobody of it is connected any
    /// more, and of each population so many clients still had something to do.
    #[must_use]
    pub fn lost(self, at: Duration, clients: &BTreeMap<PopulationId, u64>) -> Snapshot {
        let mut interval = Interval::default();
        let tenth = at.subsec_millis() as usize / 100;
        for (population, present) in self.0 {
            let tally = interval.populations.entry(population).or_default();
            tally.connected_change[tenth] -= present.connected;
            tally.in_flight_change -= present.in_flight;
        }
        for (population, count) in clients {
            let tally: &mut Tally = interval.populations.entry(*population).or_default();
            tally.counters.add(Counter::ClientsLostWithAgent, *count);
        }
        let second = u32::try_from(at.as_secs()).unwrap_or(u32::MAX);
        Snapshot {
            seconds: BTreeMap::from([(second, interval)]),
            ..Snapshot::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_gone_after_the_loss_and_counted() {
        let population = PopulationId(1);
        let mut interval = Interval::default();
        let tally = interval.populations.entry(population).or_default();
        tally.connected_change = [0, 5, 0, -2, 0, 0, 0, 0, 0, 0];
        tally.in_flight_change = 4;
        let snapshot = Snapshot {
            seconds: BTreeMap::from([(3, interval)]),
            ..Snapshot::default()
        };
        let mut presence = Presence::default();
        presence.follow(&snapshot);
        let lost = BTreeMap::from([(population, 7)]);
        let end = presence.lost(Duration::from_millis(4_250), &lost);
        let tally = &end.seconds[&4].populations[&population];
        assert_eq!(tally.connected_change[2], -3);
        assert_eq!(tally.in_flight_change, -4);
        assert_eq!(tally.counters.value(Counter::ClientsLostWithAgent), 7);
    }
}
