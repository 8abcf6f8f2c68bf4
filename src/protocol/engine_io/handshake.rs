//! What the server says when an engine opens.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;

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
#[error("the open packet cannot be read")]
pub struct HandshakeError(#[from] serde_json::Error);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(borrow)]
    sid: Cow<'a, str>,
    #[serde(borrow, default)]
    upgrades: Vec<Cow<'a, str>>,
    ping_interval: u64,
    ping_timeout: u64,
    #[serde(default)]
    max_payload: Option<u64>,
}

impl Handshake {
    /// Reads the JSON text of an open packet.
    ///
    /// # Errors
    /// If it is no JSON object with `sid`, `pingInterval` and `pingTimeout`.
    pub fn read(json: &[u8]) -> Result<Self, HandshakeError> {
        let written: Written<'_> = serde_json::from_slice(json)?;
        Ok(Self {
            sid: written.sid.into(),
            offers_websocket: written.upgrades.iter().any(|name| name == "websocket"),
            ping_interval: Duration::from_millis(written.ping_interval.min(LONGEST_MS)),
            ping_timeout: Duration::from_millis(written.ping_timeout.min(LONGEST_MS)),
            // Zero is false in JavaScript, and so no limit.
            max_payload: written
                .max_payload
                .and_then(|max| usize::try_from(max).ok())
                .filter(|max| *max > 0),
        })
    }
}

#[cfg(test)]
mod tests {
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
    fn a_broken_handshake_is_an_error() {
        assert!(Handshake::read(b"").is_err());
        assert!(Handshake::read(b"{\"sid\":1}").is_err());
        assert!(Handshake::read(b"{").is_err());
    }
}
