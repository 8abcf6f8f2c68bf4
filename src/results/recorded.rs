//! Run folders of any version, whole or cut off, as comparisons read them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::hgrm::{self, PercentileStep};
use super::intervals::{TaggedHistograms, read_intervals};
use super::reader::ReadError;
use super::timeline::Timeline;
use crate::metrics::Histogram;

/// What summaries of all versions that can be compared begin their `schema` with.
const COMPARABLE: &str = "sio-load/summary/";

/// A run as its folder keeps it, for comparison with others: of any version, whole or cut off.
///
/// It is read by name and leniently: what an older version did not write is missing here, what a
/// newer one adds is passed over.
#[derive(Debug, Clone, Default)]
pub struct RecordedRun {
    /// Its folder.
    pub folder: PathBuf,
    /// summary.json, or the little that is known without one.
    pub summary: RecordedSummary,
    /// histograms.hlog by tag; empty if there is none.
    pub histograms: BTreeMap<String, TaggedHistograms>,
    /// scenario.toml as it ran, if the folder has it.
    pub scenario: Option<String>,
    /// timeline.csv; empty if there is none.
    pub timeline: Timeline,
}

/// The parts of summary.json that a comparison looks at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RecordedSummary {
    /// The scenario's name.
    pub scenario: String,
    /// The run's verdict, as it stands there.
    pub verdict: String,
    /// The run's exit code.
    pub exit_code: u8,
    /// The run's seed.
    pub seed: u64,
    /// In seconds.
    pub duration_s: f64,
    /// Distributions by metric.
    pub metrics: BTreeMap<String, RecordedDistribution>,
    /// Counts by name.
    pub counters: BTreeMap<String, u64>,
    /// Fractions by name.
    pub rates: BTreeMap<String, Option<f64>>,
    /// Failures.
    pub errors: Vec<RecordedError>,
    /// Applications of faults.
    pub faults: Vec<RecordedFault>,
    /// Bounds that the scenario set.
    pub thresholds: Vec<RecordedThreshold>,
    /// Revisions of metrics whose meaning has changed since the first version; 1 if not listed.
    pub definitions: BTreeMap<String, u32>,
    /// The same by population.
    pub populations: BTreeMap<String, RecordedPopulation>,
    /// Where the numbers come from.
    pub provenance: RecordedProvenance,
}

/// A population of summary.json.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RecordedPopulation {
    /// Distributions by metric.
    pub metrics: BTreeMap<String, RecordedDistribution>,
    /// Counts by name.
    pub counters: BTreeMap<String, u64>,
    /// Fractions by name.
    pub rates: BTreeMap<String, Option<f64>>,
}

/// A distribution of summary.json.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RecordedDistribution {
    /// `us` or `count`.
    pub unit: String,
    /// How many values.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// The least value.
    pub min: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// Percentile 75.
    pub p75: Option<f64>,
    /// Percentile 90.
    pub p90: Option<f64>,
    /// Percentile 95.
    pub p95: Option<f64>,
    /// Percentile 99.
    pub p99: Option<f64>,
    /// Percentile 99.9.
    pub p999: Option<f64>,
    /// The greatest value.
    pub max: Option<f64>,
    /// Percentiles that are lower bounds, because values were still open at the end.
    pub at_least: Vec<String>,
}

/// A kind of failure of summary.json.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RecordedError {
    /// Where.
    pub stage: String,
    /// Why.
    pub cause: String,
    /// Who.
    pub origin: String,
    /// How many.
    pub count: u64,
}

/// A fault of summary.json.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RecordedFault {
    /// The word in the scenario.
    pub fault: String,
    /// Its settings, in the scenario's words.
    pub detail: String,
    /// When it was begun, in seconds from the start.
    pub applied_s: Option<f64>,
    /// Seconds until a share of the affected was back, by `p50`, `p95`, `p99` and `p100`.
    pub restored_s: BTreeMap<String, Option<f64>>,
}

/// A threshold of summary.json.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RecordedThreshold {
    /// The metric.
    pub metric: String,
    /// As written.
    pub expression: String,
}

/// The provenance of summary.json.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RecordedProvenance {
    /// `sio-load 0.1.0`.
    pub tool: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// The machine that generated the load.
    pub host: BTreeMap<String, serde_json::Value>,
    /// What is known about the server.
    pub server: BTreeMap<String, serde_json::Value>,
}

/// Which parts of a run are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// summary.json and scenario.toml alone.
    Summary,
    /// With the histograms of the whole run, and the timeline.
    Whole,
    /// With those of each second too.
    Seconds,
}

impl RecordedRun {
    /// Whether a folder holds a run, be it one that was cut off.
    #[must_use]
    pub fn is_at(folder: &Path) -> bool {
        folder.join("summary.json").is_file() || folder.join("histograms.hlog").is_file()
    }

