//! summary.json: the truth of a run, saved once; every report is a function of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::watched::WatchedFigure;

#[cfg(test)]
pub(crate) mod samples;

/// The value of `schema` in every summary of this version.
pub const SCHEMA: &str = "sio-load/summary/1";

/// Everything that a run found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// The version of this format: `sio-load/summary/1`.
    pub schema: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's description.
    #[serde(default)]
    pub description: String,
    /// The judgement.
    pub verdict: Verdict,
    /// What the process exited with.
    pub exit_code: u8,
    /// The threshold that ended the run early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted_by: Option<String>,
    /// Where all random choices came from.
    pub seed: u64,
    /// From the start of the load to its end, in seconds.
    pub duration_s: f64,
    /// Distributions by metric name; a metric without a single value is left out.
    pub metrics: BTreeMap<String, Distribution>,
    /// Counts by name; every counter is there, also at zero.
    pub counters: BTreeMap<String, u64>,
    /// Fractions in [0, 1] by name; null where there was nothing to divide by.
    pub rates: BTreeMap<String, Option<f64>>,
    /// Figures of watched servers by series: `server.cpu`, `server.rss{instance=1}`,
    /// `watch.NAME.SERIES`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub watched: BTreeMap<String, WatchedFigure>,
    /// Failures, most frequent first.
    pub errors: Vec<ErrorGroup>,
    /// Disconnects by the reference client's reason.
    pub disconnects: BTreeMap<String, u64>,
    /// Applications of faults, in order of time.
    pub faults: Vec<FaultOutcome>,
    /// The same, for each population.
    pub populations: BTreeMap<String, PopulationSummary>,
    /// One by one as the scenario has them.
    pub thresholds: Vec<ThresholdOutcome>,
    /// What a reader must know before using the numbers.
    pub warnings: Vec<Warning>,
    /// The generator's own health.
    pub generator: Generator,
    /// Where the numbers come from.
    pub provenance: Provenance,
}

/// The judgement of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All thresholds held, or there were none.
    Passed,
    /// A threshold was crossed, or nobody ever connected.
    Failed,
    /// The generator was the bottleneck: the numbers say more about it than about the server.
    GeneratorBound,
    /// Ended before its time; what was measured is here.
    Interrupted,
}

/// What a distribution looked like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Distribution {
    /// `us` (microseconds) or `count`.
    pub unit: String,
    /// The number of completed values.
    pub count: u64,
    /// The number of values of which only a lower bound is known: acks that timed out or had not come,
    /// clients that were not connected, or not connected again, when they left.
    #[serde(default)]
    pub censored: u64,
    /// The least completed value.
    pub min: u64,
    /// The mean of the completed values.
    pub mean: f64,
    /// The standard deviation of the completed values.
    pub stdev: f64,
    /// The median, as all percentiles with the censored values at the age that they had reached.
    pub p50: u64,
    /// Percentile 75.
    pub p75: u64,
    /// Percentile 90.
    pub p90: u64,
    /// Percentile 95.
    pub p95: u64,
    /// Percentile 99.
    pub p99: u64,
    /// Percentile 99.9.
    pub p999: u64,
    /// The greatest.
    pub max: u64,
    /// The percentiles above (`p99`, `max`) that would be greater if the censored values were: the
    /// true one is at least what is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_least: Vec<String>,
}

impl Distribution {
    /// Whether a percentile, by the name of its field, is a lower bound.
    #[must_use]
    pub fn is_at_least(&self, percentile: &str) -> bool {
        self.at_least.iter().any(|name| name == percentile)
    }
}

/// Failures that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorGroup {
    /// Where.
    pub stage: String,
    /// Why.
    pub cause: String,
    /// Who.
    pub origin: String,
    /// The HTTP status or WebSocket close code.
    pub status: Option<u16>,
    /// The Engine.IO error code.
    pub code: Option<i64>,
    /// The step of the scenario that failed, at stage `step`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What was said, as an example.
    pub message: Option<String>,
    /// How many.
    pub count: u64,
    /// The finding that explains it, as docs/doctor.md lists them: `SIO-131`. Empty in results of
    /// versions that did not say.
    #[serde(default)]
    pub finding: String,
    /// What it means and what to do, in plain words.
    pub hint: String,
    /// Where the Socket.IO documentation speaks of it.
    pub docs: Option<String>,
    /// The application of a fault that explains them, by its `id` in `faults`; nothing for failures
    /// that no fault explains. They count in error rates all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<u32>,
}

