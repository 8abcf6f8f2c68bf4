//! What one check saw and found.

use super::report::{CheckReport, Found, Step};
use crate::catalogue::{self, Finding};
use crate::event::Failure;

/// The notes of a check, from its beginning to its end.
#[derive(Debug)]
pub(super) struct Notes {
    check: &'static str,
    facts: Vec<String>,
    steps: Vec<Step>,
    found: Vec<Found>,
}

impl Notes {
    pub(super) fn new(check: &'static str) -> Self {
        Self {
            check,
            facts: Vec::new(),
            steps: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Says what was seen.
    pub(super) fn fact(&mut self, fact: impl Into<String>) {
        self.facts.push(fact.into());
    }

    /// Adds a step of a connection.
    pub(super) fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Points to a finding.
    pub(super) fn find(
        &mut self,
        finding: &'static Finding,
        seen: impl Into<String>,
        evidence: &[usize],
    ) {
        self.found.push(Found {
            finding,
            check: self.check,
            seen: seen.into(),
            evidence: evidence.to_vec(),
        });
    }

    /// Points to the finding of a failure.
    pub(super) fn find_failure(&mut self, failure: &Failure, what: &str, evidence: &[usize]) {
        let finding = catalogue::of(failure.cause);
        self.find(finding, format!("{what}: {failure}."), evidence);
    }

    /// Closes the notes: the report of the check, and its findings.
    pub(super) fn finish(self, took_ms: f64, skipped: Option<String>) -> (CheckReport, Vec<Found>) {
        let report = CheckReport {
            name: self.check,
            took_ms,
            worst: self.found.iter().map(|one| one.finding.severity).max(),
            skipped,
            facts: self.facts,
            steps: self.steps,
        };
        (report, self.found)
    }
}
