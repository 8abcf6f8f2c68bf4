//! What an HTTP response other than 200 says.
//!
//! An error is Engine.IO's only with the status and the shape that its servers send: npm engine.io
//! writes `{"code":1,"message":"…"}`, socketioxide the same with the code in quotes, python-engineio
//! a bare JSON string, and npm bare words where a WebSocket was asked for. Proxies, gateways and
//! other services write anything else, codes of their own included.

mod readable;

use std::borrow::Cow;

use serde::Deserialize;

use crate::event::{Cause, Failure, Origin, Stage};
use readable::readable;

/// Kind of request that was refused; servers word their errors by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// A GET that asks for a session.
    Handshake,
    /// A poll or a POST of a session.
    Session,
    /// A WebSocket handshake.
    WebSocket,
}

/// Form in which an Engine.IO server writes its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `{"code":1,"message":"…"}`: npm and its ports.
    Object,
    /// The same with the code in quotes: socketioxide.
    QuotedCode,
    /// A bare JSON string: python-engineio.
    BareString,
    /// Words without JSON: npm where a WebSocket was asked for.
    Words,
}

/// An error of an Engine.IO server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineError<'a> {
    /// Cause that its code or its words stand for.
    pub cause: Cause,
    /// Code from 0 to 5, where one was written.
    pub code: Option<i64>,
    /// How it was written.
    pub form: Form,
    /// What the server says.
    pub message: Cow<'a, str>,
}

/// Words of npm for codes 0 to 5, in order.
const WORDS: [&str; 6] = [
    "Transport unknown",
    "Session ID unknown",
    "Bad handshake method",
    "Bad request",
    "Forbidden",
    "Unsupported protocol version",
];

/// The one code whose words an application chooses: those of `allowRequest`.
const FORBIDDEN: i64 = 4;

/// What python-engineio says with status 400, by how it begins.
const PYTHON_MESSAGES: [(&str, Cause); 8] = [
    ("Invalid session", Cause::SessionIdUnknown),
    ("Invalid transport", Cause::TransportUnknown),
    (
        "The client is using an unsupported version",
        Cause::UnsupportedProtocolVersion,
    ),
    ("Invalid websocket upgrade", Cause::BadRequest),
    ("Invalid JSONP index", Cause::BadRequest),
    ("Not connected", Cause::BadRequest),
    ("Unexpected HTTP request", Cause::BadRequest),
    ("Bad Request", Cause::BadRequest),
];

/// What python-engineio says of an `Origin` that it does not allow, by how it ends.
const PYTHON_ORIGIN: &str = " is not an accepted origin.";

/// The failure that a response with this status and body is, at stage `open`.
#[must_use]
pub fn classify(kind: RequestKind, status: u16, body: &[u8]) -> Failure {
    if let Some(error) = recognise(kind, status, body) {
        let mut failure =
            Failure::new(Stage::Open, error.cause, Origin::Server).with_status(status);
        failure.code = error.code;
        return failure.with_message(&error.message);
    }
    let cause = match (status, kind) {
        (413, _) => Cause::PayloadTooLarge,
        // Overlapping polls, or a POST that cannot be read: Node answers with nothing at all.
        (400, RequestKind::Session) if body.is_empty() => Cause::BadRequest,
        (_, RequestKind::WebSocket) => Cause::WebsocketRefused,
        (_, RequestKind::Handshake | RequestKind::Session) => Cause::HttpStatus,
    };
    Failure::new(Stage::Open, cause, Origin::Server)
        .with_status(status)
        .with_message(&readable(body))
}

/// The failure that something which is no packet or payload is.
#[must_use]
pub fn undecodable(stage: Stage, body: &[u8]) -> Failure {
    let message = match body.trim_ascii() {
        b"" => Cow::Borrowed("an empty body"),
        body => readable(body),
    };
    Failure::new(stage, Cause::NotSocketio, Origin::Server).with_message(&message)
}

/// The error of an Engine.IO server, if it is one.
#[must_use]
pub fn recognise(kind: RequestKind, status: u16, body: &[u8]) -> Option<EngineError<'_>> {
    let body = body.trim_ascii();
    match body.first()? {
        b'{' => object(status, body),
        b'"' => bare_string(status, body),
        _ if kind == RequestKind::WebSocket => words(status, body),
        _ => None,
    }
}

