//! capacity.json: how much load a server carries within its thresholds, and how that was found.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::summary::{Provenance, ThresholdOutcome, Warning};

/// The value of `schema` in every capacity.json of this version.
pub const SCHEMA: &str = "sio-load/capacity/1";

/// The name of the file in its folder.
pub const FILE: &str = "capacity.json";

/// What a capacity search found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityReport {
    /// The version of this format: `sio-load/capacity/1`.
    pub schema: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's description.
    pub description: String,
    /// Origin of all random choices, the same at every level.
    pub seed: u64,
    /// What was varied.
    pub vary: Varied,
    /// The answer in one sentence.
    pub sentence: String,
    /// The search that answers the question.
    #[serde(flatten)]
    pub answer: SearchResult,
    /// The same scenario without its faults, if that was asked for.
    pub without_faults: Option<SearchResult>,
    /// The same scenario with other numbers of instances, if that was asked for.
    pub instances: Vec<SearchResult>,
    /// What to run in production; nothing without a capacity.
    pub recommendation: Option<Recommendation>,
    /// Bounds on times, for charts.
    pub bounds: Vec<TimeBound>,
    /// How the search was carried out.
    pub settings: SearchSettings,
    /// The generator's own limits, known before the search.
    pub generator_limits: Vec<GeneratorLimit>,
    /// Facts that a reader must know before using the numbers.
    pub warnings: Vec<Warning>,
    /// Exit code of the process.
    pub exit_code: u8,
    /// Where the numbers come from.
    pub provenance: Provenance,
}

/// A bound that the scenario sets on a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimeBound {
    /// The metric.
    pub metric: String,
    /// As written.
    pub expression: String,
    /// The bound, in microseconds.
    pub bound_us: f64,
}

/// What a search varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Varied {
    /// Connected clients.
    Clients,
    /// Arrivals per second.
    Arrivals,
    /// Emits per second.
    Emits,
}

impl Varied {
    /// What a number of it counts, for people.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Arrivals => "arrivals/s",
            Self::Emits => "emits/s",
        }
    }
}

/// One search: its answer and its levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchResult {
    /// Instances of the run's own server; nothing for a server that the run does not start.
    pub server_instances: Option<u16>,
    /// Whether the scenario's faults struck at every level.
    pub with_faults: bool,
    /// The largest load that held; nothing if none did.
    pub capacity: Option<u64>,
    /// The least load above it that failed; nothing if none did.
    pub fails_at: Option<u64>,
    /// How the search ended.
    pub conclusion: Conclusion,
    /// What ran out first at the level above the capacity.
    pub limit: Option<Limit>,
    /// In the order in which they were tried.
    pub levels: Vec<Level>,
    /// Curves through the levels.
    pub model: Model,
    /// Loads that failed although a greater one held.
    pub not_monotonic: Vec<u64>,
    /// Resident memory of the server for each connected client, in bytes; from the level at the
    /// capacity.
    pub rss_per_client: Option<Estimate>,
    /// Resident memory of the server before the first client, in bytes.
    pub memory_before: Option<f64>,
}

/// A number with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Half the width of its 95 % interval.
    pub error: f64,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Every confirmation held, and the next level failed more often than not.
    Found,
    /// Every confirmation held, but the next level held about as often as it failed: the capacity
    /// lies between the two.
    Range,
    /// The greatest load that may be tried held.
    AtLeast,
    /// The generator reached its own limit first: the capacity is a lower bound.
    GeneratorBound,
    /// Not even the first level held.
    BelowFrom,
    /// After a level that failed, the kept server did not carry again what it had carried before.
    NotRecovered,
    /// The search ended before it was over; the capacity is not confirmed.
    Unfinished,
}

/// Why a level was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To find a level that fails.
    Grow,
    /// Once more, for an outcome that may have been a fluke.
    Repeat,
    /// Whether a kept server still carries what it carried before a level that failed.
    Recheck,
    /// To narrow down where levels begin to fail.
    Bisect,
    /// Whether the answer holds again.
    Confirm,
    /// Whether the next level fails more often than not.
    Beyond,
}

/// What became of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every threshold held.
    Held,
    /// A threshold was crossed, clients were missing, or the server died.
    Failed,
    /// The generator was the bottleneck: nothing is known about the server.
    GeneratorBound,
}