    /// Reads a run from its folder.
    ///
    /// # Errors
    /// If there is none, a version that cannot be compared wrote it, or a file is damaged.
    pub fn read(folder: &Path, detail: Detail) -> Result<Self, ReadError> {
        let path = folder.join("summary.json");
        let summary = match fs::read(&path) {
            Ok(text) => read_summary(&text, &path)?,
            // Killed before the first checkpoint: the other files tell what there was.
            Err(error) if error.kind() == io::ErrorKind::NotFound && Self::is_at(folder) => {
                RecordedSummary {
                    verdict: "interrupted".to_owned(),
                    ..RecordedSummary::default()
                }
            }
            Err(source) => return Err(ReadError::Io { path, source }),
        };
        let log = folder.join("histograms.hlog");
        let histograms = if detail == Detail::Summary || !log.is_file() {
            BTreeMap::new()
        } else {
            read_intervals(&log, detail == Detail::Seconds)?
        };
        let optional = |name| fs::read_to_string(folder.join(name)).ok();
        let timeline = (detail != Detail::Summary).then(|| optional("timeline.csv"));
        Ok(Self {
            folder: folder.to_owned(),
            summary,
            histograms,
            scenario: optional("scenario.toml"),
            timeline: timeline
                .flatten()
                .map_or_else(Timeline::default, |text| Timeline::read(&text)),
        })
    }

    /// Whether it ended before its time.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.summary.verdict == "interrupted"
    }

    /// Whether the generator was its bottleneck.
    #[must_use]
    pub fn is_generator_bound(&self) -> bool {
        self.summary.verdict == "generator_bound"
    }
}

impl RecordedSummary {
    /// A distribution by its metric, or by a selector that names a population: `ack.time{web}`.
    #[must_use]
    pub fn distribution(&self, selector: &str) -> Option<&RecordedDistribution> {
        self.metrics.get(selector).or_else(|| {
            let (population, metric) = self.of_population(selector)?;
            population.metrics.get(&metric)
        })
    }

    /// A count, as above.
    #[must_use]
    pub fn counter(&self, selector: &str) -> Option<u64> {
        let counter = self.counters.get(selector).or_else(|| {
            let (population, name) = self.of_population(selector)?;
            population.counters.get(&name)
        });
        counter.copied()
    }

    /// A fraction, as above; nothing where there was nothing to divide by.
    #[must_use]
    pub fn rate(&self, selector: &str) -> Option<f64> {
        let rate = self.rates.get(selector).or_else(|| {
            let (population, name) = self.of_population(selector)?;
            population.rates.get(&name)
        });
        rate.copied().flatten()
    }

    /// The population that `NAME{POPULATION}` or `NAME{POPULATION,label=value}` names, and what to
    /// look up there.
    fn of_population(&self, selector: &str) -> Option<(&RecordedPopulation, String)> {
        let (name, labels) = selector.strip_suffix('}')?.split_once('{')?;
        let (population, rest) = labels.split_once(',').unwrap_or((labels, ""));
        let name = if rest.is_empty() {
            name.to_owned()
        } else {
            format!("{name}{{{rest}}}")
        };
        Some((self.populations.get(population)?, name))
    }
}

impl RecordedDistribution {
    /// A percentile that every summary holds; 0 is the minimum and 100 the maximum.
    #[must_use]
    pub fn percentile(&self, percentile: f64) -> Option<f64> {
        let mut held = self.percentiles();
        let found = held.find(|(_, at, _)| (at - percentile).abs() < 1e-9);
        found.map(|(_, _, value)| value)
    }

    /// The percentiles that the summary holds, each with its name and its value.
    pub fn percentiles(&self) -> impl Iterator<Item = (&'static str, f64, f64)> {
        let held = [
            ("min", 0.0, self.min),
            ("p50", 50.0, self.p50),
            ("p75", 75.0, self.p75),
            ("p90", 90.0, self.p90),
            ("p95", 95.0, self.p95),
            ("p99", 99.0, self.p99),
            ("p999", 99.9, self.p999),
            ("max", 100.0, self.max),
        ];
        let held = held.into_iter();
        held.filter_map(|(name, at, value)| Some((name, at, value?)))
    }
}

/// The percentile distribution of a metric over several runs together, from their merged histograms;
/// empty if none keeps it.
#[must_use]
pub fn merged_steps(runs: &[RecordedRun], metric: &str) -> Vec<PercentileStep> {
    let mut merged = Histogram::new();
    for tagged in runs.iter().filter_map(|run| run.histograms.get(metric)) {
        merged.merge(&tagged.whole);
    }
    if merged.is_empty() {
        return Vec::new();
    }
    hgrm::steps(&merged)
}

fn read_summary(text: &[u8], path: &Path) -> Result<RecordedSummary, ReadError> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let format = |source| ReadError::Format {
        path: path.to_owned(),
        source,
    };
    let head: Head = serde_json::from_slice(text).map_err(format)?;
    if !head.schema.starts_with(COMPARABLE) {
        return Err(ReadError::Schema {
            path: path.to_owned(),
            found: head.schema,
            expected: super::summary::SCHEMA,
        });
    }
    serde_json::from_slice(text).map_err(format)
}
