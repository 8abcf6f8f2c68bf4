//! What a client sent as a secret, and its mask where a server repeats it.

use http::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::event::Failure;
use crate::scenario::secret::{MASK, is_secret_name};

/// Shorter values are no secrets, and would be found in anything.
const SHORTEST: usize = 4;

/// The secrets of a client's last engine and last CONNECT. Empty for clients that send none.
#[derive(Debug, Default)]
pub(super) struct SentSecrets {
    /// The text of the last auth payload.
    auth: Option<Box<str>>,
    /// The values of headers whose name tells of a secret.
    headers: Vec<Box<str>>,
}

impl SentSecrets {
    pub(super) fn note_auth(&mut self, auth: &str) {
        self.auth = Some(auth.into());
    }

    pub(super) fn note_headers(&mut self, headers: &[(HeaderName, HeaderValue)]) {
        let secret = headers
            .iter()
            .filter(|(name, _)| is_secret_name(name.as_str()));
        let values = secret.filter_map(|(_, value)| value.to_str().ok());
        self.headers = values.map(Box::from).collect();
    }

    /// Masks every value that the failure's message repeats.
    pub(super) fn mask(&self, failure: &mut Failure) {
        let Some(message) = &failure.message else {
            return;
        };
        let mut masked = message.to_string();
        for secret in self.values() {
            if secret.len() >= SHORTEST {
                masked = masked.replace(&secret, MASK);
            }
        }
        if masked != **message {
            failure.message = Some(masked.into_boxed_str());
        }
    }

    /// Each value, the longest first, so that no part of one is left behind.
    fn values(&self) -> Vec<String> {
        let mut values = Vec::new();
        let auth = self.auth.as_deref();
        if let Some(Ok(auth)) = auth.map(serde_json::from_str::<Value>) {
            collect(&auth, &mut values);
        }
        for header in &self.headers {
            values.push(header.to_string());
            // `Bearer TOKEN`, `name=value; other=value`: a server repeats the part that it knows.
            let parts = header.split([' ', ';', '=', ',']);
            values.extend(parts.map(str::to_owned));
        }
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values
    }
}

fn collect(value: &Value, values: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => values.push(number.to_string()),
        Value::String(text) => values.push(text.clone()),
        Value::Array(elements) => elements.iter().for_each(|value| collect(value, values)),
        Value::Object(members) => members.values().for_each(|value| collect(value, values)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cause, Origin, Stage};

    #[test]
    fn what_was_sent_as_a_secret_is_masked_where_it_comes_back() {
        let mut secrets = SentSecrets::default();
        secrets.note_auth(r#"{"token":"t0k3n-7","nested":{"pin":12345},"ok":"yes"}"#);
        let header = |name: &'static str, value: &'static str| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        };
        secrets.note_headers(&[
            header("authorization", "Bearer abcdef"),
            header("x-plain", "plainly"),
        ]);
        for (said, shown) in [
            ("no such token t0k3n-7", "no such token ***"),
            ("pin 12345 and abcdef", "pin *** and ***"),
            ("yes, plainly", "yes, plainly"),
        ] {
            let mut failure =
                Failure::new(Stage::Namespace, Cause::NamespaceRejected, Origin::Server)
                    .with_message(said);
            secrets.mask(&mut failure);
            assert_eq!(failure.message.as_deref(), Some(shown));
        }
    }
}