/// A level that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Level {
    /// From 1.
    pub number: u32,
    /// How much load.
    pub load: u64,
    /// Why it was tried.
    pub purpose: Purpose,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it failed, in words; empty if it held.
    pub reasons: Vec<String>,
    /// The threshold that gave way first, as `metric: expression`.
    pub gave_way: Option<String>,
    /// Why it ended before its time, if it did.
    pub stopped_early: Option<String>,
    /// Whether latencies and server figures were steady when the hold began.
    pub steady: bool,
    /// Begin of the hold, in seconds from the first client on; nothing if it never began.
    pub hold_from_s: Option<f64>,
    /// Length of the hold, in seconds.
    pub hold_s: f64,
    /// Clients connected when the hold began.
    pub connected: u64,
    /// Acks, or where none are asked for emits and events, per second of full load: of the hold, and
    /// of settling but for its first two seconds.
    pub throughput_per_s: Option<f64>,
    /// Times of the hold by metric.
    pub times: BTreeMap<String, LevelTimes>,
    /// Failures of every stage, from the first client on.
    pub errors: u64,
    /// Failed handshakes among all, from the first client on.
    pub handshake_error_rate: Option<f64>,
    /// What the watched servers took during the hold, by series: mean and maximum.
    pub server: BTreeMap<String, LevelGauge>,
    /// Resident memory of the server for each connected client, in bytes.
    pub rss_per_client: Option<Estimate>,
    /// The thresholds as they were judged.
    pub thresholds: Vec<ThresholdOutcome>,
    /// The level's own run folder, beside capacity.json.
    pub folder: String,
}

/// A time during a hold, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LevelTimes {
    /// Number of values.
    pub count: u64,
    /// Percentile 50.
    pub p50: u64,
    /// Percentile 95.
    pub p95: u64,
    /// Percentile 99.
    pub p99: u64,
}

/// A gauge during a hold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LevelGauge {
    /// The mean.
    pub mean: f64,
    /// The greatest.
    pub max: f64,
}

/// What ran out first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// Which resource.
    pub resource: Resource,
    /// What shows it, with the numbers.
    pub evidence: String,
}

/// A resource that can run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// CPU of the server.
    ServerCpu,
    /// Memory of the server's machine.
    ServerMemory,
    /// File descriptors of the server.
    ServerDescriptors,
    /// The server refused or failed requests.
    Errors,
    /// The server ended.
    ServerDied,
    /// Times grew beyond their bounds while the server had CPU to spare: a single thread, a lock, or
    /// something behind the server.
    Latency,
    /// The generator.
    Generator,
}

/// Curves through the levels of a search.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Model {
    /// Throughput over load, by the Universal Scalability Law.
    pub throughput: Option<ThroughputFit>,
    /// Latency over load.
    pub latency: Option<LatencyFit>,
    /// Why a curve is missing or must not be used beyond the levels.
    pub refused: Vec<String>,
}

/// `lambda * n / (1 + sigma * n + kappa * n * n)` for a load of n: the Universal Scalability Law,
/// in which n stands for n - 1 as well, since loads are large.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThroughputFit {
    /// Throughput of one unit of load.
    pub lambda: Estimate,
    /// Contention: the share of work that is done one after the other.
    pub sigma: Estimate,
    /// Coherency: the cost of agreeing with each other.
    pub kappa: Estimate,
    /// The load with the greatest throughput; nothing where the curve has no peak.
    pub peak_load: Option<f64>,
    /// The greatest throughput among the levels that were tried, on the curve.
    pub peak_throughput_per_s: f64,
    /// Half the width of the 95 % interval of the curve at that place.
    pub peak_error: f64,
    /// Coefficient of determination, 1 for a perfect fit.
    pub r_squared: f64,
    /// Whether the fit is good enough to look beyond the levels.
    pub extrapolates: bool,
    /// The curve from the least to the greatest load that was tried.
    pub curve: Vec<CurvePoint>,
}

/// A point of a fitted curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurvePoint {
    /// The load.
    pub load: f64,
    /// The curve there.
    pub value: f64,
    /// Half the width of its 95 % band there.
    pub error: f64,
}

/// `base + service / (1 - n / saturation)` for a load of n, in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyFit {
    /// The metric.
    pub metric: String,
    /// The part that does not grow with the load, in microseconds.
    pub base_us: Estimate,
    /// The part that does, at no load, in microseconds.
    pub service_us: Estimate,
    /// The load at which the curve rises without end.
    pub saturation: Estimate,
    /// Coefficient of determination.
    pub r_squared: f64,
    /// The knee: 75 % of the saturation, where a queue of this kind is three service times long.
    pub knee: f64,
}

