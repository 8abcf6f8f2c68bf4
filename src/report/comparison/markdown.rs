use std::fmt::Write as _;

use super::figures;
use crate::report::number;
use crate::results::comparison::{ComparedMetric, Comparison, ComparisonVerdict};

/// Renders a comparison as a comment for a pull request: what decides in sight, the rest folded.
#[must_use]
pub fn render(comparison: &Comparison) -> String {
    let mut text = String::new();
    let mark = match comparison.verdict {
        ComparisonVerdict::NoRegression => "✅",
        ComparisonVerdict::Regression => "❌",
        ComparisonVerdict::Inconclusive | ComparisonVerdict::GeneratorBound => "⚠️",
    };
    push(
        &mut text,
        format_args!(
            "### {mark} {}: `{}`\n\n{} ({} base, {} new; exit code {}).\n",
            sentence_case(figures::verdict(comparison.verdict)),
            escaped(&comparison.scenario),
            escaped(&comparison.reason),
            figures::runs(&comparison.base),
            figures::runs(&comparison.new),
            comparison.exit_code,
        ),
    );
    for warning in &comparison.warnings {
        push(
            &mut text,
            format_args!("\n> **{}** {}\n", warning.code, escaped(&warning.message)),
        );
    }
    let (deciding, others): (Vec<_>, Vec<_>) =
        comparison.metrics.iter().partition(|row| row.deciding);
    if !deciding.is_empty() {
        text.push('\n');
        table(&mut text, &deciding);
    }
    push(
        &mut text,
        format_args!("\n{}.\n", sentence_case(&figures::certainty(comparison))),
    );
    differences(&mut text, comparison);
    errors(&mut text, comparison);
    if !others.is_empty() {
        let title = number::counted(others.len() as u64, "other figure");
        push(
            &mut text,
            format_args!("\n<details><summary>{title}</summary>\n\n"),
        );
        table(&mut text, &others);
        text.push_str("\n</details>\n");
    }
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line)
        .expect("writing to a string does not fail");
}

fn table(text: &mut String, rows: &[&ComparedMetric]) {
    text.push_str("| | base | new | change | interval | verdict |\n");
    text.push_str("|---|--:|--:|--:|--:|---|\n");
    for row in rows {
        let verdict = figures::row_verdict(row.verdict);
        let note = row
            .note
            .as_ref()
            .map_or_else(String::new, |note| format!(" ({})", escaped(note)));
        push(
            text,
            format_args!(
                "| `{}` | {} | {} | {} | {} | {verdict}{note} |\n",
                code(&figures::name(row)),
                figures::value(row, row.base),
                figures::value(row, row.new),
                figures::row_change(row),
                figures::interval(row),
            ),
        );
    }
}

fn differences(text: &mut String, comparison: &Comparison) {
    if comparison.differences.is_empty() {
        return;
    }
    let count = comparison.differences.len();
    let title = format!(
        "The runs differ in {}",
        number::counted(count as u64, "key")
    );
    push(
        text,
        format_args!("\n<details><summary>{title}</summary>\n\n"),
    );
    text.push_str("| | key | base | new |\n|---|---|---|---|\n");
    for difference in &comparison.differences {
        let (base, new) = figures::difference(difference);
        push(
            text,
            format_args!(
                "| {} | `{}` | {} | {} |\n",
                figures::difference_kind(difference.kind),
                code(&difference.key),
                escaped(&base),
                escaped(&new),
            ),
        );
    }
    text.push_str("\n</details>\n");
}

fn errors(text: &mut String, comparison: &Comparison) {
    if comparison.errors.is_empty() {
        return;
    }
    text.push_str("\n<details><summary>Errors per run</summary>\n\n");
    text.push_str("| stage | cause | origin | base | new |\n|---|---|---|--:|--:|\n");
    for error in &comparison.errors {
        push(
            text,
            format_args!(
                "| {} | {} | {} | {} | {} |\n",
                escaped(&error.stage),
                escaped(&error.cause),
                escaped(&error.origin),
                number::rate(error.base),
                number::rate(error.new),
            ),
        );
    }
    text.push_str("\n</details>\n");
}

fn sentence_case(text: &str) -> String {
    let lower = text.to_lowercase();
    let mut letters = lower.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Text of others, without what would be markup, a mention or another cell.
pub(in crate::report) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' => escaped.extend(['\\', c]),
            '|' => escaped.push_str("&#124;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '@' => escaped.push_str("&#64;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Text between backticks in a table.
pub(in crate::report) fn code(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '`' => '\'',
            '|' => '¦',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}
