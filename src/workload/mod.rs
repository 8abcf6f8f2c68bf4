//! A plan becomes clients: who starts when, and the worker that keeps them.
//!
//! A worker is one thread with its own runtime, timers and clients; workers share nothing but the
//! plan. Nothing here speaks the protocol or counts anything.

pub mod arrival;
pub mod lag;
pub mod worker;