fn object(status: u16, body: &[u8]) -> Option<EngineError<'_>> {
    let written: Written<'_> = serde_json::from_slice(body).ok()?;
    let (code, form) = match written.code {
        Code::Number(code) => (code, Form::Object),
        Code::Quoted(code) => (code.parse().ok()?, Form::QuotedCode),
    };
    let cause = Cause::from_engine_code(code)?;
    let words = WORDS.get(usize::try_from(code).ok()?)?;
    let is_its_own = if code == FORBIDDEN {
        matches!(status, 400 | 403)
    } else {
        status == 400 && written.message == *words
    };
    is_its_own.then_some(EngineError {
        cause,
        code: Some(code),
        form,
        message: written.message,
    })
}

fn bare_string(status: u16, body: &[u8]) -> Option<EngineError<'_>> {
    let message: String = serde_json::from_slice(body).ok()?;
    let named = PYTHON_MESSAGES
        .iter()
        .find(|(beginning, _)| message.starts_with(beginning))
        .map(|(_, cause)| *cause);
    let cause = match status {
        // What the application says where its `connect` handler turns a client away.
        401 => Cause::Forbidden,
        400 if message.ends_with(PYTHON_ORIGIN) => Cause::Forbidden,
        400 => named?,
        _ => return None,
    };
    Some(EngineError {
        cause,
        code: None,
        form: Form::BareString,
        message: Cow::Owned(message),
    })
}

/// Node refuses a WebSocket with 400 whatever the code: a 403 "Forbidden" is some proxy's.
fn words(status: u16, body: &[u8]) -> Option<EngineError<'_>> {
    let text = str::from_utf8(body).ok()?;
    let code = WORDS.iter().position(|words| *words == text)?;
    let code = i64::try_from(code).ok()?;
    (status == 400).then_some(EngineError {
        cause: Cause::from_engine_code(code)?,
        code: Some(code),
        form: Form::Words,
        message: Cow::Borrowed(text),
    })
}

