//! Limits on what a server can make this process hold.
//!
//! Nothing comes in and constants go out. Every limit on something that the other side chooses
//! stands here and nowhere else; docs/LIMITS.md lists them all.

/// Longest head of an HTTP message, in bytes: what Node takes.
pub const HEAD: usize = 16 * 1024;

/// Most headers in a head. Node takes 2,000, which no answer needs.
pub const HEADERS: usize = 256;

/// Most interim (1xx) responses before the real one.
pub const INTERIM_RESPONSES: u32 = 32;

/// Chunk extensions and trailers of one body together, in bytes: what Node takes.
pub const CHUNK_OVERHEAD: usize = 16 * 1024;

/// Longest body of a poll, in bytes: what `ws` allows for a message by default.
pub const BODY: usize = 100 << 20;

/// Most that is read of a body that only explains a refusal, in bytes.
pub const REFUSAL: usize = 64 << 10;

/// Most that the doctor reads of a body, in bytes; the rest is left.
pub const DIAGNOSED_BODY: usize = 4 << 20;
