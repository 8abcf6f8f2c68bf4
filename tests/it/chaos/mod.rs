//! Faults on purpose, and what both sides see of them.

mod client;
