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

/// Longest body that opens a session, in bytes.
pub const HANDSHAKE_BODY: usize = 1 << 20;

/// Longest body of a poll, after decompression, in bytes.
pub const BODY: usize = 16 << 20;

/// Most that is read of a body that only explains a refusal, in bytes.
pub const REFUSAL: usize = 64 << 10;

/// Most that the doctor reads of a body, in bytes; the rest is left.
pub const DIAGNOSED_BODY: usize = 4 << 20;

/// Most cookies in a jar: what Chromium keeps for a site.
pub const COOKIES: usize = 180;
/// Longest cookie that is kept, in bytes.
pub const COOKIE: usize = 4096;

/// Longest session id, in bytes: it stands in every URL.
pub const SID: usize = 4096;

/// Longest answer of a server that is asked whether it is ready, or of a Toxiproxy, in bytes.
pub const CONTROL_ANSWER: usize = 1 << 20;

/// Longest WebSocket message, after decompression, in bytes.
pub const MESSAGE: usize = 16 << 20;

/// Most that may wait to be written to one WebSocket before another message joins it, in bytes.
pub const UNSENT: usize = 16 << 20;

/// Waiting bytes from which on only the latest ping of a WebSocket is answered.
pub const UNSENT_PONGS: usize = 64 << 10;

/// Payload of a WebSocket's ping, pong or close frame, in bytes (RFC 6455, section 5.5).
pub const CONTROL_PAYLOAD: usize = 125;

/// Buffered bytes of one connection that do not count towards the budget of the process.
pub const BUDGET_FREE: usize = 64 << 10;

/// Budget of the process for what waits in the buffers of all connections, in bytes, beyond
/// [`BUDGET_FREE`] each.
pub const BUDGET: usize = 12 << 20;

/// What every client adds to the budget of its process, in bytes.
pub const BUDGET_PER_CLIENT: usize = 256 << 10;

/// Every limit with what it bounds, as docs/LIMITS.md lists them.
pub const ALL: &[(&str, usize)] = &[
    ("head of an HTTP message, in bytes", HEAD),
    ("headers of a message", HEADERS),
    (
        "interim responses before the real one",
        INTERIM_RESPONSES as usize,
    ),
    (
        "chunk extensions and trailers of a body, in bytes",
        CHUNK_OVERHEAD,
    ),
    ("body that opens a session, in bytes", HANDSHAKE_BODY),
    ("body of a poll, decompressed, in bytes", BODY),
    (
        "body of an error, the rest of which is left, in bytes",
        REFUSAL,
    ),
    (
        "body that the doctor reads, the rest of which is left, in bytes",
        DIAGNOSED_BODY,
    ),
    ("session id, in bytes", SID),
    ("cookies in a jar, the oldest of which go", COOKIES),
    ("cookie, in bytes", COOKIE),
    (
        "answer to a readiness check or of a Toxiproxy, in bytes",
        CONTROL_ANSWER,
    ),
    ("WebSocket message, decompressed, in bytes", MESSAGE),
    (
        "payload of a WebSocket control frame, in bytes",
        CONTROL_PAYLOAD,
    ),
    (
        "what waits to be written to a WebSocket before one more message, in bytes",
        UNSENT,
    ),
    (
        "what waits when pings but the latest go unanswered, in bytes",
        UNSENT_PONGS,
    ),
    (
        "buffers of one connection outside the budget, in bytes",
        BUDGET_FREE,
    ),
    (
        "budget of a process for all other buffers, in bytes",
        BUDGET,
    ),
    (
        "what each client adds to that budget, in bytes",
        BUDGET_PER_CLIENT,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_stands_in_the_documentation() {
        let page = include_str!("../docs/LIMITS.md");
        for (what, limit) in ALL {
            let row = format!("| {what} | {limit} |");
            assert!(page.contains(&row), "docs/LIMITS.md lacks: {row}");
        }
    }
}
