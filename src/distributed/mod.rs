//! A run in many processes: a coordinator and its workers, whose messages travel over pipes on one
//! machine and over NATS between machines.
//!
//! A plan and a share come in at a worker, snapshots go out; the same on the coordinator's side the
//! other way round. Both sides are state machines without I/O, so that lost, late, repeated and
//! reordered packets are tested in virtual time. Nothing is measured or decided here but who takes
//! part.

pub(crate) mod carrier;
mod clock_offset;
mod link;
pub(crate) mod message;
pub mod nats;
pub(crate) mod packet;
pub(crate) mod peer;
#[cfg(test)]
mod tests;
pub(crate) mod worker;
