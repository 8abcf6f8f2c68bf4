//! What a run left behind.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use sio_load::results::summary::{Distribution, ErrorGroup, FaultOutcome, Summary};

use crate::harness::Finished;

/// A run that is over.
#[derive(Debug)]
pub(super) struct Outcome {
    /// summary.json.
    pub(super) summary: Summary,
    finished: Finished,
}

/// A kind of failure: stage, cause, origin, status, code.
pub(super) type Failure<'a> = (&'a str, &'a str, &'a str, Option<u16>, Option<i64>);

impl Outcome {
    /// Reads what is there.
    ///
    /// # Panics
    /// If there is no summary, or it does not tell the exit code that the program ended with.
    pub(super) fn of(finished: Finished) -> Self {
        let summary: Summary = serde_json::from_value(finished.summary()).expect("a summary");
        assert_eq!(finished.status.code(), Some(i32::from(summary.exit_code)));
        Self { summary, finished }
    }

    /// When the load began, in microseconds since 1970.
    pub(super) fn started_us(&self) -> u64 {
        let started = &self.summary.provenance.started;
        let started: jiff::Timestamp = started.parse().expect("a time");
        u64::try_from(started.as_microsecond()).expect("a time after 1970")
    }

    /// A counter of the whole run.
    pub(super) fn count(&self, name: &str) -> u64 {
        find(&self.summary.counters, name)
    }

    /// A counter of one population.
    pub(super) fn count_of(&self, population: &str, name: &str) -> u64 {
        find(&self.summary.populations[population].counters, name)
    }

    /// A rate of the whole run.
    pub(super) fn rate(&self, name: &str) -> Option<f64> {
        self.summary.rates[name]
    }

    /// A distribution of the whole run.
    pub(super) fn metric(&self, name: &str) -> &Distribution {
        self.summary
            .metrics
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.summary.metrics.keys()))
    }

    /// How many values a metric has.
    pub(super) fn values(&self, name: &str) -> u64 {
        self.summary.metrics.get(name).map_or(0, |d| d.count)
    }

    /// The only application of the only fault.
    pub(super) fn fault(&self) -> &FaultOutcome {
        let faults = &self.summary.faults;
        assert_eq!(faults.len(), 1, "{faults:#?}");
        &faults[0]
    }

    /// All failures, and how many of each kind.
    pub(super) fn errors(&self) -> BTreeMap<Failure<'_>, u64> {
        let mut errors = BTreeMap::new();
        // Groups that differ in the fault that explains them are one kind here.
        for group in &self.summary.errors {
            *errors.entry(kind(group)).or_default() += group.count;
        }
        errors
    }

    /// Every text file of the run's folder.
    pub(super) fn everything(&self) -> String {
        let folder = std::fs::read_dir(self.finished.results()).expect("a folder");
        let files = folder.map(|entry| entry.expect("an entry").path());
        let texts = files.filter_map(|path| std::fs::read_to_string(path).ok());
        texts.collect()
    }

    /// The message of the only warning with this code.
    pub(super) fn warning(&self, code: &str) -> &str {
        let warnings = &self.summary.warnings;
        let mut found = warnings.iter().filter(|warning| warning.code == code);
        match (found.next(), found.next()) {
            (Some(warning), None) => &warning.message,
            _ => panic!("not one {code} in {warnings:#?}"),
        }
    }

    /// events.jsonl, the lines of one kind.
    pub(super) fn events(&self, kind: &str) -> Vec<Value> {
        events(&self.finished.results(), kind)
    }
}

/// The lines of one kind in events.jsonl of a folder; complete ones only.
pub(super) fn events(folder: &Path, kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|line| line["kind"] == kind)
        .collect()
}

/// Counts by name, as a summary has them.
pub(super) fn counts(list: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let owned = list
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count));
    owned.collect()
}

fn kind(group: &ErrorGroup) -> Failure<'_> {
    (
        &group.stage,
        &group.cause,
        &group.origin,
        group.status,
        group.code,
    )
}

fn find(counters: &BTreeMap<String, u64>, name: &str) -> u64 {
    *counters
        .get(name)
        .unwrap_or_else(|| panic!("no counter {name}"))
}
