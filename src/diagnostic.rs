//! Problems of a text, each with its place: printed as rustc prints them, or as data.
//!
//! A [`Diagnostic`] knows what is wrong and where; [`Diagnostics`] holds all that were found in one
//! text and renders them. Nothing here decides what is wrong.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

/// Where a problem stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the text, in bytes.
    Text {
        /// First byte.
        start: usize,
        /// One past the last byte.
        end: usize,
    },
    /// In this flag of the command line, by its place in [`Diagnostics::new`]'s list.
    Flag(usize),
}

impl From<Range<usize>> for Place {
    fn from(range: Range<usize>) -> Self {
        Self::Text {
            start: range.start,
            end: range.end,
        }
    }
}

impl Place {
    /// File before flags, top before bottom.
    fn order(self) -> (bool, usize) {
        match self {
            Self::Text { start, .. } => (false, start),
            Self::Flag(index) => (true, index),
        }
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable over versions, in snake_case: what tools may match on.
    pub code: &'static str,
    /// What is wrong, as a fragment in lower case.
    pub message: String,
    /// Where.
    pub place: Place,
    /// Stands under the marked text; may be empty.
    pub label: String,
    /// The key that it is about, as `--set` would name it.
    pub key: Option<String>,
    /// The valid name that was most likely meant.
    pub nearest: Option<String>,
    /// How to mend it.
    pub help: Option<String>,
    /// Another place that one has to see, with its label.
    pub related: Option<(Place, String)>,
}

impl Diagnostic {
    /// A problem without any of the optional parts.
    #[must_use]
    pub fn new(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            place,
            label: String::new(),
            key: None,
            nearest: None,
            help: None,
            related: None,
        }
    }

    /// With words under the marked text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With the key that it is about.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// With a way to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With the name that was most likely meant, if there is one; it becomes the help.
    #[must_use]
    pub fn nearest(mut self, nearest: Option<&str>) -> Self {
        if let Some(name) = nearest {
            self.nearest = Some(name.to_owned());
            self.help = Some(format!("did you mean `{name}`?"));
        }
        self
    }

    /// With another place that one has to see.
    #[must_use]
    pub fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related = Some((place, label.into()));
        self
    }
}

/// A problem as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// See [`Diagnostic::code`].
    pub code: &'static str,
    /// The file, or nothing if a flag is wrong.
    pub file: Option<String>,
    /// The flag as written, or nothing if the file is wrong.
    pub flag: Option<String>,
    /// From 1; nothing for a flag.
    pub line: Option<usize>,
    /// In characters, from 1; nothing for a flag.
    pub column: Option<usize>,
    /// See [`Diagnostic::key`].
    pub key: Option<String>,
    /// See [`Diagnostic::message`].
    pub message: String,
    /// See [`Diagnostic::nearest`].
    pub nearest: Option<String>,
    /// See [`Diagnostic::help`].
    pub help: Option<String>,
}

