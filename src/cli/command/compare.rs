use std::path::{Path, PathBuf};

use crate::cli::Failed;
use crate::cli::args::{CompareArgs, CompareFormat, JudgeArgs};
use crate::cli::terminal::Terminal;
use crate::gate::comparison::{CompareError, Options, compare as judge, scenarios_differ};
use crate::gate::exit_code;
use crate::report;
use crate::results::comparison::Comparison;
use crate::results::find::{FindError, read_runs, runs_at};
use crate::results::recorded::{Detail, RecordedRun};

/// Compares stored runs, prints the report, and returns the code of the verdict.
pub(in crate::cli) fn compare(args: &CompareArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let base = folders(std::iter::once(&args.base).chain(&args.more_base))?;
    let new = folders(std::iter::once(&args.new).chain(&args.more_new))?;
    let detail = detail(&base, &new);
    let history = history(&args.judge, &[base.clone(), new.clone()].concat())?;
    let (base, new) = (read(&base, detail)?, read(&new, detail)?);
    let comparison =
        judge(&base, &new, &history, &options(&args.judge)).map_err(|e| unknown(&e))?;
    let page = || report::html::comparison::render(&comparison, &base, &new);
    print(&comparison, args.format, page, terminal);
    check_strict(&comparison, &args.judge)?;
    Ok(comparison.exit_code)
}

/// How to judge, as the flags say.
pub(super) fn options(args: &JudgeArgs) -> Options {
    Options {
        min_effect: args.min_effect.fraction(),
        alpha: args.alpha,
        metrics: args.metrics.clone(),
        inconclusive_passes: args.inconclusive_passes,
        looks: 1,
    }
}

/// Blocks of time are needed where each side is one run.
pub(super) fn detail(base: &[PathBuf], new: &[PathBuf]) -> Detail {
    if base.len() == 1 && new.len() == 1 {
        Detail::Seconds
    } else {
        Detail::Whole
    }
}

/// The earlier runs that `--history` names, without those that are compared.
pub(super) fn history(args: &JudgeArgs, without: &[PathBuf]) -> Result<Vec<RecordedRun>, Failed> {
    let Some(path) = &args.history else {
        return Ok(Vec::new());
    };
    let mut folders = folders([path])?;
    leave_out(&mut folders, without);
    read(&folders, Detail::Whole)
}

/// Takes folders out of others, by whatever path they are named.
pub(super) fn leave_out(folders: &mut Vec<PathBuf>, without: &[PathBuf]) {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let without: Vec<PathBuf> = without.iter().map(|path| real(path)).collect();
    folders.retain(|folder| !without.contains(&real(folder)));
}

/// The run folders of several paths.
pub(super) fn folders<'a>(
    paths: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<Vec<PathBuf>, Failed> {
    let mut folders = Vec::new();
    for path in paths {
        folders.extend(runs_at(path).map_err(|error| not_found(&error))?);
    }
    Ok(folders)
}

pub(super) fn read(folders: &[PathBuf], detail: Detail) -> Result<Vec<RecordedRun>, Failed> {
    read_runs(folders, detail).map_err(|error| Failed::from_error(&error))
}

/// Prints a report; `page` makes the one that needs the runs too.
pub(super) fn print(
    comparison: &Comparison,
    format: CompareFormat,
    page: impl FnOnce() -> String,
    terminal: &Terminal,
) {
    match format {
        CompareFormat::Text => terminal.comparison(comparison),
        CompareFormat::Md => terminal.print(report::comparison::markdown(comparison)),
        CompareFormat::Json => terminal.print(comparison.to_json()),
        CompareFormat::Junit => terminal.print(report::comparison::junit(comparison)),
        CompareFormat::Html => terminal.print(page()),
    }
}

/// Fails under `--strict` where the scenarios differ.
pub(super) fn check_strict(comparison: &Comparison, args: &JudgeArgs) -> Result<(), Failed> {
    if args.strict && scenarios_differ(comparison) {
        let message = "the runs are of different scenarios, and --strict refuses to compare them";
        return Err(Failed::new(exit_code::USAGE, message));
    }
    Ok(())
}

pub(super) fn unknown(error: &CompareError) -> Failed {
    Failed::new(exit_code::USAGE, error.to_string())
}

/// A path that is no run is a wrong command line; a run that is damaged is a failure.
fn not_found(error: &FindError) -> Failed {
    let code = match error {
        FindError::Io { .. } | FindError::NoRuns { .. } | FindError::Several { .. } => {
            exit_code::USAGE
        }
        FindError::Read(_) => exit_code::RUN_FAILED,
    };
    Failed {
        code,
        ..Failed::from_error(error)
    }
}
