//! The body of a poll or of a POST: any number of packets.

use bytes::Bytes;

use super::packet::{Outgoing, Packet, PacketError};
use super::payload_v3;
use crate::event::EngineRevision;

/// What stands between two packets in revision 4. JSON escapes it, so no packet holds one.
const SEPARATOR: u8 = 0x1e;

/// The packets of a body, one by one; nothing follows the first error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadReader {
    revision: EngineRevision,
    rest: Rest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rest {
    Separated(Bytes),
    LengthPrefixed(Bytes),
    Octets(Bytes),
    Nothing,
}

impl PayloadReader {
    /// The packets of `body`.
    #[must_use]
    pub fn new(revision: EngineRevision, body: Bytes) -> Self {
        let rest = match revision {
            EngineRevision::V4 => Rest::Separated(text_of(body)),
            EngineRevision::V3 if payload_v3::is_octets(&body) => Rest::Octets(body),
            EngineRevision::V3 => Rest::LengthPrefixed(text_of(body)),
        };
        Self { revision, rest }
    }

    fn next_separated(&self, rest: &Bytes) -> (Result<Packet, PacketError>, Rest) {
        let (packet, rest) = match memchr::memchr(SEPARATOR, rest) {
            None => (rest.clone(), Rest::Nothing),
            Some(end) => (rest.slice(..end), Rest::Separated(rest.slice(end + 1..))),
        };
        (Packet::from_text(self.revision, &packet), rest)
    }
}

impl Iterator for PayloadReader {
    type Item = Result<Packet, PacketError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (item, rest) = match std::mem::replace(&mut self.rest, Rest::Nothing) {
            Rest::Nothing => return None,
            Rest::Separated(rest) => self.next_separated(&rest),
            Rest::LengthPrefixed(rest) => match payload_v3::next_text(&rest)? {
                Err(error) => (Err(error), Rest::Nothing),
                Ok((packet, rest)) => (
                    Packet::from_text(self.revision, &packet),
                    if rest.is_empty() {
                        Rest::Nothing
                    } else {
                        Rest::LengthPrefixed(rest)
                    },
                ),
            },
            Rest::Octets(rest) => match payload_v3::next_octets(&rest)? {
                Err(error) => (Err(error), Rest::Nothing),
                Ok((packet, rest)) => (packet, Rest::Octets(rest)),
            },
        };
        if item.is_ok() {
            self.rest = rest;
        }
        Some(item)
    }
}

/// The body as UTF-8; JavaScript puts U+FFFD in the place of what is not.
fn text_of(body: Bytes) -> Bytes {
    if std::str::from_utf8(&body).is_ok() {
        return body;
    }
    String::from_utf8_lossy(&body).into_owned().into()
}

/// How many of the first packets fit into one POST: as many as `max_payload` bytes hold, and one
/// even if it alone is too big, as the reference client has it.
#[must_use]
pub fn fitting<'a>(
    packets: impl Iterator<Item = &'a Outgoing>,
    max_payload: Option<usize>,
) -> usize {
    let mut size = 0;
    let mut count = 0;
    for packet in packets {
        size += packet.text_len(EngineRevision::V4) + usize::from(count > 0);
        if count > 0 && max_payload.is_some_and(|max| size > max) {
            break;
        }
        count += 1;
    }
    count
}

/// A body to POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedPayload {
    /// Its bytes.
    pub bytes: Bytes,
    /// Whether it is octets rather than text.
    pub octet_stream: bool,
}

/// Puts packets into a body; `octets` lets revision 3 send binary as it is.
#[must_use]
pub fn encode(
    revision: EngineRevision,
    octets: bool,
    packets: impl Iterator<Item = Outgoing> + Clone,
) -> EncodedPayload {
    match revision {
        EngineRevision::V4 => EncodedPayload {
            bytes: encode_separated(packets),
            octet_stream: false,
        },
        EngineRevision::V3 => payload_v3::encode(octets, packets),
    }
}

