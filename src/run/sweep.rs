//! One scenario under several reconnection settings: a run each, and what to make of them.

use std::path::Path;

use super::{Finished, RunError, RunOptions, execute};
use crate::gate::exit_code;
use crate::results::summary::Verdict;
use crate::results::sweep::{Ended, SweepSetting, SweepSummary};
use crate::scenario::plan::{Plan, Sweep};

/// Of several exit codes the first of these counts.
const GRAVEST_FIRST: [u8; 5] = [
    exit_code::INTERRUPTED,
    exit_code::RUN_FAILED,
    exit_code::WORKER_LOST,
    exit_code::GENERATOR_BOUND,
    exit_code::THRESHOLDS_CROSSED,
];

/// Why a sweep could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Neither flags nor `[sweep]` say what to vary.
    #[error(
        "nothing to vary: name values, such as --delay 500ms,1s,5s or --randomization 0,0.5,1, or \
         add a [sweep] table to the scenario"
    )]
    NothingToVary,
    /// No fault, no storm.
    #[error("the scenario has no fault: without [[chaos]] nobody has to come back")]
    NoFault,
    /// Nobody comes back by itself.
    #[error("no population of the scenario reconnects")]
    NoReconnection,
    /// A run could not begin.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// A sweep that came to an end, in order or interrupted.
#[derive(Debug)]
pub struct Swept {
    /// What it found out.
    pub summary: SweepSummary,
    /// What of it could not be written.
    pub unwritten: Option<std::io::Error>,
}

/// Runs a scenario under each combination of its `sweep`'s values, and compares the storms.
///
/// `tell` hears of each run before it begins: its number from 1, how many there are, its setting.
/// An interrupted run is the last. sweep.json is brought up to date after each.
///
/// # Errors
/// If there is nothing to vary or nothing to compare, or a run cannot begin.
pub fn sweep(
    mut plan: Plan,
    options: &RunOptions,
    mut tell: impl FnMut(usize, usize, &SweepSetting),
) -> Result<Swept, SweepError> {
    let values = std::mem::take(&mut plan.sweep);
    check(&plan, &values)?;
    let settings = settings(&values);
    let folder = options.out.join(&plan.name);
    let mut ended: Vec<Ended> = Vec::new();
    let mut swept = None;
    for (index, setting) in settings.iter().enumerate() {
        tell(index + 1, settings.len(), setting);
        let finished = execute(with(&plan, setting), options)?;
        let interrupted = finished.summary.verdict == Verdict::Interrupted;
        ended.push(entry(*setting, finished));
        let summary = SweepSummary::of(&plan.name, plan.seed.0, &ended, gravest(&ended));
        let unwritten = summary.write(&folder).err();
        swept = Some(Swept { summary, unwritten });
        if interrupted {
            break;
        }
    }
    Ok(swept.expect("a combination of values is one of something"))
}

fn check(plan: &Plan, values: &Sweep) -> Result<(), SweepError> {
    if values.is_empty() {
        return Err(SweepError::NothingToVary);
    }
    if plan.chaos.is_empty() {
        return Err(SweepError::NoFault);
    }
    let reconnects =
        |population: &crate::scenario::plan::Population| population.client.reconnection.is_some();
    if !plan.populations.iter().any(reconnects) {
        return Err(SweepError::NoReconnection);
    }
    Ok(())
}

/// Every combination; the last of the three varies the fastest.
fn settings(values: &Sweep) -> Vec<SweepSetting> {
    /// A list that leaves everything as it is has one entry.
    fn each<T: Copy, U>(values: &[T], convert: impl Fn(T) -> U) -> Vec<Option<U>> {
        if values.is_empty() {
            return vec![None];
        }
        values.iter().map(|value| Some(convert(*value))).collect()
    }
    let seconds = |time: std::time::Duration| time.as_secs_f64();
    let mut settings = Vec::new();
    for delay_s in each(&values.delay, seconds) {
        for delay_max_s in each(&values.delay_max, seconds) {
            for randomization in each(&values.randomization, |fraction| fraction) {
                settings.push(SweepSetting {
                    delay_s,
                    delay_max_s,
                    randomization,
                });
            }
        }
    }
    settings
}

