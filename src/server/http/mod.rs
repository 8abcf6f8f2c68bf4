//! HTTP/1 as it passes by: heads and the ends of bodies, for those that stand between clients and
//! servers.
//!
//! Bytes come in, what a proxy has to know of them goes out. Nothing here answers or decides.

mod body;
mod head;
mod stream;

pub(crate) use body::Remaining;
pub(crate) use head::{Body, NotHttp, RequestHead, ResponseHead, opened_sid, without_headers};
pub(crate) use stream::{PIECE, linger, read_more, write_all};

/// A head that is longer is an attack on a browser's server; here it is a mistake.
pub(crate) const LONGEST_HEAD: usize = 64 * 1024;
