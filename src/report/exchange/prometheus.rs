use std::fmt::Write as _;

use crate::results::recorded::{RecordedDistribution, RecordedSummary};

/// Renders a run in Prometheus's text format, for a textfile collector or a push gateway: times in
/// seconds, percentiles as quantiles of summaries.
///
/// Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>
#[must_use]
pub fn render(summary: &RecordedSummary) -> String {
    let scenario = escaped(&summary.scenario);
    let mut text = String::new();
    for (name, help, unit, scale) in [
        (
            "sio_load_time_seconds",
            "Times of a run, by metric.",
            "us",
            1e-6,
        ),
        (
            "sio_load_number",
            "Numbers of a run, by metric.",
            "count",
            1.0,
        ),
    ] {
        let of_unit = summary.metrics.iter().filter(|(_, d)| d.unit == unit);
        let samples = of_unit.flat_map(|(metric, distribution)| {
            let labels = format!("scenario=\"{scenario}\",metric=\"{}\"", escaped(metric));
            summary_samples(name, &labels, distribution, scale)
        });
        family(&mut text, [name, "summary", help], samples.collect());
    }
    let sample = |name: &str, metric: &str, value: String| {
        let metric = escaped(metric);
        format!("{name}{{scenario=\"{scenario}\",metric=\"{metric}\"}} {value}\n")
    };
    let name = "sio_load_count";
    let counts = summary.counters.iter();
    let counts = counts.map(|(metric, count)| sample(name, metric, count.to_string()));
    family(
        &mut text,
        [name, "gauge", "Counts of a run."],
        counts.collect(),
    );
    let name = "sio_load_ratio";
    let rates = summary.rates.iter();
    let rates = rates.filter_map(|(metric, rate)| Some((metric, (*rate)?.to_string())));
    let rates = rates.map(|(metric, rate)| sample(name, metric, rate));
    family(
        &mut text,
        [name, "gauge", "Fractions of a run."],
        rates.collect(),
    );
    let name = "sio_load_exit_code";
    let code = format!("{name}{{scenario=\"{scenario}\"}} {}\n", summary.exit_code);
    family(
        &mut text,
        [name, "gauge", "The run's exit code."],
        vec![code],
    );
    text
}

/// Writes a metric with its name, its type, what it is, and its samples; nothing without any.
fn family(text: &mut String, [name, kind, help]: [&str; 3], samples: Vec<String>) {
    if samples.is_empty() {
        return;
    }
    let samples = samples.concat();
    write!(
        text,
        "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}"
    )
    .expect("writing to a string does not fail");
}

/// The quantiles, the sum and the count of a distribution.
fn summary_samples(
    name: &str,
    labels: &str,
    distribution: &RecordedDistribution,
    scale: f64,
) -> Vec<String> {
    let quantiles = distribution.percentiles().map(|(_, at, value)| {
        let (quantile, value) = (at / 100.0, value * scale);
        format!("{name}{{{labels},quantile=\"{quantile}\"}} {value}\n")
    });
    let mut samples: Vec<String> = quantiles.collect();
    let sum = distribution.mean * distribution.count as f64 * scale;
    samples.push(format!("{name}_sum{{{labels}}} {sum}\n"));
    samples.push(format!("{name}_count{{{labels}}} {}\n", distribution.count));
    samples
}

/// A label's value.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