/// The scenario with a setting for all that reconnect.
fn with(plan: &Plan, setting: &SweepSetting) -> Plan {
    let mut plan = plan.clone();
    let seconds = std::time::Duration::from_secs_f64;
    for population in &mut plan.populations {
        if let Some(reconnection) = &mut population.client.reconnection {
            if let Some(delay) = setting.delay_s {
                reconnection.delay = seconds(delay);
            }
            if let Some(delay_max) = setting.delay_max_s {
                reconnection.delay_max = seconds(delay_max);
            }
            if let Some(randomization) = setting.randomization {
                reconnection.randomization = randomization;
            }
        }
    }
    plan
}

fn entry(setting: SweepSetting, finished: Finished) -> Ended {
    let name = finished.folder.file_name().unwrap_or_default();
    let name = Path::new(name).display().to_string();
    (setting, name, finished.summary)
}

fn gravest(ended: &[Ended]) -> u8 {
    let codes = || ended.iter().map(|(_, _, summary)| summary.exit_code);
    let known = GRAVEST_FIRST
        .into_iter()
        .find(|grave| codes().any(|code| code == *grave));
    // A code that has no rank here is better told than lost.
    known
        .or_else(|| codes().max())
        .unwrap_or(exit_code::SUCCESS)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::{self, Overrides};

    #[test]
    fn every_combination_is_run_once() {
        let values = Sweep {
            delay: vec![Duration::from_millis(500), Duration::from_secs(1)],
            delay_max: Vec::new(),
            randomization: vec![0.0, 0.5, 1.0],
        };
        let settings: Vec<String> = settings(&values).iter().map(ToString::to_string).collect();
        assert_eq!(
            settings,
            [
                "delay 500ms, randomization 0",
                "delay 500ms, randomization 0.5",
                "delay 500ms, randomization 1",
                "delay 1s, randomization 0",
                "delay 1s, randomization 0.5",
                "delay 1s, randomization 1",
            ]
        );
    }

    fn plan(text: &str) -> Plan {
        let head = "duration = \"9s\"\n[target]\nurl = \"http://127.0.0.1:1/\"\n";
        scenario::parse(&format!("{head}{text}"), "a.toml", &Overrides::default())
            .unwrap_or_else(|problems| panic!("{problems}"))
    }

    const FAULT: &str = "[[chaos]]\nat = \"1s\"\nfault = \"disconnect\"\n";

    #[test]
    fn a_setting_changes_all_that_reconnect_and_nothing_else() {
        let plan = plan(
            "[[clients]]\nname = \"a\"\ncount = 1\nreconnection = { delay = \"3s\" }\n\
             [[clients]]\nname = \"b\"\ncount = 1\nreconnection = false\n",
        );
        let changed = with(
            &plan,
            &SweepSetting {
                delay_s: Some(0.25),
                delay_max_s: None,
                randomization: Some(1.0),
            },
        );
        let mut expected = plan;
        let reconnection = expected.populations[0]
            .client
            .reconnection
            .as_mut()
            .unwrap();
        reconnection.delay = Duration::from_millis(250);
        reconnection.randomization = 1.0;
        assert_eq!(changed, expected);
    }

    #[test]
    fn what_cannot_be_swept_is_said() {
        let some = Sweep {
            randomization: vec![0.5],
            ..Sweep::default()
        };
        let said = |text: &str, values: &Sweep| check(&plan(text), values).unwrap_err();
        let clients = "[[clients]]\ncount = 1\n";
        let stay_away = "[[clients]]\ncount = 1\nreconnection = false\n";
        let with_fault = format!("{clients}{FAULT}");
        assert!(matches!(
            said(&with_fault, &Sweep::default()),
            SweepError::NothingToVary
        ));
        assert!(matches!(said(clients, &some), SweepError::NoFault));
        let with_fault = format!("{stay_away}{FAULT}");
        assert!(matches!(
            said(&with_fault, &some),
            SweepError::NoReconnection
        ));
    }
}
