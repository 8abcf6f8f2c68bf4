//! Engine.IO on the wire: packets, polling payloads, the handshake, and what errors look like.
//!
//! Bytes come in and packets go out, or the reverse; a packet's data is a slice of what came.
//! Nothing here but [`heartbeat`] remembers anything between two calls.

pub mod error_body;
pub mod handshake;
pub mod heartbeat;
pub mod packet;
pub mod payload;
mod payload_v3;
pub mod query;
