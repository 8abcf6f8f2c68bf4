use bytes::Bytes;

use super::packet::{Outgoing, Packet, PacketError, as_text, prefixed};
use super::payload::EncodedPayload;
use crate::event::EngineRevision;

const V3: EngineRevision = EngineRevision::V3;

/// The longest length that is read: more digits than any body has bytes.
const MAX_DIGITS: usize = 10;

/// Marks a packet of text among octets.
const STRING: u8 = 0;
/// Marks a packet of bytes among octets.
const BINARY: u8 = 1;
/// Ends a length among octets.
const LENGTH_END: u8 = 0xff;

/// Whether a body is octets: text begins with a digit.
pub(super) fn is_octets(body: &[u8]) -> bool {
    matches!(body.first(), Some(&(STRING | BINARY)))
}

type Split<T> = Option<Result<(T, Bytes), PacketError>>;

/// The first packet of `<length>:<packet>…` and the rest; nothing if only empty ones were left.
pub(super) fn next_text(body: &Bytes) -> Split<Bytes> {
    if body.is_empty() {
        return Some(Err(PacketError::Empty));
    }
    let mut rest = body.clone();
    while !rest.is_empty() {
        let Some((packet, tail)) = split_text(&rest) else {
            return Some(Err(PacketError::Length));
        };
        if !packet.is_empty() {
            return Some(Ok((packet, tail)));
        }
        rest = tail;
    }
    None
}

fn split_text(body: &Bytes) -> Option<(Bytes, Bytes)> {
    let colon = memchr::memchr(b':', &body[..body.len().min(MAX_DIGITS + 1)])?;
    let units = number(body[..colon].iter().map(|b| b.wrapping_sub(b'0')))?;
    let start = colon + 1;
    let end = start + utf16_prefix(&body[start..], units)?;
    Some((body.slice(start..end), body.slice(end..)))
}

/// How many bytes of UTF-8 text make up so many UTF-16 code units; nothing if that ends within a
/// character or beyond the text.
fn utf16_prefix(text: &[u8], units: usize) -> Option<usize> {
    let mut left = units;
    for (at, byte) in text.iter().enumerate() {
        let width = match byte {
            0x80..=0xbf => 0,
            0xf0..=0xff => 2,
            0x00..=0x7f | 0xc0..=0xef => 1,
        };
        if left == 0 && width > 0 {
            return Some(at);
        }
        left = left.checked_sub(width)?;
    }
    (left == 0).then_some(text.len())
}

fn utf16_len(text: &[u8]) -> usize {
    let starts = text.iter().filter(|byte| !matches!(byte, 0x80..=0xbf));
    starts.map(|byte| 1 + usize::from(*byte >= 0xf0)).sum()
}

/// The first packet of octets and the rest.
pub(super) fn next_octets(body: &Bytes) -> Split<Result<Packet, PacketError>> {
    let marker = *body.first()?;
    let Some((content, rest)) = split_octets(body) else {
        return Some(Err(PacketError::Length));
    };
    let packet = match marker {
        STRING => Packet::from_text(V3, &Bytes::from(as_text(&content).into_owned())),
        BINARY => Packet::from_binary(V3, content),
        other => Err(PacketError::UnknownType(other)),
    };
    Some(Ok((packet, rest)))
}

fn split_octets(body: &Bytes) -> Option<(Bytes, Bytes)> {
    let window = &body[..body.len().min(MAX_DIGITS + 2)];
    let end = memchr::memchr(LENGTH_END, window)?;
    let length = number(body.get(1..end)?.iter().copied())?;
    // Counted from the length's end: a string's length is in bytes here, its type digit included,
    // and so is that of bytes with their type byte.
    let start = end + 1;
    let end = start.checked_add(length)?;
    (end <= body.len()).then(|| (body.slice(start..end), body.slice(end..)))
}

/// The number that decimal digits make; nothing if there are none or one is not below 10.
fn number(digits: impl Iterator<Item = u8>) -> Option<usize> {
    let mut value = None;
    for digit in digits {
        if digit > 9 {
            return None;
        }
        let so_far: usize = value.unwrap_or(0);
        value = Some(so_far.checked_mul(10)?.checked_add(usize::from(digit))?);
    }
    value
}

/// Puts packets into a body: octets if that is allowed and one is binary, else text.
pub(super) fn encode(
    octets: bool,
    packets: impl Iterator<Item = Outgoing> + Clone,
) -> EncodedPayload {
    let has_binary = || packets.clone().any(|p| matches!(p, Outgoing::Binary(_)));
    let octet_stream = octets && has_binary();
    EncodedPayload {
        bytes: if octet_stream {
            encode_octets(packets)
        } else {
            encode_text(packets)
        },
        octet_stream,
    }
}

fn encode_text(packets: impl Iterator<Item = Outgoing>) -> Bytes {
    let mut body = String::new();
    let mut one = String::new();
    for packet in packets {
        one.clear();
        packet.write_text(V3, &mut one);
        body.push_str(&utf16_len(one.as_bytes()).to_string());
        body.push(':');
        body.push_str(&one);
    }
    if body.is_empty() {
        body.push_str("0:");
    }
    body.into()
}

fn encode_octets(packets: impl Iterator<Item = Outgoing>) -> Bytes {
    let mut body = Vec::new();
    for packet in packets {
        let (marker, content) = match packet {
            Outgoing::Text(text) => (STRING, text),
            Outgoing::Binary(bytes) => (BINARY, prefixed(4, &bytes)),
        };
        body.push(marker);
        body.extend(content.len().to_string().bytes().map(|digit| digit - b'0'));
        body.push(LENGTH_END);
        body.extend_from_slice(&content);
    }
    body.into()
}
