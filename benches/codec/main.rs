//! What packets cost: `cargo bench --bench codec`. CPU of one operation, median of eleven rounds;
//! `-- --smoke` does everything a few times, to see that it works.
#![expect(clippy::disallowed_macros, reason = "a bench prints its figures")]

#[path = "../timing/mod.rs"]
mod timing;

mod session;

use bytes::Bytes;
use sio_load::event::EngineRevision;
use sio_load::protocol::engine_io::packet::{Outgoing, Packet};
use sio_load::protocol::engine_io::payload::{PayloadReader, encode};
use sio_load::protocol::socket_io::decoder::Decoder;
use sio_load::protocol::socket_io::encode as socket_io;
use timing::Timing;

const REVISION: EngineRevision = EngineRevision::V4;
const COUNT: usize = 100_000;
const ARGUMENTS: &str = r#"{"client":"17","n":"4711"}"#;

fn main() {
    let timing = Timing::from_arguments();
    decoding(&timing);
    encoding(&timing);
    payloads(&timing);
    session::emit_and_ack(&timing);
}

fn decoding(timing: &Timing) {
    let long = format!(r#"42["news",{{"text":"{}"}}]"#, "x".repeat(1000));
    for (what, text) in [
        ("decode ping", "2".to_owned()),
        (
            "decode event, 40 bytes",
            format!(r#"42["echo",{ARGUMENTS}]"#),
        ),
        ("decode ack, 40 bytes", format!("434711[{ARGUMENTS}]")),
        ("decode event, 1 KiB", long),
    ] {
        let text = Bytes::from(text);
        timing.measure(
            what,
            COUNT,
            || Decoder::new(REVISION),
            |decoder| decode(decoder, &text),
        );
    }
    let head = Bytes::from_static(br#"451-["file",{"_placeholder":true,"num":0}]"#);
    let attachment = Bytes::from(vec![7; 1024]);
    timing.measure(
        "decode event with an attachment, 1 KiB",
        COUNT,
        || Decoder::new(REVISION),
        |decoder| {
            decode(decoder, &head);
            decoder
                .take_binary(attachment.clone())
                .expect("an attachment")
        },
    );
}

fn decode(decoder: &mut Decoder, text: &Bytes) {
    match Packet::from_text(REVISION, text).expect("an Engine.IO packet") {
        Packet::Text(message) => {
            let packet = decoder.take_text(message).expect("a Socket.IO packet");
            std::hint::black_box(packet);
        }
        Packet::Binary(_)
        | Packet::Open(_)
        | Packet::Close
        | Packet::Ping(_)
        | Packet::Pong(_)
        | Packet::Upgrade
        | Packet::Noop => {}
    }
}

fn encoding(timing: &Timing) {
    let event = |args: &str| {
        let parts = socket_io::EventParts {
            name: "echo",
            args,
            attachments: 0,
        };
        socket_io::event("/", Some(4711), parts)
    };
    let frame = |text| Outgoing::Text(text).into_frame(REVISION, false);
    timing.measure(
        "encode event, 40 bytes",
        COUNT,
        || (),
        |()| frame(event(ARGUMENTS)),
    );
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(1000));
    timing.measure(
        "encode event, 1 KiB",
        COUNT,
        || (),
        |()| frame(event(&long)),
    );
    let ack = || frame(socket_io::ack("/", 4711, ARGUMENTS));
    timing.measure("encode ack, 40 bytes", COUNT, || (), |()| ack());
}

fn payloads(timing: &Timing) {
    let message = Bytes::from(format!(r#"42["echo",{ARGUMENTS}]"#));
    let texts = vec![Outgoing::Text(message); 10];
    let binary = vec![Outgoing::Binary(Bytes::from(vec![7; 1024]))];
    for (what, packets) in [
        ("payload of ten events", texts),
        ("payload of 1 KiB as base64", binary),
    ] {
        let write = || encode(REVISION, false, packets.iter().cloned()).bytes;
        timing.measure(&format!("encode {what}"), COUNT / 10, || (), |()| write());
        let body = write();
        timing.measure(
            &format!("decode {what}"),
            COUNT / 10,
            || (),
            |()| {
                PayloadReader::new(REVISION, body.clone())
                    .filter(Result::is_ok)
                    .count()
            },
        );
    }
}
