use std::fmt::Write as _;

use crate::report::comparison::{code, escaped};
use crate::report::number;
use crate::results::recorded::{RecordedDistribution, RecordedSummary};

/// Renders a run as Markdown: verdict, times, errors, and every count folded.
#[must_use]
pub fn render(summary: &RecordedSummary) -> String {
    let mut text = format!(
        "### `{}`: {} (exit code {})\n\n{}, {}.\n",
        code(&summary.scenario),
        escaped(&summary.verdict),
        summary.exit_code,
        number::seconds(summary.duration_s),
        escaped(&summary.provenance.tool),
    );
    let mut push = |line: std::fmt::Arguments<'_>| {
        text.write_fmt(line)
            .expect("writing to a string does not fail");
    };
    push(format_args!(
        "\n| | count | p50 | p99 | max |\n|---|--:|--:|--:|--:|\n"
    ));
    for (metric, distribution) in &summary.metrics {
        push(format_args!(
            "| `{}` | {} | {} | {} | {} |\n",
            code(metric),
            number::count(distribution.count),
            value(distribution, 50.0),
            value(distribution, 99.0),
            value(distribution, 100.0),
        ));
    }
    if !summary.errors.is_empty() {
        push(format_args!(
            "\n| errors | stage | cause | origin |\n|--:|---|---|---|\n"
        ));
    }
    for error in &summary.errors {
        push(format_args!(
            "| {} | {} | {} | {} |\n",
            number::count(error.count),
            escaped(&error.stage),
            escaped(&error.cause),
            escaped(&error.origin),
        ));
    }
    push(format_args!(
        "\n<details><summary>Counts</summary>\n\n| | |\n|---|--:|\n"
    ));
    for (name, count) in &summary.counters {
        push(format_args!(
            "| `{}` | {} |\n",
            code(name),
            number::count(*count)
        ));
    }
    for (name, rate) in &summary.rates {
        let rate = rate.map_or_else(|| "–".to_owned(), number::percentage);
        push(format_args!("| `{}` | {rate} |\n", code(name)));
    }
    push(format_args!("\n</details>\n"));
    text
}

fn value(distribution: &RecordedDistribution, percentile: f64) -> String {
    match distribution.percentile(percentile) {
        None => "–".to_owned(),
        Some(value) if distribution.unit == "count" => number::rate(value),
        Some(value) => number::time(value),
    }
}
