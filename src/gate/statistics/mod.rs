//! What can be said about a ratio, given how its two sides spread.
//!
//! Histograms or plain numbers of independent samples come in (runs, or blocks of one run's time),
//! intervals for the ratio of the two sides go out. Nothing here knows a metric, a scenario or a
//! verdict; docs/METHODOLOGY.md states the model and its assumptions.

mod blocks;
mod means;
mod percentile;
mod student;
#[cfg(test)]
mod tests;

pub(super) use blocks::independent_blocks;
pub(super) use means::{Means, ratio_of_means};
pub(super) use percentile::{PercentileEstimate, percentile_of};
pub(super) use student::Level;
use student::welch;

/// An interval for a ratio, new ÷ base; an end that the data do not bound is infinite or zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    /// At least this.
    pub(super) low: f64,
    /// At most this.
    pub(super) high: f64,
}

impl Interval {
    /// The one that excludes nothing.
    pub(super) const UNBOUNDED: Self = Self {
        low: 0.0,
        high: f64::INFINITY,
    };
}
