//! What an answer says to a person: the title of a page, the message of a JSON error, or its text.

use serde_json::Value;

use super::http::Reply;

/// The most that is quoted, in characters.
const QUOTED: usize = 120;

impl Reply {
    /// Returns the body in words, never as raw HTML.
    pub(super) fn said(&self) -> String {
        said(&self.body)
    }

    /// Whether the body is an HTML page.
    pub(super) fn is_page(&self) -> bool {
        self.body.trim_ascii_start().starts_with(b"<")
    }
}

/// Returns a body in words.
pub(super) fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(16 * 1024)]);
    let text = text.trim();
    let words = if text.starts_with('<') {
        match between(text, "<title>", "</title>") {
            Some(title) => format!("a page titled “{title}”"),
            None => "a page without a title".to_owned(),
        }
    } else {
        from_json(text).unwrap_or_else(|| text.to_owned())
    };
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

fn between(text: &str, open: &str, close: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let start = lower.find(open)? + open.len();
    let end = start + lower[start..].find(close)?;
    Some(text[start..end].trim().to_owned())
}

/// The message of an error in JSON, by the names that are usual.
fn from_json(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    if let Value::String(words) = &value {
        return Some(words.clone());
    }
    let named = ["message", "detail", "title", "error"]
        .iter()
        .filter_map(|name| value.get(name)?.as_str())
        .find(|words| !words.is_empty())?;
    let code = value.get("code").map(|code| format!(" (code {code})"));
    Some(format!("{named}{}", code.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_errors_are_quoted_in_words() {
        let page = b"<html>\n<head><TITLE>502 Bad\n Gateway</TITLE></head>";
        assert_eq!(said(page), "a page titled “502 Bad Gateway”");
        assert_eq!(said(b"<html></html>"), "a page without a title");
        assert_eq!(
            said(br#"{"code":1,"message":"unknown"}"#),
            "unknown (code 1)"
        );
        assert_eq!(
            said(br#"{"type":"x","detail":"no such route"}"#),
            "no such route"
        );
        assert_eq!(said(br#""Invalid session""#), "Invalid session");
        assert_eq!(said(b"plain\n words"), "plain words");
    }
}
