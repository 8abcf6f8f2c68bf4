//! From numbers to a verdict.
//!
//! What a run measured comes in: its [`Summary`](crate::results::summary::Summary) and the bounds
//! that its scenario set. Whether each bound held, and what the process exits with, come out.
//! Nothing here measures, prints or ends a process.

pub mod comparison;
pub mod exit_code;
mod generator_lag;
mod statistics;
mod threshold;
mod verdict;
mod watched;

pub use generator_lag::GeneratorLag;
pub use threshold::judge;
pub use verdict::{Ending, verdict};
pub use watched::judge_watched;
