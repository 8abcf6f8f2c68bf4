//! Any status and body as an error response, to each kind of request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sio_load::event::Stage;
use sio_load::protocol::engine_io::error_body::{RequestKind, classify, undecodable};

fuzz_target!(|input: (u16, &[u8])| {
    let (status, body) = input;
    for refused in [RequestKind::Handshake, RequestKind::Session, RequestKind::WebSocket] {
        let _ = classify(refused, status, body);
    }
    let _ = undecodable(Stage::Open, body);
});
