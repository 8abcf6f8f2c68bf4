//! The wire format of npm socket.io-msgpack-parser: each packet one binary message, a map of
//! `type`, `nsp`, `id` and `data`.
//!
//! Packets are transcoded at the edge: everything behind it sees the text of the default parser,
//! with placeholders where binary stands. Scenarios, acks and steps need not know the difference.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::decoder::DecodeError;

/// The deepest nesting that is read.
const DEPTH: usize = 128;

/// A packet in the default parser's text, without Engine.IO's type and without the number of
/// attachments.
#[derive(Debug, PartialEq, Eq)]
pub struct Transcoded {
    /// As the default parser writes it.
    pub text: Vec<u8>,
    /// What its placeholders stand for.
    pub attachments: Vec<Bytes>,
}

/// Encodes a packet that the default parser has written, Engine.IO's type `4` included.
///
/// # Panics
/// If the text is none that the default parser writes.
#[must_use]
pub fn encode(text: &[u8], attachments: &[Bytes]) -> Bytes {
    let mut rest = text.strip_prefix(b"4").expect("a message of Engine.IO");
    let kind = take(&mut rest, 1)[0] - b'0';
    // Binary events and acks are plain ones here.
    let kind = if kind >= 5 { kind - 3 } else { kind };
    if let Some(digits) = count_before(rest, b'-') {
        rest = &rest[digits + 1..];
    }
    let namespace = if rest.starts_with(b"/") {
        let length = memchr::memchr(b',', rest).unwrap_or(rest.len());
        let namespace = take(&mut rest, length);
        rest = rest.strip_prefix(b",").unwrap_or(rest);
        namespace
    } else {
        b"/"
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let id = take(&mut rest, digits);
    let has_options = kind == 2;
    let members = 2 + usize::from(!rest.is_empty()) + usize::from(digits > 0);
    let mut out = Vec::with_capacity(text.len() + 32);
    out.push(0x80 | (members + usize::from(has_options)) as u8);
    push_text(&mut out, "type");
    out.push(kind);
    if !rest.is_empty() {
        push_text(&mut out, "data");
        let data: Value = serde_json::from_slice(rest).expect("packets carry sound JSON");
        push_value(&mut out, &data, attachments);
    }
    if has_options {
        push_text(&mut out, "options");
        out.push(0x81);
        push_text(&mut out, "compress");
        out.push(0xc3);
    }
    if digits > 0 {
        push_text(&mut out, "id");
        let id: u64 = std::str::from_utf8(id)
            .ok()
            .and_then(|id| id.parse().ok())
            .expect("an ack's id is a number");
        push_unsigned(&mut out, id);
    }
    push_text(&mut out, "nsp");
    push_text(&mut out, &String::from_utf8_lossy(namespace));
    out.into()
}

/// How many digits stand before a mark, if there are any.
fn count_before(text: &[u8], mark: u8) -> Option<usize> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0 && text.get(digits) == Some(&mark)).then_some(digits)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(length);
    *rest = left;
    taken
}

fn push_value(out: &mut Vec<u8>, value: &Value, attachments: &[Bytes]) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(value) => out.push(0xc2 + u8::from(*value)),
        Value::Number(number) => push_number(out, number),
        Value::String(text) => push_text(out, text),
        Value::Array(elements) => {
            push_length(out, elements.len(), (0x90, 0xdc));
            for element in elements {
                push_value(out, element, attachments);
            }
        }
        Value::Object(members) => {
            if let Some(bytes) = attachment(members, attachments) {
                return push_binary(out, bytes);
            }
            push_length(out, members.len(), (0x80, 0xde));
            for (name, value) in members {
                push_text(out, name);
                push_value(out, value, attachments);
            }
        }
    }
}

fn attachment<'a>(members: &Map<String, Value>, attachments: &'a [Bytes]) -> Option<&'a Bytes> {
    members.get("_placeholder")?.as_bool()?.then_some(())?;
    let number = usize::try_from(members.get("num")?.as_u64()?).ok()?;
    attachments.get(number)
}

