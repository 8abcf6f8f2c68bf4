//! The vocabulary in which the keys of the scenario format are described: tables, keys, kinds of
//! values, defaults.
//!
//! `fault` describes the keys of each fault with it, `scenario` those of all other tables; checking,
//! suggestions, schema and reference read both. No value is read here.

/// The title of the table that has no header.
pub(crate) const TOP: &str = "the top of the file";

/// A table of the format.
#[derive(Debug)]
pub(crate) struct TableSpec {
    /// Its header as a file has it, or [`TOP`].
    pub(crate) title: &'static str,
    /// What it is for.
    pub(crate) about: &'static str,
    /// In the order of the reference.
    pub(crate) keys: &'static [Key],
}

impl TableSpec {
    /// With its preposition, for messages.
    pub(crate) fn place(&self) -> String {
        let preposition = if self.title == TOP { "at" } else { "in" };
        format!("{preposition} {}", self.title)
    }

    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: Default,
    /// One or two sentences for the reference, in Markdown.
    pub(crate) about: &'static str,
}

/// A key, in the order in which a person would say it.
pub(crate) const fn key(
    name: &'static str,
    kind: Kind,
    default: Default,
    about: &'static str,
) -> Key {
    Key {
        name,
        kind,
        default,
        about,
    }
}

