//! The bytes of one datagram between a coordinator and a worker.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// What a carrier takes from one side to the other: whole, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Every piece up to this number has arrived at the sender of this packet.
    pub(super) acknowledged: u64,
    /// The content.
    pub(super) content: Content,
}

/// The content of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing but the acknowledgement.
    Nothing,
    /// A piece of a message.
    Piece(Piece),
    /// A question for the receiver's time, and a sign of life.
    ClockQuestion {
        /// The sender's time, for the answer to repeat.
        asked: Duration,
    },
    /// The answer to [`Content::ClockQuestion`].
    ClockAnswer {
        /// The time in the question.
        asked: Duration,
        /// The answering side's time.
        answered: Duration,
    },
}

/// A part of a message; carriers have an upper limit for one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// From 1, without gaps, over all messages of one direction.
    pub(super) number: u64,
    /// Whether the message ends with this piece.
    pub(super) is_last: bool,
    /// The bytes.
    pub(super) bytes: Bytes,
}

const NOTHING: u8 = 0;
const PIECE: u8 = 1;
const LAST_PIECE: u8 = 2;
const CLOCK_QUESTION: u8 = 3;
const CLOCK_ANSWER: u8 = 4;

/// Bytes of a packet beside those of its piece: kind, acknowledgement, number.
const OVERHEAD: usize = 1 + 8 + 8;

/// A packet that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a packet of sio-load")]
pub(crate) struct Malformed;

impl Packet {
    /// Writes the packet.
    pub(crate) fn encode(&self) -> Bytes {
        let piece = match &self.content {
            Content::Piece(piece) => piece.bytes.len(),
            Content::Nothing | Content::ClockQuestion { .. } | Content::ClockAnswer { .. } => 8,
        };
        let mut bytes = BytesMut::with_capacity(OVERHEAD + piece);
        bytes.put_u8(self.content.kind());
        bytes.put_u64(self.acknowledged);
        match &self.content {
            Content::Nothing => {}
            Content::Piece(piece) => {
                bytes.put_u64(piece.number);
                bytes.put_slice(&piece.bytes);
            }
            Content::ClockQuestion { asked } => bytes.put_u64(nanoseconds(*asked)),
            Content::ClockAnswer { asked, answered } => {
                bytes.put_u64(nanoseconds(*asked));
                bytes.put_u64(nanoseconds(*answered));
            }
        }
        bytes.freeze()
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// If the bytes are none; what else uses the carrier is not ours to interpret.
    pub(crate) fn decode(mut bytes: Bytes) -> Result<Self, Malformed> {
        let kind = bytes.try_get_u8().map_err(|_| Malformed)?;
        let mut number = || bytes.try_get_u64().map_err(|_| Malformed);
        let acknowledged = number()?;
        let content = match kind {
            NOTHING => Content::Nothing,
            PIECE | LAST_PIECE => Content::Piece(Piece {
                number: number()?,
                is_last: kind == LAST_PIECE,
                bytes: std::mem::take(&mut bytes),
            }),
            CLOCK_QUESTION => Content::ClockQuestion {
                asked: Duration::from_nanos(number()?),
            },
            CLOCK_ANSWER => Content::ClockAnswer {
                asked: Duration::from_nanos(number()?),
                answered: Duration::from_nanos(number()?),
            },
            _ => return Err(Malformed),
        };
        if bytes.is_empty() {
            Ok(Self {
                acknowledged,
                content,
            })
        } else {
            Err(Malformed)
        }
    }
}

impl Content {
    fn kind(&self) -> u8 {
        match self {
            Self::Nothing => NOTHING,
            Self::Piece(Piece { is_last: false, .. }) => PIECE,
            Self::Piece(Piece { is_last: true, .. }) => LAST_PIECE,
            Self::ClockQuestion { .. } => CLOCK_QUESTION,
            Self::ClockAnswer { .. } => CLOCK_ANSWER,
        }
    }
}

/// Whole nanoseconds; 584 years fit.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content() -> impl Strategy<Value = Content> {
        let time = || any::<u64>().prop_map(Duration::from_nanos);
        prop_oneof![
            Just(Content::Nothing),
            (any::<u64>(), any::<bool>(), any::<Vec<u8>>()).prop_map(|(number, is_last, bytes)| {
                Content::Piece(Piece {
                    number,
                    is_last,
                    bytes: bytes.into(),
                })
            }),
            time().prop_map(|asked| Content::ClockQuestion { asked }),
            (time(), time()).prop_map(|(asked, answered)| Content::ClockAnswer { asked, answered }),
        ]
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(acknowledged: u64, content in content()) {
            let packet = Packet { acknowledged, content };
            prop_assert_eq!(Packet::decode(packet.encode()), Ok(packet));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Packet::decode(bytes.into());
        }
    }
}
