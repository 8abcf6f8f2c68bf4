//! What the server says when an engine opens.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use super::packet::Packet;
use super::payload::PayloadReader;
use crate::event::EngineRevision;
use crate::limits;

/// Intervals above this are cut to it, so that no sum of times overflows: 30 days.
const LONGEST_MS: u64 = 30 * 24 * 3600 * 1000;

/// The data of an open packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The session's id; any text but the empty one.
    pub sid: Box<str>,
    /// Whether the server offers an upgrade to WebSocket.
    pub offers_websocket: bool,
    /// Between two pings.
    pub ping_interval: Duration,
    /// How long the other side may take to answer one.
    pub ping_timeout: Duration,
    /// The longest POST that the server takes, in bytes; releases before 4 do not say.
    pub max_payload: Option<usize>,
}

/// The JSON text of an open packet makes no handshake.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It is no JSON object with `sid`, `pingInterval` and `pingTimeout`.
    #[error("the open packet cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// Its `sid` is longer than [`limits::SID`].
    #[error("a session id of {length} bytes")]
    SidTooLong {
        /// In bytes.
        length: usize,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(borrow)]
    sid: Cow<'a, str>,
    #[serde(borrow, default)]
    upgrades: Vec<Cow<'a, str>>,
    ping_interval: f64,
    ping_timeout: f64,
    #[serde(default)]
    max_payload: Option<f64>,
}

/// The revision and the handshake of a polling response that opens a session, whichever revision
/// frames it; nothing if it does not, or not yet.
#[must_use]
pub fn opened(body: &Bytes) -> Option<(EngineRevision, Handshake)> {
    [EngineRevision::V4, EngineRevision::V3]
        .into_iter()
        .find_map(|revision| {
            let first = PayloadReader::new(revision, body.clone()).next()?;
            let Ok(Packet::Open(json)) = first else {
                return None;
            };
            Some((revision, Handshake::read(&json).ok()?))
        })
}

/// Not every server writes its times as integers.
fn milliseconds(written: f64) -> Duration {
    Duration::from_millis((written as u64).min(LONGEST_MS))
}

impl Handshake {
    /// Reads the JSON text of an open packet.
    ///
    /// # Errors
    /// If it is no JSON object with `sid`, `pingInterval` and `pingTimeout`, or the `sid` is too long.
    pub fn read(json: &[u8]) -> Result<Self, HandshakeError> {
        let written: Written<'_> = serde_json::from_slice(json)?;
        if written.sid.len() > limits::SID {
            return Err(HandshakeError::SidTooLong {
                length: written.sid.len(),
            });
        }
        Ok(Self {
            sid: written.sid.into(),
            offers_websocket: written.upgrades.iter().any(|name| name == "websocket"),
            ping_interval: milliseconds(written.ping_interval),
            ping_timeout: milliseconds(written.ping_timeout),
            // Zero is false in JavaScript, and so no limit.
            max_payload: written
                .max_payload
                .map(|max| max as usize)
                .filter(|max| *max > 0),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_handshake_of_release_4_says_everything() {
        let json = br#"{"sid":"a-B_1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        let handshake = Handshake::read(json).unwrap();
        assert_eq!(&*handshake.sid, "a-B_1");
        assert!(handshake.offers_websocket);
        assert_eq!(handshake.ping_interval, Duration::from_secs(25));
        assert_eq!(handshake.ping_timeout, Duration::from_secs(20));
        assert_eq!(handshake.max_payload, Some(1_000_000));
    }

    #[test]
    fn a_handshake_of_release_3_has_no_max_payload() {
        let json = br#"{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":5000}"#;
        let handshake = Handshake::read(json).unwrap();
        assert!(!handshake.offers_websocket);
        assert_eq!(handshake.max_payload, None);
    }

    #[test]
    fn numbers_may_be_written_as_json_writes_any_number() {
        let json = br#"{"sid":"a","upgrades":[],"pingInterval":25000.0,"pingTimeout":2e4,"maxPayload":1e6}"#;
        let handshake = Handshake::read(json).unwrap();
        assert_eq!(handshake.ping_interval, Duration::from_secs(25));
        assert_eq!(handshake.ping_timeout, Duration::from_secs(20));
        assert_eq!(handshake.max_payload, Some(1_000_000));
        let json = br#"{"sid":"a","pingInterval":-1,"pingTimeout":1e300,"maxPayload":-5}"#;
        let handshake = Handshake::read(json).unwrap();
        assert_eq!(handshake.ping_interval, Duration::ZERO);
        assert_eq!(handshake.max_payload, None);
    }

    #[test]
    fn the_open_packet_of_either_revision_begins_a_response() {
        let json = r#"{"sid":"ab","pingInterval":1,"pingTimeout":1}"#;
        let octets = [b"\0\x04\x06\xff0".as_slice(), json.as_bytes()].concat();
        let length = json.len() + 1;
        for (body, revision) in [
            (format!("0{json}").into_bytes(), EngineRevision::V4),
            (
                format!("0{json}\u{1e}40{{}}").into_bytes(),
                EngineRevision::V4,
            ),
            (
                format!("{length}:0{json}2:40").into_bytes(),
                EngineRevision::V3,
            ),
            (octets, EngineRevision::V3),
        ] {
            let text = String::from_utf8_lossy(&body).into_owned();
            let found = opened(&Bytes::from(body.clone())).expect(&text);
            assert_eq!((found.0, &*found.1.sid), (revision, "ab"));
            let cut = body.iter().position(|byte| *byte == b'}').unwrap();
            assert_eq!(opened(&Bytes::from(body[..cut].to_vec())), None, "{text}");
        }
        assert_eq!(opened(&Bytes::from_static(b"40{}")), None);
        assert_eq!(opened(&Bytes::from_static(b"<html>")), None);
    }

    #[test]
    fn a_broken_handshake_is_an_error() {
        assert!(Handshake::read(b"").is_err());
        assert!(Handshake::read(b"{\"sid\":1}").is_err());
        assert!(Handshake::read(b"{").is_err());
        let long = format!(
            r#"{{"sid":"{}","pingInterval":1,"pingTimeout":1}}"#,
            "s".repeat(limits::SID + 1)
        );
        let error = Handshake::read(long.as_bytes()).unwrap_err();
        assert!(matches!(error, HandshakeError::SidTooLong { .. }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
            near in r#"\{("(sid|upgrades|pingInterval|pingTimeout|maxPayload)":("a"|-?[0-9]{1,25}(\.5)?(e[0-9]{1,4})?|null|\["websocket"\]),?){0,6}\}?"#,
        ) {
            let _ = Handshake::read(&bytes);
            if let Ok(handshake) = Handshake::read(near.as_bytes()) {
                let longest = Duration::from_millis(LONGEST_MS);
                prop_assert!(handshake.ping_interval <= longest && handshake.ping_timeout <= longest);
            }
        }
    }
}
