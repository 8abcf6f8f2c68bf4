//! The summary that a person reads when a run is over.
//!
//! A summary and the size of the page come in, text comes out. Sections stand in the order of the
//! questions: did it pass, who connected, how fast, who came back, what went wrong, and (last, so
//! that they stay on the screen) what to know before trusting it.

mod capacity;
mod chart;
mod faults;
mod judgement;
mod load;
mod page;
mod problems;
mod servers;
mod storms;
mod sweep;
mod table;
mod times;
mod verdict;

use std::path::Path;

pub use self::capacity::level_line;
pub(crate) use self::judgement::measured;
pub use self::page::{Ink, Page, Piece};
pub(in crate::report) use self::page::{cut, wrap};
pub(in crate::report) use self::table::Table;
use crate::results::capacity::CapacityReport;
use crate::results::summary::Summary;
use crate::results::sweep::SweepSummary;

/// The page that a summary is rendered on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout<'a> {
    /// The most columns of a line. Tables show more figures from 100 columns on; below
    /// [`Layout::NARROWEST`] that is used.
    pub width: usize,
    /// Whether to colour it with ANSI escapes.
    pub color: bool,
    /// Where the results were written, to be named in the text.
    pub results: Option<&'a Path>,
}

impl Layout<'_> {
    /// Tables need this many columns.
    pub const NARROWEST: usize = 72;
    /// Longer lines are hard to read, however wide the terminal is.
    pub const WIDEST: usize = 120;
}

/// Renders the summary of a run.
///
/// No line is wider than the layout's width, with one exception: the path of the results stands
/// on a line of its own and whole, so that it can be copied.
#[must_use]
pub fn render(summary: &Summary, layout: Layout<'_>) -> String {
    let width = layout.width.clamp(Layout::NARROWEST, Layout::WIDEST);
    let mut page = Page::new(width, layout.color);
    verdict::write(&mut page, summary);
    load::write_clients(&mut page, summary);
    times::write_connects(&mut page, summary);
    times::write_reconnects(&mut page, summary);
    faults::write(&mut page, &summary.faults);
    storms::write(&mut page, &summary.faults);
    load::write_events(&mut page, summary);
    load::write_populations(&mut page, summary);
    problems::write_errors(&mut page, &summary.errors);
    problems::write_disconnects(&mut page, summary);
    judgement::write_thresholds(&mut page, &summary.thresholds);
    servers::write(&mut page, &summary.watched);
    judgement::write_generator(&mut page, &summary.generator);
    if let Some(path) = layout.results {
        judgement::write_results(&mut page, path);
    }
    judgement::write_warnings(&mut page, &summary.warnings);
    page.finish()
}

/// Renders what a sweep found out.
///
/// No line is wider than the layout's width, but for the path of the results, as above.
#[must_use]
pub fn render_sweep(summary: &SweepSummary, layout: Layout<'_>) -> String {
    let width = layout.width.clamp(Layout::NARROWEST, Layout::WIDEST);
    let mut page = Page::new(width, layout.color);
    sweep::write(&mut page, summary);
    if let Some(path) = layout.results {
        judgement::write_results(&mut page, path);
    }
    page.finish()
}

/// Renders what a capacity search found out.
///
/// No line is wider than the layout's width, but for the path of the results, as above.
#[must_use]
pub fn render_capacity(report: &CapacityReport, layout: Layout<'_>) -> String {
    let width = layout.width.clamp(Layout::NARROWEST, Layout::WIDEST);
    let mut page = Page::new(width, layout.color);
    capacity::write(&mut page, report);
    if let Some(path) = layout.results {
        judgement::write_results(&mut page, path);
    }
    judgement::write_warnings(&mut page, &report.warnings);
    page.finish()
}

#[cfg(test)]
mod tests;
