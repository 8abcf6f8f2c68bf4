//! Process ids and metrics endpoints come in, one reading of each per second goes out.
//!
//! Parsing is pure (`proc_files`, `exposition`); `process` and `scrape` fetch the texts; `watcher`
//! is the thread that does so on time. Nothing here knows clients, starts processes or judges.

mod exposition;
mod proc_files;
mod process;
mod scrape;
mod watcher;

pub use process::Usage;
pub use watcher::{Pid, Reading, ReadingOf, Subject, Watcher};
