//! TOML as a tree in which every key and every value knows its place.
//!
//! `toml`'s own tree sorts its keys and cannot hold values that come from flags; this one keeps the
//! order of the file, which is the order of a header block or of a JSON object on the wire.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::Place;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Raw,
    pub(super) place: Place,
}

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    String(String),
    /// Wide enough for what TOML allows (64 bits) and for what seeds need (64 bits, unsigned).
    Integer(i128),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Table),
}

impl Raw {
    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    pub(super) fn as_integer(&self) -> Option<i128> {
        if let Self::Integer(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    pub(super) fn as_float(&self) -> Option<f64> {
        if let Self::Float(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    pub(super) fn as_boolean(&self) -> Option<bool> {
        if let Self::Boolean(boolean) = self {
            Some(*boolean)
        } else {
            None
        }
    }

    pub(super) fn as_array(&self) -> Option<&[Node]> {
        if let Self::Array(elements) = self {
            Some(elements)
        } else {
            None
        }
    }

    pub(super) fn as_table(&self) -> Option<&Table> {
        if let Self::Table(table) = self {
            Some(table)
        } else {
            None
        }
    }

    /// What it is, with its article.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Boolean(_) => "a boolean",
            Self::Datetime(_) => "a datetime",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}

/// Keys and values in the order of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

/// One key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) node: Node,
}

/// What a table is that nobody wrote.
pub(super) static EMPTY: Table = Table {
    entries: Vec::new(),
};

impl Table {
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        let entry = self.entries.iter_mut().find(|entry| entry.key == key)?;
        Some(&mut entry.node)
    }

    /// Puts a value in place of the one with this key, or at the end; its key stands where it does.
    pub(super) fn set(&mut self, key: &str, node: Node) {
        self.entries.retain(|entry| entry.key != key);
        self.entries.push(Entry {
            key: key.to_owned(),
            key_place: node.place,
            node,
        });
    }
}

/// Reads a file's text: as much of it as can be understood, and its syntax errors.
pub(super) fn parse(text: &str) -> (Node, Vec<(Place, String)>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let errors = errors
        .iter()
        .map(|error| {
            let place = Place::from(error.span().unwrap_or(0..0));
            (place, error.message().to_owned())
        })
        .collect();
    let root = Node {
        place: Place::from(0..0),
        value: Raw::Table(convert_table(table.get_ref())),
    };
    (root, errors)
}

/// Reads a lone value, such as that of a flag; all of it stands at `place`.
pub(super) fn parse_value(text: &str, place: Place) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    let mut node = convert(&value);
    node.relocate(place);
    Some(node)
}

impl Node {
    /// A text that stands at `place`.
    pub(super) fn string(text: impl Into<String>, place: Place) -> Self {
        Self {
            value: Raw::String(text.into()),
            place,
        }
    }

    fn relocate(&mut self, place: Place) {
        self.place = place;
        match &mut self.value {
            Raw::Array(elements) => elements.iter_mut().for_each(|node| node.relocate(place)),
            Raw::Table(table) => {
                for entry in &mut table.entries {
                    entry.key_place = place;
                    entry.node.relocate(place);
                }
            }
            Raw::String(_)
            | Raw::Integer(_)
            | Raw::Float(_)
            | Raw::Boolean(_)
            | Raw::Datetime(_) => {}
        }
    }
}

fn convert(value: &Spanned<DeValue<'_>>) -> Node {
    let raw = match value.get_ref() {
        DeValue::String(text) => Raw::String(text.clone().into_owned()),
        DeValue::Integer(integer) => {
            // What does not fit is out of every key's range as well.
            let parsed = i128::from_str_radix(integer.as_str(), integer.radix());
            Raw::Integer(parsed.unwrap_or(i128::MAX))
        }
        DeValue::Float(float) => Raw::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(boolean) => Raw::Boolean(*boolean),
        DeValue::Datetime(datetime) => Raw::Datetime(datetime.to_string()),
        DeValue::Array(elements) => Raw::Array(elements.iter().map(convert).collect()),
        DeValue::Table(table) => Raw::Table(convert_table(table)),
    };
    Node {
        value: raw,
        place: value.span().into(),
    }
}

fn convert_table(table: &DeTable<'_>) -> Table {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| {
            let entry = Entry {
                key: key.get_ref().clone().into_owned(),
                key_place: key.span().into(),
                node: convert(value),
            };
            (key.span().start, entry)
        })
        .collect();
    entries.sort_by_key(|(start, _)| *start);
    Table {
        entries: entries.into_iter().map(|(_, entry)| entry).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(node: &Node) -> &Table {
        node.value.as_table().unwrap()
    }

    #[test]
    fn keys_keep_the_order_of_the_file() {
        let (root, errors) = parse("z = 1\n[target]\nb = 0x10\na = \"x\"\n[server]\n");
        assert!(errors.is_empty());
        let names = |t: &Table| t.entries.iter().map(|e| e.key.clone()).collect::<Vec<_>>();
        assert_eq!(names(table(&root)), ["z", "target", "server"]);
        let target = table(&root).get("target").unwrap();
        assert_eq!(names(table(target)), ["b", "a"]);
        assert_eq!(table(target).get("b").unwrap().value.as_integer(), Some(16));
    }

    #[test]
    fn every_syntax_error_is_found_and_the_rest_is_read() {
        let (root, errors) = parse("a = 45s\nb = 2\nc = [1,,]\n");
        assert!(errors.len() >= 2, "{errors:?}");
        assert_eq!(table(&root).get("b").unwrap().value.as_integer(), Some(2));
    }
}
