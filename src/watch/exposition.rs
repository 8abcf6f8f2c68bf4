//! The text of a metrics endpoint: Prometheus format 0.0.4, and OpenMetrics.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_parse::{Scrape, Value};

/// A series that somebody wants: a name, and labels that it must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// As written: `nodejs_heap_space_size_used_bytes{space="old"}`.
    text: String,
    name: String,
    labels: BTreeMap<String, String>,
}

/// Why a text selects no series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a series, which is written NAME or NAME{{label=\"value\"}}")]
pub struct NotASeries(String);

impl Selected {
    /// Reads `NAME` or `NAME{label="value",…}`.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(text: &str) -> Result<Self, NotASeries> {
        let refuse = || NotASeries(text.to_owned());
        let text = text.trim();
        let (name, labels) = match text.split_once('{') {
            Some((name, rest)) => (name, rest.strip_suffix('}').ok_or_else(refuse)?),
            None => (text, ""),
        };
        let is_name = |name: &str| {
            !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
        };
        let label = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
            is_name(name.trim()).then(|| (name.trim().to_owned(), value.to_owned()))
        };
        let labels = labels
            .split(',')
            .filter(|pair| !pair.trim().is_empty())
            .map(|pair| label(pair).ok_or_else(refuse))
            .collect::<Result<_, _>>()?;
        if !is_name(name.trim()) {
            return Err(refuse());
        }
        Ok(Self {
            text: text.to_owned(),
            name: name.trim().to_owned(),
            labels,
        })
    }
}

impl fmt::Display for Selected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The value of each wanted series; nothing where the text has none, or one that is no number.
///
/// Where several series match, their sum. Histograms and summaries are known by the names of their
/// lines with a single value: `…_sum`, `…_count`.
pub(super) fn values(text: &str, wanted: &[Selected]) -> Vec<Option<f64>> {
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    // Lines in memory can always be read.
    let samples = Scrape::parse(lines).map_or_else(|_| Vec::new(), |scrape| scrape.samples);
    let value = |selected: &Selected| {
        let matching = samples.iter().filter(|sample| {
            let has = |(name, value): (&String, &String)| sample.labels.get(name) == Some(value);
            sample.metric == selected.name && selected.labels.iter().all(has)
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
        let wanted: Vec<_> = wanted.iter().map(|w| Selected::parse(w).unwrap()).collect();
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

    #[test]
    fn what_selects_nothing_is_refused() {
        for text in ["", "1up", "up{", "up{a}", "up{a=b}", "a b"] {
            assert!(Selected::parse(text).is_err(), "{text:?}");
        }
    }
}
