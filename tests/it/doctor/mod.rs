//! `sio-load doctor` against the real causes of what it finds.
#![expect(clippy::unwrap_used, reason = "a test may end on anything unexpected")]

mod docs;
