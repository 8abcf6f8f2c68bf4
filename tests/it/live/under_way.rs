//! Runs that are under way, and what they tell meanwhile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use sio_load::clock;

use super::outcome::{self, Outcome};
use crate::harness::{PATIENCE, RunningSioLoad, SioLoad, wait_for};

/// A run under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    program: RunningSioLoad,
    /// How many the scenario has.
    faults: usize,
}

/// `sio-load run` of a scenario; its files and variables may still be added.
pub(super) fn program(scenario: &str) -> SioLoad {
    SioLoad::new(&["run", "live.toml", "--quiet"]).file("live.toml", scenario)
}

impl UnderWay {
    /// Starts a scenario against a server that is there.
    pub(super) fn start(url: &str, scenario: &str) -> Self {
        Self::start_program(program(scenario).env("SIO_LOAD_URL", url), scenario)
    }

    /// Starts a program that was prepared for a scenario.
    pub(super) fn start_program(program: SioLoad, scenario: &str) -> Self {
        Self {
            program: program.start(),
            faults: scenario.matches("[[chaos]]").count(),
        }
    }

    /// Waits until a counter has this value; a run tells once a second.
    pub(super) fn wait_for_count(&self, counter: &str, value: u64) {
        let until = clock::now() + PATIENCE;
        loop {
            let counts = self.counts();
            if counts.get(counter).is_some_and(|count| *count >= value) {
                return;
            }
            assert!(clock::now() < until, "no {value} {counter}: {counts:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The columns of timeline.csv, each added up.
    fn counts(&self) -> BTreeMap<String, u64> {
        let path = self.folder().join("timeline.csv");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let mut counts = BTreeMap::new();
        for line in lines {
            for (name, field) in names.iter().zip(line.split(',')) {
                *counts.entry((*name).to_owned()).or_default() += field.parse().unwrap_or(0);
            }
        }
        counts
    }

    /// Waits until events.jsonl has so many lines of one kind.
    pub(super) fn wait_for_events(&self, kind: &str, count: usize) {
        wait_for(&format!("{count} {kind}"), PATIENCE, || {
            (self.events(kind).len() >= count).then_some(())
        });
    }

    fn events(&self, kind: &str) -> Vec<Value> {
        outcome::events(&self.folder(), kind)
    }

    fn folder(&self) -> PathBuf {
        self.program.directory().join("results/live/latest")
    }

    /// Ends it as Ctrl-C does, once all its faults are over.
    pub(super) fn end(self) -> Outcome {
        self.wait_for_events("fault_ended", self.faults);
        self.program.signal(Signal::SIGINT);
        self.finish()
    }

    /// Waits for its own end.
    pub(super) fn finish(self) -> Outcome {
        Outcome::of(self.program.wait(PATIENCE))
    }
}
