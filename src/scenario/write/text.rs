use serde_json::Value;

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A key, in quotes if it has to be.
pub(super) fn table_key(key: &str) -> String {
    let is_bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !key.is_empty() && key.bytes().all(is_bare) {
        key.to_owned()
    } else {
        // A basic string in any case: a key takes no multi-line one.
        Value::String(key.to_owned()).to_string()
    }
}

/// An array of values that are TOML already.
pub(super) fn array(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<_> = values.into_iter().collect();
    format!("[{}]", values.join(", "))
}

/// An inline table of values that are TOML already.
pub(super) fn inline<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs = pairs.into_iter();
    let pairs: Vec<_> = pairs
        .map(|(key, value)| format!("{} = {value}", table_key(key)))
        .collect();
    if pairs.is_empty() {
        "{}".to_owned()
    } else {
        format!("{{ {} }}", pairs.join(", "))
    }
}

/// A JSON value as TOML; `string` makes TOML of each string and of each other scalar's text.
pub(super) fn json(value: &Value, scalar: &mut impl FnMut(&Value) -> String) -> String {
    match value {
        Value::Array(elements) => array(elements.iter().map(|element| json(element, scalar))),
        Value::Object(members) => {
            let members = members.iter();
            inline(members.map(|(key, value)| (key.as_str(), json(value, scalar))))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => scalar(value),
    }
}

/// A JSON scalar as TOML. Plans come from TOML, which has no null.
pub(super) fn plain_scalar(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// Whether a text is nothing but placeholders (or nothing at all), behind an authentication scheme
/// or not.
pub(super) fn is_secret_free(text: &str) -> bool {
    let text = text.trim();
    let mut rest = text.strip_prefix("Bearer ").unwrap_or(text);
    while let Some(inside) = rest.strip_prefix("{{") {
        let Some((placeholder, after)) = inside.split_once("}}") else {
            return false;
        };
        if placeholder.contains(['\'', '"']) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_placeholders_are_free_of_secrets() {
        assert!(is_secret_free("{{csv.token}}"));
        assert!(is_secret_free("{{client}}{{n}}"));
        assert!(is_secret_free("Bearer {{csv.token}}"));
        assert!(!is_secret_free("Bearer hunter2"));
        assert!(!is_secret_free("a{{csv.token}}"));
        assert!(!is_secret_free("{{'hunter2'}}"));
        assert!(!is_secret_free("hunter2"));
    }

    #[test]
    fn keys_and_strings_are_quoted_where_they_must() {
        assert_eq!(table_key("a-b_1"), "a-b_1");
        assert_eq!(table_key("reconnect.time"), "\"reconnect.time\"");
        assert_eq!(inline([]), "{}");
        assert_eq!(inline([("a b", quoted("x"))]), "{ \"a b\" = \"x\" }");
    }
}
