//! The servers that a run brings along: the embedded one, child processes, and a balancer.
//!
//! A [`crate::scenario::plan::Server`] comes in; out come addresses that answer Socket.IO
//! handshakes, and processes that can be signalled, restarted and never outlive the run. Nothing
//! here counts for the measurement: what a client feels is measured by the client.

pub mod balancer;
pub mod embedded;
pub mod group;
pub mod guardian;
pub(crate) mod http;
pub mod process;
pub mod shortage;
