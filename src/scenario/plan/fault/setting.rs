//! The keys of a fault with their values: the one list that files and sentences are made of.

use std::fmt;
use std::time::Duration;

use crate::units::format_duration;

/// A key of a fault and its value, as a scenario has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: &'static str,
    /// The value.
    pub value: Value,
    style: Style,
}

/// What a [`Setting`] is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A number.
    Number(u64),
    /// `true` or `false`.
    Switch(bool),
    /// Program and arguments.
    Command(Vec<String>),
}

/// How a setting stands in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// With its key.
    Named,
    /// Its value says by itself what it is.
    Bare,
    /// It goes without saying.
    Unsaid,
}

impl Setting {
    /// Without its key in sentences.
    pub(super) fn bare(self) -> Self {
        Self {
            style: Style::Bare,
            ..self
        }
    }

    /// Not in sentences if `usual`.
    pub(super) fn unsaid_if(self, usual: bool) -> Self {
        let style = if usual { Style::Unsaid } else { self.style };
        Self { style, ..self }
    }

    /// As part of a sentence; nothing for what goes without saying.
    pub(super) fn in_words(&self) -> Option<String> {
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

fn set(key: &'static str, value: Value, style: Style) -> Setting {
    Setting { key, value, style }
}

/// A word of a closed set, which says what it is by itself.
pub(super) fn word(key: &'static str, value: &str) -> Setting {
    set(key, Value::Text(value.to_owned()), Style::Bare)
}

/// What goes without saying when it is zero.
pub(super) fn duration(key: &'static str, value: Duration) -> Setting {
    quantity(key, format_duration(value)).unsaid_if(value.is_zero())
}

/// A quantity with its unit.
pub(super) fn quantity(key: &'static str, value: impl fmt::Display) -> Setting {
    set(key, Value::Text(value.to_string()), Style::Named)
}

/// A number.
pub(super) fn number(key: &'static str, value: impl Into<u64>) -> Setting {
    set(key, Value::Number(value.into()), Style::Named)
}

/// Said only if it is on.
pub(super) fn flag(key: &'static str, on: bool) -> Setting {
    set(key, Value::Switch(on), Style::Named).unsaid_if(!on)
}

/// Program and arguments.
pub(super) fn command(key: &'static str, argv: &[String]) -> Setting {
    set(key, Value::Command(argv.to_vec()), Style::Bare)
}
