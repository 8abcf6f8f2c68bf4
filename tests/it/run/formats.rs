use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use quick_junit::Report;
use serde_json::Value;
use sio_load::event::{Counter, HistogramMetric, Series};
use sio_load::results::{distribution, read, read_samples};
use sio_load::scenario::{self, Overrides};

use super::number;
use crate::harness::{Finished, installed_npm, servers};

/// That everything in a results folder is well-formed, and tells the same story.
pub(super) fn assert_consistent(finished: &Finished) {
    let summary = finished.summary();
    assert_valid(&summary);
    assert_sums(finished, &summary);
    assert_histograms(finished);
    assert_junit(finished, &summary);
    assert_notes(finished, &summary);
    assert_repeatable(finished, &summary);
}

/// The rows of timeline.csv, without what was read of servers; an empty field is left out.
pub(super) fn timeline(finished: &Finished) -> Vec<BTreeMap<String, u64>> {
    let text = finished.result("timeline.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        let fields = heads.iter().zip(record.iter());
        let fields = fields.filter(|(head, field)| {
            !field.is_empty() && !head.starts_with("server.") && !head.starts_with("watch.")
        });
        let fields = fields.map(|(head, field)| (head.to_owned(), field.parse().unwrap()));
        fields.collect()
    };
    reader
        .records()
        .map(|record| row(record.unwrap()))
        .collect()
}

fn assert_valid(summary: &Value) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/summary.schema.json");
    let schema: Value = std::fs::read_to_string(schema).unwrap().parse().unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<_> = validator
        .iter_errors(summary)
        .map(|problem| problem.to_string())
        .collect();
    assert_eq!(problems, Vec::<String>::new());
}

/// Seconds add up to the run, and so do populations.
fn assert_sums(finished: &Finished, summary: &Value) {
    let rows = timeline(finished);
    for (second, row) in (0..).zip(&rows) {
        assert_eq!(row["t_s"], second);
    }
    let populations = summary["populations"].as_object().unwrap();
    for counter in Counter::totals() {
        if counter == Counter::ClientsConnectedMax {
            // The greatest number is no sum.
            let connected = rows.iter().map(|row| row["clients.connected"]).max();
            assert!(connected.unwrap_or(0) <= number(summary, &["counters", counter.name()]));
            continue;
        }
        let whole = number(summary, &["counters", counter.name()]);
        let by_second: u64 = rows.iter().map(|row| row[counter.name()]).sum();
        assert_eq!(by_second, whole, "seconds of {counter}");
        let by_population = populations.values();
        let by_population: u64 = by_population
            .map(|p| number(p, &["counters", counter.name()]))
            .sum();
        assert_eq!(by_population, whole, "populations of {counter}");
    }
    let errors = summary["errors"].as_array().unwrap().iter();
    let errors: u64 = errors.map(|error| number(error, &["count"])).sum();
    assert_eq!(rows.iter().map(|row| row["errors"]).sum::<u64>(), errors);
    let disconnects = summary["disconnects"].as_object().unwrap().values();
    let disconnects: u64 = disconnects.map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(disconnects, number(summary, &["counters", "disconnects"]));
}

/// The interval log, the distributions and summary.json agree, by our reader and by another one.
fn assert_histograms(finished: &Finished) {
    let results = finished.results();
    let summary = read(&results).unwrap();
    let logged = read_samples(&results).unwrap();
    let others = read_by_others(&results);
    assert_eq!(summary.metrics.len(), logged.len());
    let logged_ages = others.keys().filter(|tag| tag.starts_with("censored:"));
    let with_ages = summary.metrics.values().filter(|told| told.censored > 0);
    assert_eq!(logged_ages.count(), with_ages.count());
    for (name, told) in &summary.metrics {
        let series = Series::<HistogramMetric>::from_name(name).unwrap();
        let ours = distribution(&logged[&series], series.metric.unit());
        assert_eq!(&ours, told, "{name}");
        if told.censored > 0 {
            let ages = &others[&format!("censored:{}", series.tag())];
            assert_eq!(number(ages, &["count"]), told.censored, "ages of {name}");
            // Another reader knows the parts, and not how percentiles put them together.
            continue;
        }
        let theirs = &others[&series.tag()];
        let percentiles = [
            ("count", told.count),
            ("p50", told.p50),
            ("p75", told.p75),
            ("p90", told.p90),
            ("p95", told.p95),
            ("p99", told.p99),
            ("p999", told.p999),
            ("max", told.max),
        ];
        for (key, value) in percentiles {
            assert_eq!(number(theirs, &[key]), value, "{key} of {name}");
        }
        let hgrm = finished.result(&format!("histograms/{}.hgrm", series.file_name()));
        assert_same_distribution(&hgrm, theirs["hgrm"].as_str().unwrap());
    }
}

