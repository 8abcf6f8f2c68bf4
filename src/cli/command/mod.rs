//! One file for each subcommand: arguments in, exit code out.

pub(super) mod ab;
pub(super) mod agent;
mod baseline;
pub(super) mod capacity;
pub(super) mod check;
pub(super) mod compare;
pub(super) mod completions;
pub(super) mod doctor;
pub(super) mod guard;
pub(super) mod history;
pub(super) mod import;
pub(super) mod init;
mod overrides;
pub(super) mod report;
pub(super) mod run;
pub(super) mod schema;
pub(super) mod serve;
pub(super) mod storm;
pub(super) mod worker;
