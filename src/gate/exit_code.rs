//! What the process exits with: one number per reason, so that a CI job can tell them apart.
//!
//! The numbers above 89 keep clear of shells (126 and above), of test runners (1 to 5) and of
//! `sysexits.h` (64 to 78); 99 is what k6 exits with when a threshold is crossed.

/// All is well: the run ended in order and every threshold held.
pub const SUCCESS: u8 = 0;

/// The run failed: it could not be carried out, or no client ever connected.
pub const RUN_FAILED: u8 = 1;

/// The command line was wrong; nothing was started.
pub const USAGE: u8 = 2;

/// A comparison found a regression.
pub const REGRESSION: u8 = 90;

/// A comparison could not tell: too few values, or too much noise.
pub const INCONCLUSIVE: u8 = 91;

/// The generator, not the server, was the bottleneck.
pub const GENERATOR_BOUND: u8 = 92;

/// A worker was lost, and its part of the load with it.
pub const WORKER_LOST: u8 = 93;

/// At least one threshold was crossed.
pub const THRESHOLDS_CROSSED: u8 = 99;

/// The scenario is invalid; nothing was started.
pub const INVALID_SCENARIO: u8 = 104;

pub use crate::results::INTERRUPTED;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_reasons_share_a_number() {
        let mut codes = vec![
            SUCCESS,
            RUN_FAILED,
            USAGE,
            REGRESSION,
            INCONCLUSIVE,
            GENERATOR_BOUND,
            WORKER_LOST,
            THRESHOLDS_CROSSED,
            INVALID_SCENARIO,
            INTERRUPTED,
        ];
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}
