//! From Engine.IO messages to Socket.IO packets.

use std::ops::Range;

use bytes::Bytes;

use super::json::{self, Document, List};
use super::msgpack;
use super::packet::{Elements, Kind, Packet};
use super::placeholder;
use crate::event::{EngineRevision, Parser};

/// A message that is no packet, or comes out of turn: "parse error".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The first character is none of `0` to `6`.
    #[error("unknown packet type")]
    UnknownType,
    /// The number of attachments is missing, zero, or no number.
    #[error("illegal attachments")]
    Attachments,
    /// More attachments than the revision allows.
    #[error("too many attachments: {0}")]
    TooManyAttachments(u64),
    /// A placeholder names an attachment that there is not.
    #[error("a placeholder without attachment")]
    Placeholder,
    /// The ack id is beyond all numbers.
    #[error("an ack id of too many digits")]
    Id,
    /// The payload is no JSON, or not what this packet type has.
    #[error("invalid payload")]
    Payload,
    /// The name of the event is kept for the client's own.
    #[error("a reserved event name")]
    ReservedName,
    /// Text came while attachments were awaited.
    #[error("got plaintext data when reconstructing a packet")]
    TextOutOfTurn,
    /// Binary came while none was awaited.
    #[error("got binary data when not reconstructing a packet")]
    BinaryOutOfTurn,
    /// Longer than 4 GiB.
    #[error("a message too long")]
    TooLong,
}

/// Puts packets together; holds one that still waits for attachments.
#[derive(Debug)]
pub struct Decoder {
    revision: EngineRevision,
    parser: Parser,
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    packet: Packet,
    total: u64,
}

impl Decoder {
    /// A decoder that waits for nothing.
    #[must_use]
    pub fn new(revision: EngineRevision) -> Self {
        Self {
            revision,
            parser: Parser::Json,
            waiting: None,
        }
    }

    /// For servers with another parser than the default one.
    #[must_use]
    pub fn with_parser(mut self, parser: Parser) -> Self {
        self.parser = parser;
        self
    }

    /// Forgets a packet that still waits for attachments.
    pub fn reset(&mut self) {
        self.waiting = None;
    }

    /// Takes a message of text, which must be UTF-8; nothing if attachments are to follow.
    ///
    /// # Errors
    /// If it is no packet, or attachments are awaited.
    pub fn take_text(&mut self, text: Bytes) -> Result<Option<Packet>, DecodeError> {
        if self.waiting.is_some() || self.parser == Parser::Msgpack {
            return Err(DecodeError::TextOutOfTurn);
        }
        let (packet, total) = match parse(self.revision, text) {
            Err(DecodeError::UnknownType) if self.revision.ignores_unknown_packets() => {
                return Ok(None);
            }
            parsed => parsed?,
        };
        let Some(total) = total else {
            return Ok(Some(packet));
        };
        self.waiting = Some(Box::new(Waiting { packet, total }));
        Ok(None)
    }

    /// Takes a binary message; nothing if more are to follow.
    ///
    /// # Errors
    /// If none is awaited.
    pub fn take_binary(&mut self, bytes: Bytes) -> Result<Option<Packet>, DecodeError> {
        if self.parser == Parser::Msgpack {
            let transcoded = msgpack::decode(&bytes)?;
            let (mut packet, _) = parse(self.revision, transcoded.text.into())?;
            packet.attachments = transcoded.attachments;
            return Ok(Some(packet));
        }
        let Some(waiting) = &mut self.waiting else {
            return Err(DecodeError::BinaryOutOfTurn);
        };
        waiting.packet.attachments.push(bytes);
        if (waiting.packet.attachments.len() as u64) < waiting.total {
            return Ok(None);
        }
        Ok(self.waiting.take().map(|waiting| waiting.packet))
    }
}

/// The packet in a message of text, and how many attachments follow it if it is a binary one.
fn parse(revision: EngineRevision, text: Bytes) -> Result<(Packet, Option<u64>), DecodeError> {
    u32::try_from(text.len()).map_err(|_| DecodeError::TooLong)?;
    let mut at = 1;
    let is_type = |byte: &&u8| matches!(byte, b'0'..=b'6');
    let number = *text
        .first()
        .filter(is_type)
        .ok_or(DecodeError::UnknownType)?;
    let attachments = match number {
        b'5' | b'6' => Some(take_attachments(revision, &text, &mut at)?),
        _ => None,
    };
    let namespace = take_namespace(&text, &mut at);
    let id = take_id(&text, &mut at)?;
    let data = at..text.len();
    let kind = kind_of(revision, number, &text, &data)?;
    if let Some(total) = attachments
        && !placeholder::fit(&text[data.clone()], total)
    {
        return Err(DecodeError::Placeholder);
    }
    let packet = Packet {
        kind,
        id,
        attachments: Vec::new(),
        namespace: narrow(namespace),
        data: narrow(data),
        text,
    };
    Ok((packet, attachments))
}

