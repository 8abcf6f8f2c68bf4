//! Runs one by one over time, as tools for change-point detection read them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::results::recorded::RecordedRun;

/// Counts that belong into a history even where nobody asks for them.
const COUNTS: [&str; 4] = [
    "clients.never_back",
    "clients.never_connected",
    "delivery.lost",
    "ack.timeouts",
];

/// Columns that say which run a row is of; the others are its figures.
const ATTRIBUTES: [&str; 6] = ["time", "run", "scenario", "tool", "verdict", "exit_code"];

/// One row for each run, oldest first, as Apache Otava imports CSV: `time`, attributes, then a column
/// for each figure, times in microseconds.
///
/// A figure that a run does not have is an empty field.
#[must_use]
pub fn otava_csv(runs: &[RecordedRun]) -> Vec<u8> {
    let names = names(runs);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = ATTRIBUTES
        .iter()
        .copied()
        .chain(names.iter().map(String::as_str));
    writer.write_record(head).expect("memory takes every byte");
    for run in in_order(runs) {
        let figures = names
            .iter()
            .map(|name| figure(run, name).map_or_else(String::new, |value| value.to_string()));
        writer
            .write_record(attributes(run).into_iter().chain(figures))
            .expect("each row has the columns of the head");
    }
    writer.into_inner().expect("memory takes every byte")
}

/// The same as a JSON array, one object for each run with its `figures`.
#[must_use]
pub fn json(runs: &[RecordedRun]) -> Vec<u8> {
    let names = names(runs);
    let rows = in_order(runs).into_iter().map(|run| {
        let mut row: Map<String, Value> = ATTRIBUTES
            .iter()
            .zip(attributes(run))
            .map(|(name, value)| ((*name).to_owned(), value.into()))
            .collect();
        row.insert("exit_code".to_owned(), run.summary.exit_code.into());
        let figures = names
            .iter()
            .map(|name| (name.clone(), json!(figure(run, name))));
        row.insert("figures".to_owned(), Value::Object(figures.collect()));
        Value::Object(row)
    });
    let rows: Vec<Value> = rows.collect();
    let mut text = serde_json::to_vec_pretty(&rows).expect("rows have string keys alone");
    text.push(b'\n');
    text
}

fn in_order(runs: &[RecordedRun]) -> Vec<&RecordedRun> {
    let mut runs: Vec<&RecordedRun> = runs.iter().collect();
    // RFC 3339 in UTC sorts as text.
    runs.sort_by_key(|run| (&run.summary.provenance.started, &run.folder));
    runs
}

fn attributes(run: &RecordedRun) -> Vec<String> {
    let summary = &run.summary;
    let name = run.folder.file_name().unwrap_or(run.folder.as_os_str());
    vec![
        summary.provenance.started.clone(),
        name.display().to_string(),
        summary.scenario.clone(),
        summary.provenance.tool.clone(),
        summary.verdict.clone(),
        summary.exit_code.to_string(),
    ]
}

/// The figures that any run has.
fn names(runs: &[RecordedRun]) -> Vec<String> {
    let mut names = BTreeSet::new();
    for summary in runs.iter().map(|run| &run.summary) {
        for (metric, distribution) in &summary.metrics {
            let aggregates: &[&str] = if distribution.unit == "count" {
                &["mean"]
            } else {
                &["p50", "p99"]
            };
            names.extend(aggregates.iter().map(|name| format!("{metric}.{name}")));
        }
        let rates = summary.rates.iter().filter(|(_, rate)| rate.is_some());
        names.extend(rates.map(|(name, _)| name.clone()));
        let counts = COUNTS
            .iter()
            .filter(|name| summary.counters.contains_key(**name));
        names.extend(counts.map(|name| (*name).to_owned()));
    }
    names.into_iter().collect()
}

fn figure(run: &RecordedRun, name: &str) -> Option<f64> {
    let summary = &run.summary;
    if let Some(rate) = summary.rate(name) {
        return Some(rate);
    }
    if let Some(count) = summary.counter(name) {
        return Some(count as f64);
    }
    let (metric, aggregate) = name.rsplit_once('.')?;
    let distribution = summary.distribution(metric)?;
    match aggregate {
        "mean" => Some(distribution.mean),
        percentile => distribution.percentile(percentile.strip_prefix('p')?.parse().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::results::recorded::{RecordedDistribution, RecordedSummary};

    fn run(name: &str, started: &str, p99: Option<f64>) -> RecordedRun {
        let mut summary = RecordedSummary {
            scenario: "chat, evening".to_owned(),
            verdict: "passed".to_owned(),
            counters: [("clients.never_back".to_owned(), 2)].into(),
            rates: [("handshake.error_rate".to_owned(), Some(0.25))].into(),
            ..RecordedSummary::default()
        };
        summary.provenance.started = started.to_owned();
        if p99.is_some() {
            let distribution = RecordedDistribution {
                unit: "us".to_owned(),
                p50: Some(1_000.0),
                p99,
                ..RecordedDistribution::default()
            };
            summary.metrics.insert("ack.time".to_owned(), distribution);
        }
        RecordedRun {
            folder: PathBuf::from("results/chat").join(name),
            summary,
            ..RecordedRun::default()
        }
    }

    #[test]
    fn each_run_is_a_row_oldest_first_and_what_it_lacks_is_empty() {
        let runs = [
            run("b", "2026-11-28T11:00:00Z", None),
            run("a", "2026-11-28T10:00:00Z", Some(2_000.0)),
        ];
        insta::assert_snapshot!("otava_csv", String::from_utf8(otava_csv(&runs)).unwrap());
        insta::assert_snapshot!("json", String::from_utf8(json(&runs)).unwrap());
    }
}