/// The length of an array or a map: within the first byte, or in 16 or 32 bits behind it.
fn push_length(out: &mut Vec<u8>, length: usize, (short, long): (u8, u8)) {
    match length {
        0..=15 => out.push(short | length as u8),
        16..=0xffff => {
            out.push(long);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(long + 1);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        length @ 0..=31 => out.push(0xa0 | length as u8),
        length => push_size(out, length, 0xd9),
    }
    out.extend_from_slice(text.as_bytes());
}

fn push_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    push_size(out, bytes.len(), 0xc4);
    out.extend_from_slice(bytes);
}

/// A size in 8, 16 or 32 bits, each with a type of its own.
fn push_size(out: &mut Vec<u8>, size: usize, first: u8) {
    match size {
        0..=0xff => out.extend_from_slice(&[first, size as u8]),
        0x100..=0xffff => {
            out.push(first + 1);
            out.extend_from_slice(&(size as u16).to_be_bytes());
        }
        _ => {
            out.push(first + 2);
            out.extend_from_slice(&(size as u32).to_be_bytes());
        }
    }
}

fn push_number(out: &mut Vec<u8>, number: &serde_json::Number) {
    if let Some(number) = number.as_u64() {
        push_unsigned(out, number);
    } else if let Some(number) = number.as_i64() {
        push_negative(out, number);
    } else {
        out.push(0xcb);
        out.extend_from_slice(&number.as_f64().unwrap_or(f64::NAN).to_be_bytes());
    }
}