/// Both keys and no other: gateways that write codes of their own add details.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    #[serde(borrow)]
    code: Code<'a>,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Code<'a> {
    Number(i64),
    #[serde(borrow)]
    Quoted(Cow<'a, str>),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [RequestKind; 3] = [
        RequestKind::Handshake,
        RequestKind::Session,
        RequestKind::WebSocket,
    ];

    fn cause(status: u16, body: &str) -> Cause {
        classify(RequestKind::Handshake, status, body.as_bytes()).cause
    }

    #[test]
    fn the_same_error_has_the_same_cause_over_both_transports() {
        for (status, body, cause) in [
            (
                400,
                r#"{"code":0,"message":"Transport unknown"}"#,
                Cause::TransportUnknown,
            ),
            (
                400,
                r#"{"code":1,"message":"Session ID unknown"}"#,
                Cause::SessionIdUnknown,
            ),
            (
                400,
                r#"{"code":"1","message":"Session ID unknown"}"#,
                Cause::SessionIdUnknown,
            ),
            (
                400,
                r#"{"code":2,"message":"Bad handshake method"}"#,
                Cause::BadHandshakeMethod,
            ),
            (
                400,
                r#"{"code":3,"message":"Bad request"}"#,
                Cause::BadRequest,
            ),
            (400, r#"{"code":4,"message":"Forbidden"}"#, Cause::Forbidden),
            (403, r#"{"code":4,"message":"go away"}"#, Cause::Forbidden),
            (
                400,
                r#"{"code":5,"message":"Unsupported protocol version"}"#,
                Cause::UnsupportedProtocolVersion,
            ),
            (400, r#""Invalid session zz""#, Cause::SessionIdUnknown),
            (400, r#""Invalid transport""#, Cause::TransportUnknown),
            (
                400,
                r#""The client is using an unsupported version of the Socket.IO or Engine.IO protocols""#,
                Cause::UnsupportedProtocolVersion,
            ),
            (
                400,
                r#""http://a.test is not an accepted origin.""#,
                Cause::Forbidden,
            ),
            (400, r#""Invalid websocket upgrade""#, Cause::BadRequest),
            (401, r#""Unauthorized""#, Cause::Forbidden),
            (401, r#""no such user""#, Cause::Forbidden),
            (413, "", Cause::PayloadTooLarge),
        ] {
            for refused in ALL {
                let failure = classify(refused, status, body.as_bytes());
                assert_eq!(failure.cause, cause, "{refused:?} {body}");
                assert_eq!(failure.status, Some(status));
            }
        }
    }

    #[test]
    fn an_error_keeps_its_code_and_its_words() {
        let body = br#"{"code":1,"message":"Session ID unknown"}"#;
        let failure = classify(RequestKind::Session, 400, body);
        assert_eq!(failure.code, Some(1));
        assert_eq!(failure.message.as_deref(), Some("Session ID unknown"));
        let forms: Vec<_> = [
            &body[..],
            br#"{"code":"1","message":"Session ID unknown"}"#,
            b"\"Invalid transport\"",
        ]
        .iter()
        .filter_map(|body| recognise(RequestKind::Session, 400, body))
        .map(|error| error.form)
        .collect();
        assert_eq!(forms, [Form::Object, Form::QuotedCode, Form::BareString]);
    }

    #[test]
    fn bare_words_name_a_code_where_a_websocket_was_asked_for() {
        for (code, words) in WORDS.iter().enumerate() {
            let failure = classify(RequestKind::WebSocket, 400, words.as_bytes());
            assert_eq!(failure.code, Some(code as i64));
            assert_eq!(cause(400, words), Cause::HttpStatus);
            let elsewhere = classify(RequestKind::WebSocket, 403, words.as_bytes());
            assert_eq!(
                (elsewhere.cause, elsewhere.code),
                (Cause::WebsocketRefused, None)
            );
        }
    }

    #[test]
    fn errors_of_other_services_leave_the_status_to_speak() {
        for (status, body) in [
            (404, r#"{"code":5,"message":"Not Found","details":[]}"#),
            (
                400,
                r#"{"code":3,"message":"invalid argument","details":[]}"#,
            ),
            (400, r#"{"code":3,"message":"invalid argument"}"#),
            (400, r#"{"code":3}"#),
            (400, r#"{"message":"Bad Request"}"#),
            (400, r#"{"code":77,"message":"Bad request"}"#),
            (400, r#"{"code":null,"message":"Bad request"}"#),
            (403, r#"{"message":"Missing Authentication Token"}"#),
            (403, r#"{"code":1,"message":"Session ID unknown"}"#),
            (500, r#"{"code":1,"message":"database is down"}"#),
            (404, r#""Invalid session""#),
            (400, r#""something else""#),
            (
                401,
                "<html><title>401 Authorization Required</title></html>",
            ),
            (401, r#"{"code":4,"message":"Forbidden"}"#),
            (403, "<html></html>"),
            (500, ""),
            (400, "Bad request"),
        ] {
            assert_eq!(cause(status, body), Cause::HttpStatus, "{status} {body}");
            let failure = classify(RequestKind::Session, status, body.as_bytes());
            assert_eq!(
                (failure.cause, failure.code),
                (Cause::HttpStatus, None),
                "{body}"
            );
        }
    }

    #[test]
    fn an_empty_400_is_engine_ios_within_a_session_alone() {
        assert_eq!(
            classify(RequestKind::Session, 400, b"").cause,
            Cause::BadRequest
        );
        assert_eq!(cause(400, ""), Cause::HttpStatus);
        let refused = classify(RequestKind::WebSocket, 400, b"");
        assert_eq!(refused.cause, Cause::WebsocketRefused);
    }

    #[test]
    fn a_body_that_is_no_payload_is_not_socketio() {
        assert_eq!(
            undecodable(Stage::Open, b"").message.as_deref(),
            Some("an empty body")
        );
        assert_eq!(undecodable(Stage::Open, b"hello").cause, Cause::NotSocketio);
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(status: u16, body in prop::collection::vec(any::<u8>(), 0..100)) {
            for refused in ALL {
                let _ = classify(refused, status, &body);
            }
            let _ = undecodable(Stage::Open, &body);
        }

        #[test]
        fn no_near_json_makes_it_panic(body in r#"[{}\["code:,0-9.\]<title>/]{0,30}"#) {
            for refused in ALL {
                let _ = classify(refused, 400, body.as_bytes());
            }
        }
    }
}