fn take_attachments(
    revision: EngineRevision,
    text: &[u8],
    at: &mut usize,
) -> Result<u64, DecodeError> {
    let end = memchr::memchr(b'-', text).ok_or(DecodeError::Attachments)?;
    let total = decimal(&text[*at..end])
        .filter(|total| *total > 0)
        .ok_or(DecodeError::Attachments)?;
    if total > revision.max_attachments() {
        return Err(DecodeError::TooManyAttachments(total));
    }
    *at = end + 1;
    Ok(total)
}

fn take_namespace(text: &[u8], at: &mut usize) -> Range<usize> {
    let start = *at;
    if text.get(start) != Some(&b'/') {
        return start..start;
    }
    match memchr::memchr(b',', &text[start..]) {
        Some(length) => {
            *at = start + length + 1;
            start..start + length
        }
        None => {
            *at = text.len();
            start..text.len()
        }
    }
}

fn take_id(text: &[u8], at: &mut usize) -> Result<Option<u64>, DecodeError> {
    let rest = &text[*at..];
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return Ok(None);
    }
    *at += length;
    decimal(&rest[..length]).map(Some).ok_or(DecodeError::Id)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

fn kind_of(
    revision: EngineRevision,
    number: u8,
    text: &[u8],
    data: &Range<usize>,
) -> Result<Kind, DecodeError> {
    let document = if data.is_empty() {
        None
    } else {
        Some(json::scan(&text[data.clone()]).ok_or(DecodeError::Payload)?)
    };
    match (number, document) {
        (b'0', None | Some(Document::Object)) => Ok(Kind::Connect),
        // Release 2's servers have no payload here; whatever one says is not looked at.
        (b'0', Some(_)) if !revision.connect_has_payload() => Ok(Kind::Connect),
        (b'1', None) => Ok(Kind::Disconnect),
        (b'2' | b'5', None) => Ok(Kind::Event(Elements::default())),
        (b'2' | b'5', Some(Document::List(list))) => {
            event_of(revision, text, &list, data.start).map(Kind::Event)
        }
        (b'3' | b'6', None | Some(Document::List(_))) => Ok(Kind::Ack),
        (b'4', None | Some(Document::Object | Document::String)) => Ok(Kind::ConnectError),
        (b'4', Some(_)) if !revision.connect_has_payload() => Ok(Kind::ConnectError),
        (_, _) => Err(DecodeError::Payload),
    }
}

fn event_of(
    revision: EngineRevision,
    text: &[u8],
    list: &List,
    offset: usize,
) -> Result<Elements, DecodeError> {
    let moved = |range: &Range<usize>| narrow(range.start + offset..range.end + offset);
    let elements = Elements {
        name: moved(&list.first),
        args: moved(&list.tail),
        last: moved(&list.last),
    };
    let name = &text[elements.name.start as usize..elements.name.end as usize];
    match name.first() {
        Some(b'"') if is_reserved(revision, name) => Err(DecodeError::ReservedName),
        Some(b'"' | b'-' | b'0'..=b'9') => Ok(elements),
        Some(_) | None => Err(DecodeError::Payload),
    }
}

fn is_reserved(revision: EngineRevision, quoted: &[u8]) -> bool {
    if memchr::memchr(b'\\', quoted).is_none() {
        return revision.reserves(&quoted[1..quoted.len() - 1]);
    }
    // A name that cannot be decoded holds a lone surrogate, and none of the reserved ones does.
    serde_json::from_slice::<String>(quoted).is_ok_and(|name| revision.reserves(name.as_bytes()))
}

