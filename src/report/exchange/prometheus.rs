use std::fmt::Write as _;

use crate::results::recorded::RecordedSummary;

/// Renders a run in Prometheus's text format, for a textfile collector or a push gateway: times in
/// seconds, percentiles as quantiles of summaries.
///
/// Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>
#[must_use]
pub fn render(summary: &RecordedSummary) -> String {
    let scenario = escaped(&summary.scenario);
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<String>| {
        if !samples.is_empty() {
            let samples = samples.concat();
            write!(
                text,
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}"
            )
            .expect("writing to a string does not fail");
        }
    };
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
            let quantiles = distribution.percentiles().map(|(_, at, value)| {
                let (quantile, value) = (at / 100.0, value * scale);
                format!("{name}{{{labels},quantile=\"{quantile}\"}} {value}\n")
            });
            let mut samples: Vec<String> = quantiles.collect();
            let sum = distribution.mean * distribution.count as f64 * scale;
            samples.push(format!("{name}_sum{{{labels}}} {sum}\n"));
            samples.push(format!("{name}_count{{{labels}}} {}\n", distribution.count));
            samples
        });
        family(name, "summary", help, samples.collect());
    }
    let sample = |name: &str, metric: &str, value: String| {
        let metric = escaped(metric);
        format!("{name}{{scenario=\"{scenario}\",metric=\"{metric}\"}} {value}\n")
    };
    let counts = summary.counters.iter();
    let counts = counts.map(|(metric, count)| sample("sio_load_count", metric, count.to_string()));
    family(
        "sio_load_count",
        "gauge",
        "Counts of a run.",
        counts.collect(),
    );
    let rates = summary.rates.iter();
    let rates = rates.filter_map(|(metric, rate)| Some((metric, (*rate)?.to_string())));
    let rates = rates.map(|(metric, rate)| sample("sio_load_ratio", metric, rate));
    family(
        "sio_load_ratio",
        "gauge",
        "Fractions of a run.",
        rates.collect(),
    );
    let code = format!(
        "sio_load_exit_code{{scenario=\"{scenario}\"}} {}\n",
        summary.exit_code
    );
    family(
        "sio_load_exit_code",
        "gauge",
        "The run's exit code.",
        vec![code],
    );
    text
}

/// A label's value.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
