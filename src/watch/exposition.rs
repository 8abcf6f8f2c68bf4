//! The text of a metrics endpoint: Prometheus format 0.0.4, and OpenMetrics.

use prometheus_parse::{Scrape, Value};

use crate::scenario::plan::SeriesSelector;

/// The value of each wanted series; nothing where the text has none, or one that is no number.
///
/// Where several series match, their sum. Histograms and summaries are known by the names of their
/// lines with a single value: `…_sum`, `…_count`.
pub(super) fn values(text: &str, wanted: &[SeriesSelector]) -> Vec<Option<f64>> {
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    // Lines in memory can always be read.
    let samples = Scrape::parse(lines).map_or_else(|_| Vec::new(), |scrape| scrape.samples);
    let value = |selected: &SeriesSelector| {
        let matching = samples.iter().filter(|sample| {
            let has = |(name, value)| sample.labels.get(name) == Some(value);
            sample.metric == selected.name() && selected.labels().all(has)
        });
        let numbers = matching.filter_map(|sample| match sample.value {
            Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => Some(value),
            Value::Histogram(_) | Value::Summary(_) => None,
        });
        let sum = numbers.reduce(|sum, value| sum + value)?;
        sum.is_finite().then_some(sum)
    };
    wanted.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMETHEUS: &str = "\
# HELP process_resident_memory_bytes Resident memory size in bytes.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 5.2424704e+07
# TYPE nodejs_heap_space_size_used_bytes gauge
nodejs_heap_space_size_used_bytes{space=\"new\"} 100
nodejs_heap_space_size_used_bytes{space=\"old\"} 250
nodejs_eventloop_lag_p99_seconds NaN
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le=\"0.1\"} 3
http_request_duration_seconds_bucket{le=\"+Inf\"} 4
http_request_duration_seconds_sum 1.5
http_request_duration_seconds_count 4
";

    const OPEN_METRICS: &str = "\
# TYPE events counter
# UNIT events events
events_total{room=\"a\"} 17 1520879607.789 # {trace_id=\"x\"} 1
# TYPE up gauge
up 1
# EOF
";

    fn read(text: &str, wanted: &[&str]) -> Vec<Option<f64>> {
        let wanted = wanted
            .iter()
            .map(|text| SeriesSelector::parse(text).unwrap());
        let wanted: Vec<_> = wanted.collect();
        values(text, &wanted)
    }

    #[test]
    fn series_are_selected_by_name_and_labels() {
        let wanted = [
            "process_resident_memory_bytes",
            "nodejs_heap_space_size_used_bytes{space=\"old\"}",
            "nodejs_heap_space_size_used_bytes",
            "http_request_duration_seconds_sum",
        ];
        let values = read(PROMETHEUS, &wanted);
        assert_eq!(
            values,
            [Some(52_424_704.0), Some(250.0), Some(350.0), Some(1.5)]
        );
    }

    #[test]
    fn open_metrics_with_exemplars_and_times_is_read_as_well() {
        let values = read(OPEN_METRICS, &["events_total{room=\"a\"}", "up"]);
        assert_eq!(values, [Some(17.0), Some(1.0)]);
    }

    #[test]
    fn what_is_not_there_or_no_number_is_nothing_and_never_zero() {
        let wanted = ["absent", "nodejs_eventloop_lag_p99_seconds", "up{a=\"b\"}"];
        assert_eq!(read(PROMETHEUS, &wanted), [None, None, None]);
        assert_eq!(read("<html>", &["up"]), [None]);
    }
}