/// Line by line; the last digit of what is divided is left to the way of rounding.
fn assert_same_distribution(ours: &str, theirs: &str) {
    assert_eq!(ours.lines().count(), theirs.lines().count());
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        if ours.starts_with("#[Mean") {
            continue;
        }
        let (our_fields, their_fields) = (ours.split_whitespace(), theirs.split_whitespace());
        for (number, (our, their)) in our_fields.zip(their_fields).enumerate() {
            let last_digit = match number {
                1 => 1e-12,
                3 => 1e-2,
                _ => 0.0,
            };
            let numbers = our.parse::<f64>().ok().zip(their.parse::<f64>().ok());
            let is_same = numbers.map_or(our == their, |(our, their)| {
                (our - their).abs() <= last_digit * 1.01
            });
            assert!(is_same, "{ours}\n{theirs}");
        }
    }
}

/// What HdrHistogram's JavaScript port finds in histograms.hlog, by tag.
fn read_by_others(results: &Path) -> BTreeMap<String, Value> {
    let output = Command::new("node")
        .arg(servers().join("hdr/read.cjs"))
        .arg(results)
        .current_dir(installed_npm("hdr"))
        .output()
        .expect("Node.js, which these tests need");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_junit(finished: &Finished, summary: &Value) {
    let report = Report::deserialize_from_str(&finished.result("junit.xml")).unwrap();
    let thresholds = summary["thresholds"].as_array().unwrap();
    // The first case is that clients connected at all, another one that faults were carried out;
    // a last one says what makes all of it void.
    let is_void =
        ["interrupted", "generator_bound"].contains(&summary["verdict"].as_str().unwrap());
    let faults = summary["faults"].as_array().unwrap();
    let has_faults = usize::from(!faults.is_empty());
    let expected = 1 + has_faults + usize::from(is_void) + thresholds.len();
    assert_eq!(report.tests, expected);
    let crossed = thresholds
        .iter()
        .filter(|threshold| threshold["passed"] == false);
    let is_lonely = number(summary, &["counters", "clients.connected_max"]) == 0;
    let has_failed = faults.iter().any(|fault| !fault["failed"].is_null());
    let failures = crossed.count() + usize::from(is_lonely) + usize::from(has_failed);
    assert_eq!(report.failures, failures);
    assert_eq!(report.errors, usize::from(is_void));
}

fn assert_notes(finished: &Finished, summary: &Value) {
    let notes = finished.result("events.jsonl");
    let notes: Vec<Value> = notes.lines().map(|line| line.parse().unwrap()).collect();
    assert!(
        notes
            .iter()
            .all(|note| note["t_s"].is_f64() && note["kind"].is_string())
    );
    assert_eq!(notes.last().unwrap()["kind"], "run_ended");
    assert_eq!(notes.last().unwrap()["verdict"], summary["verdict"]);
    let of_kind = |kind: &'static str| notes.iter().filter(move |note| note["kind"] == kind);
    assert_eq!(
        of_kind("run_started").next().unwrap()["seed"],
        summary["seed"]
    );
    let applied: Vec<_> = summary["faults"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|fault| !fault["applied_s"].is_null())
        .map(|fault| (&fault["id"], &fault["fault"]))
        .collect();
    let noted: Vec<_> = of_kind("fault_applied")
        .map(|note| (&note["id"], &note["fault"]))
        .collect();
    assert_eq!(noted, applied);
    assert_eq!(
        of_kind("first_failure").count(),
        summary["errors"].as_array().unwrap().len()
    );
}

/// scenario.toml is a scenario again, says all that it means, and has the run's seed.
fn assert_repeatable(finished: &Finished, summary: &Value) {
    let file = finished.results().join("scenario.toml");
    let plan = scenario::read(&file, &Overrides::default());
    let plan = plan.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(plan.warnings, Vec::<String>::new());
    assert_eq!(plan.to_toml(true), finished.result("scenario.toml"));
    assert_eq!(Value::from(plan.seed.0), summary["seed"]);
}

#[test]
fn a_run_can_be_repeated_from_its_results_wherever_its_files_are() {
    use crate::harness::SioLoad;

    let scenario = "name = \"again\"\nduration = \"500ms\"\nserver.embedded = true\n\
                    data.csv = \"users.csv\"\n[[clients]]\ncount = 4\nquery = { user = \"{{csv.name}}\" }\n";
    let first = SioLoad::new(&["run", "s.toml"])
        .file("s.toml", scenario)
        .file("users.csv", "name\nada\nbob\n")
        .run(super::LIMIT);
    assert_eq!(first.code(), 0, "{first:?}");
    assert_consistent(&first);
    let again = first.results().join("scenario.toml");
    let second = SioLoad::new(&["run", again.to_str().unwrap()]).run(super::LIMIT);
    assert_eq!(second.code(), 0, "{second:?}");
    assert_eq!(second.summary()["seed"], first.summary()["seed"]);
    assert_eq!(
        second.result("scenario.toml"),
        first.result("scenario.toml")
    );
}
