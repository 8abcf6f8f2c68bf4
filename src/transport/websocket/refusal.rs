//! Why a server refused a WebSocket handshake: the status, and what its body names.

use crate::event::{Cause, Failure, Origin, Stage};
use crate::transport::failure;

/// What Node's engine.io sends as bare text in place of the code, always with 400
/// (`es/server.ts`): the same words with another status are a proxy's.
const MESSAGES: [(&str, i64); 6] = [
    ("Transport unknown", 0),
    ("Session ID unknown", 1),
    ("Bad handshake method", 2),
    ("Bad request", 3),
    ("Forbidden", 4),
    ("Unsupported protocol version", 5),
];

/// The failure that a status other than 101 stands for; `is_chunked` says how the body stands there.
#[must_use]
pub fn read(status: u16, is_chunked: bool, body: &[u8]) -> Failure {
    if failure::wants_tls(status, body) {
        return failure::tls_required().with_status(status);
    }
    let body = if is_chunked {
        dechunked(body).0
    } else {
        body.to_vec()
    };
    let text = String::from_utf8_lossy(&body);
    let code = code_of(status, text.trim());
    let cause = code
        .and_then(Cause::from_engine_code)
        .unwrap_or(Cause::WebsocketRefused);
    let failure = Failure::new(Stage::Open, cause, Origin::Server)
        .with_status(status)
        .with_message(&text);
    match code {
        Some(code) => failure.with_code(code),
        None => failure,
    }
}

/// The Engine.IO code, from `{"code":1}`, `{"code":"1"}` (socketioxide) or a bare message.
fn code_of(status: u16, text: &str) -> Option<i64> {
    // Node refuses a WebSocket with 400 whatever the code: a 403 "Forbidden" is some proxy's.
    if status == 400
        && let Some((_, code)) = MESSAGES.iter().find(|(message, _)| *message == text)
    {
        return Some(*code);
    }
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let code = json.get("code")?;
    code.as_i64().or_else(|| code.as_str()?.parse().ok())
}

/// Whether the last chunk is there.
pub(super) fn is_whole(chunks: &[u8]) -> bool {
    dechunked(chunks).1
}

/// The chunks that are there in full, and whether the last of them is; whatever follows is left.
fn dechunked(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut plain = Vec::new();
    while let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(body) {
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| start.checked_add(size));
        let Some(chunk) = end.and_then(|end| body.get(start..end)) else {
            break;
        };
        if chunk.is_empty() {
            return (plain, true);
        }
        plain.extend_from_slice(chunk);
        body = body.get(start + chunk.len() + 2..).unwrap_or_default();
    }
    (plain, false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cause_of(body: &str) -> Cause {
        read(400, false, body.as_bytes()).cause
    }

    #[test]
    fn a_bare_message_of_engine_io_names_its_code() {
        assert_eq!(cause_of("Transport unknown"), Cause::TransportUnknown);
        assert_eq!(cause_of("Session ID unknown"), Cause::SessionIdUnknown);
        assert_eq!(cause_of("Bad handshake method"), Cause::BadHandshakeMethod);
        assert_eq!(cause_of("Bad request"), Cause::BadRequest);
        assert_eq!(cause_of("Forbidden"), Cause::Forbidden);
        assert_eq!(
            cause_of("Unsupported protocol version"),
            Cause::UnsupportedProtocolVersion
        );
    }

    #[test]
    fn a_json_body_names_its_code_as_number_or_string() {
        assert_eq!(cause_of(r#"{"code":4,"message":"no"}"#), Cause::Forbidden);
        assert_eq!(
            cause_of(r#"{"code":"1","message":"x"}"#),
            Cause::SessionIdUnknown
        );
        let failure = read(400, false, br#"{"code":1}"#);
        assert_eq!((failure.status, failure.code), (Some(400), Some(1)));
    }

    #[test]
    fn any_other_answer_is_a_refusal_with_status_and_text() {
        let failure = read(502, false, b"<html>Bad Gateway</html>");
        assert_eq!(failure.cause, Cause::WebsocketRefused);
        assert_eq!(failure.status, Some(502));
        assert_eq!(failure.message.as_deref(), Some("<html>Bad Gateway</html>"));
        let failure = read(403, false, b"Forbidden");
        assert_eq!(failure.cause, Cause::WebsocketRefused);
        assert_eq!(failure.code, None);
        assert_eq!(cause_of(r#"{"code":99}"#), Cause::WebsocketRefused);
        assert_eq!(
            cause_of("bad request, says some proxy"),
            Cause::WebsocketRefused
        );
    }

    #[test]
    fn a_chunked_body_is_put_together_as_far_as_it_came() {
        let body = b"8\r\nSession \r\na\r\nID unknown\r\n0\r\n\r\n";
        assert_eq!(read(400, true, body).cause, Cause::SessionIdUnknown);
        assert_eq!(dechunked(&body[..20]), (b"Session ".to_vec(), false));
        assert_eq!(dechunked(b"ffffffffffffffff\r\nx"), (Vec::new(), false));
        assert!(is_whole(body));
    }

    #[test]
    fn the_notice_of_a_tls_port_is_told_from_other_bad_requests() {
        let notice = b"<center>The plain HTTP request was sent to HTTPS port</center>";
        assert_eq!(read(400, false, notice).cause, Cause::TlsRequired);
        assert_eq!(read(500, false, notice).cause, Cause::WebsocketRefused);
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(
            status: u16,
            is_chunked: bool,
            bytes in prop::collection::vec(any::<u8>(), 0..64),
            near in "([0-9a-f]{1,17}\r\n.{0,8}(\r\n)?){0,4}",
        ) {
            let _ = read(status, is_chunked, &bytes);
            let _ = read(status, true, near.as_bytes());
        }
    }
}