/// What to run in production.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendation {
    /// The share of the capacity that is kept free, in [0, 1).
    pub headroom: f64,
    /// The load for one node, or for the instances that were measured together.
    pub load: u64,
    /// Memory that the node needs for that, in bytes; nothing where no server was watched.
    pub memory_bytes: Option<f64>,
    /// Nodes for a given load, if one was asked for.
    pub nodes: Option<Nodes>,
}

/// Nodes for a load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nodes {
    /// The load.
    pub load: u64,
    /// Nodes that carry it.
    pub needed: u64,
    /// Nodes that carry it when one of them is lost and its clients come back to the others.
    pub with_one_lost: u64,
    /// How the returning clients were taken into account.
    pub storm: String,
}

/// How a search was carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchSettings {
    /// The first level.
    pub from: u64,
    /// The greatest level that may be tried.
    pub to: u64,
    /// From a level that held to the next.
    pub growth: f64,
    /// How close the least level that failed may lie to the answer.
    pub precision: f64,
    /// The longest time to settle, in seconds.
    pub settle_s: f64,
    /// Length of a hold, in seconds.
    pub hold_s: f64,
    /// Runs at the answer that all had to hold.
    pub confirm: u32,
    /// Whether each level got a fresh server.
    pub fresh_server: bool,
    /// Time that the search was allowed, in seconds.
    pub budget_s: Option<f64>,
    /// Time that it took, in seconds.
    pub took_s: f64,
}

/// A limit of the generator's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratorLimit {
    /// `descriptors`, `ports`, `memory`.
    pub what: String,
    /// The most clients that it leaves room for.
    pub clients: u64,
    /// How to raise it.
    pub advice: String,
}

/// Why a stored search cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CapacityReadError {
    /// The file is not readable.
    #[error("{path} cannot be read")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not what its name says, or another version wrote it.
    #[error("{path} is not a capacity.json of this version ({SCHEMA})")]
    Format {
        /// The file.
        path: String,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
}

impl CapacityReport {
    /// Whether there is a search in this folder.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        folder.join(FILE).is_file()
    }

    /// Reads a search from its folder.
    ///
    /// # Errors
    /// If it is not there, or another version wrote it.
    pub fn read(folder: &Path) -> Result<Self, CapacityReadError> {
        let path = folder.join(FILE);
        let text = fs::read(&path).map_err(|source| CapacityReadError::Io {
            path: path.display().to_string(),
            source,
        })?;
        let format = |source| CapacityReadError::Format {
            path: path.display().to_string(),
            source,
        };
        let report: Self = serde_json::from_slice(&text).map_err(format)?;
        if report.schema == SCHEMA {
            return Ok(report);
        }
        let found = format!("schema {:?}", report.schema);
        Err(format(<serde_json::Error as serde::de::Error>::custom(
            found,
        )))
    }

    /// As it stands in capacity.json.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("a report has string keys alone");
        json.push(b'\n');
        json
    }
}

/// Searches for the tests of everything that reads one.
#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// A level without figures.
    pub(crate) fn level(load: u64, outcome: Outcome) -> Level {
        Level {
            number: 1,
            load,
            purpose: Purpose::Grow,
            outcome,
            reasons: Vec::new(),
            gave_way: None,
            stopped_early: None,
            steady: true,
            hold_from_s: Some(5.0),
            hold_s: 5.0,
            connected: load,
            throughput_per_s: None,
            times: BTreeMap::new(),
            errors: 0,
            handshake_error_rate: Some(0.0),
            server: BTreeMap::new(),
            rss_per_client: None,
            thresholds: Vec::new(),
            folder: format!("01-{load}"),
        }
    }

    /// A search without levels.
    pub(crate) fn found(capacity: u64, fails_at: u64) -> SearchResult {
        SearchResult {
            server_instances: Some(1),
            with_faults: false,
            capacity: Some(capacity),
            fails_at: Some(fails_at),
            conclusion: Conclusion::Found,
            limit: None,
            levels: Vec::new(),
            model: Model::default(),
            not_monotonic: Vec::new(),
            rss_per_client: None,
            memory_before: None,
        }
    }
}
