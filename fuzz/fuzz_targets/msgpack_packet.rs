//! Messages of npm socket.io-msgpack-parser: no bytes make the decoder panic, and what it reads it
//! writes again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sio_load::protocol::socket_io::msgpack;

fuzz_target!(|data: &[u8]| {
    let Ok(packet) = msgpack::decode(&Bytes::copy_from_slice(data)) else {
        return;
    };
    let mut text = b"4".to_vec();
    text.extend_from_slice(&packet.text);
    let again = msgpack::encode(&text, &packet.attachments);
    let back = msgpack::decode(&again).expect("what was written can be read");
    assert_eq!(back, packet);
});
