//! Bytes of a server in, messages and control frames out (RFC 6455). No I/O.

use std::io::Cursor;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::deflate::{Inflater, NotInflated};
use crate::limits;

/// What a server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Incoming {
    Text(Bytes),
    Binary(Bytes),
    Ping(Bytes),
    Pong,
    /// With a code, or without one.
    Close(Option<u16>),
}

/// How a server broke the protocol or a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Breach {
    #[error("reserved bits are set")]
    ReservedBits,
    #[error("a frame of the server is masked")]
    Masked,
    #[error("an unknown opcode")]
    Opcode,
    #[error(
        "a control frame is fragmented or longer than {} bytes",
        limits::CONTROL_PAYLOAD
    )]
    Control,
    #[error("a continuation without a beginning")]
    Continuation,
    #[error("a message begins within another")]
    Interleaved,
    #[error("a text message is not UTF-8")]
    Utf8,
    #[error("an invalid close frame")]
    Close,
    #[error("a close frame with an invalid code")]
    CloseCode,
    #[error("a compressed message cannot be decompressed")]
    Compressed,
    #[error("raw HTTP after the 101: {0}")]
    Http(String),
    #[error("a message is longer than {} bytes", limits::MESSAGE)]
    TooLarge,
}

/// Reads what a server sends, wherever it is cut.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Received and not dealt with from `at` on.
    received: Vec<u8>,
    at: usize,
    /// Frame of data whose payload is coming in, and how much of it is missing.
    frame: Option<(FrameEnd, usize)>,
    message: Option<Message>,
    /// Whether a frame has been read: only what comes first can be an HTTP response.
    inflater: Option<Box<Inflater>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameEnd {
    /// The message goes on in another frame.
    Goes,
    Last,
}

/// A message that is being put together.
#[derive(Debug)]
struct Message {
    is_text: bool,
    is_compressed: bool,
    data: Vec<u8>,
}

impl Reader {
    /// Starts with what came behind the handshake.
    pub(super) fn new(early: Vec<u8>, inflater: Option<Box<Inflater>>) -> Self {
        Self {
            received: early,
            inflater,
            ..Self::default()
        }
    }

