//! Typed access to one table of the tree, by the word of the key table: what is asked for comes
//! out, what is wrong is reported, and nothing ever panics over what a user wrote.

mod quantity;
mod scalar;

use super::keys::{Default, Key, TableSpec};
use super::nearest;
use super::problem::{Checked, Code, Problems, Reported};
use super::raw::{self, Entry, Node, Table};
use crate::diagnostic::{Diagnostic, Place};

/// A table being read.
pub(in crate::scenario) struct Reader<'a> {
    pub(in crate::scenario) problems: &'a Problems,
    /// Where the table begins: its header or its brace.
    pub(in crate::scenario) place: Place,
    spec: &'static TableSpec,
    table: &'a Table,
    path: String,
}

impl<'a> Reader<'a> {
    /// Begins to read `node`; reports what is no table, and every key that `spec` does not have.
    pub(in crate::scenario) fn new(
        spec: &'static TableSpec,
        node: &'a Node,
        path: String,
        problems: &'a Problems,
    ) -> Checked<Self> {
        let reader = Self::open(spec, node, path, problems)?;
        for entry in &reader.table.entries {
            if spec.key(&entry.key).is_none() {
                let names = spec.keys.iter().map(|key| key.name);
                reader.report_unknown(entry, &spec.place(), names);
            }
        }
        Ok(reader)
    }

    /// As [`new`](Self::new), but the caller looks at the keys itself.
    fn open(
        spec: &'static TableSpec,
        node: &'a Node,
        path: String,
        problems: &'a Problems,
    ) -> Checked<Self> {
        let Some(table) = node.value.as_table() else {
            let message = format!("`{path}` is {}, not a table", node.value.type_name());
            return Err(problems.report(Code::WrongType, node.place, message, |d| {
                d.label("expected a table").key(&path)
            }));
        };
        Ok(Self {
            problems,
            place: node.place,
            spec,
            table,
            path,
        })
    }

    /// The same table by the keys of another specification.
    pub(in crate::scenario) fn by(&self, spec: &'static TableSpec) -> Self {
        Self {
            problems: self.problems,
            place: self.place,
            spec,
            table: self.table,
            path: self.path.clone(),
        }
    }

    /// Reports a key that nobody knows; `names` are those that belong there.
    pub(in crate::scenario) fn report_unknown<'n>(
        &self,
        entry: &Entry,
        owner: &str,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Reported {
        let nearest = nearest(&entry.key, names.clone());
        let message = format!("unknown key `{}` {owner}", entry.key);
        self.report(Code::UnknownKey, entry.key_place, message, |d| {
            let names: Vec<_> = names.collect();
            d.label("unknown key")
                .key(self.path_of(&entry.key))
                .help(format!("the keys here are {}", names.join(", ")))
                .nearest(nearest)
        })
    }

    /// The key as `--set` names it.
    pub(in crate::scenario) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Reports a problem of this table.
    pub(in crate::scenario) fn report(
        &self,
        code: Code,
        place: Place,
        message: impl Into<String>,
        refine: impl FnOnce(Diagnostic) -> Diagnostic,
    ) -> Reported {
        self.problems.report(code, place, message, refine)
    }

    /// Whether the scenario itself has this key.
    pub(in crate::scenario) fn has(&self, key: &str) -> bool {
        self.table.entry(key).is_some()
    }

