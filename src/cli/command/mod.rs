//! One file for each subcommand: arguments in, exit code out.

pub(super) mod check;
pub(super) mod completions;
pub(super) mod doctor;
pub(super) mod init;
pub(super) mod lifeline;
mod overrides;
pub(super) mod report;
pub(super) mod run;
pub(super) mod schema;
pub(super) mod serve;