fn push_unsigned(out: &mut Vec<u8>, number: u64) {
    match number {
        0..=0x7f => out.push(number as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, number as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(number as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(number as u32).to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

fn push_negative(out: &mut Vec<u8>, number: i64) {
    match number {
        -0x20..=-1 => out.push(number as i8 as u8),
        -0x80..=-0x21 => out.extend_from_slice(&[0xd0, number as i8 as u8]),
        -0x8000..=-0x81 => {
            out.push(0xd1);
            out.extend_from_slice(&(number as i16).to_be_bytes());
        }
        -0x8000_0000..=-0x8001 => {
            out.push(0xd2);
            out.extend_from_slice(&(number as i32).to_be_bytes());
        }
        _ => {
            out.push(0xd3);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

/// Decodes a binary message into the text that the default parser would have sent.
///
/// # Errors
/// If it is no packet of this parser.
pub fn decode(message: &Bytes) -> Result<Transcoded, DecodeError> {
    let mut reader = Reader {
        message,
        at: 0,
        attachments: Vec::new(),
    };
    let Value::Object(members) = reader.value(DEPTH)? else {
        return Err(DecodeError::Payload);
    };
    if reader.at != message.len() {
        return Err(DecodeError::Payload);
    }
    let kind = members.get("type").and_then(Value::as_u64);
    let kind = kind
        .filter(|kind| *kind <= 4)
        .ok_or(DecodeError::UnknownType)?;
    let namespace = members.get("nsp").and_then(Value::as_str);
    let namespace = namespace.filter(|name| name.starts_with('/') && !name.contains(','));
    let namespace = namespace.ok_or(DecodeError::Payload)?;
    let mut text = vec![b'0' + kind as u8];
    if namespace != "/" {
        text.extend_from_slice(namespace.as_bytes());
        text.push(b',');
    }
    match members.get("id") {
        None | Some(Value::Null) => {}
        Some(id) => {
            let id = id.as_u64().ok_or(DecodeError::Id)?;
            text.extend_from_slice(id.to_string().as_bytes());
        }
    }
    match members.get("data") {
        None | Some(Value::Null) => {}
        Some(data) => {
            serde_json::to_writer(&mut text, data).map_err(|_| DecodeError::Payload)?;
        }
    }
    Ok(Transcoded {
        text,
        attachments: reader.attachments,
    })
}

struct Reader<'a> {
    message: &'a Bytes,
    at: usize,
    attachments: Vec<Bytes>,
}

impl Reader<'_> {
    fn bytes(&mut self, length: usize) -> Result<&[u8], DecodeError> {
        let end = self.at.checked_add(length).ok_or(DecodeError::Payload)?;
        let bytes = self.message.get(self.at..end).ok_or(DecodeError::Payload)?;
        self.at = end;
        Ok(bytes)
    }

    /// A big-endian number of so many bytes, at most eight.
    fn unsigned(&mut self, width: usize) -> Result<u64, DecodeError> {
        let bytes = self.bytes(width)?;
        Ok(bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn signed(&mut self, width: usize) -> Result<Value, DecodeError> {
        let shift = 64 - 8 * width as u32;
        let number = (self.unsigned(width)? << shift) as i64 >> shift;
        Ok(Value::from(number))
    }

    fn size(&mut self, width: usize) -> Result<usize, DecodeError> {
        usize::try_from(self.unsigned(width)?).map_err(|_| DecodeError::Payload)
    }

    fn value(&mut self, depth: usize) -> Result<Value, DecodeError> {
        let depth = depth.checked_sub(1).ok_or(DecodeError::Payload)?;
        let first = self.bytes(1)?[0];
        match first {
            0x00..=0x7f => Ok(Value::from(first)),
            0x80..=0x8f => self.map(usize::from(first & 0x0f), depth),
            0x90..=0x9f => self.array(usize::from(first & 0x0f), depth),
            0xa0..=0xbf => self.text(usize::from(first & 0x1f)),
            0xc0 => Ok(Value::Null),
            0xc1 => Err(DecodeError::Payload),
            0xc2 | 0xc3 => Ok(Value::Bool(first == 0xc3)),
            0xc4..=0xc6 => {
                let size = self.size(1 << (first - 0xc4))?;
                self.binary(size)
            }
            0xc7..=0xc9 => {
                let size = self.size(1 << (first - 0xc7))?;
                self.extension(size)
            }
            0xca => {
                let bits = self.unsigned(4)? as u32;
                Ok(Value::from(f64::from(f32::from_bits(bits))))
            }
            0xcb => Ok(Value::from(f64::from_bits(self.unsigned(8)?))),
            0xcc..=0xcf => Ok(Value::from(self.unsigned(1 << (first - 0xcc))?)),
            0xd0..=0xd3 => self.signed(1 << (first - 0xd0)),
            0xd4..=0xd8 => self.extension(1 << (first - 0xd4)),
            0xd9..=0xdb => {
                let size = self.size(1 << (first - 0xd9))?;
                self.text(size)
            }
            0xdc | 0xdd => {
                let length = self.size(2 << (first - 0xdc))?;
                self.array(length, depth)
            }
            0xde | 0xdf => {
                let length = self.size(2 << (first - 0xde))?;
                self.map(length, depth)
            }
            0xe0..=0xff => Ok(Value::from(first as i8)),
        }
    }

    /// Text that is not UTF-8 has its broken parts replaced, as a browser's decoder does it.
    fn text(&mut self, size: usize) -> Result<Value, DecodeError> {
        let bytes = self.bytes(size)?;
        Ok(Value::from(String::from_utf8_lossy(bytes).into_owned()))
    }

    /// A placeholder stands for it.
    fn binary(&mut self, size: usize) -> Result<Value, DecodeError> {
        let start = self.at;
        self.bytes(size)?;
        let number = self.attachments.len();
        self.attachments
            .push(self.message.slice(start..start + size));
        Ok(serde_json::json!({ "_placeholder": true, "num": number }))
    }

    /// What JavaScript has beyond JSON: `undefined` and dates become null and a number, as far as
    /// notepack writes them; anything else is binary.
    fn extension(&mut self, size: usize) -> Result<Value, DecodeError> {
        let kind = self.bytes(1)?[0];
        match (kind, size) {
            (0, 1) => {
                self.bytes(1)?;
                Ok(Value::Null)
            }
            (0, 8) => self.signed(8),
            _ => self.binary(size),
        }
    }

    fn array(&mut self, length: usize, depth: usize) -> Result<Value, DecodeError> {
        // Each element takes a byte at least: nothing is set aside for what is not there.
        let mut elements = Vec::with_capacity(length.min(self.message.len() - self.at));
        for _ in 0..length {
            elements.push(self.value(depth)?);
        }
        Ok(Value::Array(elements))
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Value, DecodeError> {
        let mut members = Map::new();
        for _ in 0..length {
            let Value::String(name) = self.value(depth)? else {
                return Err(DecodeError::Payload);
            };
            let value = self.value(depth)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round(text: &str, attachments: &[&'static str]) -> (String, Vec<Bytes>) {
        let attachments: Vec<Bytes> = attachments.iter().map(|&bytes| bytes.into()).collect();
        let message = encode(text.as_bytes(), &attachments);
        let Transcoded { text, attachments } = decode(&message).unwrap();
        (String::from_utf8(text).unwrap(), attachments)
    }

    #[test]
    fn packets_come_back_as_the_default_parser_writes_them() {
        for text in [
            r#"0{"token":"a"}"#,
            "0",
            "0/chat,",
            "1/chat,",
            r#"2["a",1,-1,300,70000,5000000000,-200,-40000,-3000000000,1.5,null,true]"#,
            r#"2/chat,12["a",{"b":[]}]"#,
            r#"3/chat,7["ok"]"#,
            r#"4{"message":"no"}"#,
        ] {
            assert_eq!(round(&format!("4{text}"), &[]).0, text);
        }
    }

    #[test]
    fn binary_travels_in_place_of_its_placeholder() {
        let text = r#"452-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        let (text, attachments) = round(text, &["one", "two"]);
        let placeholders = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;
        assert_eq!(text, format!(r#"2["a",{placeholders}]"#));
        assert_eq!(attachments, ["one", "two"]);
    }

    #[test]
    fn bytes_of_the_reference_parser_are_read_and_written() {
        // notepack.io 2.2: encode({ type: 2, data: ["a", 1], options: { compress: true }, id: 3, nsp: "/" }).
        let reference = b"\x85\xa4type\x02\xa4data\x92\xa1a\x01\xa7options\x81\xa8compress\xc3\xa2id\x03\xa3nsp\xa1/";
        assert_eq!(encode(b"423[\"a\",1]", &[]), &reference[..]);
        let decoded = decode(&Bytes::from_static(reference)).unwrap();
        assert_eq!(decoded.text, b"23[\"a\",1]");
        // undefined, as notepack writes it.
        let without_data = b"\x83\xa4type\x00\xa4data\xd4\x00\x00\xa3nsp\xa1/";
        assert_eq!(
            decode(&Bytes::from_static(without_data)).unwrap().text,
            b"0"
        );
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for wrong in [
            &b""[..],
            b"\xc0",
            b"\x80",
            b"\x82\xa4type\x05\xa3nsp\xa1/",
            b"\x82\xa4type\x02\xa3nsp\xa1x",
            b"\xdf\xff\xff\xff\xff",
            b"\xdd\xff\xff\xff\xff",
            b"\x82\xa4type\x02\xa3nsp\xa1/\x00",
        ] {
            assert!(decode(&Bytes::copy_from_slice(wrong)).is_err(), "{wrong:?}");
        }
        assert!(decode(&Bytes::from(vec![0x91; 10_000])).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes.into());
        }

        #[test]
        fn any_text_and_number_comes_back(text in ".{0,300}", number: i64, float in -1e300..1e300_f64) {
            let data = serde_json::json!(["e", text, number, float]);
            let (back, _) = round(&format!("42{data}"), &[]);
            let back: Value = serde_json::from_str(&back[1..]).unwrap();
            prop_assert_eq!(back, data);
        }
    }
}
