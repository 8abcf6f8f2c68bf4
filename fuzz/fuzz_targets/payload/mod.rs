//! Any bytes as the body of a poll: what is found in it must survive being sent.

use bytes::Bytes;
use sio_load::event::EngineRevision;
use sio_load::protocol::engine_io::packet::{Outgoing, Packet};
use sio_load::protocol::engine_io::payload::{PayloadReader, encode};

/// Reads what is in `data`, sends it in both forms, and reads that.
pub fn survives_being_sent(revision: EngineRevision, data: &[u8]) {
    let found: Vec<Packet> = PayloadReader::new(revision, Bytes::copy_from_slice(data))
        .filter_map(Result::ok)
        .collect();
    let messages: Vec<Outgoing> = found.iter().filter_map(resend).collect();
    if messages.is_empty() {
        return;
    }
    for octets in [false, true] {
        let body = encode(revision, octets, messages.iter().cloned());
        let again: Vec<Outgoing> = PayloadReader::new(revision, body.bytes)
            .map(|packet| resend(&packet.expect("our own payload")).expect("a message"))
            .collect();
        assert_eq!(again, messages);
    }
}

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