    /// Takes what came.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.at == self.received.len() {
            self.received.clear();
            self.at = 0;
        }
        self.received.extend_from_slice(bytes);
    }

    /// Buffer for the payload of a large frame and how much of it is missing, if it may be read
    /// into its place. [`Reader::filled`] must follow.
    pub(super) fn room(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        match (&self.frame, &mut self.message) {
            (Some((_, missing)), Some(message)) if self.at == self.received.len() => {
                Some((&mut message.data, *missing))
            }
            _ => None,
        }
    }

    /// Accounts for bytes that were read into [`Reader::room`].
    pub(super) fn filled(&mut self, bytes: usize) {
        if let Some((_, missing)) = &mut self.frame {
            *missing = missing.saturating_sub(bytes);
        }
    }

    /// Bytes held, capacity included.
    pub(super) fn held(&self) -> usize {
        let message = self.message.as_ref();
        self.received.capacity() + message.map_or(0, |message| message.data.capacity())
    }

    /// The next message or control frame; nothing if there is more to come.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, Breach> {
        loop {
            if self.frame.is_some() {
                if !self.take_payload() {
                    self.give_back();
                    return Ok(None);
                }
                if let Some(whole) = self.end_frame()? {
                    return Ok(Some(whole));
                }
            }
            let rest = &self.received[self.at..];
            let mut cursor = Cursor::new(rest);
            let parsed = FrameHeader::parse(&mut cursor).map_err(|_| self.opcode())?;
            let Some((header, length)) = parsed else {
                self.give_back();
                return Ok(None);
            };
            let start = cursor.position() as usize;
            self.check(&header)?;
            match header.opcode {
                OpCode::Control(control) => {
                    let Some(frame) = self.control(control, &header, start, length)? else {
                        return Ok(None);
                    };
                    return Ok(Some(frame));
                }
                OpCode::Data(data) => {
                    if let Some(whole) = self.begin_frame(data, &header, start, length)? {
                        return Ok(Some(whole));
                    }
                }
            }
        }
    }

    /// Gives memory back where nothing waits: most connections are idle.
    fn give_back(&mut self) {
        if self.at == self.received.len() {
            self.received = Vec::new();
            self.at = 0;
        } else if self.at > 0 {
            self.received.drain(..self.at);
            self.at = 0;
        }
    }

    fn check(&self, header: &FrameHeader) -> Result<(), Breach> {
        let may_be_compressed = match header.opcode {
            OpCode::Data(Data::Text | Data::Binary) => self.inflater.is_some(),
            OpCode::Data(Data::Continue | Data::Reserved(_)) | OpCode::Control(_) => false,
        };
        if header.rsv2 || header.rsv3 || (header.rsv1 && !may_be_compressed) {
            return Err(self.http().unwrap_or(Breach::ReservedBits));
        }
        if header.mask.is_some() {
            return Err(Breach::Masked);
        }
        Ok(())
    }

    fn opcode(&self) -> Breach {
        self.http().unwrap_or(Breach::Opcode)
    }

    /// What stands where a frame must begin, if it is an HTTP response: two servers answer the
    /// upgrade, or one refuses it after its 101.
    fn http(&self) -> Option<Breach> {
        let rest = &self.received[self.at..];
        if !rest.starts_with(b"HTTP/1.") {
            return None;
        }
        let text = String::from_utf8_lossy(&rest[..rest.len().min(1024)]);
        let line = text.lines().next().unwrap_or_default();
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let separator = if body.is_empty() { "" } else { ": " };
        Some(Breach::Http(format!("{line}{separator}{body}")))
    }

    fn control(
        &mut self,
        control: Control,
        header: &FrameHeader,
        start: usize,
        length: u64,
    ) -> Result<Option<Incoming>, Breach> {
        if !header.is_final || length > limits::CONTROL_PAYLOAD as u64 {
            return Err(Breach::Control);
        }
        let from = self.at + start;
        let Some(payload) = self.received.get(from..from + length as usize) else {
            self.give_back();
            return Ok(None);
        };
        let frame = match control {
            Control::Close => Incoming::Close(close_code(payload)?),
            Control::Ping => Incoming::Ping(Bytes::copy_from_slice(payload)),
            Control::Pong => Incoming::Pong,
            Control::Reserved(_) => return Err(Breach::Opcode),
        };
        self.at = from + length as usize;
        Ok(Some(frame))
    }

    /// Begins a frame of data; the message, if it is whole already.
    fn begin_frame(
        &mut self,
        data: Data,
        header: &FrameHeader,
        start: usize,
        length: u64,
    ) -> Result<Option<Incoming>, Breach> {
        let is_text = match data {
            Data::Text => true,
            Data::Binary => false,
            Data::Continue => match &self.message {
                Some(message) => message.is_text,
                None => return Err(Breach::Continuation),
            },
            Data::Reserved(_) => return Err(Breach::Opcode),
        };
        let begins = data != Data::Continue;
        if begins && self.message.is_some() {
            return Err(Breach::Interleaved);
        }
        let so_far = self
            .message
            .as_ref()
            .map_or(0, |message| message.data.len());
        let length = usize::try_from(length).map_err(|_| Breach::TooLarge)?;
        if length > limits::MESSAGE - so_far {
            return Err(Breach::TooLarge);
        }
        self.at += start;
        let payload = self.received.get(self.at..self.at + length);
        if let Some(payload) = payload
            && begins
            && header.is_final
            && !header.rsv1
        {
            let whole = whole(is_text, Bytes::copy_from_slice(payload))?;
            self.at += length;
            return Ok(Some(whole));
        }
        self.message.get_or_insert(Message {
            is_text,
            is_compressed: header.rsv1,
            data: Vec::new(),
        });
        let end = if header.is_final {
            FrameEnd::Last
        } else {
            FrameEnd::Goes
        };
        self.frame = Some((end, length));
        Ok(None)
    }

    /// Moves received payload to its message; whether the frame is whole.
    fn take_payload(&mut self) -> bool {
        let (Some((_, missing)), Some(message)) = (&mut self.frame, &mut self.message) else {
            return true;
        };
        let rest = &self.received[self.at..];
        let length = rest.len().min(*missing);
        message.data.extend_from_slice(&rest[..length]);
        self.at += length;
        *missing -= length;
        *missing == 0
    }

    /// Ends a frame whose payload is there; the message, if that was its last.
    fn end_frame(&mut self) -> Result<Option<Incoming>, Breach> {
        let Some((FrameEnd::Last, _)) = self.frame.take() else {
            return Ok(None);
        };
        let Some(message) = self.message.take() else {
            return Ok(None);
        };
        let data = match &mut self.inflater {
            Some(inflater) if message.is_compressed => {
                inflater
                    .inflate(message.data)
                    .map_err(|error| match error {
                        NotInflated::Broken => Breach::Compressed,
                        NotInflated::TooLarge => Breach::TooLarge,
                    })?
            }
            Some(_) | None => message.data,
        };
        whole(message.is_text, data.into()).map(Some)
    }
}