/// What one application of a fault did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultOutcome {
    /// The application's number, from 0 in order of time.
    pub id: u32,
    /// The word in the scenario.
    pub fault: String,
    /// What it was told, in the scenario's words, for people.
    pub detail: String,
    /// Planned, in seconds from the start of the run.
    pub at_s: f64,
    /// When it was begun, in seconds from the start; nothing if it never was.
    pub applied_s: Option<f64>,
    /// When it was over and undone, in seconds from the start.
    pub ended_s: Option<f64>,
    /// Why it could not be carried out, if it could not.
    pub failed: Option<String>,
    /// Connections that a fault on the way touched; null for other faults, and where Toxiproxy,
    /// which does not tell, carried it out.
    #[serde(default)]
    pub connections: Option<u64>,
    /// Requests that a fault on the way answered, changed or withheld; null for faults that touch
    /// no requests.
    #[serde(default)]
    pub requests: Option<u64>,
    /// Clients that felt it.
    pub affected: u64,
    /// Chosen victims that were not connected at the time, and felt nothing.
    #[serde(default)]
    pub not_connected: u64,
    /// Chosen victims to which there was nothing to do: no WebSocket to close, for one.
    #[serde(default)]
    pub not_applicable: u64,
    /// Chosen victims whose sockets the operating system would not let it touch; one is enough for
    /// `failed`.
    #[serde(default)]
    pub refused: u64,
    /// Affected clients that were connected again.
    pub restored: u64,
    /// Affected clients that were not back at the end.
    pub never_back: u64,
    /// Seconds from the fault until this share of the affected clients was back.
    pub restored_s: Restored,
    /// The most Engine.IO handshakes begun within one second, from the fault to its restoration.
    pub peak_handshakes_per_s: u64,
    /// How the affected noticed, by disconnect reason.
    pub disconnects: BTreeMap<String, u64>,
    /// Fault → noticed.
    pub detect: Option<Distribution>,
    /// Fault → connected again.
    pub outage: Option<Distribution>,
    /// Attempts per reconnection.
    pub attempts: Option<Distribution>,
    /// The transport on which the affected came back.
    pub transports: BTreeMap<String, u64>,
    /// Recovered sessions among those back; nothing if the server offers no recovery.
    pub recovered: Option<u64>,
    /// The reconnect storm after it; nothing if it cut off nobody.
    #[serde(default)]
    pub storm: Option<Storm>,
}

/// The reconnect storm after a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Storm {
    /// Clients that lost their connection by the fault.
    pub herd: u64,
    /// From the fault to the last affected client restored, or to the end of the load if one never
    /// was.
    pub duration_s: f64,
    /// The most Engine.IO handshakes begun within one second of it.
    pub peak_handshakes_per_s: u64,
    /// The second of the run in which that was.
    pub peak_at_s: Option<f64>,
    /// The first delays that clients drew, by stripe, the shortest first; stripes that touch are
    /// one.
    pub first_delays: Vec<DelayStripe>,
    /// Engine.IO handshakes of the herd that failed.
    pub failed_attempts: u64,
    /// Those of them that failed while the fault still lasted: the server was still down.
    pub failed_attempts_during_fault: u64,
    /// What failed for the herd on its way back, by cause.
    pub failures: BTreeMap<String, u64>,
    /// Handshakes begun per second beyond first arrivals, before and after.
    pub handshakes_per_s: Levels,
    /// Failures of any stage per second, before and after.
    pub errors_per_s: Levels,
    /// Whether load and errors fell back.
    pub aftermath: Aftermath,
}

/// First delays that lie together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DelayStripe {
    /// The shortest drawn, in milliseconds.
    pub from_ms: u64,
    /// The longest drawn, in milliseconds.
    pub to_ms: u64,
    /// How many clients drew one of them.
    pub clients: u64,
}

/// A rate on both sides of a fault: the median of up to five seconds; null where there were fewer
/// than three undisturbed ones.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Levels {
    /// Before the fault.
    pub before: Option<f64>,
    /// After it was over and all that came back were back.
    pub after: Option<f64>,
}

