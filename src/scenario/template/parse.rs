use std::ops::Range;

use super::Segment;
use crate::scenario::nearest;
use crate::scenario::plan::CsvTable;

/// Every placeholder, as one would write it, and what it stands for.
pub const PLACEHOLDERS: [(&str, &str); 9] = [
    (
        "client",
        "The client's number, from 0 over the whole run, the same for its life.",
    ),
    (
        "n",
        "How often this client has sent this emit table before, from 0.",
    ),
    ("seed", "The run's seed."),
    ("uuid", "A random UUID (version 4), drawn from the seed."),
    (
        "now",
        "The intended time of the send, in microseconds since the Unix epoch; `stamp` reads it.",
    ),
    (
        "random.int(1,100)",
        "A random whole number, both bounds included.",
    ),
    ("random.string(16)", "So many random letters and digits."),
    (
        "csv.COLUMN",
        "The client's value in this column of `[data] csv`: client n has row n, from the top again after the last.",
    ),
    (
        "capture.NAME",
        "The value that a step or a listen table of this client has captured last.",
    ),
];

/// Every filter, as one would write it, and what it does.
pub const FILTERS: [(&str, &str); 3] = [
    (
        "number",
        "In `data` and `auth`, where the placeholder is the whole string: a number in place of the string.",
    ),
    (
        "default(0)",
        "With `capture.NAME`: the value as long as nothing is captured.",
    ),
    (
        "modulo(50)",
        "The remainder of a whole number, to spread clients over groups.",
    ),
];

/// The longest `{{random.string(…)}}`: what one packet carries by default (1 MB) and no more.
const RANDOM_STRING_MAX: usize = 1_000_000;

/// What is wrong with a template; each variant knows where, in bytes of the template's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("`{{{{` is never closed")]
    Unclosed {
        /// From the braces to the end.
        range: Range<usize>,
    },
    /// No such placeholder.
    #[error("there is no placeholder `{{{{{found}}}}}`")]
    Unknown {
        /// The whole placeholder.
        range: Range<usize>,
        /// What was written.
        found: String,
        /// What it may have meant.
        nearest: Option<&'static str>,
    },
    /// A function without the arguments that it needs.
    #[error("`{found}` does not fit `{expected}`")]
    Arguments {
        /// The whole placeholder.
        range: Range<usize>,
        /// What was written.
        found: String,
        /// How to write it.
        expected: &'static str,
    },
    /// `{{csv.COLUMN}}`, and the scenario has no CSV file.
    #[error("the scenario has no CSV file for `{found}`")]
    NoCsv {
        /// The whole placeholder.
        range: Range<usize>,
        /// What was written.
        found: String,
    },
    /// `{{csv.COLUMN}}`, and the CSV file has no such column.
    #[error("the CSV file has no column `{column}`")]
    UnknownColumn {
        /// The whole placeholder.
        range: Range<usize>,
        /// What was written.
        column: String,
        /// What it may have meant.
        nearest: Option<String>,
        /// The columns that it has.
        columns: Vec<String>,
    },
    /// A filter that does not exist.
    #[error("there is no filter `{found}`")]
    UnknownFilter {
        /// The whole placeholder.
        range: Range<usize>,
        /// What was written.
        found: String,
    },
    /// A filter on a placeholder that it makes no sense for.
    #[error("`| {filter}` makes no sense for `{found}`")]
    FilterMisplaced {
        /// The whole placeholder.
        range: Range<usize>,
        /// The placeholder.
        found: String,
        /// The filter.
        filter: String,
    },
    /// `| number` beside other text.
    #[error("`| number` needs the whole string for itself")]
    NumberBesideText {
        /// The whole placeholder.
        range: Range<usize>,
    },
    /// `| number` where everything is text.
    #[error("`| number` makes sense in `data` and `auth` alone")]
    NumberInText {
        /// The whole placeholder.
        range: Range<usize>,
    },
    /// `| number` on what is no number.
    #[error("`{found}` is not a number")]
    NotANumber {
        /// The whole placeholder.
        range: Range<usize>,
        /// What was written, or the value of the CSV file.
        found: String,
    },
}

