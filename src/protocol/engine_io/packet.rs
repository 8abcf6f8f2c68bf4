//! One Engine.IO packet.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use crate::event::EngineRevision;
use crate::protocol::frame::Frame;

/// Standard base64 that forgives missing padding, as Node's decoder does.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A packet that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// The handshake; its JSON text.
    Open(Bytes),
    /// The server closes the session.
    Close,
    /// A ping; its data is empty or `probe`.
    Ping(Bytes),
    /// A pong; its data is empty or `probe`.
    Pong(Bytes),
    /// A text message.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
    /// Only a client has a use for it.
    Upgrade,
    /// Nothing; it ends a held poll.
    Noop,
}

/// Why bytes are not a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Nothing at all.
    #[error("an empty packet")]
    Empty,
    /// The first character is none of `0` to `6` and `b`.
    #[error("unknown packet type {:?}", char::from(*.0))]
    UnknownType(u8),
    /// What follows `b` is not base64.
    #[error("invalid base64")]
    Base64,
    /// A length of a revision 3 payload is missing, no number, or more than there is.
    #[error("a wrong length in the payload")]
    Length,
}

impl Packet {
    /// Decodes a packet that came as text.
    ///
    /// # Errors
    /// If there is no such packet type, or the base64 of a binary message is broken.
    pub fn from_text(revision: EngineRevision, text: &Bytes) -> Result<Self, PacketError> {
        let Some(&first) = text.first() else {
            return Err(PacketError::Empty);
        };
        if first == b'b' {
            return Self::from_base64(revision, text);
        }
        Self::of_type(first.wrapping_sub(b'0'), || text.slice(1..))
            .ok_or(PacketError::UnknownType(first))
    }

    /// Decodes a packet that came as bytes.
    ///
    /// # Errors
    /// In revision 3, if there is no type byte or no such packet type.
    pub fn from_binary(revision: EngineRevision, bytes: Bytes) -> Result<Self, PacketError> {
        if revision.binary_prefix().is_none() {
            return Ok(Self::Binary(bytes));
        }
        let Some(&first) = bytes.first() else {
            return Err(PacketError::Empty);
        };
        match Self::of_type(first, || bytes.slice(1..)) {
            Some(Self::Text(data)) => Ok(Self::Binary(data)),
            Some(
                other @ (Self::Open(_)
                | Self::Close
                | Self::Ping(_)
                | Self::Pong(_)
                | Self::Binary(_)
                | Self::Upgrade
                | Self::Noop),
            ) => Ok(other),
            None => Err(PacketError::UnknownType(first)),
        }
    }

    /// Decodes what a WebSocket message holds.
    ///
    /// # Errors
    /// As [`Packet::from_text`] and [`Packet::from_binary`].
    pub fn from_frame(revision: EngineRevision, frame: Frame) -> Result<Self, PacketError> {
        match frame {
            Frame::Text(text) => Self::from_text(revision, &text),
            Frame::Binary(bytes) => Self::from_binary(revision, bytes),
        }
    }

    fn from_base64(revision: EngineRevision, text: &Bytes) -> Result<Self, PacketError> {
        let encoded = text
            .strip_prefix(revision.base64_prefix().as_bytes())
            .ok_or(PacketError::Base64)?;
        let data = BASE64.decode(encoded).map_err(|_| PacketError::Base64)?;
        Ok(Self::Binary(data.into()))
    }

    fn of_type(number: u8, data: impl FnOnce() -> Bytes) -> Option<Self> {
        Some(match number {
            0 => Self::Open(data()),
            1 => Self::Close,
            2 => Self::Ping(data()),
            3 => Self::Pong(data()),
            4 => Self::Text(data()),
            5 => Self::Upgrade,
            6 => Self::Noop,
            _ => return None,
        })
    }
}

/// A packet to send, encoded as far as all transports agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// Any packet of text, its type digit first; UTF-8.
    Text(Bytes),
    /// The content of a binary message.
    Binary(Bytes),
}

