//! `sio-load doctor` against the real causes of what it finds.
#![expect(clippy::unwrap_used, reason = "a test may end on anything unexpected")]

mod cors;
mod debug_client;
mod diagnosis;
mod docs;
mod engine;
mod healthy;
mod program;
mod proxies;
mod reach;
mod situations;
mod text;
mod tls;
mod tls_front;
mod watch;
