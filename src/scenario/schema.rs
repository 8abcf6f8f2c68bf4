//! The scenario format as a JSON Schema, for editors and other tools; made from the table of keys.

use serde_json::{Map, Value, json};

use super::keys::{BOUND, CHAOS, Default, Key, Kind, ROOT, TESTS, TableSpec};
use super::raw::{self, Node, Raw};
use super::threshold::Metric;
use crate::diagnostic::Place;
use crate::fault;

/// As `humantime` reads it: one or more numbers with a unit.
const DURATION: &str = r"^\s*(\d+\s*[a-zµ]+\s*)+$";

/// The JSON Schema (draft 2020-12) of a scenario file.
#[must_use]
pub fn schema() -> Value {
    let mut schema = table(&ROOT);
    let head = [
        ("$schema", "https://json-schema.org/draft/2020-12/schema"),
        ("title", "A scenario of sio-load"),
    ];
    for (key, value) in head {
        schema.insert(key.to_owned(), json!(value));
    }
    Value::Object(schema)
}

fn table(spec: &TableSpec) -> Map<String, Value> {
    if std::ptr::eq(spec, &raw const CHAOS) {
        return faults();
    }
    object(spec.about, spec.keys.iter())
}

fn object<'a>(about: &str, keys: impl Iterator<Item = &'a Key> + Clone) -> Map<String, Value> {
    let properties: Map<_, _> = keys
        .clone()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let required: Vec<_> = keys
        .filter(|key| matches!(key.default, Default::Required))
        .map(|key| key.name)
        .collect();
    let mut schema = Map::new();
    schema.insert("description".to_owned(), json!(about));
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema
}

/// Which keys a fault takes depends on which fault it is.
fn faults() -> Map<String, Value> {
    let each = fault::all().map(|fault| {
        let mut schema = object(fault.table.about, fault.table.keys.iter());
        schema["properties"]["fault"] = json!({ "const": fault.name });
        Value::Object(schema)
    });
    let mut schema = Map::new();
    schema.insert("description".to_owned(), json!(CHAOS.about));
    schema.insert("oneOf".to_owned(), each.collect());
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = kind(key.kind);
    schema.insert("description".to_owned(), json!(key.about));
    if let Default::Is(toml) = key.default {
        let node = raw::parse_value(toml, Place::Flag(0)).expect("defaults are TOML");
        schema.insert("default".to_owned(), value(&node));
    }
    Value::Object(schema)
}

fn kind(kind: Kind) -> Map<String, Value> {
    let schema = match kind {
        Kind::Text | Kind::File => json!({ "type": "string" }),
        Kind::Name => json!({ "type": "string", "pattern": r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$" }),
        Kind::Url(_) => json!({ "type": "string", "format": "uri" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Factor => json!({ "type": "number", "exclusiveMinimum": 1 }),
        Kind::Counts => array_of(&json!({ "type": "integer", "minimum": 1, "maximum": 1000 })),
        Kind::Fraction => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Kind::Fractions => array_of(&json!({ "type": "number", "minimum": 0, "maximum": 1 })),
        Kind::Share => json!({ "oneOf": [
            { "type": "string", "pattern": r"^\s*[\d.]+\s*%?\s*$" },
            { "type": "number", "minimum": 0, "maximum": 1 },
        ] }),
        Kind::Duration => json!({ "type": "string", "pattern": DURATION }),
        Kind::Durations => json!({ "type": "array", "minItems": 1, "items":
            { "type": "string", "pattern": DURATION } }),
        Kind::DurationOrFalse => json!({ "oneOf": [
            { "type": "string", "pattern": DURATION },
            { "const": false },
        ] }),
        Kind::Rate => json!({ "type": "string", "pattern": r"^\s*[\d.]+\s*/\s*[a-z]+\s*$" }),
        Kind::ByteRate => json!({ "type": "string", "pattern": r"^\s*[\d.]+\s*[A-Za-z]+/s\s*$" }),
        Kind::Size => json!({ "type": "string", "pattern": r"^\s*[\d.]+\s*[A-Za-z]+\s*$" }),
        Kind::Selection => json!({ "oneOf": [
            { "type": "string", "pattern": r"^\s*[\d.]+\s*%?\s*$" },
            { "type": "number", "minimum": 0 },
        ] }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Words(words) => json!({ "type": "array", "items": { "enum": words } }),
        Kind::Choice(numbers) => json!({ "enum": numbers }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Stamp => json!({ "type": ["integer", "string"] }),
        Kind::TextTable | Kind::Templates => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        Kind::Number => json!({ "type": "number" }),
        Kind::DurationRange => json!({ "type": "string" }),
        Kind::Json => json!({ "type": ["object", "array"] }),
        Kind::Conditions => {
            json!({ "type": "object", "additionalProperties": { "anyOf": [
                table(&TESTS),
                { "type": ["string", "number", "boolean", "array"] },
            ] } })
        }
        Kind::Subjects => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::Payload => json!({ "type": "object" }),
        Kind::Arguments => json!({ "type": "array" }),
        Kind::Table(spec) => return table(spec),
        Kind::Tables(spec) | Kind::TableArray(spec) => {
            json!({ "type": "array", "items": table(spec) })
        }
        Kind::Switch(spec) => json!({ "oneOf": [{ "type": "boolean" }, table(spec)] }),
        Kind::Thresholds => thresholds(),
    };
    let Value::Object(schema) = schema else {
        unreachable!("every schema above is an object");
    };
    schema
}

/// An array that has at least one element.
fn array_of(items: &Value) -> Value {
    json!({ "type": "array", "minItems": 1, "items": items })
}

/// A metric's name, with or without a population, and one bound or several.
fn thresholds() -> Value {
    let patterns = Metric::all().map(|metric| {
        let name = metric.name().replace('.', r"\.").replace("NAME", ".+");
        let bound = json!({ "anyOf": [{ "type": "string" }, table(&BOUND)] });
        let bounds = json!({
            "description": metric.about(),
            "oneOf": [bound, { "type": "array", "items": bound }],
        });
        (format!(r"^{name}(\{{.+\}})?$"), bounds)
    });
    let watched = json!({
        "description": "A series of a watched server.",
        "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
    });
    let watched = (r"^(server|watch)\..+$".to_owned(), watched);
    let patterns = patterns.chain([watched]);
    json!({
        "type": "object",
        "patternProperties": patterns.collect::<Map<_, _>>(),
        "additionalProperties": false,
    })
}

fn value(node: &Node) -> Value {
    match &node.value {
        Raw::String(text) | Raw::Datetime(text) => json!(text),
        Raw::Integer(number) => json!(*number as i64),
        Raw::Float(number) => json!(number),
        Raw::Boolean(boolean) => json!(boolean),
        Raw::Array(elements) => elements.iter().map(value).collect(),
        Raw::Table(table) => {
            let entries = table.entries.iter();
            let members = entries.map(|entry| (entry.key.clone(), value(&entry.node)));
            Value::Object(members.collect())
        }
    }
}
