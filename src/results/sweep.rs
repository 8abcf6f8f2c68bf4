//! sweep.json: one scenario under several reconnection settings, a run each.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::summary::{Aftermath, FaultOutcome, Restored, Summary, Verdict};

/// The value of `schema` in every sweep of this version.
pub const SCHEMA: &str = "sio-load/sweep/1";

/// What a sweep found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SweepSummary {
    /// The version of this format: `sio-load/sweep/1`.
    pub schema: String,
    /// The scenario's name.
    pub scenario: String,
    /// Where all random choices came from, the same in every run.
    pub seed: u64,
    /// The fault that is compared: its number, from 0 in order of time. With several it is the one
    /// that cut off the most clients over all runs; nothing if none cut off any.
    pub fault_id: Option<u32>,
    /// That fault's word in the scenario.
    pub fault: Option<String>,
    /// In the order in which they ran.
    pub runs: Vec<SweepRun>,
    /// The run, by its place in `runs`, whose herd was all back first; nothing if no herd ever was.
    pub fastest: Option<usize>,
    /// The run whose storm had the lowest peak of handshakes.
    pub lowest_peak: Option<usize>,
    /// What the process exited with.
    pub exit_code: u8,
}

/// One run of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SweepRun {
    /// What it was run with.
    pub setting: SweepSetting,
    /// The name of its folder, beside sweep.json.
    pub folder: String,
    /// Its own judgement.
    pub verdict: Verdict,
    /// What `sio-load run` would have exited with.
    pub exit_code: u8,
    /// Clients that the fault cut off.
    pub herd: u64,
    /// The most Engine.IO handshakes begun within one second of the storm.
    pub peak_handshakes_per_s: u64,
    /// Seconds from the fault until this share of the affected clients was back.
    pub restored_s: Restored,
    /// Affected clients that were not back at the end.
    pub never_back: u64,
    /// Engine.IO handshakes of the herd that failed.
    pub failed_attempts: u64,
    /// Whether load and errors fell back; nothing without a storm.
    pub aftermath: Option<Aftermath>,
}

/// Reconnection options of all populations; null where each has its own.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SweepSetting {
    /// `reconnection.delay`, in seconds.
    pub delay_s: Option<f64>,
    /// `reconnection.delay_max`, in seconds.
    pub delay_max_s: Option<f64>,
    /// `reconnection.randomization`.
    pub randomization: Option<f64>,
}

impl fmt::Display for SweepSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |seconds: f64| {
            let time = Duration::from_secs_f64(seconds);
            humantime::format_duration(time).to_string()
        };
        let parts = [
            ("delay", self.delay_s.map(seconds)),
            ("delay_max", self.delay_max_s.map(seconds)),
            ("randomization", self.randomization.map(|r| r.to_string())),
        ];
        let named = parts
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name} {}", value?)));
        f.write_str(&named.collect::<Vec<_>>().join(", "))
    }
}

/// A run of a sweep that came to an end: its setting, the name of its folder, what it found out.
pub type Ended = (SweepSetting, String, Summary);

impl SweepSummary {
    /// Compares the runs of a sweep that have ended.
    #[must_use]
    pub fn of(scenario: &str, seed: u64, ended: &[Ended], exit_code: u8) -> Self {
        let fault_id = greatest_storm(ended);
        let outcome = |summary: &Summary| {
            let outcome = summary
                .faults
                .iter()
                .find(|fault| Some(fault.id) == fault_id);
            outcome.cloned()
        };
        let runs: Vec<SweepRun> = ended
            .iter()
            .map(|(setting, folder, summary)| SweepRun {
                setting: *setting,
                folder: folder.clone(),
                verdict: summary.verdict,
                exit_code: summary.exit_code,
                ..storm_of(outcome(summary))
            })
            .collect();
        Self {
            schema: SCHEMA.to_owned(),
            scenario: scenario.to_owned(),
            seed,
            fault_id,
            fault: ended
                .iter()
                .find_map(|(_, _, summary)| outcome(summary).map(|outcome| outcome.fault)),
            fastest: best(&runs, |run| Some((run.restored_s.p100?, run.peak()))),
            lowest_peak: best(&runs, |run| {
                // Of equal peaks the one that is over first.
                Some((run.peak(), run.restored_s.p100.unwrap_or(f64::INFINITY)))
            }),
            runs,
            exit_code,
        }
    }

    /// Writes it, in one step, as sweep.json of a folder.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let beside = folder.join(".sweep.json.tmp");
        let mut file = fs::File::create(&beside)?;
        file.write_all(&self.to_json())?;
        drop(file);
        fs::rename(&beside, folder.join("sweep.json"))
    }

    /// As it stands in sweep.json.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("a sweep has string keys alone");
        json.push(b'\n');
        json
    }
}