fn whole(is_text: bool, data: Bytes) -> Result<Incoming, Breach> {
    if !is_text {
        return Ok(Incoming::Binary(data));
    }
    match str::from_utf8(&data) {
        Ok(_) => Ok(Incoming::Text(data)),
        Err(_) => Err(Breach::Utf8),
    }
}

fn close_code(payload: &[u8]) -> Result<Option<u16>, Breach> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(Breach::Close)
        };
    };
    let code = u16::from_be_bytes(*code);
    // The codes that `ws` takes: 1004 to 1006 and all that mean nothing must not be sent.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Breach::CloseCode);
    }
    str::from_utf8(reason).map_err(|_| Breach::Close)?;
    Ok(Some(code))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::deflate::{Deflater, Offer};
    use super::*;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            0..126 => bytes.push(payload.len() as u8),
            126..65536 => {
                bytes.push(126);
                bytes.extend((payload.len() as u16).to_be_bytes());
            }
            _ => {
                bytes.push(127);
                bytes.extend((payload.len() as u64).to_be_bytes());
            }
        }
        bytes.extend(payload);
        bytes
    }

    fn inflater() -> Option<Box<Inflater>> {
        let offer = Offer::accepted("permessage-deflate").unwrap();
        Some(Box::new(Inflater::new(offer)))
    }

    fn read(bytes: &[u8], sizes: &[usize], mut reader: Reader) -> Result<Vec<Incoming>, Breach> {
        let (mut found, mut at) = (Vec::new(), 0);
        let mut sizes = sizes.iter().cycle();
        while at < bytes.len() {
            let end = (at + sizes.next().unwrap()).min(bytes.len());
            match reader.room() {
                Some((room, missing)) => {
                    let end = end.min(at + missing);
                    room.extend_from_slice(&bytes[at..end]);
                    reader.filled(end - at);
                    at = end;
                }
                None => {
                    reader.push(&bytes[at..end]);
                    at = end;
                }
            }
            while let Some(next) = reader.next()? {
                found.push(next);
            }
        }
        Ok(found)
    }

    fn at_once(bytes: &[u8]) -> Result<Vec<Incoming>, Breach> {
        read(bytes, &[bytes.len()], Reader::default())
    }

    #[test]
    fn control_frames_come_between_the_fragments_of_a_message() {
        let bytes = [
            frame(0x01, b"4"),
            frame(0x89, b"p"),
            frame(0x00, b""),
            frame(0x8a, b"q"),
            frame(0x80, b"2"),
            frame(0x82, &[0xff]),
            frame(0x88, b"\x03\xe8bye"),
        ]
        .concat();
        let expected = [
            Incoming::Ping(Bytes::from_static(b"p")),
            Incoming::Pong,
            Incoming::Text(Bytes::from_static(b"42")),
            Incoming::Binary(Bytes::from_static(&[0xff])),
            Incoming::Close(Some(1000)),
        ];
        assert_eq!(at_once(&bytes).unwrap(), expected);
    }

    #[test]
    fn what_breaks_the_protocol_is_named() {
        let huge = [&[0x82, 127][..], &u64::MAX.to_be_bytes()].concat();
        let above = [
            &[0x82, 127][..],
            &(limits::MESSAGE as u64 + 1).to_be_bytes(),
        ]
        .concat();
        for (bytes, breach) in [
            (frame(0xc1, b"x"), Breach::ReservedBits),
            (frame(0xa1, b"x"), Breach::ReservedBits),
            (vec![0x81, 0x81, 0, 0, 0, 0, 0], Breach::Masked),
            (frame(0x83, b"x"), Breach::Opcode),
            (frame(0x8f, b"x"), Breach::Opcode),
            (frame(0x09, b"x"), Breach::Control),
            (frame(0x89, &[0; 126]), Breach::Control),
            (frame(0x80, b"x"), Breach::Continuation),
            (
                [frame(0x01, b"x"), frame(0x81, b"y")].concat(),
                Breach::Interleaved,
            ),
            (frame(0x81, &[0xff]), Breach::Utf8),
            (frame(0x88, b"x"), Breach::Close),
            (frame(0x88, b"\x03\xe8\xff"), Breach::Close),
            (frame(0x88, b"\x03\xed"), Breach::CloseCode),
            (huge, Breach::TooLarge),
            (above, Breach::TooLarge),
        ] {
            assert_eq!(at_once(&bytes), Err(breach));
        }
    }

    #[test]
    fn an_http_response_in_the_place_of_a_frame_is_recognised() {
        let text = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nBad request";
        let said = "HTTP/1.1 400 Bad Request: Bad request".to_owned();
        assert_eq!(at_once(text), Err(Breach::Http(said.clone())));
        let behind = [&frame(0x81, b"0")[..], text].concat();
        assert_eq!(at_once(&behind), Err(Breach::Http(said)));
    }

    #[test]
    fn nothing_is_held_between_messages() {
        let mut reader = Reader::default();
        reader.push(&frame(0x81, &[b'a'; 5000]));
        assert!(reader.next().unwrap().is_some());
        assert!(reader.next().unwrap().is_none());
        assert_eq!(reader.held(), 0);
    }

    #[test]
    fn a_compressed_message_is_inflated_and_one_that_is_not_passes() {
        let offer = Offer::accepted("permessage-deflate").unwrap();
        let mut deflater = Deflater::new(offer);
        let text = "42[\"event\",\"aaaaaaaaaaaaaaaaaaaaaaaa\"]".repeat(50);
        let mut bytes = Vec::new();
        for _ in 0..3 {
            let compressed = deflater.deflate(text.as_bytes()).unwrap();
            assert!(compressed.len() < text.len() / 4);
            let (first, rest) = compressed.split_at(5);
            bytes.extend([frame(0x41, first), frame(0x80, rest), frame(0x81, b"2")].concat());
        }
        let found = read(&bytes, &[7], Reader::new(Vec::new(), inflater())).unwrap();
        for pair in found.chunks(2) {
            assert_eq!(pair[0], Incoming::Text(text.clone().into()));
            assert_eq!(pair[1], Incoming::Text(Bytes::from_static(b"2")));
        }
        assert_eq!(found.len(), 6);
        let broken = frame(0xc1, &[0xff; 40]);
        let reader = Reader::new(Vec::new(), inflater());
        assert_eq!(read(&broken, &[9], reader), Err(Breach::Compressed));
    }

    #[test]
    fn a_message_that_inflates_beyond_the_limit_is_refused() {
        let mut deflater = Deflater::new(Offer::accepted("permessage-deflate").unwrap());
        let bomb = deflater.deflate(&vec![0; limits::MESSAGE + 1]).unwrap();
        let reader = Reader::new(Vec::new(), inflater());
        assert_eq!(
            read(&frame(0xc2, &bomb), &[4096], reader),
            Err(Breach::TooLarge)
        );
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_messages(
            frames in prop::collection::vec(
                (prop::sample::select(vec![0x81_u8, 0x82, 0x01, 0x00, 0x80, 0x89, 0x8a, 0x88, 0x48]),
                 prop::collection::vec(any::<u8>(), 0..200)),
                0..8,
            ),
            sizes in prop::collection::vec(1..60usize, 1..10),
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(first, data)| frame(*first, data)).collect();
            let whole = at_once(&bytes);
            let split = read(&bytes, &sizes, Reader::default());
            prop_assert_eq!(split, whole);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = read(&bytes, &[3], Reader::new(Vec::new(), inflater()));
        }
    }
}
