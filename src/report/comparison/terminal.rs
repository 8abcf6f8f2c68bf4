use super::figures;
use crate::report::number;
use crate::report::terminal::{Ink, Layout, Page, Piece, Table};
use crate::results::comparison::{
    ComparedMetric, Comparison, ComparisonVerdict, DifferenceKind, MetricVerdict,
};

/// Columns of the bar, without its ends; odd, so that "no change" has one of its own.
const BAR: usize = 21;

/// What lies to each side of "no change", in smallest effects that count.
const BAR_REACH: f64 = 3.0;

/// Differences of machine and version that are listed; the rest is counted.
const DIFFERENCES: usize = 12;

/// Renders a comparison for people: the verdict, what makes it doubtful, counts, then figures, the
/// worst first.
#[must_use]
pub fn render(comparison: &Comparison, layout: Layout<'_>) -> String {
    let width = layout.width.clamp(Layout::NARROWEST, Layout::WIDEST);
    let mut page = Page::new(width, layout.color);
    write_verdict(&mut page, comparison);
    write_differences(&mut page, comparison);
    write_counts(&mut page, comparison);
    write_errors(&mut page, comparison);
    let (deciding, others): (Vec<_>, Vec<_>) = comparison
        .metrics
        .iter()
        .filter(|row| !figures::is_count(row))
        .partition(|row| row.deciding);
    write_figures(&mut page, "Deciding figures", &deciding, comparison);
    write_figures(&mut page, "Other figures", &others, comparison);
    write_notes(&mut page, &deciding);
    write_warnings(&mut page, comparison);
    page.finish()
}

fn write_verdict(page: &mut Page, comparison: &Comparison) {
    let ink = match comparison.verdict {
        ComparisonVerdict::NoRegression => Ink::Good,
        ComparisonVerdict::Regression => Ink::Bad,
        ComparisonVerdict::Inconclusive | ComparisonVerdict::GeneratorBound => Ink::Caution,
    };
    page.line(&[
        (Ink::Bold, comparison.scenario.clone()),
        (
            Ink::Plain,
            format!(
                " · base {} · new {}",
                figures::runs(&comparison.base),
                figures::runs(&comparison.new)
            ),
        ),
    ]);
    let verdict = figures::verdict(comparison.verdict);
    let lead = [(ink, format!("{verdict} "))];
    let reason = format!("{} (exit {})", comparison.reason, comparison.exit_code);
    page.paragraph(&lead, (Ink::Plain, &reason));
    page.paragraph(&[], (Ink::Dim, &figures::certainty(comparison)));
}

fn write_differences(page: &mut Page, comparison: &Comparison) {
    if comparison.differences.is_empty() {
        return;
    }
    page.heading("The runs differ");
    let mut table = Table::of_numbers(["key", "base", "new"]);
    for difference in comparison.differences.iter().take(DIFFERENCES) {
        let (base, new) = figures::difference(difference);
        let ink = match difference.kind {
            DifferenceKind::Scenario => Ink::Caution,
            DifferenceKind::Environment => Ink::Plain,
        };
        table.row(vec![(ink, difference.key.clone()), (ink, base), (ink, new)]);
    }
    page.table(2, &table);
    let more = comparison.differences.len().saturating_sub(DIFFERENCES);
    if more > 0 {
        page.line(&[(Ink::Dim, format!("  and {more} more in comparison.json"))]);
    }
}

fn write_counts(page: &mut Page, comparison: &Comparison) {
    let mut rows = comparison
        .metrics
        .iter()
        .filter(|row| figures::is_count(row))
        .peekable();
    if rows.peek().is_none() {
        return;
    }
    page.heading("Counts per run");
    let mut table = Table::of_numbers(["", "base", "new", "verdict"]);
    for row in rows {
        let ink = ink(row);
        table.row(vec![
            (ink, figures::name(row)),
            (Ink::Plain, figures::value(row, row.base)),
            (Ink::Plain, figures::value(row, row.new)),
            (ink, figures::row_verdict(row.verdict).to_owned()),
        ]);
    }
    page.table(2, &table);
}

fn write_errors(page: &mut Page, comparison: &Comparison) {
    if comparison.errors.is_empty() {
        return;
    }
    page.heading("Errors per run");
    let mut table = Table::of_numbers(["", "base", "new"]);
    for error in &comparison.errors {
        let ink = if error.base == 0.0 {
            Ink::Bad
        } else {
            Ink::Plain
        };
        table.row(vec![
            (
                ink,
                format!("{} {} ({})", error.stage, error.cause, error.origin),
            ),
            (Ink::Plain, number::rate(error.base)),
            (ink, number::rate(error.new)),
        ]);
    }
    page.table(2, &table);
}