impl SweepRun {
    fn peak(&self) -> f64 {
        self.peak_handshakes_per_s as f64
    }

    /// Whether its figures can be held against those of others: there was a storm, it was seen to
    /// the end of its run, and it was the server that was measured.
    fn is_comparable(&self) -> bool {
        let measured = match self.verdict {
            Verdict::Passed | Verdict::Failed => true,
            Verdict::GeneratorBound | Verdict::Interrupted => false,
        };
        measured && self.herd > 0
    }
}

/// The fault that cut off the most clients over all runs; the first of those that are equal.
fn greatest_storm(ended: &[Ended]) -> Option<u32> {
    let mut herds = std::collections::BTreeMap::new();
    for fault in ended.iter().flat_map(|(_, _, summary)| &summary.faults) {
        if let Some(storm) = &fault.storm {
            *herds.entry(fault.id).or_insert(0) += storm.herd;
        }
    }
    let greatest = herds
        .into_iter()
        .reduce(|most, next| if next.1 > most.1 { next } else { most });
    greatest.map(|(fault, _)| fault)
}

/// The figures of a run; those that no fault has are filled in by the caller.
fn storm_of(outcome: Option<FaultOutcome>) -> SweepRun {
    let storm = outcome.as_ref().and_then(|outcome| outcome.storm.as_ref());
    SweepRun {
        setting: SweepSetting::default(),
        folder: String::new(),
        verdict: Verdict::Interrupted,
        exit_code: 0,
        herd: storm.map_or(0, |storm| storm.herd),
        peak_handshakes_per_s: storm.map_or(0, |storm| storm.peak_handshakes_per_s),
        restored_s: outcome
            .as_ref()
            .map_or_else(Restored::default, |outcome| outcome.restored_s),
        never_back: outcome.as_ref().map_or(0, |outcome| outcome.never_back),
        failed_attempts: storm.map_or(0, |storm| storm.failed_attempts),
        aftermath: storm.map(|storm| storm.aftermath),
    }
}

/// The place of the comparable run with the least of something.
fn best(runs: &[SweepRun], of: impl Fn(&SweepRun) -> Option<(f64, f64)>) -> Option<usize> {
    let figures = runs
        .iter()
        .enumerate()
        .filter(|(_, run)| run.is_comparable())
        .filter_map(|(place, run)| Some((place, of(run)?)));
    let least = figures.reduce(|least, next| if next.1 < least.1 { next } else { least });
    least.map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::summary::samples;

    /// A run whose first fault peaked at `peak` and was over after `p100` seconds.
    fn ended(delay_s: f64, peak: u64, p100: Option<f64>, verdict: Verdict) -> Ended {
        let mut summary = samples::healthy();
        summary.verdict = verdict;
        let fault = &mut summary.faults[0];
        fault.restored_s.p100 = p100;
        fault.storm.as_mut().unwrap().peak_handshakes_per_s = peak;
        let setting = SweepSetting {
            delay_s: Some(delay_s),
            ..SweepSetting::default()
        };
        (setting, format!("run-{delay_s}"), summary)
    }

    #[test]
    fn the_fastest_and_the_gentlest_are_found_among_the_runs_that_can_be_compared() {
        let runs = [
            ended(0.5, 900, Some(3.0), Verdict::Passed),
            ended(1.0, 400, Some(5.0), Verdict::Failed),
            ended(2.0, 300, None, Verdict::Passed),
            ended(3.0, 10, Some(1.0), Verdict::GeneratorBound),
            ended(5.0, 10, Some(1.0), Verdict::Interrupted),
        ];
        let sweep = SweepSummary::of("reconnect", 7, &runs, 105);
        assert_eq!(
            (sweep.fault_id, sweep.fault.as_deref()),
            (Some(0), Some("server_restart"))
        );
        assert_eq!((sweep.fastest, sweep.lowest_peak), (Some(0), Some(2)));
        assert_eq!(sweep.runs[1].herd, 1_000);
        assert_eq!(sweep.runs[1].folder, "run-1");
    }

    #[test]
    fn without_a_storm_nothing_is_compared() {
        let mut run = ended(0.5, 900, Some(3.0), Verdict::Passed);
        for fault in &mut run.2.faults {
            fault.storm = None;
        }
        let sweep = SweepSummary::of("reconnect", 7, &[run], 0);
        assert_eq!(
            (sweep.fault_id, sweep.fastest, sweep.lowest_peak),
            (None, None, None)
        );
        assert_eq!(sweep.runs[0].herd, 0);
    }

    #[test]
    fn a_setting_names_what_was_varied() {
        let setting = SweepSetting {
            delay_s: Some(0.5),
            delay_max_s: None,
            randomization: Some(0.25),
        };
        assert_eq!(setting.to_string(), "delay 500ms, randomization 0.25");
    }
}
