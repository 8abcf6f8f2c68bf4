use std::borrow::Cow;

use serde_json::Value;

/// Most of a body that is looked at, in bytes.
const LOOKED_AT: usize = 4096;

/// Keys under which services explain themselves, the most telling first.
const EXPLANATIONS: [&str; 5] = ["message", "detail", "error_description", "error", "title"];

/// What a body says to a person: the words in its JSON, the title of a page, or its text.
pub(super) fn readable(body: &[u8]) -> Cow<'_, str> {
    let body = body.trim_ascii();
    if matches!(body.first(), Some(b'{' | b'"'))
        && let Ok(json) = serde_json::from_slice(body)
        && let Some(said) = said_in(&json)
    {
        return Cow::Owned(said);
    }
    let beginning = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]);
    if !beginning.starts_with('<') {
        return beginning;
    }
    let page = page_title(&beginning);
    page.map_or(Cow::Borrowed("an HTML page"), Cow::Owned)
}

fn said_in(json: &Value) -> Option<String> {
    let object = match json {
        Value::String(text) => return Some(text.clone()),
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
    };
    let said = EXPLANATIONS
        .iter()
        .find_map(|key| object.get(*key)?.as_str());
    said.map(str::to_owned)
}

/// Text of the first title or heading that has any.
fn page_title(page: &str) -> Option<String> {
    ["title", "h1", "h2"].iter().find_map(|tag| {
        let start = find_tag(page, tag)?;
        let text = &page[start..];
        let title = text[..text.find('<')?].trim();
        (!title.is_empty()).then(|| title.split_whitespace().collect::<Vec<_>>().join(" "))
    })
}

/// Place behind the opening tag, attributes included.
fn find_tag(page: &str, tag: &str) -> Option<usize> {
    let lower = page.to_ascii_lowercase();
    let opening = format!("<{tag}");
    lower.match_indices(&opening).find_map(|(start, _)| {
        let rest = &lower[start + opening.len()..];
        let is_it = rest.starts_with(['>', ' ', '\t', '\n', '\r']);
        let end = rest.find('>').filter(|_| is_it)?;
        Some(start + opening.len() + end + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_json_say_what_a_person_would_read() {
        for (body, said) in [
            (
                "<html><head><title>502 Bad\n Gateway</title>",
                "502 Bad Gateway",
            ),
            ("<!DOCTYPE html><TITLE lang=en> x </TITLE>", "x"),
            ("<html><body><h1>Not here</h1>", "Not here"),
            ("<html><title></title><p>text</p>", "an HTML page"),
            ("<titles>a</titles>", "an HTML page"),
            (r#"{"title":"Gone","detail":"It moved."}"#, "It moved."),
            (
                r#"{"statusCode":404,"message":"Cannot GET /","error":"Not Found"}"#,
                "Cannot GET /",
            ),
            (r#"{"a":1}"#, r#"{"a":1}"#),
            ("\"quoted\"", "quoted"),
            (" plain ", "plain"),
            ("", ""),
        ] {
            assert_eq!(readable(body.as_bytes()), said);
        }
    }
}
