//! Any answer to a WebSocket handshake as a refusal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sio_load::event::{Cause, Stage};
use sio_load::transport::from_refusal;

fuzz_target!(|input: (u16, &[u8])| {
    let (status, body) = input;
    let failure = from_refusal(status, body);
    assert_eq!(failure.stage, Stage::Open);
    assert_eq!(failure.status, Some(status));
    // Only codes that Engine.IO defines may become keys of counts.
    assert!(failure.code.is_none_or(|code| Cause::from_engine_code(code).is_some()));
});
