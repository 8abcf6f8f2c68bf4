//! HTTP/1 as it passes by, for those that stand between clients and servers.
//!
//! Bytes come in, what a proxy has to know of them goes out. Nothing here answers or decides.

mod answer;
mod head;
mod stream;

pub(crate) use answer::{NoBody, body_of};
pub(crate) use head::{RequestHead, ResponseHead};
pub(crate) use stream::{PIECE, linger, read_more, write_all};
