use std::collections::BTreeSet;

use super::faults::by_name;
use super::page::{Ink, Page};
use crate::report::{number, words};
use crate::results::summary::{ErrorGroup, Summary};

/// More kinds of failures than this are read in summary.json rather than here.
const KINDS: usize = 12;

/// Writes the failures, each with what it means and what to do.
pub(super) fn write_errors(page: &mut Page, errors: &[ErrorGroup]) {
    if errors.is_empty() {
        return;
    }
    page.heading("Errors");
    let (by_faults, others): (Vec<_>, Vec<_>) =
        errors.iter().partition(|error| error.fault.is_some());
    let mut explained = BTreeSet::new();
    for error in others.iter().take(KINDS) {
        write_error(page, error);
        // The same words a second time would only hide what differs.
        if explained.insert(error.hint.as_str()) {
            write_explanation(page, error);
        }
    }
    write_by_faults(page, &by_faults);
    if let Some(rest) = others.get(KINDS..).filter(|rest| !rest.is_empty()) {
        let failures = rest.iter().map(|error| error.count).sum();
        let rest = format!(
            "  … and {} of {} more in summary.json",
            number::counted(failures, "failure"),
            number::counted(rest.len() as u64, "kind"),
        );
        page.line(&[(Ink::Dim, rest)]);
    }
}

/// Writes the failures that faults explain, a line for each fault.
fn write_by_faults(page: &mut Page, errors: &[&ErrorGroup]) {
    for (fault, count, causes) in words::by_fault(errors) {
        let lead = [
            (Ink::Plain, format!("{:>9}", number::count(count))),
            (Ink::Plain, "  ".to_owned()),
        ];
        let facts = format!("by fault {}: {causes}", fault + 1);
        page.paragraph(&lead, (Ink::Plain, &facts));
    }
}

/// From the edge of the page to what follows the counts.
const INDENT: usize = 11;

fn write_error(page: &mut Page, error: &ErrorGroup) {
    let indent = [(Ink::Plain, " ".repeat(INDENT))];
    let lead = [
        (Ink::Bad, format!("{:>9}", number::count(error.count))),
        (Ink::Plain, "  ".to_owned()),
    ];
    let mut facts = format!(
        "{} at stage {}, by the {}",
        error.cause, error.stage, error.origin
    );
    facts.extend(error.status.map(|status| format!(", status {status}")));
    facts.extend(error.code.map(|code| format!(", code {code}")));
    if !error.finding.is_empty() {
        facts.extend([" (", &error.finding, ")"]);
    }
    page.paragraph(&lead, (Ink::Bold, &facts));
    if let Some(message) = &error.message {
        page.paragraph(&indent, (Ink::Dim, &format!("“{message}”")));
    }
}

fn write_explanation(page: &mut Page, error: &ErrorGroup) {
    let indent = [(Ink::Plain, " ".repeat(INDENT))];
    if !error.hint.is_empty() {
        page.paragraph(&indent, (Ink::Plain, &error.hint));
    }
    if let Some(docs) = &error.docs {
        page.reference(INDENT, docs);
    }
}

/// Writes why connections ended; nothing if none did.
pub(super) fn write_disconnects(page: &mut Page, summary: &Summary) {
    let reasons = by_name(&summary.disconnects);
    if reasons.is_empty() {
        return;
    }
    page.heading("Disconnects");
    page.facts(2, "by reason", &reasons);
}
