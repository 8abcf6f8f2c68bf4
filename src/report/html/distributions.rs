//! How times are spread: percentile curves as HdrHistogram's plotter draws them, and every figure.

use maud::{Markup, html};

use super::chart::{Chart, Scale, Series, Tick, legend};
use crate::event::{HistogramMetric, Unit};
use crate::report::{number, words};
use crate::results::summary::Distribution;
use crate::results::{PercentileStep, StoredRun};

/// Metrics that belong together.
const GROUPS: &[(&str, &[HistogramMetric])] = &[
    (
        "Reconnecting",
        &[
            HistogramMetric::ReconnectTime,
            HistogramMetric::ReconnectOutage,
            HistogramMetric::ReconnectDetect,
        ],
    ),
    (
        "Connecting",
        &[
            HistogramMetric::ConnectTime,
            HistogramMetric::ConnectOpen,
            HistogramMetric::ConnectNamespace,
            HistogramMetric::UpgradeTime,
        ],
    ),
    (
        "Events",
        &[
            HistogramMetric::AckTime,
            HistogramMetric::AckServiceTime,
            HistogramMetric::EventTime,
        ],
    ),
];

/// Percentiles that the axis names.
const NAMED: [f64; 7] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999];

/// The curves and the table.
pub(super) fn section(run: &StoredRun) -> Markup {
    html! {
        section {
            h2 { "Times" }
            @for (title, metrics) in GROUPS { (draw(title, metrics, run)) }
            (table(run))
        }
    }
}

fn draw(title: &str, metrics: &[HistogramMetric], run: &StoredRun) -> Markup {
    let curves: Vec<(usize, HistogramMetric, &[PercentileStep])> = metrics
        .iter()
        .enumerate()
        .filter_map(|(place, metric)| {
            let steps = run.distributions.get(&(*metric).into())?;
            Some((place + 1, *metric, steps.as_slice()))
        })
        .filter(|(_, _, steps)| !steps.is_empty())
        .collect();
    if curves.is_empty() {
        return html! {};
    }
    let most = curves.iter().filter_map(|(_, _, steps)| steps.last());
    let axis = Axis::to(most.map(|step| step.seen).max().unwrap_or(1));
    let values = curves
        .iter()
        .flat_map(|(_, _, steps)| steps.iter().map(|step| step.value as f64));
    let scale = Scale::logarithmic(values);
    let series: Vec<Series> = curves
        .iter()
        .map(|(color, metric, steps)| Series {
            name: metric.name().to_owned(),
            color: *color,
            filled: false,
            points: steps
                .iter()
                .map(|step| (axis.place(step.percentile), Some(step.value as f64)))
                .collect(),
        })
        .collect();
    let chart = Chart {
        about: title,
        height: 220.0,
        scale,
        unit: number::short_time,
        series: &series,
        ticks: &axis.ticks(),
        bands: &[],
        spots: &[],
    };
    html! {
        figure {
            figcaption { (title) ", by percentile" (legend(&series)) }
            (chart.draw())
        }
    }
}

/// The horizontal axis: each step towards the right is a tenth of the values that are left.
#[derive(Debug, Clone, Copy)]
struct Axis {
    /// Powers of ten up to its end.
    decades: f64,
}

impl Axis {
    /// For so many values: the last of them stands at its end.
    fn to(values: u64) -> Self {
        let decades = (values as f64).log10().clamp(1.0, 5.0);
        Self { decades }
    }

    fn place(self, percentile: f64) -> f64 {
        let left = 1.0 - percentile / 100.0;
        if left <= 0.0 {
            return 1.0;
        }
        (-left.log10() / self.decades).min(1.0)
    }

    fn ticks(self) -> Vec<Tick> {
        NAMED
            .into_iter()
            .map(|percentile| Tick {
                x: self.place(percentile),
                label: format!("{percentile} %"),
            })
            .filter(|tick| tick.x < 1.0)
            .collect()
    }
}

fn table(run: &StoredRun) -> Markup {
    let metrics = HistogramMetric::ALL.iter().filter_map(|metric| {
        let distribution = run.summary.metrics.get(metric.name())?;
        Some((*metric, distribution))
    });
    html! {
        table {
            thead {
                tr {
                    th { "metric" }
                    @for head in ["count", "min", "mean", "p50", "p75", "p90", "p95", "p99", "p99.9", "max"] {
                        th.n { (head) }
                    }
                }
            }
            tbody { @for (metric, distribution) in metrics { (row(metric, distribution)) } }
        }
        @if run.summary.metrics.values().any(|distribution| distribution.censored > 0) {
            p.note { (words::AT_LEAST) }
        }
    }
}

fn row(metric: HistogramMetric, distribution: &Distribution) -> Markup {
    let Distribution {
        min,
        mean,
        p50,
        p75,
        p90,
        p95,
        p99,
        p999,
        max,
        ..
    } = *distribution;
    let value = |value: f64| match metric.unit() {
        Unit::Microseconds => number::time(value),
        Unit::Count => number::rate(value),
    };
    let percentiles = [
        ("p50", p50),
        ("p75", p75),
        ("p90", p90),
        ("p95", p95),
        ("p99", p99),
        ("p999", p999),
        ("max", max),
    ];
    let percentiles = percentiles
        .map(|(name, percentile)| words::percentile(distribution, name, &value(percentile as f64)));
    html! {
        tr {
            th title=(metric.about()) { code { (metric.name()) } }
            td.n { (words::count(distribution)) }
            td.n { (value(min as f64)) }
            td.n { (value(mean)) }
            @for percentile in percentiles { td.n { (percentile) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_with_the_last_value() {
        let axis = Axis::to(1_000);
        assert_eq!(axis.place(0.0), 0.0);
        assert!((axis.place(90.0) - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(axis.place(100.0), 1.0);
        let named: Vec<String> = axis.ticks().into_iter().map(|tick| tick.label).collect();
        assert_eq!(named, ["0 %", "50 %", "90 %", "99 %"]);
    }
}
