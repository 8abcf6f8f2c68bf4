//! Totals and facts of a run come in; a [`Summary`](summary::Summary) and the files of a run
//! folder go out, and come back in for later reports. Nothing here judges thresholds or draws.

mod aftermath;
mod append;
pub mod capacity;
pub mod comparison;
mod facts;
pub mod find;
mod folder;
mod hgrm;
mod hlog;
mod intervals;
mod journal;
mod note;
mod reader;
pub mod recorded;
#[cfg(test)]
mod sample;
pub mod schema;
mod series;
mod stored;
mod storm;
mod summarise;
pub mod summary;
pub mod sweep;
pub mod timeline;
mod unanswered;
pub mod watched;

pub use facts::{FaultFacts, GeneratorFacts, ListenFacts, PopulationFacts, RunFacts};
pub use folder::{FolderError, RunFolder};
pub use hgrm::{PercentileStep, hgrm};
pub use intervals::TaggedHistograms;
pub use journal::{Journal, RESULTS_INCOMPLETE};
pub use note::Note;
pub use reader::{ReadError, read, read_samples};
pub use series::samples;
pub use stored::StoredRun;
pub use summarise::{INTERRUPTED, distribution, summarise};