fn encode_separated(mut packets: impl Iterator<Item = Outgoing> + Clone) -> Bytes {
    let revision = EngineRevision::V4;
    if let (Some(Outgoing::Text(text)), None) = (packets.clone().next(), packets.clone().nth(1)) {
        return text;
    }
    let size: usize = packets.clone().map(|p| p.text_len(revision) + 1).sum();
    let mut body = String::with_capacity(size.saturating_sub(1));
    if let Some(first) = packets.next() {
        first.write_text(revision, &mut body);
    }
    for packet in packets {
        body.push(char::from(SEPARATOR));
        packet.write_text(revision, &mut body);
    }
    body.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packets(revision: EngineRevision, body: &'static str) -> Vec<Result<Packet, PacketError>> {
        PayloadReader::new(revision, body.into()).collect()
    }

    #[test]
    fn an_empty_body_is_an_error_packet() {
        for revision in [EngineRevision::V3, EngineRevision::V4] {
            assert_eq!(
                packets(revision, ""),
                [Err(PacketError::Empty)],
                "{revision:?}"
            );
        }
    }

    #[test]
    fn what_follows_an_error_packet_is_ignored() {
        let found = packets(EngineRevision::V4, "4a\u{1e}x\u{1e}4b");
        assert_eq!(
            found,
            [
                Ok(Packet::Text("a".into())),
                Err(PacketError::UnknownType(b'x'))
            ]
        );
    }

    #[test]
    fn a_release_2_handshake_is_no_packet_of_revision_4() {
        let found = packets(EngineRevision::V4, "12:0{\"sid\":\"a\"}2:40");
        assert_eq!(found.first(), Some(&Ok(Packet::Close)));
        let found = packets(EngineRevision::V4, "97:0{\"sid\":\"a\"}2:40");
        assert_eq!(found, [Err(PacketError::UnknownType(b'9'))]);
    }

    #[test]
    fn lengths_of_revision_3_count_utf_16_code_units() {
        let found = packets(EngineRevision::V3, "4:4😀é1:60:2:40");
        assert_eq!(
            found,
            [
                Ok(Packet::Text("😀é".into())),
                Ok(Packet::Noop),
                Ok(Packet::Text("0".into())),
            ]
        );
        assert_eq!(
            packets(EngineRevision::V3, "2:4😀"),
            [Err(PacketError::Length)]
        );
        assert_eq!(
            packets(EngineRevision::V3, "9:40"),
            [Err(PacketError::Length)]
        );
        assert_eq!(
            packets(EngineRevision::V3, "<html>"),
            [Err(PacketError::Length)]
        );
    }

    #[test]
    fn octets_of_revision_3_have_byte_lengths() {
        let body: &[u8] = &[
            0, 3, 0xff, b'4', 0xc3, 0xa9, 1, 1, 0, 0xff, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9,
        ];
        let found: Vec<_> =
            PayloadReader::new(EngineRevision::V3, Bytes::copy_from_slice(body)).collect();
        assert_eq!(
            found,
            [
                Ok(Packet::Text("é".into())),
                Ok(Packet::Binary(vec![1, 2, 3, 4, 5, 6, 7, 8, 9].into())),
            ]
        );
    }

    #[test]
    fn a_post_is_split_at_max_payload_counted_exactly() {
        let text = |len: usize| Outgoing::Text("4".repeat(len).into());
        let fit = |packets: &[Outgoing], max| fitting(packets.iter(), max);
        assert_eq!(fit(&[text(10), text(10)], Some(21)), 2);
        assert_eq!(fit(&[text(10), text(10)], Some(20)), 1);
        assert_eq!(fit(&[text(100), text(1)], Some(20)), 1);
        assert_eq!(fit(&[text(100), text(1)], None), 2);
        let binary = Outgoing::Binary(vec![0; 4].into());
        assert_eq!(fit(&[text(10), binary.clone()], Some(20)), 2);
        assert_eq!(fit(&[text(10), binary], Some(19)), 1);
    }

    fn outgoing() -> impl Strategy<Value = Outgoing> {
        prop_oneof![
            "[^\u{1e}]{0,40}".prop_map(|text| Outgoing::Text(format!("4{text}").into())),
            prop::collection::vec(any::<u8>(), 0..60).prop_map(|b| Outgoing::Binary(b.into())),
        ]
    }

    fn expected(packets: &[Outgoing]) -> Vec<Result<Packet, PacketError>> {
        let expect = |packet: &Outgoing| match packet {
            Outgoing::Text(text) => Ok(Packet::Text(text.slice(1..))),
            Outgoing::Binary(bytes) => Ok(Packet::Binary(bytes.clone())),
        };
        packets.iter().map(expect).collect()
    }

    proptest! {
        #[test]
        fn a_payload_comes_back_however_it_is_split(
            packets in prop::collection::vec(outgoing(), 1..8),
            split in 0..8_usize,
            octets: bool,
            v3: bool,
        ) {
            let revision = if v3 { EngineRevision::V3 } else { EngineRevision::V4 };
            let (first, second) = packets.split_at(split.min(packets.len()));
            let mut found = Vec::new();
            for part in [first, second] {
                if part.is_empty() {
                    continue;
                }
                let body = encode(revision, octets, part.iter().cloned());
                prop_assert_eq!(
                    body.octet_stream,
                    v3 && octets && part.iter().any(|p| matches!(p, Outgoing::Binary(_)))
                );
                found.extend(PayloadReader::new(revision, body.bytes));
            }
            prop_assert_eq!(found, expected(&packets));
        }

        #[test]
        fn a_split_body_never_exceeds_max_payload_but_for_one_packet(
            packets in prop::collection::vec(outgoing(), 1..12),
            max in 1..200_usize,
        ) {
            let count = fitting(packets.iter(), Some(max));
            let size = |n| encode(EngineRevision::V4, false, packets[..n].iter().cloned()).bytes.len();
            prop_assert!(count == 1 || size(count) <= max);
            prop_assert!(count == packets.len() || size(count + 1) > max);
        }

        #[test]
        fn the_length_of_revision_3_is_what_javascript_says(text in ".{0,60}") {
            let body = encode(
                EngineRevision::V3, false,
                std::iter::once(Outgoing::Text(format!("4{text}").into())),
            );
            let length = 1 + text.encode_utf16().count();
            prop_assert_eq!(body.bytes, format!("{length}:4{text}"));
        }

        #[test]
        fn no_bytes_make_a_reader_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
            v3: bool,
        ) {
            let revision = if v3 { EngineRevision::V3 } else { EngineRevision::V4 };
            let _ = PayloadReader::new(revision, bytes.into()).count();
        }

        #[test]
        fn no_near_payload_makes_a_reader_panic(bytes in "[\u{0}\u{1}\u{1e}0-9b:é😀]{0,40}") {
            let _ = PayloadReader::new(EngineRevision::V3, bytes.clone().into()).count();
            let _ = PayloadReader::new(EngineRevision::V4, bytes.into()).count();
        }
    }
}
