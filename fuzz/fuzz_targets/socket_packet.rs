//! Any text and bytes, in turn, as Engine.IO messages; and what replies say.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sio_load::event::EngineRevision;
use sio_load::protocol::socket_io::decoder::Decoder;
use sio_load::protocol::socket_io::reply::{ConnectReply, rejection};

fuzz_target!(|messages: (bool, Vec<Result<&str, &[u8]>>)| {
    let (is_v3, messages) = messages;
    let revision = if is_v3 {
        EngineRevision::V3
    } else {
        EngineRevision::V4
    };
    let mut decoder = Decoder::new(revision);
    for message in messages {
        let decoded = match message {
            Ok(text) => decoder.take_text(Bytes::copy_from_slice(text.as_bytes())),
            Err(bytes) => decoder.take_binary(Bytes::copy_from_slice(bytes)),
        };
        if let Ok(Some(packet)) = decoded {
            let _ = packet.namespace();
            let _ = ConnectReply::read(packet.data());
            let _ = rejection(packet.data());
        }
    }
});
