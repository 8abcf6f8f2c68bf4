//! Text and JSON with `{{placeholders}}`, compiled once and rendered for every packet.
//!
//! Rendering writes into the caller's buffer and allocates nothing else: an emit is a handful of
//! microseconds, and a parse or a `format!` per placeholder would be a good part of it.

mod captures;
mod json;
mod parse;

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::plan::CsvTable;
use crate::seed::Seed;

pub use captures::{Captures, Reference};
pub use json::JsonTemplate;
pub use parse::{FILTERS, PLACEHOLDERS, TemplateError};

/// What placeholders stand for at one moment of one client.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The client's number over the whole run.
    pub client: u64,
    /// How often this client has sent this emit table before.
    pub n: u64,
    /// The run's seed.
    pub seed: Seed,
    /// The intended send, in microseconds since the Unix epoch.
    pub now_us: u64,
    /// The client's row of the CSV file; empty if there is none.
    pub row: &'a [String],
    /// The client's captured values, if its population captures any.
    pub captures: Option<&'a Captures>,
    /// Set when a template needed a captured value that is not there, or not a number where one is
    /// needed.
    pub is_incomplete: bool,
    /// The client's stream of random values, [`Purpose::Template`](crate::seed::Purpose::Template).
    pub random: &'a mut fastrand::Rng,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Segment {
    /// Goes out as it stands.
    Text(Box<str>),
    /// `{{client}}`.
    Client,
    /// `{{n}}`.
    N,
    /// `{{seed}}`.
    Seed,
    /// `{{uuid}}`.
    Uuid,
    /// `{{now}}`.
    Now,
    /// `{{random.int(min,max)}}`, both included.
    RandomInt {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// `{{random.string(length)}}`.
    RandomString(usize),
    /// `{{csv.COLUMN}}`, by the column's place in the header line.
    Column(usize),
    /// `{{capture.NAME}}`.
    Capture {
        /// The name.
        name: Box<str>,
        /// `| default(…)`.
        default: Option<Box<str>>,
        /// `| number`: the whole of a JSON string becomes a number.
        as_number: bool,
    },
    /// `{{… | modulo(50)}}`.
    Modulo {
        /// A whole number.
        of: Box<Self>,
        /// Above zero.
        modulus: u32,
    },
}

impl Segment {
    /// `column` writes the only values that may need escaping: those of the user's own file.
    fn render(&self, scope: &mut Scope<'_>, out: &mut String, column: fn(&str, &mut String)) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Client => push(out, scope.client),
            Self::N => push(out, scope.n),
            Self::Seed => push(out, scope.seed),
            Self::Now => push(out, scope.now_us),
            Self::Uuid => {
                let bytes = scope.random.u128(..).to_be_bytes();
                let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
                push(out, uuid.as_hyphenated());
            }
            Self::RandomInt { min, max } => push(out, scope.random.i64(min..=max)),
            Self::RandomString(length) => {
                out.extend((0..*length).map(|_| scope.random.alphanumeric()));
            }
            Self::Column(index) => column(scope.row.get(*index).map_or("", String::as_str), out),
            Self::Capture {
                name,
                default,
                as_number,
            } => {
                let value = scope.captures.and_then(|captures| captures.get(name));
                match value.or(default.as_deref()) {
                    Some(value) if *as_number && is_number(value) => out.push_str(value),
                    Some(value) if !as_number => column(value, out),
                    Some(_) | None => {
                        scope.is_incomplete = true;
                        out.push_str(if *as_number { "null" } else { "" });
                    }
                }
            }
            Self::Modulo { of, modulus } => match of.whole_number(scope) {
                Some(number) => push(out, number.rem_euclid(i128::from(*modulus))),
                None => {
                    scope.is_incomplete = true;
                    out.push('0');
                }
            },
        }
    }

    /// The segment with `| number`.
    fn into_number(self) -> Self {
        match self {
            Self::Capture { name, default, .. } => Self::Capture {
                name,
                default,
                as_number: true,
            },
            Self::Text(_)
            | Self::Client
            | Self::N
            | Self::Seed
            | Self::Uuid
            | Self::Now
            | Self::RandomInt { .. }
            | Self::RandomString(_)
            | Self::Column(_)
            | Self::Modulo { .. } => self,
        }
    }

    /// The value as a whole number, if it is one.
    fn whole_number(&self, scope: &mut Scope<'_>) -> Option<i128> {
        Some(match self {
            Self::Client => scope.client.into(),
            Self::N => scope.n.into(),
            Self::Seed => scope.seed.0.into(),
            Self::Now => scope.now_us.into(),
            Self::RandomInt { min, max } => scope.random.i64(min..=max).into(),
            Self::Text(text) => text.trim().parse().ok()?,
            Self::Column(index) => scope.row.get(*index)?.trim().parse().ok()?,
            Self::Capture { name, default, .. } => {
                let value = scope.captures.and_then(|captures| captures.get(name));
                value.or(default.as_deref())?.trim().parse().ok()?
            }
            Self::Modulo { of, modulus } => {
                of.whole_number(scope)?.rem_euclid(i128::from(*modulus))
            }
            Self::Uuid | Self::RandomString(_) => return None,
        })
    }
}

