//! A run's figures for other programs: a comment, a metrics store, a spreadsheet.
//!
//! What summary.json of any version holds comes in, text goes out, one file per format.

mod csv;
mod markdown;
mod prometheus;
#[cfg(test)]
mod tests;

pub use self::csv::render as csv;
pub use self::markdown::render as markdown;
pub use self::prometheus::render as prometheus;
