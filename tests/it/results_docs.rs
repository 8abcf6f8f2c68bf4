//! docs/results.md holds what the code says.
#![expect(clippy::unwrap_used, reason = "a test may end on anything unexpected")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde_json::Value;
use sio_load::catalogue;
use sio_load::event::{Cause, Counter, HistogramMetric, Labelling, RateMetric, Unit};
use sio_load::results::schema;
use sio_load::results::timeline::{self, Column};

use crate::results::{assert_committed, doc};

#[test]
fn the_tables_of_results_md_are_those_of_the_code() {
    let text = fs::read_to_string(doc("results.md")).unwrap();
    let mut generated = text.clone();
    for (name, table) in tables() {
        generated = with_table(&generated, name, &table);
    }
    assert_committed("results.md", &generated);
}

/// Puts a table between its markers.
fn with_table(text: &str, name: &str, table: &str) -> String {
    let begin = format!("<!-- generated: {name} -->\n");
    let end = "<!-- end -->";
    let Some((before, rest)) = text.split_once(&begin) else {
        panic!("docs/results.md has no place for {name}");
    };
    let (_, after) = rest.split_once(end).expect("a marker that ends the table");
    format!("{before}{begin}\n{table}\n{end}{after}")
}

fn tables() -> Vec<(&'static str, String)> {
    let summary: Value = serde_json::from_str(&schema::summary_schema()).unwrap();
    let mut sweep: Value = serde_json::from_str(&schema::sweep_schema()).unwrap();
    // What the summary has, too, is described there.
    let known = summary["$defs"].as_object().unwrap();
    let types = sweep["$defs"].as_object_mut().unwrap();
    types.retain(|name, _| !known.contains_key(name));
    let notes: Value = serde_json::from_str(&schema::note_schema()).unwrap();
    vec![
        ("time metrics", times()),
        ("counters", counters()),
        ("rates", rates()),
        ("columns", columns(&timeline::columns())),
        ("summary", fields(&summary)),
        ("events", kinds(&notes)),
        ("sweep", fields(&sweep)),
        ("causes", causes()),
    ]
}

fn explanation(about: &str, labelling: Labelling) -> String {
    format!("{about}{}", labelling.remark())
}

fn times() -> String {
    let mut table = "| metric | unit | what |\n|---|---|---|\n".to_owned();
    for metric in HistogramMetric::ALL {
        let unit = match metric.unit() {
            Unit::Microseconds => "us",
            Unit::Count => "count",
        };
        writeln!(
            table,
            "| `{metric}` | {unit} | {} |",
            explanation(metric.about(), metric.labelling())
        )
        .unwrap();
    }
    table
}

fn counters() -> String {
    let mut table = "| counter | what |\n|---|---|\n".to_owned();
    for counter in Counter::ALL {
        writeln!(
            table,
            "| `{counter}` | {} |",
            explanation(counter.about(), counter.labelling())
        )
        .unwrap();
    }
    table
}

fn rates() -> String {
    let mut table = "| rate | what |\n|---|---|\n".to_owned();
    for rate in RateMetric::ALL {
        writeln!(table, "| `{rate}` | {} |", rate.about()).unwrap();
    }
    table
}

fn columns(columns: &[Column]) -> String {
    let mut table = "| column | what |\n|---|---|\n".to_owned();
    for column in columns {
        writeln!(table, "| `{}` | {} |", column.name, column.about).unwrap();
    }
    table
}

fn causes() -> String {
    let mut table = "| cause | finding | what is the case |\n|---|---|---|\n".to_owned();
    for cause in Cause::ALL {
        let finding = catalogue::of(*cause);
        let anchor = finding.code.to_ascii_lowercase();
        writeln!(
            table,
            "| `{cause}` | [{}](doctor.md#{anchor}) | {} |",
            finding.code, finding.title
        )
        .unwrap();
    }
    table
}

/// One table for the summary and for each type in it.
fn fields(schema: &Value) -> String {
    let mut text = object("The whole", schema);
    let types: BTreeMap<&String, &Value> = schema["$defs"].as_object().unwrap().iter().collect();
    for (name, definition) in types {
        text.push('\n');
        if definition["properties"].is_object() {
            text.push_str(&object(&format!("`{name}`"), definition));
        } else {
            text.push_str(&words(name, definition));
        }
    }
    text
}

fn about(schema: &Value) -> String {
    // Links of rustdoc lead nowhere in this file.
    let text = schema["description"].as_str().unwrap_or_default();
    text.replace("[`", "`")
        .replace("`]", "`")
        .replace('\n', " ")
}

fn object(name: &str, schema: &Value) -> String {
    let mut text = format!(
        "**{name}**: {}\n\n| field | type | what |\n|---|---|---|\n",
        about(schema)
    );
    for (field, property) in schema["properties"].as_object().unwrap() {
        writeln!(
            text,
            "| `{field}` | {} | {} |",
            kind(property),
            about(property)
        )
        .unwrap();
    }
    text
}

/// The words of an enum.
fn words(name: &str, schema: &Value) -> String {
    let mut text = format!(
        "**`{name}`**: {}\n\n| word | what |\n|---|---|\n",
        about(schema)
    );
    for word in schema["oneOf"].as_array().unwrap() {
        writeln!(
            text,
            "| `{}` | {} |",
            word["const"].as_str().unwrap(),
            about(word)
        )
        .unwrap();
    }
    text
}

/// A property's type, in words.
fn kind(property: &Value) -> String {
    if let Some(reference) = property["$ref"].as_str() {
        return format!("`{}`", reference.rsplit('/').next().unwrap());
    }
    if let Some(choices) = property["anyOf"].as_array() {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let names: Vec<&str> = match &property["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => vec!["any"],
    };
    let of = |key: &str| {
        let inner = property[key].as_object();
        inner.map_or_else(String::new, |_| format!(" of {}", kind(&property[key])))
    };
    names
        .iter()
        .map(|name| match *name {
            "array" => format!("array{}", of("items")),
            "object" => format!("object{}", of("additionalProperties")),
            other => other.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(" or ")
}

/// The kinds of lines in events.jsonl.
fn kinds(schema: &Value) -> String {
    let mut table = "| kind | fields | what |\n|---|---|---|\n".to_owned();
    for note in schema["oneOf"].as_array().unwrap() {
        let properties = note["properties"].as_object().unwrap();
        let fields: Vec<String> = properties
            .iter()
            .filter(|(field, _)| *field != "kind")
            .map(|(field, property)| {
                format!("`{field}` ({})", about(property).trim_end_matches('.'))
            })
            .collect();
        let kind = properties["kind"]["const"].as_str().unwrap();
        writeln!(
            table,
            "| `{kind}` | {} | {} |",
            fields.join("; "),
            about(note)
        )
        .unwrap();
    }
    table
}