impl TemplateError {
    /// Where it stands, in bytes of the template's text.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::Unclosed { range }
            | Self::Unknown { range, .. }
            | Self::Arguments { range, .. }
            | Self::NoCsv { range, .. }
            | Self::UnknownColumn { range, .. }
            | Self::UnknownFilter { range, .. }
            | Self::FilterMisplaced { range, .. }
            | Self::NumberBesideText { range }
            | Self::NumberInText { range }
            | Self::NotANumber { range, .. } => range.clone(),
        }
    }

    /// The valid name that was most likely meant.
    #[must_use]
    pub fn nearest(&self) -> Option<&str> {
        match self {
            Self::Unknown { nearest, .. } => *nearest,
            Self::UnknownColumn { nearest, .. } => nearest.as_deref(),
            Self::Unclosed { .. }
            | Self::Arguments { .. }
            | Self::NoCsv { .. }
            | Self::UnknownFilter { .. }
            | Self::FilterMisplaced { .. }
            | Self::NumberBesideText { .. }
            | Self::NumberInText { .. }
            | Self::NotANumber { .. } => None,
        }
    }

    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unclosed { .. } => {
                "close it with `}}`, or write `{{'{{'}}` for the braces themselves".to_owned()
            }
            Self::Unknown {
                nearest: Some(name),
                ..
            } => format!("did you mean `{name}`?"),
            Self::Unknown { nearest: None, .. } => {
                let names: Vec<_> = PLACEHOLDERS.iter().map(|(name, _)| *name).collect();
                format!("there are {}", names.join(", "))
            }
            Self::Arguments { expected, .. } => format!("write it as `{{{{{expected}}}}}`"),
            Self::NoCsv { .. } => "name the file: [data] csv = \"users.csv\"".to_owned(),
            Self::UnknownColumn {
                nearest: Some(name),
                ..
            } => format!("did you mean `csv.{name}`?"),
            Self::UnknownColumn { columns, .. } => {
                format!("its columns are {}", columns.join(", "))
            }
            Self::UnknownFilter { .. } => {
                let names: Vec<_> = FILTERS.iter().map(|(name, _)| *name).collect();
                format!("the filters are {}", names.join(", "))
            }
            Self::FilterMisplaced { .. } => "leave the filter out".to_owned(),
            Self::NumberBesideText { .. } => {
                "make it the whole string, \"{{n | number}}\", or leave the filter out".to_owned()
            }
            Self::NumberInText { .. } => "leave the filter out".to_owned(),
            Self::NotANumber { .. } => {
                "leave the filter out, or use a placeholder that gives a number".to_owned()
            }
        }
    }
}

/// A template's text in pieces.
pub(super) struct Parsed {
    pub(super) segments: Vec<Segment>,
    /// Where `| number` stands; the single segment is then a number.
    pub(super) number_filter: Option<Range<usize>>,
}

pub(super) fn parse(source: &str, csv: Option<&CsvTable>) -> Result<Parsed, TemplateError> {
    let mut segments = Vec::new();
    let mut number_filter = None;
    let mut rest = 0;
    while let Some(start) = source[rest..].find("{{").map(|found| rest + found) {
        push_text(&mut segments, &source[rest..start]);
        let (content, end) = placeholder(source, start)?;
        let range = start..end;
        let (segment, as_number) = compile(content, &range, csv)?;
        if as_number {
            if range != (0..source.len()) {
                return Err(TemplateError::NumberBesideText { range });
            }
            number_filter = Some(range);
        }
        if let Segment::Text(text) = &segment {
            push_text(&mut segments, text);
        } else {
            segments.push(segment);
        }
        rest = end;
    }
    push_text(&mut segments, &source[rest..]);
    Ok(Parsed {
        segments,
        number_filter,
    })
}

/// Neighbouring texts become one, so that equal templates have equal segments.
pub(super) fn push_text(segments: &mut Vec<Segment>, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(Segment::Text(before)) = segments.last_mut() {
        *before = format!("{before}{text}").into_boxed_str();
    } else {
        segments.push(Segment::Text(text.into()));
    }
}

