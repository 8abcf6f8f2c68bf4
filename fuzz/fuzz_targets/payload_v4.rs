//! Any bytes as the body of a poll in revision 4; what is found must survive being sent.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sio_load::event::EngineRevision;
use sio_load::protocol::engine_io::packet::{Outgoing, Packet};
use sio_load::protocol::engine_io::payload::{PayloadReader, encode};

const REVISION: EngineRevision = EngineRevision::V4;

fn resend(packet: &Packet) -> Option<Outgoing> {
    match packet {
        Packet::Text(text) => Some(Outgoing::Text([b"4", &text[..]].concat().into())),
        Packet::Binary(bytes) => Some(Outgoing::Binary(bytes.clone())),
        Packet::Open(_)
        | Packet::Close
        | Packet::Ping(_)
        | Packet::Pong(_)
        | Packet::Upgrade
        | Packet::Noop => None,
    }
}

fuzz_target!(|data: &[u8]| {
    let found: Vec<Packet> = PayloadReader::new(REVISION, Bytes::copy_from_slice(data))
        .filter_map(Result::ok)
        .collect();
    let messages: Vec<Outgoing> = found.iter().filter_map(resend).collect();
    if messages.is_empty() {
        return;
    }
    for octets in [false, true] {
        let body = encode(REVISION, octets, messages.iter().cloned());
        let again: Vec<Outgoing> = PayloadReader::new(REVISION, body.bytes)
            .map(|packet| resend(&packet.expect("our own payload")).expect("a message"))
            .collect();
        assert_eq!(again, messages);
    }
});