/// Whether load and errors fell back to their level before a fault; docs/METHODOLOGY.md has the
/// rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aftermath {
    /// Load and errors fell back, and no client that the fault cut off was out and still trying.
    Recovered,
    /// The fault was over, but its load or its errors went on, or clients still tried to come back.
    Metastable,
    /// The fault was never over, or too little undisturbed time was left before or after it.
    TooShortToTell,
}

impl Aftermath {
    /// The word for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::Metastable => "metastable",
            Self::TooShortToTell => "too short to tell",
        }
    }
}

/// Seconds from a fault until a share of the affected clients was back; null if it never was.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Restored {
    /// Half.
    pub p50: Option<f64>,
    /// 95 %.
    pub p95: Option<f64>,
    /// 99 %.
    pub p99: Option<f64>,
    /// All.
    pub p100: Option<f64>,
}

/// One population's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PopulationSummary {
    /// As in [`Summary::metrics`].
    pub metrics: BTreeMap<String, Distribution>,
    /// As in [`Summary::counters`].
    pub counters: BTreeMap<String, u64>,
    /// As in [`Summary::rates`].
    pub rates: BTreeMap<String, Option<f64>>,
    /// As in [`Summary::errors`].
    pub errors: Vec<ErrorGroup>,
    /// As in [`Summary::disconnects`].
    pub disconnects: BTreeMap<String, u64>,
    /// What `[[clients.listen]]` tables counted.
    pub listens: Vec<ListenOutcome>,
}

/// What one `[[clients.listen]]` table counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListenOutcome {
    /// The event's name.
    pub event: String,
    /// How many came.
    pub received: u64,
    /// How many should have come, over all clients of the population.
    pub expected: Option<u64>,
    /// Of each client's `expect`, what it did not get, over all clients that have ended; null without
    /// `expect`. What one client got too often does not make up for what another missed.
    #[serde(default)]
    pub missing: Option<u64>,
    /// What clients got beyond their `expect`, likewise.
    #[serde(default)]
    pub surplus: Option<u64>,
}

/// How a threshold was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdOutcome {
    /// The metric's name.
    pub metric: String,
    /// As written.
    pub expression: String,
    /// What was measured, in the metric's own unit; null if nothing was.
    pub value: Option<f64>,
    /// Whether `value` is a lower bound, since values are censored; an upper bound on such a value is
    /// crossed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// Whether it was crossed in nothing but seconds in which the generator's own timers were late:
    /// then the generator is to blame, not the server.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub explained_by_lag: bool,
    /// Whether it held; a threshold on something never measured does not hold.
    pub passed: bool,
}

/// What a reader must know before using the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// Stable, one word: `generator_saturated`, `generator_lag`, `single_source_address`, …
    pub code: String,
    /// For people, with the numbers.
    pub message: String,
}

/// The generator's own health.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// CPU seconds of the whole process, without its children.
    pub cpu_s: f64,
    /// CPU use of the busiest worker over the load, 1 is a whole core.
    pub cpu_busiest: f64,
    /// The most memory the process held.
    pub rss_peak_bytes: u64,
    /// Percentile 99 of how late its timers fired.
    pub lag_p99_us: u64,
    /// The worst of it.
    pub lag_max_us: u64,
    /// Clients started over 10 ms late.
    pub late_starts: u64,
    /// Worker threads.
    pub workers: u32,
    /// How often the run's own balancer and proxy were short of descriptors, ports or memory.
    #[serde(default)]
    pub shortages: u64,
}

/// A process or agent that generated a part of the load, and its clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerClock {
    /// The process or agent.
    pub name: String,
    /// Release of sio-load.
    pub version: String,
    /// Worker threads.
    pub threads: u32,
    /// Its wall clock minus the coordinator's, in microseconds; stamps are corrected by it.
    pub offset_us: f64,
    /// The largest error that the offset can have, in microseconds.
    pub error_us: f64,
}

/// Where the numbers come from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// `sio-load 0.1.0`.
    pub tool: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// The command line, secrets taken out.
    pub command: Vec<String>,
    /// The path of the scenario, as given.
    pub scenario_file: String,
    /// The machine that generated the load.
    pub host: BTreeMap<String, serde_json::Value>,
    /// The processes or agents that generated the load, where there was more than this process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<WorkerClock>,
    /// What is known about the server: URL, program, pid, handshake.
    pub server: BTreeMap<String, serde_json::Value>,
}
