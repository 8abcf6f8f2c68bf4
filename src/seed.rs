//! One seed, and from it as many independent streams of random numbers as a run needs.
//!
//! A stream is named by its purpose and an index, never by the order in which streams are asked
//! for: client 17 draws the same numbers on every machine and with any number of threads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The seed of a run; printed, stored, and enough to choose the same victims at the same times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

/// What a stream of random numbers is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Reconnection delays of one client.
    Backoff = 1,
    /// Phases of emit schedules, arrival jitter of one client.
    Schedule = 2,
    /// Random values in templates of one client.
    Template = 3,
    /// The `t` parameter and WebSocket keys of one client.
    Wire = 4,
    /// Victims and times of one fault.
    Fault = 5,
    /// Path decisions (loss, toxicity) of one fault.
    Path = 6,
    /// Chances, pauses and template values of one client's steps.
    Steps = 7,
    /// Delays before one client's `before_connect` is tried again.
    StepBackoff = 8,
}

impl Seed {
    /// A seed drawn from the system's randomness.
    ///
    /// Below 2^53, so that every JSON reader keeps it whole.
    #[must_use]
    pub fn draw() -> Self {
        Self(fastrand::u64(..1 << 53))
    }

    /// The stream of random numbers for `purpose` number `index`.
    #[must_use]
    pub fn stream(self, purpose: Purpose, index: u64) -> fastrand::Rng {
        let mixed = mix(mix(self.0 ^ mix(purpose as u64)) ^ index);
        fastrand::Rng::with_seed(mixed)
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): neighbours in, strangers out.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_its_name_alone() {
        let draw = |purpose, index| Seed(7).stream(purpose, index).u64(..);
        assert_eq!(draw(Purpose::Backoff, 3), draw(Purpose::Backoff, 3));
        assert_ne!(draw(Purpose::Backoff, 3), draw(Purpose::Backoff, 4));
        assert_ne!(draw(Purpose::Backoff, 3), draw(Purpose::Template, 3));
        assert_ne!(
            Seed(8).stream(Purpose::Backoff, 3).u64(..),
            draw(Purpose::Backoff, 3)
        );
    }
}
