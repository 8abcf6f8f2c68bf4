//! comparison.json: what two sides of a comparison measured, and the judgement.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::summary::Warning;

/// The value of `schema` in every comparison of this version.
pub const SCHEMA: &str = "sio-load/comparison/1";

/// Runs on a base and on something new, compared metric by metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The version of this format: `sio-load/comparison/1`.
    pub schema: String,
    /// The scenario's name, of both sides if they differ.
    pub scenario: String,
    /// The judgement.
    pub verdict: ComparisonVerdict,
    /// What the process exits with.
    pub exit_code: u8,
    /// Why, in one sentence.
    pub reason: String,
    /// Smallest relative change that counts, such as 0.05.
    pub min_effect: f64,
    /// Probability, over all deciding metrics together, that an interval misses the true ratio.
    pub alpha: f64,
    /// Confidence of each interval, corrected for the number of deciding intervals.
    pub confidence: f64,
    /// Runs of the base.
    pub base: ComparedSide,
    /// Runs of what is new.
    pub new: ComparedSide,
    /// Whatever the two sides have not in common, key by key, besides what they measured.
    pub differences: Vec<Difference>,
    /// One row for each metric and aggregate: deciding ones first, the worst first.
    pub metrics: Vec<ComparedMetric>,
    /// Failures of either side, per run, the greatest increase first.
    pub errors: Vec<ComparedError>,
    /// What a reader must know before using the verdict.
    pub warnings: Vec<Warning>,
}

/// The judgement of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonVerdict {
    /// No deciding metric got worse by more than the smallest effect that counts.
    NoRegression,
    /// At least one did.
    Regression,
    /// None did for certain, and at least one may have.
    Inconclusive,
    /// A run that the verdict needs was limited by the generator, not by the server.
    GeneratorBound,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedSide {
    /// In order of their start.
    pub runs: Vec<ComparedRun>,
}

impl ComparedSide {
    /// How many runs the figures rest on.
    #[must_use]
    pub fn used(&self) -> usize {
        self.runs.iter().filter(|run| run.used).count()
    }
}

/// A run that was compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedRun {
    /// Its folder, as given or found.
    pub folder: String,
    /// RFC 3339, UTC; empty if the folder does not say.
    pub started: String,
    /// The version that made it.
    pub tool: String,
    /// The run's own verdict.
    pub verdict: String,
    /// The run's own exit code.
    pub exit_code: u8,
    /// The run's seed.
    pub seed: u64,
    /// Whether it ended before its time, so that part of the load never happened.
    pub partial: bool,
    /// Whether the figures rest on it; a run that was limited by the generator is left out where
    /// enough others are there.
    pub used: bool,
}

/// Something besides measurements in which the two sides differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What kind of difference.
    pub kind: DifferenceKind,
    /// The key: `clients.web.count`, `host.cores`, …
    pub key: String,
    /// The base's value; null where it has none. Several values are separated by ` | `.
    pub base: Option<String>,
    /// The new side's value.
    pub new: Option<String>,
}

/// Where a difference lies.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// In the scenario as it ran; `--strict` refuses it.
    Scenario,
    /// In the machine, the version of sio-load or the server.
    Environment,
}

/// One aggregate of one metric on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedMetric {
    /// The metric's name.
    pub metric: String,
    /// `p50`, `p99`, `mean`, `rate`, `count`, …
    pub aggregate: String,
    /// `us` (microseconds), `count`, or `fraction`.
    pub unit: String,
    /// Over all runs of the base: a percentile of their merged histograms, a rate of their summed
    /// counts, or the mean count per run. Null if it was not measured.
    pub base: Option<f64>,
    /// The same of the new side.
    pub new: Option<f64>,
    /// New ÷ base; null if either is missing or the base is zero.
    pub ratio: Option<f64>,
    /// Bounds of the ratio at the corrected confidence; a null end is unbounded, a null interval
    /// unknown.
    pub interval: Option<[Option<f64>; 2]>,
    /// The judgement.
    pub verdict: MetricVerdict,
    /// Whether the verdict of the comparison depends on it.
    pub deciding: bool,
    /// Which direction is the better one.
    pub better: Better,
    /// What the interval rests on.
    pub method: Method,
    /// What a reader must know about this row.
    pub note: Option<String>,
}

/// The judgement of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricVerdict {
    /// Worse by more than the smallest effect that counts.
    Regression,
    /// Better by more than that.
    Improvement,
    /// Not worse by more than that.
    None,
    /// The interval holds both.
    Inconclusive,
    /// The two sides' versions of sio-load mean different things by this name.
    NotComparable,
}

/// Which direction of a metric is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Times, errors, losses.
    Lower,
    /// Recovered sessions, reach, throughput.
    Higher,
}

/// What an interval rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The spread from run to run.
    Runs,
    /// The spread between blocks of time within a single run on each side.
    Blocks,
    /// A count that must never get worse: it needs no interval.
    Count,
    /// Nothing: there is no interval.
    Nothing,
}

/// A kind of failure, per run of each side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedError {
    /// Where.
    pub stage: String,
    /// Why.
    pub cause: String,
    /// Who.
    pub origin: String,
    /// How many, on average over the base's runs.
    pub base: f64,
    /// How many, on average over the new side's runs.
    pub new: f64,
}

impl Comparison {
    /// The text of comparison.json.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("a comparison has string keys alone");
        json.push(b'\n');
        json
    }
}
