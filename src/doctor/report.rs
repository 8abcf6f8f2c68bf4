//! What the doctor hands over: as data, and the base of the text.

use serde::{Serialize, Serializer};

use super::exchange::{Exchange, ms};
use super::probe::Probe;
use super::problem::{self, Problem};
use crate::catalogue::{Finding, Severity};
use crate::clock;

/// Everything that was seen and found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `sio-load/doctor/1`.
    pub schema: &'static str,
    /// The server, without the query of its URL.
    pub url: String,
    /// The HTTP path.
    pub path: String,
    /// The namespace.
    pub namespace: String,
    /// Whether nothing above `info` was found.
    pub well: bool,
    /// Whether clients stay in long-polling.
    pub is_stuck: bool,
    /// All of it, in milliseconds.
    pub took_ms: f64,
    /// In the order in which they were made.
    pub checks: Vec<CheckReport>,
    /// What is wrong, by root cause, the worst first.
    pub problems: Vec<Problem>,
    /// Worst first.
    pub findings: Vec<Found>,
    /// Every request that was sent, with its answer.
    pub exchanges: Vec<Exchange>,
    /// Sessions that could not be closed.
    pub left_open: usize,
}

impl Report {
    /// The version of the data.
    pub const SCHEMA: &str = "sio-load/doctor/1";

    /// Puts together what all checks saw, with every exchange.
    pub(super) fn new(
        probe: &Probe,
        is_stuck: bool,
        checks: Vec<CheckReport>,
        mut findings: Vec<Found>,
        left_open: usize,
    ) -> Self {
        findings.sort_by_key(|found| std::cmp::Reverse(found.finding.severity));
        let well = findings
            .iter()
            .all(|found| found.finding.severity == Severity::Info);
        let took = clock::now().saturating_duration_since(probe.evidence.began);
        Self {
            schema: Self::SCHEMA,
            url: probe.options.base(),
            path: probe.options.path.clone(),
            namespace: probe.options.namespace().to_owned(),
            well,
            is_stuck,
            took_ms: ms(took),
            checks,
            problems: problem::group(&findings),
            findings,
            exchanges: probe.evidence.take(),
            left_open,
        }
    }

    /// How many findings are that bad.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let of = |found: &&Found| found.finding.severity == severity;
        self.findings.iter().filter(of).count()
    }
}

/// What one check saw.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// One word.
    pub name: &'static str,
    /// In milliseconds.
    pub took_ms: f64,
    /// The worst that it found; nothing if it found nothing.
    pub worst: Option<Severity>,
    /// Why it was not made, if it was not.
    pub skipped: Option<String>,
    /// What it saw, for people.
    pub facts: Vec<String>,
    /// The steps of a connection, where it made one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// One step of a connection.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// What it is, as the documentation calls it.
    pub name: &'static str,
    /// From the first step's beginning, in milliseconds.
    pub began_ms: f64,
    /// In milliseconds.
    pub took_ms: f64,
    /// Of `took_ms`: resolving the name.
    pub dns_ms: Option<f64>,
    /// Of `took_ms`: the TCP handshake.
    pub tcp_ms: Option<f64>,
    /// Of `took_ms`: the TLS handshake.
    pub tls_ms: Option<f64>,
    /// Whether it went as it should.
    pub ok: bool,
    /// What came of it, for people.
    pub detail: String,
}

/// A finding, with what was seen.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    /// Its entry in the catalogue.
    #[serde(flatten, serialize_with = "entry")]
    pub finding: &'static Finding,
    /// The check that found it.
    pub check: &'static str,
    /// What was seen here, in a sentence.
    pub seen: String,
    /// The exchanges behind it, by their numbers.
    pub evidence: Vec<usize>,
}

fn entry<S: Serializer>(finding: &&'static Finding, serializer: S) -> Result<S::Ok, S::Error> {
    finding.serialize(serializer)
}
