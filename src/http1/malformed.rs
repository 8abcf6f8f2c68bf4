use crate::limits;

/// A breach of HTTP/1, or of a limit on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A head that cannot be read.
    #[error("{0}")]
    Head(httparse::Error),
    /// A head longer than [`limits::HEAD`].
    #[error("the head is longer than {} bytes", limits::HEAD)]
    HeadTooLong,
    /// More headers than [`limits::HEADERS`].
    #[error("the head has more than {} headers", limits::HEADERS)]
    TooManyHeaders,
    /// More interim responses than [`limits::INTERIM_RESPONSES`].
    #[error("more than {} interim responses", limits::INTERIM_RESPONSES)]
    TooManyInterim,
    /// A `Content-Length` that is no number.
    #[error("invalid Content-Length")]
    ContentLength,
    /// Several `Content-Length`s that differ.
    #[error("two lengths")]
    TwoLengths,
    /// A request whose end its `Transfer-Encoding` does not tell.
    #[error("a request whose last transfer coding is not chunked")]
    TransferCoding,
    /// A chunk whose size cannot be read.
    #[error("invalid chunk size")]
    ChunkSize,
    /// A chunk or a trailer without its line end.
    #[error("a chunk without end")]
    ChunkEnd,
    /// Extensions and trailers longer than [`limits::CHUNK_OVERHEAD`].
    #[error(
        "chunk extensions and trailers are longer than {} bytes",
        limits::CHUNK_OVERHEAD
    )]
    ChunkOverhead,
    /// A body longer than the reader's limit.
    #[error("the body is longer than {limit} bytes")]
    BodyTooLarge {
        /// In bytes.
        limit: usize,
    },
}

impl Malformed {
    /// Whether a limit was exceeded rather than a rule broken.
    #[must_use]
    pub fn is_too_large(self) -> bool {
        match self {
            Self::HeadTooLong
            | Self::TooManyHeaders
            | Self::TooManyInterim
            | Self::ChunkOverhead
            | Self::BodyTooLarge { .. } => true,
            Self::Head(_)
            | Self::ContentLength
            | Self::TwoLengths
            | Self::TransferCoding
            | Self::ChunkSize
            | Self::ChunkEnd => false,
        }
    }
}
