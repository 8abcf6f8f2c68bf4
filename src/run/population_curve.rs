//! How many clients a plan means to be there at any time.

use std::time::Duration;

use crate::workload::arrival::Stay;

/// The planned number of clients over time.
#[derive(Debug)]
pub(super) struct PopulationCurve {
    starts: Vec<Duration>,
    ends: Vec<Duration>,
}

impl PopulationCurve {
    pub(super) fn new(stays: &[Stay]) -> Self {
        let mut starts: Vec<Duration> = stays.iter().map(|stay| stay.start).collect();
        let mut ends: Vec<Duration> = stays.iter().map(|stay| stay.end).collect();
        starts.sort_unstable();
        ends.sort_unstable();
        Self { starts, ends }
    }

    /// Clients that should be there at `at`.
    pub(super) fn asked(&self, at: Duration) -> u64 {
        let come = self.starts.partition_point(|start| *start <= at);
        let gone = self.ends.partition_point(|end| *end <= at);
        (come - gone) as u64
    }

    /// Whether clients are still to come at `at`.
    pub(super) fn is_arriving(&self, at: Duration) -> bool {
        self.starts.last().is_some_and(|last| *last > at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ClientId, PopulationId};

    #[test]
    fn the_curve_counts_those_who_came_and_have_not_gone() {
        let stay = |start, end| Stay {
            client: ClientId(0),
            population: PopulationId(0),
            start: Duration::from_secs(start),
            end: Duration::from_secs(end),
        };
        let curve = PopulationCurve::new(&[stay(0, 9), stay(2, 4), stay(3, 9)]);
        let asked = |at| curve.asked(Duration::from_secs(at));
        assert_eq!(
            [asked(0), asked(2), asked(3), asked(4), asked(9)],
            [1, 2, 3, 2, 0]
        );
        assert!(curve.is_arriving(Duration::from_secs(2)));
        assert!(!curve.is_arriving(Duration::from_secs(3)));
    }
}
