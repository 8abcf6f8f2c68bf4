//! The faults of one client: a record of each, their joint effects, and what impulses leave behind.
//!
//! Faults come in with their times; [`Effects`] and attributions go out. Nothing is carried out
//! here.

mod effects;
mod leftovers;
mod record;
mod upgrade_abort;

pub(super) use effects::Effects;
pub(super) use leftovers::Leftovers;
pub(super) use record::{Attribution, ClientFaults, Passed, Strike};
pub(super) use upgrade_abort::{UpgradeAbort, Verdict};
