//! Values and templates of Artillery in the words of sio-load.

use std::collections::BTreeMap;

use serde_json::Value;

/// What names in templates stand for.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Columns of the payload file.
    pub(super) columns: Vec<String>,
    /// `config.variables` with one value.
    pub(super) constants: BTreeMap<String, String>,
    /// Captured so far.
    pub(super) captured: Vec<String>,
}

/// A converted text, and what in it has no counterpart.
pub(super) struct Converted {
    pub(super) text: String,
    pub(super) unknown: Vec<String>,
}

impl Names {
    /// Rewrites every `{{ … }}`.
    pub(super) fn convert(&self, text: &str) -> Converted {
        let mut out = String::new();
        let mut unknown = Vec::new();
        let mut rest = text;
        while let Some((before, inside)) = rest.split_once("{{") {
            let Some((name, after)) = inside.split_once("}}") else {
                break;
            };
            out.push_str(before);
            match self.placeholder(name.trim()) {
                Some(placeholder) => out.push_str(&placeholder),
                None => {
                    unknown.push(name.trim().to_owned());
                    out.push_str("{{'{{'}}");
                    out.push_str(name.trim());
                    out.push_str("}}");
                }
            }
            rest = after;
        }
        out.push_str(rest);
        Converted { text: out, unknown }
    }

    fn placeholder(&self, name: &str) -> Option<String> {
        let environment = ["$processEnvironment.", "$env."];
        if let Some(variable) = environment
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix))
        {
            return Some(format!("${{{variable}}}"));
        }
        let call = name.split('(').next().unwrap_or(name).trim();
        let arguments = name
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(')'));
        let arguments = arguments.map_or("", |(arguments, _)| arguments.trim());
        match call {
            "$uuid" | "$randomUUID" => return Some("{{uuid}}".to_owned()),
            "$timestamp" => return Some("{{now}}".to_owned()),
            "$loopCount" => return Some("{{n}}".to_owned()),
            "$randomNumber" if arguments.contains(',') => {
                return Some(format!("{{{{random.int({arguments})}}}}"));
            }
            "$randomString" => {
                let length = if arguments.is_empty() {
                    "10"
                } else {
                    arguments
                };
                return Some(format!("{{{{random.string({length})}}}}"));
            }
            _ => {}
        }
        if self.captured.iter().any(|known| known == name) {
            return Some(format!("{{{{capture.{name}}}}}"));
        }
        if self.columns.iter().any(|known| known == name) {
            return Some(format!("{{{{csv.{name}}}}}"));
        }
        self.constants.get(name).cloned()
    }

    /// Rewrites every string of a value.
    pub(super) fn convert_value(&self, value: &Value, unknown: &mut Vec<String>) -> Value {
        match value {
            Value::String(text) => {
                let converted = self.convert(text);
                unknown.extend(converted.unknown);
                Value::String(converted.text)
            }
            Value::Array(elements) => {
                let elements = elements.iter();
                elements
                    .map(|element| self.convert_value(element, unknown))
                    .collect()
            }
            Value::Object(members) => {
                let members = members.iter();
                let members =
                    members.map(|(key, value)| (key.clone(), self.convert_value(value, unknown)));
                Value::Object(members.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A JSON value as TOML on one line; TOML has no null, so it is left out of tables and lists.
pub(super) fn toml(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().filter(|e| !e.is_null()).map(toml).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members: Vec<_> = members
                .map(|(key, value)| format!("{} = {}", quoted(key), toml(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
    }
}
