//! How far the peer's clock is ahead of ours, from questions and answers. Pure.

use std::collections::VecDeque;
use std::time::Duration;

/// Questions whose answers are kept; older ones say less the more the clocks have drifted.
const KEPT: usize = 64;

/// The offset between two clocks.
///
/// Of many round trips the shortest is the one in which the least was added by chance: the peer's
/// answer lies somewhere between question and answer, so the middle is wrong by half the round trip
/// at most (D. L. Mills, RFC 5905, section 8).
#[derive(Debug, Clone, Default)]
pub(crate) struct ClockOffset {
    samples: VecDeque<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    round_trip: Duration,
    /// The peer's time minus ours, in nanoseconds.
    offset_ns: i128,
}

impl ClockOffset {
    /// Takes an answer: asked and arrived in our time, answered in the peer's.
    pub(super) fn take(&mut self, asked: Duration, answered: Duration, arrived: Duration) {
        // An answer cannot arrive before its question was asked; a repeated one may come late.
        let Some(round_trip) = arrived.checked_sub(asked) else {
            return;
        };
        let middle = asked + round_trip / 2;
        if self.samples.len() == KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            round_trip,
            offset_ns: answered.as_nanos() as i128 - middle.as_nanos() as i128,
        });
    }

    fn best(&self) -> Option<Sample> {
        self.samples
            .iter()
            .copied()
            .min_by_key(|sample| sample.round_trip)
    }

    /// Answers that the estimate rests on.
    pub(super) fn answers(&self) -> usize {
        self.samples.len()
    }

    /// The largest error that the estimate can have, once there is one.
    pub(crate) fn error(&self) -> Option<Duration> {
        self.best().map(|sample| sample.round_trip / 2)
    }

    /// The estimate, once there is one: the peer's time minus ours, in nanoseconds.
    pub(crate) fn nanoseconds(&self) -> Option<i128> {
        self.best().map(|sample| sample.offset_ns)
    }

    /// Converts a time of ours to the peer's; times before the peer's origin become its origin.
    pub(crate) fn to_peer(&self, ours: Duration) -> Option<Duration> {
        let nanoseconds = ours.as_nanos() as i128 + self.nanoseconds()?;
        Some(Duration::from_nanos(
            u64::try_from(nanoseconds.max(0)).unwrap_or(u64::MAX),
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the two ways take, the true offset lies within the stated error.
        #[test]
        fn the_true_offset_lies_within_the_error(
            ahead_us in 0u64..10_000_000,
            ways in prop::collection::vec((0u64..50_000, 0u64..50_000), 1..80),
        ) {
            let ahead = Duration::from_micros(ahead_us);
            let mut offset = ClockOffset::default();
            let mut now = Duration::from_secs(1);
            for (there, back) in ways {
                let asked = now;
                let answered = asked + Duration::from_micros(there) + ahead;
                now = asked + Duration::from_micros(there + back);
                offset.take(asked, answered, now);
            }
            let known = offset.nanoseconds().expect("an answer came");
            let error = offset.error().expect("an answer came").as_nanos() as i128;
            prop_assert!((known - ahead.as_nanos() as i128).abs() <= error + 1);
        }
    }

    #[test]
    fn an_answer_from_before_its_question_says_nothing() {
        let mut offset = ClockOffset::default();
        offset.take(
            Duration::from_secs(2),
            Duration::from_secs(9),
            Duration::from_secs(1),
        );
        assert_eq!(offset.nanoseconds(), None);
        assert_eq!(offset.to_peer(Duration::ZERO), None);
    }
}
