//! The keys of every table, once: checking, suggestions, schema and reference read them here.

mod capacity;
mod clients;
mod faults;
mod steps;
mod tables;

pub(super) use crate::keys::{Default, Key, Kind, TableSpec};
use crate::keys::{LARGEST, key};
pub(super) use faults::{CHAOS, chaos_keys};
pub(super) use steps::*;
pub(super) use tables::*;

/// Any whole number.
const ANY: Kind = Kind::Integer {
    min: 0,
    max: LARGEST,
};

/// The most clients, at once and one after the other: every stay is drawn up before the run, in
/// 40 bytes in each worker.
pub(crate) const MOST_CLIENTS: u64 = 20_000_000;