/// What holds if a key is left out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    /// It may not be left out.
    Required,
    /// This value, in TOML.
    Is(&'static str),
    /// What these words say.
    Means(&'static str),
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Any string.
    Text,
    /// Letters, digits, `-`, `_` and `.`.
    Name,
    /// An absolute URL with one of these schemes.
    Url(&'static [&'static str]),
    /// The path of a file.
    File,
    Boolean,
    Integer {
        min: u64,
        max: u64,
    },
    /// Any number.
    Number,
    /// A number above 1.
    Factor,
    /// An array of whole numbers from 1 to 1,000.
    Counts,
    /// A number from 0 to 1.
    Fraction,
    /// An array of numbers from 0 to 1.
    Fractions,
    /// A part of a whole, in percent or from 0 to 1.
    Share,
    Duration,
    /// An array of durations above zero.
    Durations,
    /// A duration, or `false` for none.
    DurationOrFalse,
    /// A duration, or two with `..` between them.
    DurationRange,
    Rate,
    Size,
    /// Bytes per second.
    ByteRate,
    /// A number of clients or a share of them.
    Selection,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// An array of some of these strings.
    Words(&'static [&'static str]),
    /// One of these numbers.
    Choice(&'static [u64]),
    /// An array of strings.
    Texts,
    /// An index, or an index and names: `0` or `"0.sent"`.
    Stamp,
    /// A table of strings.
    TextTable,
    /// A table of strings with placeholders.
    Templates,
    /// A table of anything, whose strings may have placeholders.
    Payload,
    /// A table or an array of anything, whose strings may have placeholders.
    Json,
    /// An array of anything, whose strings may have placeholders.
    Arguments,
    /// A table of paths and what is demanded of what they find.
    Conditions,
    /// A table of names and paths.
    Subjects,
    Table(&'static TableSpec),
    /// An array of inline tables.
    Tables(&'static TableSpec),
    /// `[[…]]`.
    TableArray(&'static TableSpec),
    /// `true`, `false` or a table.
    Switch(&'static TableSpec),
    /// Metrics and their bounds.
    Thresholds,
}

impl Kind {
    /// The table that stands under the key, or each of the tables.
    pub(crate) fn table(self) -> Option<&'static TableSpec> {
        match self {
            Self::Table(spec)
            | Self::Tables(spec)
            | Self::TableArray(spec)
            | Self::Switch(spec) => Some(spec),
            Self::Text
            | Self::Name
            | Self::Url(_)
            | Self::File
            | Self::Boolean
            | Self::Integer { .. }
            | Self::Factor
            | Self::Counts
            | Self::Fraction
            | Self::Fractions
            | Self::Share
            | Self::Duration
            | Self::Durations
            | Self::DurationOrFalse
            | Self::Rate
            | Self::Size
            | Self::ByteRate
            | Self::Selection
            | Self::Word(_)
            | Self::Words(_)
            | Self::Choice(_)
            | Self::Texts
            | Self::Stamp
            | Self::TextTable
            | Self::Templates
            | Self::Payload
            | Self::Json
            | Self::Arguments
            | Self::Conditions
            | Self::Subjects
            | Self::Number
            | Self::DurationRange
            | Self::Thresholds => None,
        }
    }

    /// Whether a whole number is one that the key takes.
    ///
    /// Where the largest is only what TOML promises to hold, the rest of 64 bits is taken as well.
    pub(crate) fn allows(self, number: u64) -> bool {
        if let Self::Choice(numbers) = self {
            return numbers.contains(&number);
        }
        if let Self::Integer { min, max } = self {
            return number >= min && (number <= max || max == LARGEST);
        }
        true
    }

    /// The words that the key takes.
    pub(crate) fn words(self) -> &'static [&'static str] {
        if let Self::Word(words) | Self::Words(words) = self {
            words
        } else {
            &[]
        }
    }

    /// As an error message and the reference name it: "a duration such as \"45s\"".
    pub(crate) fn expected(self) -> String {
        let quoted = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
            alternatives(&words)
        };
        let fixed = match self {
            Self::Word(words) => return quoted(words),
            Self::Words(words) => return format!("an array of {}", quoted(words)),
            Self::Choice(numbers) => {
                let words: Vec<_> = numbers.iter().map(u64::to_string).collect();
                return alternatives(&words);
            }
            Self::Integer { min, max } => return integer_range(min, max),
            Self::Url(schemes) => {
                let schemes: Vec<_> = schemes.iter().map(|s| format!("{s}://")).collect();
                return format!("a URL with {}", alternatives(&schemes));
            }
            Self::Text => "a string",
            Self::Name => "a name of letters, digits, `-`, `_` and `.`",
            Self::File => "the path of a file",
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Factor => "a number above 1",
            Self::Counts => "an array of whole numbers from 1 to 1000",
            Self::Fraction => "a number from 0 to 1",
            Self::Fractions => "an array of numbers from 0 to 1",
            Self::Share => "a share such as \"20%\" or 0.2",
            Self::Duration => "a duration such as \"500ms\" or \"45s\"",
            Self::Durations => "an array of durations such as [\"500ms\", \"2s\"]",
            Self::DurationRange => "a duration such as \"2s\", or a range such as \"1s..5s\"",
            Self::DurationOrFalse => "a duration such as \"500ms\" or \"45s\", or false",
            Self::Rate => "a rate such as \"250/s\" or \"90/min\"",
            Self::Size => "a size such as \"64B\" or \"2KB\"",
            Self::ByteRate => "bytes per second such as \"1KB/s\"",
            Self::Selection => "a number of clients or a share such as \"50%\"",
            Self::Texts => "an array of strings",
            Self::Stamp => "an argument's index, or a path such as \"0.sent\"",
            Self::TextTable | Self::Templates => "a table of strings",
            Self::Payload | Self::Table(_) => "a table",
            Self::Json => "a table or an array",
            Self::Arguments => "an array",
            Self::Conditions => {
                "a table of paths, each with a value or { exists, matches, lt, gt }"
            }
            Self::Subjects => "a table of names, each with a path",
            Self::Tables(_) => "an array of tables",
            Self::TableArray(spec) => return format!("tables, each written {}", spec.title),
            Self::Switch(_) => "true, false or a table",
            Self::Thresholds => "a table of metrics and their bounds",
        };
        fixed.to_owned()
    }
}

/// `a, b or c`.
fn alternatives(words: &[String]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some(_) | None => words.concat(),
    }
}

fn integer_range(min: u64, max: u64) -> String {
    match (min, max) {
        (0, LARGEST) => "a whole number".to_owned(),
        (min, LARGEST) => format!("a whole number from {min}"),
        (min, max) => format!("a whole number from {min} to {max}"),
    }
}

/// The largest integer that every TOML reader takes.
pub(crate) const LARGEST: u64 = i64::MAX as u64;

/// Marks a value that is missing because its problem has been reported.
///
/// Checking goes on after it, so that one pass finds every problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reported;

/// The result of a conversion: a value, or the promise that its problem has been reported.
pub(crate) type Checked<T> = Result<T, Reported>;