/// All problems of one text, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    file: String,
    text: String,
    flags: Vec<String>,
    problems: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Takes what was found in `text`, which came from `file`, and in the flags that changed it.
    #[must_use]
    pub fn new(
        file: impl Into<String>,
        text: impl Into<String>,
        flags: Vec<String>,
        mut problems: Vec<Diagnostic>,
    ) -> Self {
        problems.sort_by_key(|problem| problem.place.order());
        Self {
            file: file.into(),
            text: text.into(),
            flags,
            problems,
        }
    }

    /// The problems.
    #[must_use]
    pub fn problems(&self) -> &[Diagnostic] {
        &self.problems
    }

    /// The problems as data.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.problems.iter().map(|p| self.entry(p)).collect()
    }

    fn entry(&self, problem: &Diagnostic) -> Entry {
        let (file, flag, position) = match problem.place {
            Place::Text { start, .. } => {
                (Some(self.file.clone()), None, Some(self.position(start)))
            }
            Place::Flag(index) => (None, self.flags.get(index).cloned(), None),
        };
        Entry {
            code: problem.code,
            file,
            flag,
            line: position.map(|(line, _)| line),
            column: position.map(|(_, column)| column),
            key: problem.key.clone(),
            message: problem.message.clone(),
            nearest: problem.nearest.clone(),
            help: problem.help.clone(),
        }
    }

    /// Line and column, both from 1.
    fn position(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[line_start..].chars().count() + 1)
    }

    /// All problems as rustc would print them, one after the other, with a line that counts them.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut out = String::new();
        for problem in &self.problems {
            out.push_str(&renderer.render(&[self.group(problem)]));
            out.push_str("\n\n");
        }
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        let is_flag = |problem: &Diagnostic| matches!(problem.place, Place::Flag(_));
        let flags = self.problems.iter().filter(|problem| is_flag(problem));
        let place = match flags.count() {
            0 => format!("in {}", self.file),
            flags if flags == count => "on the command line".to_owned(),
            _ => format!("in {} and on the command line", self.file),
        };
        let verdict = format!("{count} {noun} {place}");
        out.push_str(&renderer.render(&[Group::with_title(Level::ERROR.primary_title(verdict))]));
        out.push('\n');
        out
    }

    fn group<'a>(&'a self, problem: &'a Diagnostic) -> Group<'a> {
        let title = Level::ERROR.primary_title(&problem.message);
        let mut group = Group::with_title(title.id(problem.code));
        let label = Some(problem.label.as_str()).filter(|label| !label.is_empty());
        let (mut snippet, span) = self.snippet(problem.place);
        snippet = snippet.annotation(AnnotationKind::Primary.span(span).label(label));
        let mut elsewhere = None;
        if let Some((place, label)) = &problem.related {
            let (other, span) = self.snippet(*place);
            let annotation = AnnotationKind::Context.span(span).label(label.as_str());
            match (problem.place, place) {
                (Place::Text { .. }, Place::Text { .. }) => {
                    snippet = snippet.annotation(annotation);
                }
                _ => elsewhere = Some(other.annotation(annotation)),
            }
        }
        group = group.element(snippet);
        if let Some(other) = elsewhere {
            group = group.element(other);
        }
        match &problem.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        }
    }

    fn snippet(
        &self,
        place: Place,
    ) -> (Snippet<'_, annotate_snippets::Annotation<'_>>, Range<usize>) {
        match place {
            Place::Text { start, end } => {
                let source = Snippet::source(self.text.as_str()).path(self.file.as_str());
                (source, start..end)
            }
            Place::Flag(index) => {
                let flag = self.flags.get(index).map_or("", String::as_str);
                (Snippet::source(flag).path("command line"), 0..flag.len())
            }
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostics() -> Diagnostics {
        let text = "name = \"é\" # x\nduratoin = 3\n";
        let at = text.find("duratoin").unwrap();
        let unknown = Diagnostic::new("unknown_key", Place::from(at..at + 8), "unknown key")
            .label("not a key")
            .key("duratoin")
            .nearest(Some("duration"));
        let flag = Diagnostic::new("bad_value", Place::Flag(0), "no number");
        let comment = text.find('#').unwrap();
        let first = Diagnostic::new("first", Place::from(comment..comment + 1), "first");
        Diagnostics::new(
            "a.toml",
            text,
            vec!["--clients x".into()],
            vec![flag, unknown, first],
        )
    }

    #[test]
    fn entries_stand_in_the_order_of_the_text_with_line_and_column_from_one() {
        let entries = diagnostics().entries();
        let places: Vec<_> = entries.iter().map(|e| (e.line, e.column)).collect();
        // The é is one column, though it is two bytes.
        assert_eq!(
            places,
            [(Some(1), Some(12)), (Some(2), Some(1)), (None, None)]
        );
        assert_eq!(entries[1].nearest.as_deref(), Some("duration"));
        assert_eq!(entries[2].flag.as_deref(), Some("--clients x"));
    }

    #[test]
    fn the_rendering_shows_line_label_help_and_count() {
        let plain = diagnostics().render(false);
        for part in [
            "error[unknown_key]: unknown key",
            "a.toml:2:1",
            "not a key",
            "help: did you mean `duration`?",
            "command line",
            "3 problems in a.toml and on the command line",
        ] {
            assert!(plain.contains(part), "{part} is missing in\n{plain}");
        }
        assert!(!plain.contains('\u{1b}'));
        assert!(diagnostics().render(true).contains('\u{1b}'));
    }
}
