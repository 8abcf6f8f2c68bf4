use std::time::Duration;

use super::config::ReconnectionConfig;

/// A delay, and which stripe it fell in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// In whole milliseconds.
    pub(crate) delay: Duration,
    /// From 0, the shortest, to 9, the longest.
    pub(crate) stripe: u8,
}

/// The delays before reconnection attempts.
///
/// One random number drives both the size and the sign of the jitter, so that the first delay lies
/// in one of ten stripes; the cap comes after the jitter, so that a herd is in step again from the
/// fifth attempt on. Both are the reference client's (contrib/backo2.ts).
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    rng: fastrand::Rng,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new(rng: fastrand::Rng) -> Self {
        Self { rng, attempts: 0 }
    }

    /// Delays drawn since the last reset.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Draws the delay before the next attempt.
    pub(crate) fn next(&mut self, config: &ReconnectionConfig) -> Drawn {
        let exponent = i32::try_from(self.attempts).unwrap_or(i32::MAX);
        self.attempts = self.attempts.saturating_add(1);
        let base = config.delay.as_secs_f64() * 1000.0 * 2_f64.powi(exponent);
        let cap = config.delay_max.as_secs_f64() * 1000.0;
        let random = self.rng.f64();
        let deviation = (random * config.randomization * base).floor();
        let tenth = (random * 10.0) as u8;
        let shortens = tenth.is_multiple_of(2);
        let jittered = if shortens {
            base - deviation
        } else {
            base + deviation
        };
        // Where JavaScript overflows after a thousand attempts (infinity less infinity) and waits
        // 0 ms, this waits for the cap: `min` prefers a number to NaN.
        Drawn {
            delay: Duration::from_millis(jittered.min(cap) as u64),
            // The greater an even tenth the shorter the delay, the greater an odd one the longer.
            stripe: if shortens {
                4 - tenth / 2
            } else {
                5 + tenth / 2
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u64 = 100_000;

    fn draw(attempt: u32) -> impl Iterator<Item = u64> {
        (0..DRAWS).map(move |seed| {
            let mut backoff = Backoff::new(fastrand::Rng::with_seed(seed));
            let config = ReconnectionConfig::default();
            let mut delay = Duration::ZERO;
            for _ in 0..attempt {
                delay = backoff.next(&config).delay;
            }
            u64::try_from(delay.as_millis()).unwrap()
        })
    }

    #[test]
    fn the_first_delay_lies_in_one_of_ten_stripes_with_equal_chance() {
        let stripes = [
            (551, 600),
            (651, 700),
            (751, 800),
            (851, 900),
            (951, 1000),
            (1050, 1099),
            (1150, 1199),
            (1250, 1299),
            (1350, 1399),
            (1450, 1499),
        ];
        let mut counts = [0_u64; 10];
        for delay in draw(1) {
            let stripe = stripes
                .iter()
                .position(|(low, high)| (*low..=*high).contains(&delay));
            counts[stripe.unwrap_or_else(|| panic!("{delay} ms is between the stripes"))] += 1;
        }
        for count in counts {
            assert!(count.abs_diff(DRAWS / 10) < DRAWS / 100, "{counts:?}");
        }
    }

    #[test]
    fn a_stripe_is_named_by_its_place_among_the_ten() {
        let config = ReconnectionConfig::default();
        for seed in 0..10_000 {
            let drawn = Backoff::new(fastrand::Rng::with_seed(seed)).next(&config);
            let delay = drawn.delay.as_millis();
            assert_eq!(u128::from(drawn.stripe), (delay - 501) / 100, "{delay} ms");
        }
    }

    #[test]
    fn later_delays_double_and_meet_the_cap() {
        assert!(draw(2).all(|delay| (1101..=2999).contains(&delay)));
        let capped = |attempt| draw(attempt).filter(|delay| *delay == 5000).count() as f64;
        assert!(draw(3).all(|delay| (2201..=5000).contains(&delay)));
        assert!((capped(3) / DRAWS as f64 - 0.3).abs() < 0.01);
        assert!(draw(4).all(|delay| delay == 5000 || (4401..=4800).contains(&delay)));
        assert!((capped(4) / DRAWS as f64 - 0.9).abs() < 0.01);
    }

    #[test]
    fn from_the_fifth_attempt_on_it_is_always_the_cap() {
        let config = ReconnectionConfig::default();
        let mut backoff = Backoff::new(fastrand::Rng::with_seed(1));
        for attempt in 1..3000 {
            let delay = backoff.next(&config).delay;
            assert!(
                attempt < 5 || delay == config.delay_max,
                "{attempt}: {delay:?}"
            );
        }
    }

    #[test]
    fn without_randomization_it_only_doubles() {
        let config = ReconnectionConfig {
            randomization: 0.0,
            ..ReconnectionConfig::default()
        };
        let mut backoff = Backoff::new(fastrand::Rng::with_seed(1));
        let delays: Vec<_> = (0..4)
            .map(|_| backoff.next(&config).delay.as_millis())
            .collect();
        assert_eq!(delays, [1000, 2000, 4000, 5000]);
    }
}
