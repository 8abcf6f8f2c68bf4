use crate::cli::Failed;
use crate::cli::args::{AbArgs, CompareFormat, OverrideArgs};
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;
use crate::report;
use crate::run::ab::{AbError, AbOptions, AbSide, AbStep, PAGE, ab as run_ab};
use crate::scenario::Plan;

/// Runs two sides of a scenario in turn, prints their comparison, and returns its code.
pub(in crate::cli) fn ab(args: &AbArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let sides = [
        (
            AbSide::Base,
            plan(args, &args.base_url, &args.base_set, terminal)?,
        ),
        (
            AbSide::New,
            plan(args, &args.new_url, &args.new_set, terminal)?,
        ),
    ];
    let options = super::run::options(&args.run, terminal);
    let rounds = AbOptions {
        rounds: args.rounds,
        max_rounds: args.max_rounds.unwrap_or(args.rounds).max(args.rounds),
        warm_up: args.warm_up,
        judge: super::compare::options(&args.judge),
    };
    let tell = |step: AbStep<'_>| {
        if !args.run.quiet {
            terminal.complain(&told(&step));
        }
    };
    let outcome = run_ab(&sides, &options, &rounds, tell).map_err(|error| failed(&error))?;
    if let Some(comparison) = &outcome.comparison {
        let format = if args.run.json {
            CompareFormat::Json
        } else {
            args.format
        };
        if !(args.run.quiet && format == CompareFormat::Text) {
            let page = || std::fs::read_to_string(outcome.folder.join(PAGE)).unwrap_or_default();
            super::compare::print(comparison, format, page, terminal);
        }
    }
    if !args.run.quiet {
        terminal.complain(&format!("results: {}\n", outcome.folder.display()));
    }
    if let Some((code, which)) = outcome.ended_by {
        return Err(Failed::new(code, which));
    }
    let Some(comparison) = outcome.comparison else {
        let message = "too few rounds to compare anything";
        return Err(Failed::new(exit_code::INCONCLUSIVE, message));
    };
    super::compare::check_strict(&comparison, &args.judge)?;
    Ok(comparison.exit_code)
}

/// The scenario as one side runs it.
fn plan(
    args: &AbArgs,
    url: &Option<String>,
    set: &[String],
    terminal: &Terminal,
) -> Result<Plan, Failed> {
    let mut overrides: OverrideArgs = args.run.overrides.clone();
    if url.is_some() {
        overrides.url.clone_from(url);
    }
    overrides.set.extend(set.iter().cloned());
    super::overrides::read(&args.run.scenario, &overrides, terminal)
        .inspect_err(|_| terminal.complain("nothing was started\n"))
}

fn told(step: &AbStep<'_>) -> String {
    match step {
        AbStep::WarmUp(side) => format!("warm-up: {}\n", side.name()),
        AbStep::Round(round, of, side) => format!("round {round} of {of}: {}\n", side.name()),
        AbStep::SoFar(round, comparison) => {
            let figures = report::comparison::line(comparison);
            format!("after {round} rounds: {figures}\n")
        }
    }
}

fn failed(error: &AbError) -> Failed {
    match error {
        AbError::Run(error) => super::run::failed(error),
        AbError::Compare(error) => super::compare::unknown(error),
        AbError::Read(_) | AbError::Write { .. } => Failed::from_error(error),
    }
}
