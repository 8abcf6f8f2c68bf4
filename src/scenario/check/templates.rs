use serde_json::Value;

use super::Context;
use crate::diagnostic::Place;
use crate::scenario::problem::{Checked, Code, Reported};
use crate::scenario::raw::{Node, Raw};
use crate::scenario::reader::{Reader, all};
use crate::scenario::template::{JsonTemplate, TemplateError, TextTemplate};

/// A table of names and templates: headers, a query.
pub(super) fn text_table(
    reader: &Reader<'_>,
    key: &str,
    context: &Context<'_>,
) -> Checked<Vec<(String, TextTemplate)>> {
    let entries = reader.text_table(key)?;
    all(entries.into_iter().map(|(entry, text)| {
        let path = format!("{}.{}", reader.path_of(key), entry.key);
        let template = TextTemplate::new(&text, context.csv())
            .map_err(|error| report(context, entry.node.place, &text, &path, &error))?;
        Ok((entry.key.clone(), template))
    }))
}

/// A table that becomes a JSON object: the payload of CONNECT.
pub(super) fn payload(
    reader: &Reader<'_>,
    key: &str,
    context: &Context<'_>,
) -> Checked<Option<JsonTemplate>> {
    reader.optional(key, |reader, node| {
        if node.value.as_table().is_none() {
            return Err(reader.wrong_type(key, node));
        }
        let value = json(node, &reader.path_of(key), context)?;
        JsonTemplate::new(value, context.csv()).map_err(|_| Reported)
    })
}

/// An array that becomes the arguments of an event.
pub(super) fn arguments(
    reader: &Reader<'_>,
    key: &str,
    context: &Context<'_>,
) -> Checked<JsonTemplate> {
    let template = reader.optional(key, |reader, node| {
        let path = reader.path_of(key);
        let Some(elements) = node.value.as_array() else {
            return Err(reader.wrong_type(key, node));
        };
        let elements = elements.iter().enumerate();
        let values = all(elements.map(|(i, node)| json(node, &format!("{path}.{i}"), context)))?;
        JsonTemplate::arguments(values, context.csv()).map_err(|_| Reported)
    })?;
    Ok(template.unwrap_or_default())
}

/// A text with placeholders.
pub(super) fn text(
    reader: &Reader<'_>,
    key: &str,
    context: &Context<'_>,
) -> Checked<Option<TextTemplate>> {
    reader.optional(key, |reader, node| {
        let text = reader.as_text(key, node)?;
        let path = reader.path_of(key);
        TextTemplate::new(&text, context.csv())
            .map_err(|error| report(context, node.place, &text, &path, &error))
    })
}

/// Any value with placeholders.
pub(super) fn value(node: &Node, path: &str, context: &Context<'_>) -> Checked<JsonTemplate> {
    let value = json(node, path, context)?;
    JsonTemplate::new(value, context.csv()).map_err(|_| Reported)
}

/// The JSON value, with every string checked in its place.
fn json(node: &Node, path: &str, context: &Context<'_>) -> Checked<Value> {
    match &node.value {
        Raw::String(text) => match JsonTemplate::check(text, context.csv()) {
            Ok(()) => Ok(Value::String(text.clone())),
            Err(error) => Err(report(context, node.place, text, path, &error)),
        },
        Raw::Integer(number) => serde_json::Number::from_i128(*number)
            .map(Value::Number)
            .ok_or_else(|| no_json(node, path, context)),
        Raw::Float(number) => serde_json::Number::from_f64(*number)
            .map(Value::Number)
            .ok_or_else(|| no_json(node, path, context)),
        Raw::Boolean(boolean) => Ok(Value::Bool(*boolean)),
        Raw::Datetime(text) => Ok(Value::String(text.clone())),
        Raw::Array(elements) => {
            let elements = elements.iter().enumerate();
            let values = elements.map(|(i, node)| json(node, &format!("{path}.{i}"), context));
            all(values).map(Value::Array)
        }
        Raw::Table(table) => {
            let members = table.entries.iter().map(|entry| {
                let path = format!("{path}.{}", entry.key);
                Ok((entry.key.clone(), json(&entry.node, &path, context)?))
            });
            all(members).map(|members| Value::Object(members.into_iter().collect()))
        }
    }
}

fn no_json(node: &Node, path: &str, context: &Context<'_>) -> Reported {
    let message = "JSON has no such number";
    context
        .problems
        .report(Code::OutOfRange, node.place, message, |d| {
            d.label("cannot be sent as JSON").key(path)
        })
}

/// Marks the placeholder itself where the string stands in the file without escapes.
pub(super) fn report(
    context: &Context<'_>,
    place: Place,
    text: &str,
    path: &str,
    error: &TemplateError,
) -> Reported {
    if context.csv.is_err()
        && matches!(
            error,
            TemplateError::NoCsv { .. } | TemplateError::UnknownColumn { .. }
        )
    {
        return Reported;
    }
    let place = match place {
        Place::Text { start, end } if context.text.get(start + 1..end - 1) == Some(text) => {
            let range = error.range();
            Place::from(start + 1 + range.start..start + 1 + range.end)
        }
        Place::Text { .. } | Place::Flag(_) => place,
    };
    context
        .problems
        .report(Code::BadTemplate, place, error.to_string(), |mut d| {
            d.nearest = error.nearest().map(str::to_owned);
            d.label("in this placeholder").key(path).help(error.help())
        })
}