    /// All keys and values as the scenario has them.
    pub(in crate::scenario) fn entries(&self) -> &'a [Entry] {
        &self.table.entries
    }

    /// The key and its value as the scenario has them.
    pub(in crate::scenario) fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.table.entry(key)
    }

    /// Where the key stands, or else its table.
    pub(in crate::scenario) fn place_of(&self, key: &str) -> Place {
        self.entry(key).map_or(self.place, |entry| entry.key_place)
    }

    /// Where `inner` stands in the table `key`, if it is there; reports nothing.
    pub(in crate::scenario) fn place_within(&self, key: &str, inner: &str) -> Option<Place> {
        let table = self.entry(key)?.node.value.as_table()?;
        table.entry(inner).map(|entry| entry.node.place)
    }

    fn spec_of(&self, key: &str) -> &'static Key {
        self.spec
            .key(key)
            .expect("every key that is read stands in the key table")
    }

    /// Reports a key that is not there.
    pub(in crate::scenario) fn missing(&self, key: &str, help: impl Into<String>) -> Reported {
        let message = format!("`{key}` is missing {}", self.spec.place());
        self.report(Code::MissingKey, self.place, message, |d| {
            d.label(format!("`{key}` is missing"))
                .key(self.path_of(key))
                .help(help)
        })
    }

    /// Reports a value that its key cannot take.
    pub(in crate::scenario) fn reject(
        &self,
        code: Code,
        key: &str,
        node: &Node,
        message: String,
    ) -> Reported {
        let expected = self.spec_of(key).kind.expected();
        self.report(code, node.place, message, |d| {
            d.label(format!("expected {expected}"))
                .key(self.path_of(key))
        })
    }

    pub(in crate::scenario) fn wrong_type(&self, key: &str, node: &Node) -> Reported {
        let message = format!("`{key}` is {}", node.value.type_name());
        self.reject(Code::WrongType, key, node, message)
    }

    /// Reports a number that its key cannot take.
    pub(in crate::scenario) fn out_of_range(&self, key: &str, node: &Node) -> Reported {
        let number = node.value.as_float().map(|number| number.to_string());
        let number = number.or_else(|| Some(node.value.as_integer()?.to_string()));
        let message = format!("`{key}` cannot be {}", number.unwrap_or_default());
        self.reject(Code::OutOfRange, key, node, message)
    }

    /// The value of a key, or its default, by way of `convert`; nothing if it has neither.
    pub(in crate::scenario) fn optional<T>(
        &self,
        key: &str,
        convert: impl Fn(&Self, &Node) -> Checked<T>,
    ) -> Checked<Option<T>> {
        if let Some(entry) = self.entry(key) {
            return convert(self, &entry.node).map(Some);
        }
        let spec = self.spec_of(key);
        match spec.default {
            Default::Means(_) => Ok(None),
            Default::Is(toml) => {
                let node = raw::parse_value(toml, self.place).expect("defaults are TOML");
                convert(self, &node).map(Some)
            }
            Default::Required => {
                let help = format!("`{key}` takes {}", spec.kind.expected());
                Err(self.missing(key, help))
            }
        }
    }

    /// The value of a key that has a default or has to be there.
    fn always<T>(&self, key: &str, convert: impl Fn(&Self, &Node) -> Checked<T>) -> Checked<T> {
        self.optional(key, convert)
            .map(|value| value.expect("the key table gives it a default or requires it"))
    }

    /// A table within this one.
    pub(in crate::scenario) fn child(&self, key: &str) -> Checked<Option<Self>> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        let path = self.path_of(key);
        Self::new(self.table_of(key), &entry.node, path, self.problems).map(Some)
    }

    /// What `read` makes of a table, of its defaults for `true`, and nothing for `false`.
    pub(in crate::scenario) fn switch<T>(
        &self,
        key: &str,
        read: impl Fn(&Reader<'_>) -> Checked<T>,
    ) -> Checked<Option<T>> {
        self.always(key, |reader, node| {
            let (spec, path) = (reader.table_of(key), reader.path_of(key));
            match node.value.as_boolean() {
                Some(false) => Ok(None),
                Some(true) => read(&Reader {
                    problems: reader.problems,
                    place: node.place,
                    spec,
                    table: &raw::EMPTY,
                    path,
                })
                .map(Some),
                None if node.value.as_table().is_none() => Err(reader.wrong_type(key, node)),
                None => read(&Reader::new(spec, node, path, reader.problems)?).map(Some),
            }
        })
    }

    /// The same table as if nothing stood in it.
    pub(in crate::scenario) fn defaults(&self) -> Self {
        Self {
            problems: self.problems,
            place: self.place,
            spec: self.spec,
            table: &raw::EMPTY,
            path: self.path.clone(),
        }
    }

    fn table_of(&self, key: &str) -> &'static TableSpec {
        self.spec_of(key)
            .kind
            .table()
            .expect("the key table has a table here")
    }

    /// The tables of an array within this one, each named by its name or its index.
    pub(in crate::scenario) fn children(&self, key: &str) -> Checked<Vec<Checked<Self>>> {
        self.elements(key, Self::new)
    }

    /// As [`children`](Self::children), but the caller looks at their keys itself.
    pub(in crate::scenario) fn open_children(&self, key: &str) -> Checked<Vec<Checked<Self>>> {
        self.elements(key, Self::open)
    }

    fn elements(&self, key: &str, read: Open<'a>) -> Checked<Vec<Checked<Self>>> {
        let Some(entry) = self.entry(key) else {
            return Ok(Vec::new());
        };
        let spec = self.table_of(key);
        let Some(elements) = entry.node.value.as_array() else {
            let message = format!("`{key}` is {}", entry.node.value.type_name());
            let code = match entry.node.value.as_table() {
                Some(_) => Code::SingleTable,
                None => Code::WrongType,
            };
            return Err(self.report(code, entry.key_place, message, |d| {
                d.label(format!("expected {}", self.spec_of(key).kind.expected()))
                    .key(self.path_of(key))
            }));
        };
        let path = |i: usize, node: &Node| {
            let name = node.value.as_table().and_then(|table| table.get("name"));
            match name.and_then(|node| node.value.as_str()) {
                Some(name) => format!("{}.{name}", self.path_of(key)),
                None => format!("{}.{i}", self.path_of(key)),
            }
        };
        let children = elements.iter().enumerate();
        Ok(children
            .map(|(i, node)| read(spec, node, path(i, node), self.problems))
            .collect())
    }
}

type Open<'a> = fn(&'static TableSpec, &'a Node, String, &'a Problems) -> Checked<Reader<'a>>;

/// Every value, if none of them was reported; all of them are looked at in any case.
pub(in crate::scenario) fn all<T>(values: impl IntoIterator<Item = Checked<T>>) -> Checked<Vec<T>> {
    let mut sound = Vec::new();
    let mut verdict = Ok(());
    for value in values {
        match value {
            Ok(value) => sound.push(value),
            Err(reported) => verdict = Err(reported),
        }
    }
    verdict.map(|()| sound)
}
