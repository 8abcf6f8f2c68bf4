use crate::cli::Failed;
use crate::cli::args::StormArgs;
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;
use crate::results::sweep::SweepSetting;
use crate::run::sweep::{SweepError, sweep};
use crate::scenario::Plan;

/// Runs a scenario under several reconnection settings and prints what to make of them.
pub(in crate::cli) fn storm(args: &StormArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let run = &args.run;
    let mut plan = super::overrides::read(&run.scenario, &run.overrides, terminal)?;
    vary(&mut plan, args);
    let folder = run.out.join(&plan.name);
    let options = super::run::options(run, terminal);
    let tell = |number: usize, of: usize, setting: &SweepSetting| {
        if !run.quiet {
            terminal.complain(&format!("run {number} of {of}: {setting}\n"));
        }
    };
    let swept = sweep(plan, &options, tell).map_err(|error| failed(&error))?;
    if let Some(error) = &swept.unwritten {
        terminal.error(&format!("sweep.json cannot be written: {error}"));
    }
    if run.json {
        terminal.print(swept.summary.to_json());
    } else if !run.quiet {
        terminal.sweep(&swept.summary, &folder);
    }
    Ok(swept.summary.exit_code)
}

/// A flag replaces the scenario's values.
fn vary(plan: &mut Plan, args: &StormArgs) {
    if !args.delay.is_empty() {
        plan.sweep.delay.clone_from(&args.delay);
    }
    if !args.delay_max.is_empty() {
        plan.sweep.delay_max.clone_from(&args.delay_max);
    }
    if !args.randomization.is_empty() {
        plan.sweep.randomization.clone_from(&args.randomization);
    }
}

fn failed(error: &SweepError) -> Failed {
    match error {
        SweepError::Run(error) => super::run::failed(error),
        SweepError::NothingToVary => Failed::new(exit_code::USAGE, error.to_string()),
        SweepError::NoFault | SweepError::NoReconnection => {
            Failed::new(exit_code::INVALID_SCENARIO, error.to_string())
        }
    }
}
