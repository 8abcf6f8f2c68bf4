use crate::results::recorded::RecordedSummary;

/// Renders a run as CSV, one figure a row: `metric,aggregate,unit,value`.
#[must_use]
pub fn render(summary: &RecordedSummary) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |metric: &str, aggregate: &str, unit: &str, value: f64| {
        let value = value.to_string();
        writer
            .write_record([metric, aggregate, unit, &value])
            .expect("memory takes every byte");
    };
    for (metric, distribution) in &summary.metrics {
        write(metric, "count", "count", distribution.count as f64);
        write(metric, "mean", &distribution.unit, distribution.mean);
        for (name, _, value) in distribution.percentiles() {
            write(metric, name, &distribution.unit, value);
        }
    }
    for (name, count) in &summary.counters {
        write(name, "count", "count", *count as f64);
    }
    for (name, rate) in &summary.rates {
        if let Some(rate) = rate {
            write(name, "rate", "fraction", *rate);
        }
    }
    let rows = writer.into_inner().expect("memory takes every byte");
    [b"metric,aggregate,unit,value\n".to_vec(), rows].concat()
}