fn is_number(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok()
}

fn push_text(text: &str, out: &mut String) {
    out.push_str(text);
}

fn push(out: &mut String, value: impl fmt::Display) {
    write!(out, "{value}").expect("writing to a String cannot fail");
}

/// Renders to plain text: header values and query values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TextTemplate {
    source: Box<str>,
    segments: Box<[Segment]>,
}

impl TextTemplate {
    /// Compiles a text with placeholders; `csv` is what `{{csv.COLUMN}}` refers to.
    ///
    /// # Errors
    /// If a placeholder is not closed, not known or wrongly used, or the column does not exist.
    pub fn new(source: &str, csv: Option<&CsvTable>) -> Result<Self, TemplateError> {
        let parsed = parse::parse(source, csv)?;
        if let Some(range) = parsed.number_filter {
            return Err(TemplateError::NumberInText { range });
        }
        Ok(Self {
            source: source.into(),
            segments: parsed.segments.into_boxed_slice(),
        })
    }

    /// A text that is rendered as it stands, braces and all.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        let segments = match text {
            "" => Vec::new(),
            text => vec![Segment::Text(text.into())],
        };
        Self {
            source: text.replace("{{", "{{'{{'}}").into(),
            segments: segments.into_boxed_slice(),
        }
    }

    /// Appends the text as it is at this moment.
    pub fn render(&self, scope: &mut Scope<'_>, out: &mut String) {
        for segment in &self.segments {
            segment.render(scope, out, push_text);
        }
    }

    /// As it stands in a scenario.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it always renders to, if it has no placeholders.
    #[must_use]
    pub fn constant(&self) -> Option<&str> {
        constant(&self.segments)
    }
}

fn constant(segments: &[Segment]) -> Option<&str> {
    match segments {
        [] => Some(""),
        [Segment::Text(text)] => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> CsvTable {
        CsvTable {
            file: "users.csv".into(),
            columns: vec!["name".into(), "user id".into()],
            rows: vec![vec!["Zoë \"Z\"\n".into(), "17".into()]],
        }
    }

    fn render(source: &str) -> String {
        let table = table();
        let template = TextTemplate::new(source, Some(&table)).unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let mut scope = Scope {
            client: 4,
            n: 9,
            seed: Seed(7),
            now_us: 1_700_000_000_000_000,
            row: &table.rows[0],
            captures: None,
            is_incomplete: false,
            random: &mut random,
        };
        let mut out = String::new();
        template.render(&mut scope, &mut out);
        out
    }

    #[test]
    fn placeholders_stand_for_the_values_of_the_moment() {
        assert_eq!(render("c{{client}}-{{ n }}-{{seed}}"), "c4-9-7");
        assert_eq!(render("{{now}}"), "1700000000000000");
        assert_eq!(render("{{csv.user id}}{{csv.name}}"), "17Zoë \"Z\"\n");
        assert_eq!(render("no placeholder } { here"), "no placeholder } { here");
    }

    #[test]
    fn random_values_keep_to_their_bounds() {
        for _ in 0..50 {
            let number: i64 = render("{{random.int(-3, 3)}}").parse().unwrap();
            assert!((-3..=3).contains(&number));
        }
        let text = render("{{random.string(16)}}");
        assert_eq!(text.len(), 16);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric()));
        let uuid: uuid::Uuid = render("{{uuid}}").parse().unwrap();
        assert_eq!(uuid.get_version_num(), 4);
    }

    #[test]
    fn braces_can_be_written_and_literals_are_never_read_as_templates() {
        assert_eq!(render("{{'{{'}}x{{\"}}\"}}"), "{{x}}");
        let literal = TextTemplate::literal("a{{client}}");
        assert_eq!(literal.constant(), Some("a{{client}}"));
        assert_eq!(render(literal.source()), "a{{client}}");
    }
}
