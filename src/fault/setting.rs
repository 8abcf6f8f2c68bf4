//! The settings of a fault: read from a source, written as keys with values.

use std::fmt;
use std::time::Duration;

use crate::keys::{Checked, Reported};
use crate::units::{ByteRate, ByteSize, Share, format_duration};
use crate::word::Word;

/// A table that settings are read from. Each key that is asked for must be one of the fault's own;
/// whatever is wrong has been reported when a method fails.
pub(crate) trait Source {
    /// A duration.
    fn duration(&self, key: &str) -> Checked<Duration>;

    /// A duration above zero.
    fn positive_duration(&self, key: &str) -> Checked<Duration>;

    /// A number of bytes.
    fn size(&self, key: &str) -> Checked<ByteSize>;

    /// Bytes per second.
    fn byte_rate(&self, key: &str) -> Checked<ByteRate>;

    /// A part of a whole.
    fn share(&self, key: &str) -> Checked<Share>;

    /// `true` or `false`.
    fn boolean(&self, key: &str) -> Checked<bool>;

    /// A whole number in the range of its key.
    fn integer(&self, key: &str) -> Checked<u16>;

    /// A whole number in the range of its key, or nothing.
    fn optional_integer(&self, key: &str) -> Checked<Option<u16>>;

    /// A program and its arguments, at least one; `help` is for a table without them.
    fn command(&self, key: &str, help: &str) -> Checked<Vec<String>>;

    /// One of the words that the key takes, or nothing.
    fn text(&self, key: &str) -> Checked<Option<&'static str>>;

    /// Reports a key that is missing.
    fn missing(&self, key: &str, help: &str) -> Reported;

    /// Reports two keys that exclude each other.
    fn exclude(&self, key: &str, other: &str, help: &str) -> Reported;

    /// Reports a key that makes no sense without another one, or without one of its values.
    fn needs(&self, key: &str, other: &str, help: &str) -> Reported;
}

impl dyn Source + '_ {
    /// The variant of a word that is there or has a default.
    pub(super) fn word<T: Word>(&self, key: &str) -> Checked<T> {
        let word = self.optional_word(key)?;
        Ok(word.expect("the key has a default or is required"))
    }

    /// The variant of a word, or nothing.
    pub(super) fn optional_word<T: Word>(&self, key: &str) -> Checked<Option<T>> {
        let word = self.text(key)?;
        Ok(word.map(|word| T::from_word(word).expect("the key takes the words of this enum")))
    }
}

/// A key of a fault and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    pub(crate) value: Value,
    style: Style,
}

/// The value of a [`Setting`], as a file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    Switch(bool),
    /// Program and arguments.
    Command(Vec<String>),
}

/// How a setting appears in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// With its key.
    Named,
    /// Without its key, since the value speaks for itself.
    Bare,
    /// Not at all.
    Unsaid,
}

impl Setting {
    /// Leaves out the key in sentences.
    pub(super) fn bare(self) -> Self {
        Self {
            style: Style::Bare,
            ..self
        }
    }

    /// Leaves out the setting in sentences if `usual`.
    pub(super) fn unsaid_if(self, usual: bool) -> Self {
        let style = if usual { Style::Unsaid } else { self.style };
        Self { style, ..self }
    }

    /// The setting as a part of a sentence; nothing for what goes without saying.
    pub(crate) fn in_words(&self) -> Option<String> {
        let value = match &self.value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Switch(on) => on.to_string(),
            Value::Command(argv) => argv.join(" "),
        };
        match self.style {
            Style::Named if self.value == Value::Switch(true) => Some(self.key.to_owned()),
            Style::Named => Some(format!("{} {value}", self.key)),
            Style::Bare => Some(value),
            Style::Unsaid => None,
        }
    }
}

fn setting(key: &'static str, value: Value, style: Style) -> Setting {
    Setting { key, value, style }
}

/// A word, which says by itself what it is.
pub(super) fn word(key: &'static str, value: impl Word) -> Setting {
    setting(key, Value::Text(value.word().to_owned()), Style::Bare)
}

/// A duration, which goes without saying when it is zero.
pub(super) fn duration(key: &'static str, value: Duration) -> Setting {
    quantity(key, format_duration(value)).unsaid_if(value.is_zero())
}

/// A quantity with its unit.
pub(super) fn quantity(key: &'static str, value: impl fmt::Display) -> Setting {
    setting(key, Value::Text(value.to_string()), Style::Named)
}

/// A number.
pub(super) fn number(key: &'static str, value: impl Into<u64>) -> Setting {
    setting(key, Value::Number(value.into()), Style::Named)
}

/// A switch, which goes without saying when it is off.
pub(super) fn flag(key: &'static str, on: bool) -> Setting {
    setting(key, Value::Switch(on), Style::Named).unsaid_if(!on)
}

/// A program and its arguments.
pub(super) fn command(key: &'static str, argv: &[String]) -> Setting {
    setting(key, Value::Command(argv.to_vec()), Style::Bare)
}
