use std::path::Path;

use unicode_width::UnicodeWidthStr;

use super::page::{Ink, Page};
use super::table::{Align, Table};
use crate::event::{HistogramMetric, RateMetric, Selector, Unit};
use crate::report::number;
use crate::results::summary::{Generator, ThresholdOutcome, Warning};

/// Writes each threshold with what was measured.
pub(super) fn write_thresholds(page: &mut Page, thresholds: &[ThresholdOutcome]) {
    if thresholds.is_empty() {
        return;
    }
    page.heading("Thresholds");
    let mut table = Table::plain(&[Align::Left; 3]);
    for threshold in thresholds {
        let (mark, ink) = if threshold.passed {
            ("✓", Ink::Good)
        } else {
            ("✗", Ink::Bad)
        };
        table.row(vec![
            (ink, format!("{mark} {}", threshold.metric)),
            (Ink::Plain, threshold.expression.clone()),
            (ink, judged(threshold)),
        ]);
    }
    page.table(2, &table);
}

/// What a threshold was judged on, and who crossed it if the server did not.
fn judged(threshold: &ThresholdOutcome) -> String {
    let measured = measured(threshold);
    if threshold.explained_by_lag {
        format!("{measured}, by the generator's lag")
    } else {
        measured
    }
}

/// What a threshold was judged on, in the unit of its metric.
pub(crate) fn measured(threshold: &ThresholdOutcome) -> String {
    let Some(value) = threshold.value else {
        return "no value".to_owned();
    };
    let metric = threshold.metric.split('{').next().unwrap_or_default();
    match metric {
        "server.cpu" | "server.rss_returned" => return number::percentage(value),
        "server.rss" | "server.pss" | "server.rss_per_client" => {
            return number::bytes(value.max(0.0) as u64);
        }
        _ => {}
    }
    let is_rate = Selector::<RateMetric>::parse(&threshold.metric).is_ok();
    let time = Selector::<HistogramMetric>::parse(&threshold.metric).ok();
    let is_time = time.is_some_and(|time| time.series.metric.unit() == Unit::Microseconds);
    let figure = if is_rate {
        number::percentage(value)
    } else if is_time && !threshold.expression.trim_start().starts_with("count") {
        number::time(value)
    } else if value.fract() == 0.0 {
        number::count(value as u64)
    } else {
        number::decimal(value)
    };
    if threshold.at_least {
        format!("≥ {figure}")
    } else {
        figure
    }
}

/// Writes how the generator itself fared.
pub(super) fn write_generator(page: &mut Page, generator: &Generator) {
    page.heading("Generator");
    let late = generator.late_starts;
    let cpu = format!(
        "{} of a core on the busiest of {}",
        number::percentage(generator.cpu_busiest),
        number::counted(generator.workers.into(), "worker"),
    );
    let lag = format!(
        "timers late by {} (p99), {} (max)",
        number::time(generator.lag_p99_us as f64),
        number::time(generator.lag_max_us as f64)
    );
    let memory = format!("{} at most", number::bytes(generator.rss_peak_bytes));
    let starts = format!("{} late", number::count(late));
    let starts_ink = if late > 0 { Ink::Caution } else { Ink::Plain };
    page.facts(2, "cpu", &[(Ink::Plain, cpu)]);
    page.facts(2, "lag", &[(Ink::Plain, lag)]);
    page.facts(2, "starts", &[(starts_ink, starts)]);
    page.facts(2, "memory", &[(Ink::Plain, memory)]);
}

/// Names the folder of the results.
pub(super) fn write_results(page: &mut Page, path: &Path) {
    let path = path.display().to_string();
    page.heading("Results");
    let indent = if path.width() + 2 <= page.width() {
        "  "
    } else {
        ""
    };
    page.whole_line(&format!("{indent}{path}"));
}

/// Writes what must be known before the numbers are used.
pub(super) fn write_warnings(page: &mut Page, warnings: &[Warning]) {
    if warnings.is_empty() {
        return;
    }
    page.heading("Warnings");
    for warning in warnings {
        let lead = [(Ink::Caution, "  ! ".to_owned())];
        let text = format!("{}: {}", warning.code, warning.message);
        page.paragraph(&lead, (Ink::Caution, &text));
    }
}
