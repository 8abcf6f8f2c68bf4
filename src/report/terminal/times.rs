use super::chart;
use super::page::{Ink, Page, Piece};
use super::table::Table;
use crate::event::HistogramMetric;
use crate::report::number;
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
    let Some(table) = table(page.width(), summary, metrics) else {
        return;
    };
    page.heading(title);
    page.table(2, &table);
}

/// A table of those distributions that have a value, or nothing if none has.
pub(super) fn table(width: usize, summary: &Summary, metrics: &[HistogramMetric]) -> Option<Table> {
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
    let whole = |value: u64| figure(value as f64);
    let mut cells = vec![
        (Ink::Plain, name.to_owned()),
        (Ink::Plain, number::count(distribution.count)),
    ];
    if width < WIDE {
        let Distribution {
            p50, p95, p99, max, ..
        } = *distribution;
        cells.extend([p50, p95, p99, max].map(whole));
    } else {
        let Distribution {
            p50,
            p90,
            p95,
            p99,
            p999,
            max,
            ..
        } = *distribution;
        cells.extend([whole(distribution.min), figure(distribution.mean)]);
        cells.extend([p50, p90, p95, p99, p999, max].map(whole));
    }
    cells
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