/// Positions in a text whose length was checked to fit.
fn narrow(range: Range<usize>) -> Range<u32> {
    range.start as u32..range.end as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::encode::{self, EventParts};
    use super::super::packet::slice;
    use super::*;

    const V4: EngineRevision = EngineRevision::V4;

    fn decode(text: &str) -> Result<Option<Packet>, DecodeError> {
        Decoder::new(V4).take_text(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn whole(text: &str) -> Packet {
        decode(text).unwrap().unwrap()
    }

    fn elements(packet: &Packet) -> (&[u8], &[u8], &[u8]) {
        match &packet.kind {
            Kind::Event(found) => (
                slice(&packet.text, &found.name),
                slice(&packet.text, &found.args),
                slice(&packet.text, &found.last),
            ),
            other @ (Kind::Connect | Kind::Disconnect | Kind::Ack | Kind::ConnectError) => {
                panic!("{other:?}")
            }
        }
    }

    #[test]
    fn an_event_is_taken_apart_in_place() {
        let packet = whole(r#"2/a,12["news",{"x":1},"\ud83d"]"#);
        assert_eq!(packet.namespace(), b"/a");
        assert_eq!(packet.id, Some(12));
        let (name, args, last) = elements(&packet);
        assert_eq!(name, br#""news""#);
        assert_eq!(args, br#"{"x":1},"\ud83d""#);
        assert_eq!(last, br#""\ud83d""#);
    }

    #[test]
    fn a_connect_reply_may_have_any_namespace() {
        let packet = whole(r#"0{"sid":"x"}"#);
        assert_eq!(
            (packet.namespace(), packet.data()),
            (&b"/"[..], &br#"{"sid":"x"}"#[..])
        );
        assert_eq!(whole("0/adm,").namespace(), b"/adm");
        assert_eq!(whole("1/adm").kind, Kind::Disconnect);
    }

    #[test]
    fn a_refusal_is_an_object_a_string_or_nothing() {
        for text in ["4", "4\"no\"", "4{\"message\":\"no\"}", "4/x,\"no\""] {
            assert_eq!(whole(text).kind, Kind::ConnectError, "{text}");
        }
        assert_eq!(decode("4[]"), Err(DecodeError::Payload));
    }

    #[test]
    fn what_the_reference_decoder_refuses_is_refused() {
        let wrong = [
            "",
            "abc",
            "2{}",
            "2[",
            "2[]",
            "2[null]",
            "2[{}]",
            "3{}",
            "1{}",
            "0[]",
            "7",
            "0null",
            "2[\"connect\"]",
            "2[\"disconnect\",1]",
            "2[\"conn\\u0065ct\"]",
            "5[\"a\"]",
            "5x-[\"a\"]",
            "5-[\"a\"]",
            "50-[\"a\"]",
            "511-[\"a\"]",
            "2\"a\"",
            "3",
            "42",
        ];
        for text in wrong {
            let found = decode(text);
            let harmless = matches!(text, "3" | "42");
            assert_eq!(found.is_err(), !harmless, "{text}: {found:?}");
        }
    }

    #[test]
    fn reserved_names_are_no_concern_of_revision_4_of_socketio() {
        let mut decoder = Decoder::new(EngineRevision::V3);
        assert!(decoder.take_text("2[\"connect\"]".into()).is_ok());
    }

    #[test]
    fn attachments_follow_with_nothing_between() {
        let mut decoder = Decoder::new(V4);
        let text = r#"52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        assert_eq!(decoder.take_text(text.into()), Ok(None));
        assert_eq!(decoder.take_binary("one".into()), Ok(None));
        assert_eq!(
            decoder.take_text("2[\"b\"]".into()),
            Err(DecodeError::TextOutOfTurn)
        );
        let packet = decoder.take_binary("two".into()).unwrap().unwrap();
        assert_eq!(packet.attachments, ["one", "two"]);
        assert_eq!(
            decoder.take_binary("three".into()),
            Err(DecodeError::BinaryOutOfTurn)
        );
    }

    #[test]
    fn a_placeholder_without_attachment_is_refused() {
        assert_eq!(
            decode(r#"51-["a",{"_placeholder":true,"num":1}]"#),
            Err(DecodeError::Placeholder)
        );
        assert_eq!(decode(r#"51-["a","\"_placeholder\":true"]"#), Ok(None));
    }

    #[test]
    fn release_2_ignores_packets_of_unknown_types() {
        let mut decoder = Decoder::new(EngineRevision::V3);
        for text in ["abc", "7", "9[]"] {
            assert_eq!(decoder.take_text(text.into()), Ok(None));
        }
        assert_eq!(decoder.take_text("2{}".into()), Err(DecodeError::Payload));
    }

    /// Whether it is text, and what it says.
    fn message() -> impl Strategy<Value = (bool, String)> {
        let near = r#"[0-6]{1,3}-?(/[a-z]*,)?[0-9]{0,22}[\["{}\],:a]{0,12}"#;
        let binary = r#"51-["a",{"_placeholder":true,"num":0}]"#;
        (
            any::<bool>(),
            prop_oneof![".{0,40}", near, Just(binary.to_owned())],
        )
    }

    proptest! {
        #[test]
        fn an_event_comes_back(
            namespace in "/[a-z0-9]{0,8}",
            name in "[^\u{0}-\u{1f}]{1,12}",
            id in prop::option::of(any::<u64>()),
            numbers in prop::collection::vec(any::<u32>(), 0..4),
            attachments in 0..4_usize,
        ) {
            prop_assume!(!V4.reserves(name.as_bytes()));
            let args = numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            let parts = EventParts { name: &name, args: &args, attachments };
            let text = encode::event(&namespace, id, parts);
            let mut decoder = Decoder::new(V4);
            let mut packet = decoder.take_text(text.slice(1..)).unwrap();
            for n in 0..attachments {
                prop_assert_eq!(packet, None);
                packet = decoder.take_binary(vec![n as u8].into()).unwrap();
            }
            let packet = packet.unwrap();
            prop_assert_eq!(packet.namespace(), namespace.as_bytes());
            prop_assert_eq!(packet.id, id);
            prop_assert_eq!(packet.attachments.len(), attachments);
            let (found, rest, _) = elements(&packet);
            prop_assert_eq!(&serde_json::from_slice::<String>(found).unwrap(), &name);
            prop_assert!(rest.starts_with(args.as_bytes()));
        }

        #[test]
        fn no_messages_make_it_panic(v3: bool, messages in prop::collection::vec(message(), 0..6)) {
            let revision = if v3 { EngineRevision::V3 } else { V4 };
            let mut decoder = Decoder::new(revision);
            for (is_text, message) in messages {
                let _ = if is_text {
                    decoder.take_text(message.into())
                } else {
                    decoder.take_binary(message.into())
                };
            }
        }
    }
}
