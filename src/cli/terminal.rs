//! Where output goes: its width, its colours, and what happens when nobody reads it.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use console::Term;

use crate::printable::printable_lines;
use crate::report;
use crate::report::terminal::{Layout, render, render_capacity, render_sweep};
use crate::results::capacity::CapacityReport;
use crate::results::comparison::Comparison;
use crate::results::summary::Summary;
use crate::results::sweep::SweepSummary;

/// What is assumed where there is no terminal: what logs and e-mails show whole.
const DEFAULT_WIDTH: usize = 80;

/// Standard output and standard error as they are.
pub(super) struct Terminal {
    no_color: bool,
}

impl Terminal {
    pub(super) fn detect(no_color: bool) -> Self {
        let no_color = no_color || std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        Self { no_color }
    }

    /// Whether what goes to standard output may have colours.
    #[expect(
        clippy::disallowed_methods,
        reason = "what the program prints goes through here"
    )]
    pub(super) fn color_out(&self) -> bool {
        !self.no_color && io::stdout().is_terminal()
    }

    /// Whether what goes to standard error may have colours.
    #[expect(
        clippy::disallowed_methods,
        reason = "what the program prints goes through here"
    )]
    pub(super) fn color_err(&self) -> bool {
        !self.no_color && io::stderr().is_terminal()
    }

    /// How wide a text for people may be.
    pub(super) fn width(&self) -> usize {
        let columns = Term::stdout()
            .size_checked()
            .map(|(_, columns)| usize::from(columns));
        columns.unwrap_or(DEFAULT_WIDTH).min(Layout::WIDEST)
    }

    /// Prints the summary of a run, as wide as the terminal is.
    pub(super) fn summary(&self, summary: &Summary, results: Option<&Path>) {
        self.print(render(summary, self.layout(results)));
    }

    /// Prints what a sweep found out.
    pub(super) fn sweep(&self, summary: &SweepSummary, results: &Path) {
        self.print(render_sweep(summary, self.layout(Some(results))));
    }

    /// Prints a comparison of runs.
    pub(super) fn comparison(&self, comparison: &Comparison) {
        self.print(report::comparison::terminal(comparison, self.layout(None)));
    }

    /// Prints what a capacity search found out.
    pub(super) fn capacity(&self, report: &CapacityReport, results: &Path) {
        self.print(render_capacity(report, self.layout(Some(results))));
    }

    fn layout<'a>(&self, results: Option<&'a Path>) -> Layout<'a> {
        Layout {
            width: self.width(),
            color: self.color_out(),
            results,
        }
    }

    /// Prints a text to standard output. That a reader went away (`| head`) is no failure.
    #[expect(
        clippy::disallowed_methods,
        reason = "what the program prints goes through here"
    )]
    pub(super) fn print(&self, text: impl AsRef<[u8]>) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_ref()).and_then(|()| out.flush());
    }

    /// Prints a text to standard error.
    #[expect(
        clippy::disallowed_methods,
        reason = "what the program prints goes through here"
    )]
    pub(super) fn complain(&self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Prints one error line to standard error.
    pub(super) fn error(&self, message: &str) {
        let (bold_red, reset) = if self.color_err() {
            ("\u{1b}[1;31m", "\u{1b}[0m")
        } else {
            ("", "")
        };
        let message = printable_lines(message);
        self.complain(&format!("{bold_red}error{reset}: {message}\n"));
    }
}
