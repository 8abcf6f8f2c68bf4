use std::collections::BTreeMap;

use super::page::{Ink, Page, Piece};
use super::table::Table;
use super::times::WIDE;
use crate::report::{number, words};
use crate::results::summary::{FaultOutcome, Restored};

/// With more faults than this each gets one row of a table.
pub(super) const IN_FULL: usize = 6;

/// A table longer than this is read in summary.json rather than here.
pub(super) const ROWS: usize = 40;

/// Writes what each fault did, and how its victims came back.
pub(super) fn write(page: &mut Page, faults: &[FaultOutcome]) {
    if faults.is_empty() {
        return;
    }
    page.heading("Faults");
    if faults.len() > IN_FULL {
        write_table(page, faults);
        return;
    }
    for fault in faults {
        write_in_full(page, fault);
    }
}

fn write_in_full(page: &mut Page, fault: &FaultOutcome) {
    let at = fault.applied_s.unwrap_or(fault.at_s);
    let lead = [
        (Ink::Plain, format!("{:>3}. ", fault.id + 1)),
        (Ink::Bold, fault.fault.clone()),
        (Ink::Plain, format!(" at {}  ", number::seconds(at))),
    ];
    page.paragraph(&lead, (Ink::Dim, &fault.detail));
    if let Some(reason) = &fault.failed {
        let how_far = if fault.affected > 0 {
            "not applied in full"
        } else {
            "not applied"
        };
        let lead = [(Ink::Plain, format!("     {how_far}: "))];
        page.paragraph(&lead, (Ink::Bad, reason));
        if fault.affected == 0 {
            return;
        }
    } else if fault.applied_s.is_none() {
        let lead = [(Ink::Plain, "     not applied: ".to_owned())];
        page.paragraph(&lead, (Ink::Caution, "the run ended before its time came"));
        return;
    }
    let touched = touched(fault);
    if !touched.is_empty() {
        page.facts(5, "touched", &touched);
    }
    page.facts(5, "affected", &affected(fault));
    if fault.affected == 0 {
        return;
    }
    let noticed = noticed(fault);
    if !noticed.is_empty() {
        page.facts(5, "noticed", &noticed);
    }
    page.facts(5, "restored", &restored(fault));
    let mut came_back = by_name(&fault.transports);
    came_back.extend(fault.recovered.map(|sessions| {
        (
            Ink::Plain,
            format!("{} recovered", number::counted(sessions, "session")),
        )
    }));
    if !came_back.is_empty() {
        page.facts(5, "back on", &came_back);
    }
}

/// What a fault on the way touched of the traffic, as far as that is known.
fn touched(fault: &FaultOutcome) -> Vec<Piece> {
    let connections = fault.connections.map(|count| (count, "connection"));
    let requests = fault.requests.map(|count| (count, "request"));
    connections
        .into_iter()
        .chain(requests)
        .map(|(count, what)| (Ink::Plain, number::counted(count, what)))
        .collect()
}

fn affected(fault: &FaultOutcome) -> Vec<Piece> {
    let lost = fault.never_back;
    let mut facts = vec![
        (Ink::Plain, number::counted(fault.affected, "client")),
        (
            Ink::Plain,
            format!("{} back", number::count(fault.restored)),
        ),
        (
            Ink::bad_if(lost > 0),
            format!("{} never back", number::count(lost)),
        ),
    ];
    facts.extend(words::missed(fault).map(|missed| (Ink::Plain, missed)));
    facts
}

/// How the victims noticed, and how long that took.
fn noticed(fault: &FaultOutcome) -> Vec<Piece> {
    let mut facts = by_name(&fault.disconnects);
    facts.extend(fault.detect.as_ref().map(|detect| {
        let text = format!(
            "after {} (p50), {} (p99)",
            number::time(detect.p50 as f64),
            number::time(detect.p99 as f64)
        );
        (Ink::Plain, text)
    }));
    facts
}

fn restored(fault: &FaultOutcome) -> Vec<Piece> {
    let restored = fault.restored_s;
    [
        ("50 %", restored.p50),
        ("95 %", restored.p95),
        ("99 %", restored.p99),
        ("all", restored.p100),
    ]
    .map(|(share, after)| match after {
        Some(after) => (Ink::Plain, format!("{share} in {}", number::seconds(after))),
        None => (Ink::Bad, format!("{share} never")),
    })
    .to_vec()
}

/// Names with their counts, the most frequent first.
pub(super) fn by_name(counts: &BTreeMap<String, u64>) -> Vec<Piece> {
    words::by_count(counts)
        .map(|(name, count)| (Ink::Plain, format!("{name} {count}")))
        .collect()
}

fn write_table(page: &mut Page, faults: &[FaultOutcome]) {
    let shares: &[Share] = if page.width() < WIDE {
        &[("50 %   ", |r| r.p50), ("all   ", |r| r.p100)]
    } else {
        &[
            ("50 %   ", |r| r.p50),
            ("95 %   ", |r| r.p95),
            ("99 %   ", |r| r.p99),
            ("all   ", |r| r.p100),
        ]
    };
    let head = ["", "at   ", "affected", "never back", "peak/s"];
    let head = head
        .into_iter()
        .chain(shares.iter().map(|(title, _)| *title));
    let mut table = Table::of_numbers(head);
    for fault in faults.iter().take(ROWS) {
        table.row(row(fault, shares));
    }
    page.table(2, &table);
    if let Some(more) = faults.len().checked_sub(ROWS).filter(|more| *more > 0) {
        page.line(&[(Ink::Dim, format!("  … and {more} more in summary.json"))]);
    }
}

/// A column's title and the time that stands in it.
type Share = (&'static str, fn(Restored) -> Option<f64>);

fn row(fault: &FaultOutcome, shares: &[Share]) -> Vec<Piece> {
    let lost = fault.never_back;
    let mut cells = vec![
        (Ink::Plain, format!("{:>3}. {}", fault.id + 1, fault.fault)),
        match (&fault.failed, fault.applied_s) {
            (Some(_), _) => (Ink::Bad, "failed".to_owned()),
            (None, Some(at)) => (Ink::Plain, number::padded_time(at * 1e6)),
            (None, None) => (Ink::Caution, "skipped".to_owned()),
        },
        match fault.connections {
            Some(touched) if fault.affected == 0 && touched > 0 => {
                (Ink::Dim, format!("{} conn", number::count(touched)))
            }
            _ => (Ink::Plain, number::count(fault.affected)),
        },
        (Ink::bad_if(lost > 0), number::count(lost)),
        (Ink::Plain, number::count(fault.peak_handshakes_per_s)),
    ];
    cells.extend(
        shares
            .iter()
            .map(|(_, after)| match after(fault.restored_s) {
                Some(seconds) => (Ink::Plain, number::padded_time(seconds * 1e6)),
                None if fault.affected == 0 => (Ink::Dim, "–   ".to_owned()),
                None => (Ink::Bad, "never   ".to_owned()),
            }),
    );
    cells
}
