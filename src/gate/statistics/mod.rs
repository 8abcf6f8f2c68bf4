//! What can be said about a ratio, given how its two sides spread.
//!
//! Histograms or plain numbers of independent samples come in (runs, or blocks of one run's time),
//! intervals for the ratio of the two sides go out. Nothing here knows a metric, a scenario or a
//! verdict; docs/METHODOLOGY.md states the model and its assumptions.

mod blocks;
mod interval;
mod means;
mod percentile;
mod student;
#[cfg(test)]
mod tests;

pub(super) use blocks::independent_blocks;
pub(super) use interval::Interval;
pub(super) use means::{Means, ratio_of_means};
pub(super) use percentile::{PercentileEstimate, percentile_of};
pub(super) use student::Level;
