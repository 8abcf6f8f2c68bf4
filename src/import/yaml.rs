use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};
use serde_json::Value;

/// A text that is not YAML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct YamlError {
    /// From 1.
    pub line: usize,
    /// What the parser says.
    pub message: String,
}

/// A value and the line where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// Null, a boolean, a number or a string.
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Reads the first document of a text.
pub(super) fn parse(text: &str) -> Result<Node, YamlError> {
    let documents = MarkedYaml::load_from_str(text).map_err(|error| YamlError {
        line: error.marker().line(),
        message: error.info().to_owned(),
    })?;
    let empty = Node {
        line: 1,
        content: Content::Scalar(Value::Null),
    };
    Ok(documents.first().map_or(empty, node))
}

fn node(yaml: &MarkedYaml<'_>) -> Node {
    let content = match &yaml.data {
        YamlData::Value(scalar) => Content::Scalar(value(scalar)),
        YamlData::Sequence(elements) => Content::List(elements.iter().map(node).collect()),
        YamlData::Mapping(members) => {
            let pairs = members.iter().map(|(key, value)| (text(key), node(value)));
            Content::Map(pairs.collect())
        }
        YamlData::Tagged(_, inner) => node(inner).content,
        YamlData::Representation(text, ..) => Content::Scalar(Value::from(text.as_ref())),
        YamlData::Alias(_) | YamlData::BadValue => Content::Scalar(Value::Null),
    };
    Node {
        line: yaml.span.start.line(),
        content,
    }
}

fn text(key: &MarkedYaml<'_>) -> String {
    match node(key).scalar() {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

fn value(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::from(*value),
        Scalar::Integer(value) => Value::from(*value),
        Scalar::FloatingPoint(value) => Value::from(value.into_inner()),
        Scalar::String(value) => Value::from(value.as_ref()),
    }
}

impl Node {
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let mut members = self.members().iter();
        members.find(|(name, _)| name == key).map(|(_, node)| node)
    }

    pub(super) fn members(&self) -> &[(String, Self)] {
        match &self.content {
            Content::Map(members) => members,
            Content::Scalar(_) | Content::List(_) => &[],
        }
    }

    /// The elements of a list; anything else is a list of itself.
    pub(super) fn elements(&self) -> &[Self] {
        match &self.content {
            Content::List(elements) => elements,
            Content::Scalar(_) | Content::Map(_) => std::slice::from_ref(self),
        }
    }

    pub(super) fn scalar(&self) -> Option<&Value> {
        match &self.content {
            Content::Scalar(value) => Some(value),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        self.scalar()?.as_str()
    }

    /// A number, also one in quotes.
    pub(super) fn as_f64(&self) -> Option<f64> {
        let value = self.scalar()?;
        value
            .as_f64()
            .or_else(|| value.as_str()?.trim().parse().ok())
    }

    /// As JSON.
    pub(super) fn json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(elements) => elements.iter().map(Self::json).collect(),
            Content::Map(members) => {
                let members = members.iter();
                Value::Object(
                    members
                        .map(|(key, node)| (key.clone(), node.json()))
                        .collect(),
                )
            }
        }
    }
}
