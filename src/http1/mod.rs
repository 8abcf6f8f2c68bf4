//! HTTP/1 messages without I/O: heads, the ends of bodies, chunks.
//!
//! What comes in: bytes, cut anywhere. What goes out: what a head says, the bytes of a body, or why
//! they are no HTTP/1. What never happens here: reading, writing, or deciding what an answer means.

mod body;
mod chunks;
mod framing;
mod head;
mod malformed;

#[cfg(test)]
mod tests;

pub use body::{Body, Remaining};
pub use chunks::Chunks;
pub use framing::{Framing, has_token};
pub(crate) use head::without_headers;
pub use head::{HeadReader, Headers, Request, Response, read_request, read_response};
pub use malformed::Malformed;
