//! Events come in, on each worker's own thread; numbers go out, as [`Snapshot`]s that merge in any
//! order into [`Totals`]. Nothing here waits, locks, sends or writes: a recorder is counters and
//! histograms behind a cell, and whoever owns the thread takes its snapshots.

mod apply;
mod failures;
mod fault;
pub mod health;
mod histogram;
pub mod host;
#[cfg(test)]
mod laws;
mod presence;
mod recorder;
mod regression;
mod sample;
mod series;
mod snapshot;
mod stripes;
mod tally;
mod totals;

pub use apply::LATE_START;
pub use failures::{FailureKey, Failures};
pub use fault::{ExactDistribution, FaultTally};
pub use health::{Health, HealthWarning};
pub use histogram::{HIGHEST, Histogram};
pub use presence::Presence;
pub use recorder::{PopulationObserver, Recorder};
pub use regression::{Slope, slope, student_95};
pub use sample::{Percentile, Sample};
pub use series::{Second, SecondP99};
pub use snapshot::{Interval, Snapshot, WorkerInterval};
pub use stripes::{STRIPES, Stripe, Stripes};
pub use tally::{ByLabel, Counters, Histograms, Labelled, Tally};
pub use totals::Totals;
