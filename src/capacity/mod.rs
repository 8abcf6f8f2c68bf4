//! A plan with thresholds comes in, the largest load that holds them goes out, with how it was found.
//!
//! `search` decides which level is tried next, `level` makes a plan of it, `run` carries it out, and
//! `measured` keeps what it showed. `model` and `planning` make an answer of all levels. Nothing here
//! measures anything itself.

mod answer;
mod fit;
mod level;
mod machine;
mod measured;
mod model;
mod planning;
mod runner;
mod search;

pub use level::VaryError;
pub use runner::{CapacityError, News, Searched, search};