/// The content of the placeholder whose braces open at `start`, and where its braces end.
fn placeholder(source: &str, start: usize) -> Result<(&str, usize), TemplateError> {
    let inside = &source[start + 2..];
    // A quoted literal may hold closing braces itself.
    let quoted = quote(inside.trim_start()).and_then(|quote| {
        let open = inside.find(quote)? + 1;
        Some(open + inside[open..].find(quote)? + 1)
    });
    let from = quoted.unwrap_or(0);
    match inside[from..].find("}}") {
        Some(close) => Ok((&inside[..from + close], start + 2 + from + close + 2)),
        None => Err(TemplateError::Unclosed {
            range: start..source.len(),
        }),
    }
}

fn quote(text: &str) -> Option<char> {
    text.chars().next().filter(|c| matches!(c, '\'' | '"'))
}

/// The segment, and whether it is to be a number.
fn compile(
    content: &str,
    range: &Range<usize>,
    csv: Option<&CsvTable>,
) -> Result<(Segment, bool), TemplateError> {
    let content = content.trim();
    if let Some(quote) = quote(content)
        && content.len() >= 2
        && content.ends_with(quote)
    {
        return Ok((Segment::Text(content[1..content.len() - 1].into()), false));
    }
    let mut parts = split_filters(content);
    let name = parts.next().unwrap_or_default();
    let mut segment = segment(name, range, csv)?;
    let mut as_number = false;
    for filter in parts {
        if filter == "number" {
            check_number(&segment, name, range, csv)?;
            as_number = true;
        } else {
            segment = filtered(segment, (name, filter), range, csv)?;
        }
    }
    Ok((segment, as_number))
}

/// The parts between the `|`s that stand outside quotes.
fn split_filters(content: &str) -> impl Iterator<Item = &str> {
    let mut quoted = None;
    content
        .split(move |c| {
            match quoted {
                Some(quote) if c == quote => quoted = None,
                None if matches!(c, '\'' | '"') => quoted = Some(c),
                Some(_) | None => {}
            }
            c == '|' && quoted.is_none()
        })
        .map(str::trim)
}

/// A segment with a filter other than `number`.
fn filtered(
    segment: Segment,
    (name, filter): (&str, &str),
    range: &Range<usize>,
    csv: Option<&CsvTable>,
) -> Result<Segment, TemplateError> {
    let misplaced = || TemplateError::FilterMisplaced {
        range: range.clone(),
        found: name.to_owned(),
        filter: filter.to_owned(),
    };
    let unfit = |expected| TemplateError::Arguments {
        range: range.clone(),
        found: format!("{name} | {filter}"),
        expected,
    };
    match filter.split('(').next().map(str::trim) {
        Some("default") => {
            let value = arguments(filter).ok_or_else(|| unfit("capture.NAME | default(0)"))?;
            match segment {
                Segment::Capture {
                    name, as_number, ..
                } => Ok(Segment::Capture {
                    name,
                    default: Some(unquoted(value.trim()).into()),
                    as_number,
                }),
                Segment::Text(_)
                | Segment::Client
                | Segment::N
                | Segment::Seed
                | Segment::Uuid
                | Segment::Now
                | Segment::RandomInt { .. }
                | Segment::RandomString(_)
                | Segment::Column(_)
                | Segment::Modulo { .. } => Err(misplaced()),
            }
        }
        Some("modulo") => {
            let modulus = arguments(filter).and_then(|text| text.trim().parse().ok());
            let modulus = modulus
                .filter(|modulus| *modulus > 0)
                .ok_or_else(|| unfit("client | modulo(50)"))?;
            if matches!(segment, Segment::Uuid | Segment::RandomString(_)) {
                return Err(misplaced());
            }
            check_number(&segment, name, range, csv)?;
            Ok(Segment::Modulo {
                of: Box::new(segment),
                modulus,
            })
        }
        Some(_) | None => Err(TemplateError::UnknownFilter {
            range: range.clone(),
            found: filter.to_owned(),
        }),
    }
}

