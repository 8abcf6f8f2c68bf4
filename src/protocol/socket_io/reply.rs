//! What the data of CONNECT and CONNECT_ERROR say.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::{Cause, Failure, Origin, Stage};

/// What python-socketio says, in a bare string, of a namespace that it does not have.
const PYTHON_UNKNOWN_NAMESPACE: &str = "Unable to connect";
/// What all other servers say of one.
const UNKNOWN_NAMESPACE: &str = "Invalid namespace";

/// The data of a CONNECT reply, raw.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConnectReply<'a> {
    /// Whether there is a `sid` that JavaScript takes for true.
    pub has_sid: bool,
    /// The session's private id as JSON text, if the server offers recovery.
    pub pid: Option<&'a str>,
}

#[derive(Deserialize)]
struct WrittenReply<'a> {
    #[serde(borrow, default)]
    sid: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pid: Option<&'a RawValue>,
}

impl<'a> ConnectReply<'a> {
    /// Reads JSON text; anything but an object says nothing.
    #[must_use]
    pub fn read(json: &'a [u8]) -> Self {
        let Ok(written) = serde_json::from_slice::<WrittenReply<'_>>(json) else {
            return Self::default();
        };
        Self {
            has_sid: written.sid.is_some_and(|sid| is_truthy(sid.get())),
            pid: written.pid.map(RawValue::get).filter(|pid| is_truthy(pid)),
        }
    }
}

fn is_truthy(json: &str) -> bool {
    !matches!(json, "null" | "false" | "0" | "-0" | "\"\"")
}

#[derive(Deserialize)]
struct WrittenError<'a> {
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
}

/// The failure that a CONNECT_ERROR with this data is: an object with `message`, a string, or
/// nothing at all. Servers of release 2 may say anything else, which is shown as it is.
#[must_use]
pub fn rejection(json: &[u8]) -> Failure {
    let message = if let Ok(text) = serde_json::from_slice::<Cow<'_, str>>(json) {
        Cow::Owned(text.into_owned())
    } else if let Ok(WrittenError {
        message: Some(said),
    }) = serde_json::from_slice(json)
    {
        said
    } else {
        String::from_utf8_lossy(json)
    };
    let cause = match &*message {
        UNKNOWN_NAMESPACE | PYTHON_UNKNOWN_NAMESPACE => Cause::InvalidNamespace,
        _ => Cause::NamespaceRejected,
    };
    Failure::new(Stage::Namespace, cause, Origin::Server).with_message(&message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reply_without_sid_says_so() {
        assert_eq!(ConnectReply::read(b""), ConnectReply::default());
        assert!(!ConnectReply::read(b"{\"sid\":\"\"}").has_sid);
        let reply = ConnectReply::read(b"{\"sid\":\"a\",\"pid\":\"b\"}");
        assert_eq!((reply.has_sid, reply.pid), (true, Some("\"b\"")));
    }

    #[test]
    fn a_refusal_is_read_in_every_shape() {
        let read = |json: &str| {
            let failure = rejection(json.as_bytes());
            (failure.cause, failure.message.map(String::from))
        };
        assert_eq!(read(""), (Cause::NamespaceRejected, None));
        assert_eq!(
            read("{\"message\":\"no\",\"data\":{\"a\":1}}"),
            (Cause::NamespaceRejected, Some("no".into()))
        );
        assert_eq!(
            read("{\"message\":\"Invalid namespace\"}").0,
            Cause::InvalidNamespace
        );
        assert_eq!(read("\"Unable to connect\"").0, Cause::InvalidNamespace);
        assert_eq!(
            read("\"no\""),
            (Cause::NamespaceRejected, Some("no".into()))
        );
        assert_eq!(read("\"\\ud83d\"").0, Cause::NamespaceRejected);
        let other = "{\"code\":4}";
        assert_eq!(read(other), (Cause::NamespaceRejected, Some(other.into())));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
            near in r#"[{\["]?("(sid|pid|message)":("a"|"\\ud83d"|[0-9]{1,3}|null|\{\}),?){0,3}[}"\]]?"#,
        ) {
            for json in [&bytes[..], near.as_bytes()] {
                let _ = ConnectReply::read(json);
                let _ = rejection(json);
            }
        }
    }
}
