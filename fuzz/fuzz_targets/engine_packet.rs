//! Any bytes as one Engine.IO packet, of text and of bytes, in both revisions.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sio_load::event::EngineRevision;
use sio_load::protocol::engine_io::handshake::Handshake;
use sio_load::protocol::engine_io::packet::Packet;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    for revision in [EngineRevision::V3, EngineRevision::V4] {
        if let Ok(Packet::Open(json)) = Packet::from_text(revision, &bytes) {
            let _ = Handshake::read(&json);
        }
        let _ = Packet::from_binary(revision, bytes.clone());
    }
});
