//! What people and their tools read about a comparison of runs.
//!
//! A [`Comparison`](crate::results::comparison::Comparison) comes in, text or bytes go out, one file
//! per format; the page also takes the runs themselves, whose curves it lays over each other.

pub(in crate::report) mod figures;
mod junit;
mod markdown;
mod terminal;
#[cfg(test)]
mod tests;

pub use self::figures::line;
pub use self::junit::render as junit;
pub use self::markdown::render as markdown;
pub(in crate::report) use self::markdown::{code, escaped};
pub use self::terminal::render as terminal;