fn unquoted(text: &str) -> &str {
    let inside = quote(text).and_then(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    inside.unwrap_or(text)
}

fn segment(
    name: &str,
    range: &Range<usize>,
    csv: Option<&CsvTable>,
) -> Result<Segment, TemplateError> {
    if let Some(column) = name.strip_prefix("csv.") {
        return self::column(name, column, range, csv);
    }
    if let Some(capture) = name.strip_prefix("capture.") {
        return Ok(Segment::Capture {
            name: capture.trim().into(),
            default: None,
            as_number: false,
        });
    }
    match name {
        "client" => return Ok(Segment::Client),
        "n" => return Ok(Segment::N),
        "seed" => return Ok(Segment::Seed),
        "uuid" => return Ok(Segment::Uuid),
        "now" => return Ok(Segment::Now),
        _ => {}
    }
    let function = name.split('(').next().unwrap_or(name).trim();
    let (parsed, expected) = match function {
        "random.int" => (random_int(name), "random.int(1,100)"),
        "random.string" => (random_string(name), "random.string(16)"),
        _ => {
            return Err(TemplateError::Unknown {
                range: range.clone(),
                found: name.to_owned(),
                nearest: nearest(name, PLACEHOLDERS.iter().map(|(name, _)| *name)),
            });
        }
    };
    parsed.ok_or_else(|| TemplateError::Arguments {
        range: range.clone(),
        found: name.to_owned(),
        expected,
    })
}

fn arguments(call: &str) -> Option<&str> {
    call.split_once('(')?.1.trim_end().strip_suffix(')')
}

fn random_int(call: &str) -> Option<Segment> {
    let (min, max) = arguments(call)?.split_once(',')?;
    let (min, max) = (min.trim().parse().ok()?, max.trim().parse().ok()?);
    (min <= max).then_some(Segment::RandomInt { min, max })
}

fn random_string(call: &str) -> Option<Segment> {
    let length = arguments(call)?.trim().parse().ok()?;
    (1..=RANDOM_STRING_MAX)
        .contains(&length)
        .then_some(Segment::RandomString(length))
}

fn column(
    name: &str,
    column: &str,
    range: &Range<usize>,
    csv: Option<&CsvTable>,
) -> Result<Segment, TemplateError> {
    let Some(csv) = csv else {
        return Err(TemplateError::NoCsv {
            range: range.clone(),
            found: name.to_owned(),
        });
    };
    match csv.columns.iter().position(|name| name == column.trim()) {
        Some(index) => Ok(Segment::Column(index)),
        None => Err(TemplateError::UnknownColumn {
            range: range.clone(),
            column: column.trim().to_owned(),
            nearest: nearest(column.trim(), csv.columns.iter().map(String::as_str))
                .map(str::to_owned),
            columns: csv.columns.clone(),
        }),
    }
}

/// Every row is looked at now, so that no packet of the run is invalid JSON.
fn check_number(
    segment: &Segment,
    name: &str,
    range: &Range<usize>,
    csv: Option<&CsvTable>,
) -> Result<(), TemplateError> {
    let bad = match segment {
        Segment::Client
        | Segment::N
        | Segment::Seed
        | Segment::Now
        | Segment::RandomInt { .. }
        | Segment::Modulo { .. } => None,
        Segment::Capture { default, .. } => default
            .as_deref()
            .filter(|default| serde_json::from_str::<serde_json::Number>(default).is_err()),
        Segment::Text(_) | Segment::Uuid | Segment::RandomString(_) => Some(name),
        Segment::Column(index) => csv
            .into_iter()
            .flat_map(|csv| &csv.rows)
            .filter_map(|row| row.get(*index))
            .map(String::as_str)
            .find(|value| serde_json::from_str::<serde_json::Number>(value).is_err()),
    };
    match bad {
        None => Ok(()),
        Some(found) => Err(TemplateError::NotANumber {
            range: range.clone(),
            found: found.to_owned(),
        }),
    }
}
