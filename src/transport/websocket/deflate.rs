//! permessage-deflate (RFC 7692): what a server accepted, and its two contexts.
//!
//! Contexts are made when the first message needs one: a server that accepts the extension and
//! compresses nothing costs nothing.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::limits;

/// What clients offer: as `ws` and browsers do.
pub const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// Shortest message that is compressed, in bytes: `perMessageDeflate.threshold` of engine.io-client.
pub(super) const THRESHOLD: usize = 1024;

/// Ends every block that is flushed; it is not sent.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Step by which buffers grow, in bytes.
const STEP: usize = 16 << 10;

/// An offer as a server accepted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    /// Whether the server forgets its context after each message.
    server_forgets: bool,
    /// Whether the client must.
    client_forgets: bool,
    /// Window of the client, as a power of two.
    client_window_bits: u8,
}

impl Offer {
    /// Reads what the headers of an answer accept; nothing if that was not offered.
    pub(super) fn negotiated(accepted: &[&str]) -> Option<Option<Self>> {
        match accepted {
            [] => Some(None),
            [accepted] => Self::accepted(accepted).map(Some),
            _ => None,
        }
    }

    /// Reads `Sec-WebSocket-Extensions` of an answer; nothing if it answers another offer.
    pub(super) fn accepted(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        if parts.next()? != "permessage-deflate" {
            return None;
        }
        let mut offer = Self {
            server_forgets: false,
            client_forgets: false,
            client_window_bits: 15,
        };
        let mut seen = Vec::new();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim().trim_matches('"'))),
                None => (part, None),
            };
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
            match (name, value) {
                ("server_no_context_takeover", None) => offer.server_forgets = true,
                ("client_no_context_takeover", None) => offer.client_forgets = true,
                // Any window of the server's fits into the largest.
                ("server_max_window_bits", Some(bits)) => drop(window_bits(bits)?),
                ("client_max_window_bits", Some(bits)) => {
                    offer.client_window_bits = window_bits(bits)?;
                }
                _ => return None,
            }
        }
        Some(offer)
    }
}

fn window_bits(text: &str) -> Option<u8> {
    text.parse().ok().filter(|bits| (8..=15).contains(bits))
}

/// Compresses the messages of a client.
#[derive(Debug)]
pub(super) struct Deflater {
    offer: Offer,
    context: Option<Compress>,
}

impl Deflater {
    pub(super) fn new(offer: Offer) -> Self {
        Self {
            offer,
            context: None,
        }
    }

    /// The compressed message; nothing if it has to go as it is.
    pub(super) fn deflate(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        // zlib makes no raw deflate with a window of 256 bytes.
        if self.offer.client_window_bits < 9 {
            return None;
        }
        let bits = self.offer.client_window_bits;
        let make = || Compress::new_with_window_bits(Compression::default(), false, bits);
        let context = self.context.get_or_insert_with(make);
        let mut out = Vec::with_capacity(message.len() / 2 + 64);
        let before = context.total_in();
        loop {
            let taken = usize::try_from(context.total_in() - before).ok()?;
            let status = context
                .compress_vec(&message[taken..], &mut out, FlushCompress::Sync)
                .ok()?;
            let is_all_in = context.total_in() - before == message.len() as u64;
            if is_all_in && out.len() < out.capacity() {
                break;
            }
            debug_assert!(status != Status::StreamEnd);
            out.reserve(STEP);
        }
        if out.ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        if self.offer.client_forgets {
            context.reset();
        }
        Some(out)
    }
}

/// Why a message could not be inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotInflated {
    Broken,
    TooLarge,
}

/// Inflates the messages of a server.
#[derive(Debug)]
pub(super) struct Inflater {
    offer: Offer,
    context: Option<Decompress>,
}

impl Inflater {
    pub(super) fn new(offer: Offer) -> Self {
        Self {
            offer,
            context: None,
        }
    }

    pub(super) fn inflate(&mut self, mut message: Vec<u8>) -> Result<Vec<u8>, NotInflated> {
        message.extend_from_slice(&TAIL);
        let context = self.context.get_or_insert_with(|| Decompress::new(false));
        let mut out = Vec::with_capacity((message.len() * 2).clamp(64, STEP));
        let before = context.total_in();
        loop {
            let taken = (context.total_in() - before) as usize;
            let (made, rest) = (out.len(), &message[taken..]);
            let status = context
                .decompress_vec(rest, &mut out, FlushDecompress::Sync)
                .map_err(|_| NotInflated::Broken)?;
            if out.len() > limits::MESSAGE {
                return Err(NotInflated::TooLarge);
            }
            let is_all_in = context.total_in() - before == message.len() as u64;
            if status == Status::StreamEnd {
                // A final block ends the stream; the next message begins another.
                context.reset(false);
                break;
            }
            if is_all_in && out.len() < out.capacity() {
                break;
            }
            let is_stuck = out.len() == made && (context.total_in() - before) as usize == taken;
            if is_stuck && out.len() < out.capacity() {
                return Err(NotInflated::Broken);
            }
            if out.len() == out.capacity() {
                out.reserve(out.len().clamp(STEP, 1 << 20));
            }
        }
        if self.offer.server_forgets {
            self.context = None;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_an_answer_are_read_and_unknown_ones_refused() {
        let offer = Offer::accepted(
            "permessage-deflate; server_no_context_takeover; client_max_window_bits=\"10\"",
        );
        let expected = Offer {
            server_forgets: true,
            client_forgets: false,
            client_window_bits: 10,
        };
        assert_eq!(offer, Some(expected));
        for wrong in [
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; x",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-bzip2",
            "permessage-deflate, permessage-deflate",
            "",
        ] {
            assert_eq!(Offer::accepted(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn messages_survive_every_accepted_window_and_takeover() {
        for parameters in [
            "",
            "; server_no_context_takeover; client_no_context_takeover",
            "; client_max_window_bits=9",
        ] {
            let offer = Offer::accepted(&format!("permessage-deflate{parameters}")).unwrap();
            let (mut deflater, mut inflater) = (Deflater::new(offer), Inflater::new(offer));
            for length in [0, 1, 1024, 70_000, 300_000] {
                let message: Vec<u8> = (0..length)
                    .map(|n: u32| (n.wrapping_mul(n) >> 7) as u8)
                    .collect();
                let compressed = deflater.deflate(&message).unwrap();
                assert_eq!(inflater.inflate(compressed).unwrap(), message, "{length}");
            }
        }
    }

    #[test]
    fn a_window_that_zlib_cannot_make_leaves_messages_as_they_are() {
        let offer = Offer::accepted("permessage-deflate; client_max_window_bits=8").unwrap();
        assert_eq!(Deflater::new(offer).deflate(b"x"), None);
    }
}
