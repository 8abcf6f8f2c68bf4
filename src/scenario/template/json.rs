use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parse::{self, TemplateError};
use super::{Scope, Segment, constant};
use crate::scenario::plan::CsvTable;

/// Renders to JSON text: the arguments of an event, the payload of a CONNECT.
///
/// Whatever a placeholder stands for, the result is valid JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JsonTemplate {
    source: Value,
    segments: Box<[Segment]>,
}

impl JsonTemplate {
    /// Compiles a JSON value whose strings may hold placeholders; [`render`](Self::render) gives
    /// the value.
    ///
    /// # Errors
    /// As [`TextTemplate::new`](super::TextTemplate::new), for the first string that is wrong.
    pub fn new(source: Value, csv: Option<&CsvTable>) -> Result<Self, TemplateError> {
        let mut segments = Vec::new();
        push_value(&source, csv, &mut segments)?;
        Ok(Self {
            source,
            segments: segments.into_boxed_slice(),
        })
    }

    /// Compiles the arguments of an event; [`render`](Self::render) gives them separated by commas
    /// **without brackets**, for the event's name goes before them into the same array.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn arguments(arguments: Vec<Value>, csv: Option<&CsvTable>) -> Result<Self, TemplateError> {
        let mut segments = Vec::new();
        push_elements(&arguments, csv, &mut segments)?;
        Ok(Self {
            source: Value::Array(arguments),
            segments: segments.into_boxed_slice(),
        })
    }

    /// Appends the JSON text as it is at this moment.
    pub fn render(&self, scope: &mut Scope<'_>, out: &mut String) {
        for segment in &self.segments {
            segment.render(scope, out, push_escaped);
        }
    }

    /// As it stands in a scenario; for [`arguments`](Self::arguments) an array.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// What it always renders to, if it has no placeholders.
    #[must_use]
    pub fn constant(&self) -> Option<&str> {
        constant(&self.segments)
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether a string of a JSON value is a sound template.
    pub(in crate::scenario) fn check(
        text: &str,
        csv: Option<&CsvTable>,
    ) -> Result<(), TemplateError> {
        parse::parse(text, csv).map(drop)
    }
}

fn push_value(
    value: &Value,
    csv: Option<&CsvTable>,
    segments: &mut Vec<Segment>,
) -> Result<(), TemplateError> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            parse::push_text(segments, &value.to_string());
        }
        Value::String(text) => push_string(text, csv, segments)?,
        Value::Array(elements) => {
            parse::push_text(segments, "[");
            push_elements(elements, csv, segments)?;
            parse::push_text(segments, "]");
        }
        Value::Object(members) => {
            parse::push_text(segments, "{");
            for (i, (key, value)) in members.iter().enumerate() {
                let mut text = String::from(if i == 0 { "\"" } else { ",\"" });
                push_escaped(key, &mut text);
                text.push_str("\":");
                parse::push_text(segments, &text);
                push_value(value, csv, segments)?;
            }
            parse::push_text(segments, "}");
        }
    }
    Ok(())
}

fn push_elements(
    elements: &[Value],
    csv: Option<&CsvTable>,
    segments: &mut Vec<Segment>,
) -> Result<(), TemplateError> {
    for (i, element) in elements.iter().enumerate() {
        if i > 0 {
            parse::push_text(segments, ",");
        }
        push_value(element, csv, segments)?;
    }
    Ok(())
}

fn push_string(
    text: &str,
    csv: Option<&CsvTable>,
    segments: &mut Vec<Segment>,
) -> Result<(), TemplateError> {
    let parsed = parse::parse(text, csv)?;
    if parsed.number_filter.is_some() {
        segments.extend(parsed.segments.into_iter().map(Segment::into_number));
        return Ok(());
    }
    parse::push_text(segments, "\"");
    for segment in parsed.segments {
        if let Segment::Text(text) = segment {
            let mut escaped = String::new();
            push_escaped(&text, &mut escaped);
            parse::push_text(segments, &escaped);
        } else {
            segments.push(segment);
        }
    }
    parse::push_text(segments, "\"");
    Ok(())
}

/// The inside of a JSON string, escaped as `JSON.stringify` does it.
fn push_escaped(text: &str, out: &mut String) {
    let mut rest = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0x00..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[rest..at]);
        out.push_str(short);
        if short.is_empty() {
            super::push(out, format_args!("\\u{byte:04x}"));
        }
        rest = at + 1;
    }
    out.push_str(&text[rest..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::seed::Seed;

    fn render(template: &JsonTemplate, row: &[String]) -> String {
        let mut random = fastrand::Rng::with_seed(1);
        let mut scope = Scope {
            client: 4,
            n: 9,
            seed: Seed(7),
            now_us: 5,
            row,
            captures: None,
            is_incomplete: false,
            random: &mut random,
        };
        let mut out = String::new();
        template.render(&mut scope, &mut out);
        out
    }

    fn table(value: &str) -> CsvTable {
        CsvTable {
            file: "t.csv".into(),
            columns: vec!["a".into()],
            rows: vec![vec![value.into()]],
        }
    }

    #[test]
    fn strings_stay_strings_and_numbers_are_asked_for() {
        let value =
            json!({"z": "{{n}}", "a": "{{n | number}}", "list": [1, true, null, "c{{client}}"]});
        let template = JsonTemplate::new(value, None).unwrap();
        assert_eq!(
            render(&template, &[]),
            r#"{"z":"9","a":9,"list":[1,true,null,"c4"]}"#
        );
    }

    #[test]
    fn arguments_come_without_brackets() {
        let template = JsonTemplate::arguments(vec![json!({"n": "{{n}}"}), json!(2)], None);
        assert_eq!(render(&template.unwrap(), &[]), r#"{"n":"9"},2"#);
        let none = JsonTemplate::arguments(vec![], None).unwrap();
        assert_eq!(none.constant(), Some(""));
    }

    #[test]
    fn the_number_filter_takes_numbers_alone() {
        let compile = |text: &str| JsonTemplate::new(json!(text), Some(&table("17")));
        assert!(compile("{{csv.a | number}}").is_ok());
        assert!(compile("{{uuid | number}}").is_err());
        assert!(compile("x{{n | number}}").is_err());
        let bad = JsonTemplate::new(json!("{{csv.a | number}}"), Some(&table("x")));
        assert!(matches!(bad, Err(TemplateError::NotANumber { found, .. }) if found == "x"));
    }

    proptest! {
        #[test]
        fn any_text_around_and_in_a_placeholder_gives_the_same_string_back(
            before in "[^{}]*", value in any::<String>(),
        ) {
            let table = table(&value);
            let template = JsonTemplate::new(json!(format!("{before}{{{{csv.a}}}}")), Some(&table)).unwrap();
            let back: String = serde_json::from_str(&render(&template, &table.rows[0])).unwrap();
            prop_assert_eq!(back, format!("{before}{value}"));
        }
    }
}
