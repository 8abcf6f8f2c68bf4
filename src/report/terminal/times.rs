use super::chart;
use super::page::{Ink, Page, Piece};
use super::table::Table;
use crate::event::HistogramMetric;
use crate::report::{number, words};
use crate::results::summary::{Distribution, Summary};

/// From this width on, tables show more percentiles.
pub(super) const WIDE: usize = 100;

/// Writes the phases of connecting.
pub(super) fn write_connects(page: &mut Page, summary: &Summary) {
    let metrics = [
        HistogramMetric::ConnectTime,
        HistogramMetric::ConnectDns,
        HistogramMetric::ConnectTcp,
        HistogramMetric::ConnectTls,
        HistogramMetric::ConnectOpen,
        HistogramMetric::ConnectNamespace,
        HistogramMetric::UpgradeTime,
    ];
    write(page, "Connecting", summary, &metrics);
}

/// Writes how connections were lost and came back.
pub(super) fn write_reconnects(page: &mut Page, summary: &Summary) {
    let metrics = [
        HistogramMetric::ReconnectDetect,
        HistogramMetric::ReconnectTime,
        HistogramMetric::ReconnectOutage,
        HistogramMetric::ReconnectAttempts,
    ];
    write(page, "Reconnecting", summary, &metrics);
    let name = HistogramMetric::ReconnectTime.name();
    if let Some(distribution) = summary.metrics.get(name) {
        chart::write(page, name, distribution);
    }
}

/// Writes a section with a table of distributions; nothing if none of them has a value.
fn write(page: &mut Page, title: &str, summary: &Summary, metrics: &[HistogramMetric]) {
    if table(page.width(), summary, metrics).is_some() {
        page.heading(title);
        write_table(page, summary, metrics);
    }
}

/// A table of those distributions that have a value, or nothing if none has.
fn table(width: usize, summary: &Summary, metrics: &[HistogramMetric]) -> Option<Table> {
    let head: &[&str] = if width < WIDE {
        &["", "count", "p50   ", "p95   ", "p99   ", "max   "]
    } else {
        &[
            "", "count", "min   ", "mean   ", "p50   ", "p90   ", "p95   ", "p99   ", "p99.9   ",
            "max   ",
        ]
    };
    let mut table = Table::of_numbers(head.iter().copied());
    let mut any = false;
    for metric in metrics {
        if let Some(distribution) = summary.metrics.get(metric.name()) {
            any = true;
            table.row(row(width, metric.name(), distribution));
        }
    }
    any.then_some(table)
}

fn row(width: usize, name: &str, distribution: &Distribution) -> Vec<Piece> {
    let figure = |value: f64| (Ink::Plain, figure(value, distribution));
    let percentile = |(name, value): (&str, u64)| {
        let (ink, figure) = figure(value as f64);
        (ink, words::percentile(distribution, name, &figure))
    };
    let Distribution {
        p50,
        p90,
        p95,
        p99,
        p999,
        max,
        ..
    } = *distribution;
    let mut cells = vec![
        (Ink::Plain, name.to_owned()),
        (Ink::Plain, words::count(distribution)),
    ];
    if width < WIDE {
        let shown = [("p50", p50), ("p95", p95), ("p99", p99), ("max", max)];
        cells.extend(shown.map(percentile));
    } else {
        cells.extend([figure(distribution.min as f64), figure(distribution.mean)]);
        let shown = [
            ("p50", p50),
            ("p90", p90),
            ("p95", p95),
            ("p99", p99),
            ("p999", p999),
            ("max", max),
        ];
        cells.extend(shown.map(percentile));
    }
    cells
}

/// Writes a table of distributions, with a note if values in it are lower bounds; false if none of
/// them has a value.
pub(super) fn write_table(page: &mut Page, summary: &Summary, metrics: &[HistogramMetric]) -> bool {
    let Some(table) = table(page.width(), summary, metrics) else {
        return false;
    };
    page.table(2, &table);
    let shown = metrics
        .iter()
        .filter_map(|metric| summary.metrics.get(metric.name()));
    if shown
        .into_iter()
        .any(|distribution| distribution.censored > 0)
    {
        page.paragraph(
            &[(Ink::Plain, "  ".to_owned())],
            (Ink::Dim, words::AT_LEAST),
        );
    }
    true
}

/// A value with its unit; three columns are kept for the unit, so that digits stand below digits.
fn figure(value: f64, distribution: &Distribution) -> String {
    if distribution.unit == "us" {
        return number::padded_time(value);
    }
    if value.fract() == 0.0 {
        return format!("{}   ", number::count(value as u64));
    }
    format!("{}   ", number::decimal(value))
}
