use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many stripes the reference client's first delays fall in.
pub const STRIPES: usize = 10;

/// First reconnection delays by the stripe that they fell in, the shortest first.
///
/// The reference client draws one random number for both size and sign of the jitter, so that its
/// delays lie in ten stripes with gaps between (contrib/backo2.ts): a herd comes back in waves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stripes([Stripe; STRIPES]);

/// The delays of one stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stripe {
    /// How many.
    pub count: u64,
    /// The shortest and the longest, in milliseconds; nothing without any.
    pub range_ms: Option<(u64, u64)>,
}

impl Stripes {
    pub(super) fn record(&mut self, stripe: u8, delay: Duration) {
        let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.0[usize::from(stripe).min(STRIPES - 1)].merge(&Stripe {
            count: 1,
            range_ms: Some((delay, delay)),
        });
    }

    /// Adds all of another one's.
    pub fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            ours.merge(theirs);
        }
    }

    /// Those that have a delay, in order of delay. Stripes that touch are one: without
    /// randomization all are, and so are those that `delay_max` cuts to the same length.
    #[must_use]
    pub fn apart(&self) -> Vec<Stripe> {
        let mut apart: Vec<Stripe> = Vec::new();
        let mut stripes: Vec<Stripe> = self.0.iter().filter(|s| s.count > 0).copied().collect();
        stripes.sort_by_key(|stripe| stripe.range_ms);
        for stripe in stripes {
            match apart.last_mut() {
                Some(last) if last.touches(&stripe) => last.merge(&stripe),
                Some(_) | None => apart.push(stripe),
            }
        }
        apart
    }
}

impl Stripe {
    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.range_ms = match (self.range_ms, other.range_ms) {
            (Some(ours), Some(theirs)) => Some((ours.0.min(theirs.0), ours.1.max(theirs.1))),
            (ours, theirs) => ours.or(theirs),
        };
    }

    /// Whether `later`, which begins no earlier, begins within it.
    fn touches(&self, later: &Self) -> bool {
        match (self.range_ms, later.range_ms) {
            (Some((_, end)), Some((begin, _))) => begin <= end,
            (None, _) | (_, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripes_stand_apart_unless_they_touch() {
        let mut stripes = Stripes::default();
        let draws = [
            (0, 560),
            (0, 590),
            (3, 880),
            (7, 1250),
            (8, 1300),
            (9, 1300),
        ];
        for (stripe, delay) in draws {
            stripes.record(stripe, Duration::from_millis(delay));
        }
        let apart: Vec<_> = stripes
            .apart()
            .iter()
            .map(|s| (s.count, s.range_ms))
            .collect();
        assert_eq!(
            apart,
            [
                (2, Some((560, 590))),
                (1, Some((880, 880))),
                (1, Some((1250, 1250))),
                (2, Some((1300, 1300))),
            ]
        );
    }
}
