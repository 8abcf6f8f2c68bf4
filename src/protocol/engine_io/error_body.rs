//! What an HTTP response other than 200 says.
//!
//! Servers disagree on the shape: npm engine.io writes `{"code":1,"message":"…"}`, socketioxide
//! the same with the code in quotes, python-engineio a bare JSON string, proxies HTML or nothing.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, Visitor};

use crate::event::{Cause, Failure, Origin, Stage};

/// What python-engineio says, by how it begins.
const PYTHON_MESSAGES: [(&str, Cause); 5] = [
    ("Invalid session", Cause::SessionIdUnknown),
    ("Invalid transport", Cause::TransportUnknown),
    (
        "The client is using an unsupported version",
        Cause::UnsupportedProtocolVersion,
    ),
    ("Unauthorized", Cause::Forbidden),
    ("Forbidden", Cause::Forbidden),
];

/// The failure that a response with this status and body is.
#[must_use]
pub fn classify(stage: Stage, status: u16, body: &[u8]) -> Failure {
    let said = Said::read(body);
    let cause = match said.code.and_then(Cause::from_engine_code) {
        Some(cause) => cause,
        None => cause_of(status, &said),
    };
    let mut failure = Failure::new(stage, cause, Origin::Server).with_status(status);
    failure.code = said.code;
    failure.with_message(&said.message)
}

/// The failure that something which is no packet or payload is.
#[must_use]
pub fn undecodable(stage: Stage, body: &[u8]) -> Failure {
    let message = match Said::read(body) {
        Said {
            shape: Shape::Nothing,
            ..
        } => Cow::Borrowed("an empty body"),
        Said { message, .. } => message,
    };
    Failure::new(stage, Cause::NotSocketio, Origin::Server).with_message(&message)
}

fn cause_of(status: u16, said: &Said<'_>) -> Cause {
    let named = PYTHON_MESSAGES
        .iter()
        .find(|(beginning, _)| said.message.starts_with(beginning));
    match (status, said.shape, named) {
        (413, _, _) => Cause::PayloadTooLarge,
        (_, Shape::Json, Some((_, cause))) => *cause,
        (401, _, _) | (403, Shape::Json, _) => Cause::Forbidden,
        // Overlapping polls: Node answers the second one with nothing at all.
        (400, Shape::Json | Shape::Nothing, _) => Cause::BadRequest,
        (_, Shape::Json | Shape::Nothing | Shape::Other, _) => Cause::HttpStatus,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Json,
    Nothing,
    Other,
}

#[derive(Debug)]
struct Said<'a> {
    shape: Shape,
    code: Option<i64>,
    message: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Written<'a> {
    #[serde(default, deserialize_with = "lenient_code")]
    code: Option<i64>,
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
}

impl<'a> Said<'a> {
    fn read(body: &'a [u8]) -> Self {
        let body = body.trim_ascii();
        if body.is_empty() {
            return Self::of(Shape::Nothing, Cow::Borrowed(""));
        }
        if let Ok(text) = serde_json::from_slice::<Cow<'_, str>>(body) {
            return Self::of(Shape::Json, Cow::Owned(text.into_owned()));
        }
        match serde_json::from_slice::<Written<'_>>(body) {
            Ok(written) => Self {
                shape: Shape::Json,
                code: written.code,
                message: written.message.unwrap_or_default(),
            },
            Err(_) => Self::of(Shape::Other, readable(body)),
        }
    }

    fn of(shape: Shape, message: Cow<'a, str>) -> Self {
        Self {
            shape,
            code: None,
            message,
        }
    }
}

/// The title of an HTML page, or else the beginning of the text.
fn readable(body: &[u8]) -> Cow<'_, str> {
    let beginning = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    let title = beginning
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"))
        .map(|(title, _)| title.trim().to_owned());
    match title {
        Some(title) => Cow::Owned(title),
        None => beginning,
    }
}

/// A number, or a number in quotes; anything else is no code.
fn lenient_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    struct Code;

    impl<'de> Visitor<'de> for Code {
        type Value = Option<i64>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an error code")
        }

        fn visit_i64<E: serde::de::Error>(self, code: i64) -> Result<Self::Value, E> {
            Ok(Some(code))
        }

        fn visit_u64<E: serde::de::Error>(self, code: u64) -> Result<Self::Value, E> {
            Ok(i64::try_from(code).ok())
        }

        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_str<E: serde::de::Error>(self, code: &str) -> Result<Self::Value, E> {
            Ok(code.parse().ok())
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            self,
            mut seq: A,
        ) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Err(A::Error::custom("a list is no error code"))
        }
    }

    deserializer.deserialize_any(Code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cause(status: u16, body: &str) -> Cause {
        classify(Stage::Session, status, body.as_bytes()).cause
    }

    #[test]
    fn a_node_server_names_the_error_by_number() {
        let body = r#"{"code":1,"message":"Session ID unknown"}"#;
        let failure = classify(Stage::Session, 400, body.as_bytes());
        assert_eq!(failure.cause, Cause::SessionIdUnknown);
        assert_eq!(failure.code, Some(1));
        assert_eq!(failure.status, Some(400));
        assert_eq!(failure.message.as_deref(), Some("Session ID unknown"));
        assert_eq!(
            cause(403, r#"{"code":4,"message":"go away"}"#),
            Cause::Forbidden
        );
    }

    #[test]
    fn socketioxide_writes_the_number_in_quotes() {
        let body = r#"{"code":"1","message":"Session ID unknown"}"#;
        assert_eq!(cause(400, body), Cause::SessionIdUnknown);
    }

    #[test]
    fn python_says_it_in_a_bare_string() {
        assert_eq!(
            cause(400, "\"Invalid session zz\""),
            Cause::SessionIdUnknown
        );
        assert_eq!(cause(400, "\"Invalid transport\""), Cause::TransportUnknown);
        assert_eq!(cause(400, "\"something else\""), Cause::BadRequest);
        assert_eq!(cause(401, "\"Unauthorized\""), Cause::Forbidden);
    }

    #[test]
    fn bodies_without_json_leave_the_status_to_speak() {
        assert_eq!(cause(400, ""), Cause::BadRequest);
        assert_eq!(cause(413, ""), Cause::PayloadTooLarge);
        assert_eq!(cause(500, ""), Cause::HttpStatus);
        assert_eq!(cause(403, "<html></html>"), Cause::HttpStatus);
        let page = b"<html><head><title>502 Bad Gateway</title></head></html>";
        let failure = classify(Stage::Open, 502, page);
        assert_eq!(failure.cause, Cause::HttpStatus);
        assert_eq!(failure.message.as_deref(), Some("502 Bad Gateway"));
    }

    #[test]
    fn an_unknown_code_is_kept_beside_the_status() {
        let failure = classify(Stage::Open, 400, br#"{"code":77}"#);
        assert_eq!(failure.cause, Cause::BadRequest);
        assert_eq!(failure.code, Some(77));
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
            let _ = classify(Stage::Open, status, &body);
            let _ = undecodable(Stage::Open, &body);
        }

        #[test]
        fn no_near_json_makes_it_panic(body in r#"[{}\["code:,0-9.\]]{0,30}"#) {
            let _ = classify(Stage::Open, 400, body.as_bytes());
        }
    }
}
