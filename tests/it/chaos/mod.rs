//! Faults on purpose, and what both sides see of them.

mod path;
mod toxiproxy;