impl Outgoing {
    /// The client closes the session (polling only).
    pub const CLOSE: Self = Self::Text(Bytes::from_static(b"1"));
    /// Revision 3's heartbeat.
    pub const PING: Self = Self::Text(Bytes::from_static(b"2"));
    /// The answer to a ping.
    pub const PONG: Self = Self::Text(Bytes::from_static(b"3"));
    /// The first packet of a probe.
    pub const PROBE: Self = Self::Text(Bytes::from_static(b"2probe"));
    /// The last packet of a probe.
    pub const UPGRADE: Self = Self::Text(Bytes::from_static(b"5"));

    /// The bytes that it takes in a payload of text.
    #[must_use]
    pub fn text_len(&self, revision: EngineRevision) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => revision.base64_prefix().len() + bytes.len().div_ceil(3) * 4,
        }
    }

    /// Appends it as text.
    pub fn write_text(&self, revision: EngineRevision, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(&as_text(text)),
            Self::Binary(bytes) => {
                out.push_str(revision.base64_prefix());
                BASE64.encode_string(bytes, out);
            }
        }
    }

    /// The WebSocket message that holds it.
    #[must_use]
    pub fn into_frame(self, revision: EngineRevision, force_base64: bool) -> Frame {
        match self {
            Self::Text(text) => Frame::Text(text),
            Self::Binary(_) if force_base64 => {
                let mut text = String::with_capacity(self.text_len(revision));
                self.write_text(revision, &mut text);
                Frame::Text(text.into())
            }
            Self::Binary(bytes) => Frame::Binary(match revision.binary_prefix() {
                None => bytes,
                Some(prefix) => prefixed(prefix, &bytes),
            }),
        }
    }
}

/// `bytes` behind a type byte.
pub(super) fn prefixed(prefix: u8, bytes: &[u8]) -> Bytes {
    let mut framed = Vec::with_capacity(1 + bytes.len());
    framed.push(prefix);
    framed.extend_from_slice(bytes);
    framed.into()
}

/// Bytes that are UTF-8 by construction, as text.
pub(super) fn as_text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn revisions() -> impl Strategy<Value = EngineRevision> {
        prop_oneof![Just(EngineRevision::V3), Just(EngineRevision::V4)]
    }

    #[test]
    fn a_packet_is_a_type_digit_and_its_data() {
        let decode = |text: &'static str| Packet::from_text(EngineRevision::V4, &text.into());
        assert_eq!(decode("42[\"a\"]"), Ok(Packet::Text("2[\"a\"]".into())));
        assert_eq!(decode("3probe"), Ok(Packet::Pong("probe".into())));
        assert_eq!(decode("6"), Ok(Packet::Noop));
        assert_eq!(decode("bAQID"), Ok(Packet::Binary(vec![1, 2, 3].into())));
        assert_eq!(decode(""), Err(PacketError::Empty));
        assert_eq!(decode("9"), Err(PacketError::UnknownType(b'9')));
        assert_eq!(decode("b!"), Err(PacketError::Base64));
    }

    #[test]
    fn revision_3_has_a_type_in_front_of_binary() {
        let v3 = EngineRevision::V3;
        let packet = Outgoing::Binary(vec![1, 2, 3].into());
        let frame = packet.clone().into_frame(v3, false);
        assert_eq!(frame, Frame::Binary(vec![4, 1, 2, 3].into()));
        assert_eq!(packet.into_frame(v3, true), Frame::Text("b4AQID".into()));
        assert_eq!(
            Packet::from_text(v3, &"b4AQID".into()),
            Ok(Packet::Binary(vec![1, 2, 3].into()))
        );
        assert_eq!(
            Packet::from_binary(v3, Bytes::new()),
            Err(PacketError::Empty)
        );
    }

    proptest! {
        #[test]
        fn what_is_sent_in_a_frame_comes_back(
            revision in revisions(),
            base64: bool,
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            text in ".{0,50}",
        ) {
            let binary = Outgoing::Binary(bytes.clone().into()).into_frame(revision, base64);
            prop_assert_eq!(Packet::from_frame(revision, binary), Ok(Packet::Binary(bytes.into())));
            let frame = Outgoing::Text(format!("4{text}").into()).into_frame(revision, base64);
            prop_assert_eq!(Packet::from_frame(revision, frame), Ok(Packet::Text(text.into())));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(
            revision in revisions(),
            bytes in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let bytes = Bytes::from(bytes);
            let _ = Packet::from_text(revision, &bytes);
            let _ = Packet::from_binary(revision, bytes);
        }
    }
}
