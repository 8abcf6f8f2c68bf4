//! The query of a request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What encodeURIComponent encodes, and `'`, which Node and browsers encode in every URL.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'(')
    .remove(b')');

/// Appends `name=value` as the JS client encodes it.
pub fn append_pair(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    append_component(query, name);
    query.push('=');
    append_component(query, value);
}

/// Appends text as the JS client encodes it.
pub fn append_component(query: &mut String, text: &str) {
    query.extend(utf8_percent_encode(text, COMPONENT));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded_as_encode_uri_component_does() {
        let mut query = String::new();
        append_pair(&mut query, "token", "a b&c=d/é!'()*~-_.");
        append_pair(&mut query, "x", "");
        assert_eq!(query, "token=a%20b%26c%3Dd%2F%C3%A9!%27()*~-_.&x=");
    }
}