fn write_figures(page: &mut Page, title: &str, rows: &[&ComparedMetric], comparison: &Comparison) {
    if rows.is_empty() {
        return;
    }
    page.heading(title);
    let has_room = page.width() >= 100;
    let mut head = vec!["", "base", "new", "change"];
    if has_room {
        head.push("interval");
    }
    let scale = format!(
        "−{0:<half$}{0:>half$}",
        format!("{:.0} %", BAR_REACH * comparison.min_effect * 100.0),
        half = BAR / 2
    );
    head.extend([scale.as_str(), "verdict"]);
    let mut table = Table::of_numbers(head);
    for row in rows {
        let ink = ink(row);
        let mut cells: Vec<Piece> = vec![
            (ink, figures::name(row)),
            (Ink::Plain, figures::value(row, row.base)),
            (Ink::Plain, figures::value(row, row.new)),
            (ink, figures::row_change(row)),
        ];
        if has_room {
            cells.push((Ink::Plain, figures::interval(row)));
        }
        cells.push((ink, bar(row, comparison.min_effect)));
        cells.push((ink, figures::row_verdict(row.verdict).to_owned()));
        table.row(cells);
    }
    page.table(2, &table);
}

fn ink(row: &ComparedMetric) -> Ink {
    match row.verdict {
        MetricVerdict::Regression if row.deciding => Ink::Bad,
        MetricVerdict::Regression | MetricVerdict::NotComparable => Ink::Caution,
        MetricVerdict::Improvement => Ink::Good,
        MetricVerdict::Inconclusive if row.deciding => Ink::Caution,
        MetricVerdict::Inconclusive | MetricVerdict::None => Ink::Plain,
    }
}

/// The interval against the tolerance: `·` within it, `┊` its ends, `━` the interval, `●` the ratio,
/// `◂` and `▸` where it goes on beyond the bar.
fn bar(row: &ComparedMetric, min_effect: f64) -> String {
    let reach = (1.0 + min_effect).ln() * BAR_REACH;
    let half = (BAR / 2) as f64;
    let column = |ratio: f64| ratio.max(1e-9).ln() / reach * half + half;
    let mut columns = vec![' '; BAR];
    let limit = (half / BAR_REACH).round() as usize;
    for (place, sign) in columns.iter_mut().enumerate() {
        let distance = place.abs_diff(BAR / 2);
        *sign = match distance.cmp(&limit) {
            std::cmp::Ordering::Less => '·',
            std::cmp::Ordering::Equal => '┊',
            std::cmp::Ordering::Greater => ' ',
        };
    }
    let last = (BAR - 1) as f64;
    if let Some([low, high]) = row.interval {
        let low = column(low.unwrap_or(0.0));
        let high = high.map_or(f64::INFINITY, column);
        let (from, to) = (low.round().clamp(0.0, last), high.round().clamp(0.0, last));
        for sign in &mut columns[from as usize..=to as usize] {
            *sign = '━';
        }
        if low < -0.5 {
            columns[0] = '◂';
        }
        if high > last + 0.5 {
            columns[BAR - 1] = '▸';
        }
    }
    if let Some(place) = row.ratio.map(column)
        && (-0.5..=last + 0.5).contains(&place)
    {
        columns[place.round().clamp(0.0, last) as usize] = '●';
    }
    columns.into_iter().collect()
}

fn write_notes(page: &mut Page, rows: &[&ComparedMetric]) {
    let mut notes: Vec<(&str, Vec<String>)> = Vec::new();
    for row in rows {
        let Some(note) = row.note.as_deref() else {
            continue;
        };
        match notes.iter_mut().find(|(known, _)| *known == note) {
            Some((_, names)) => names.push(figures::name(row)),
            None => notes.push((note, vec![figures::name(row)])),
        }
    }
    if notes.is_empty() {
        return;
    }
    page.heading("Notes");
    for (note, names) in notes {
        let lead = [(Ink::Dim, "  ".to_owned())];
        page.paragraph(
            &lead,
            (Ink::Plain, &format!("{}: {note}", names.join(", "))),
        );
    }
}

fn write_warnings(page: &mut Page, comparison: &Comparison) {
    if comparison.warnings.is_empty() {
        return;
    }
    page.heading("Warnings");
    for warning in &comparison.warnings {
        let lead = [(Ink::Caution, "  ! ".to_owned())];
        let text = format!("{}: {}", warning.code, warning.message);
        page.paragraph(&lead, (Ink::Caution, &text));
    }
}
