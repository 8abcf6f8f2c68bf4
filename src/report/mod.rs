//! What people and their tools read about a run.
//!
//! A [`Summary`](crate::results::summary::Summary) comes in, text or bytes go out: every report is
//! a pure function of the stored truth and can be made again later. Nothing here measures, judges
//! or writes a file; only [`progress`] talks to the terminal, because a live display must.

pub mod comparison;
pub mod exchange;
pub mod history;
pub mod html;
pub mod junit;
pub mod number;
pub mod progress;
pub mod terminal;
mod words;

pub(crate) use terminal::measured;
