//! Any status and body as an error response.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sio_load::event::Stage;
use sio_load::protocol::engine_io::error_body::{classify, undecodable};

fuzz_target!(|input: (u16, &[u8])| {
    let (status, body) = input;
    let _ = classify(Stage::Session, status, body);
    let _ = undecodable(Stage::Open, body);
});
