use std::path::Path;

use crate::cli::Failed;
use crate::cli::args::BaselineArgs;
use crate::cli::terminal::Terminal;
use crate::gate::comparison::compare;
use crate::report;
use crate::results::comparison::Comparison;

/// Finds out before the run whether there is anything to compare it with.
pub(super) fn check(args: &BaselineArgs) -> Result<(), Failed> {
    super::compare::folders(&args.baseline).map(drop)
}

/// Compares a run that has just ended with the baseline, and puts comparison.json and comparison.md
/// into its folder; nothing without a baseline.
pub(super) fn compared(
    args: &BaselineArgs,
    run: &Path,
    terminal: &Terminal,
) -> Result<Option<Comparison>, Failed> {
    let Some(baseline) = &args.baseline else {
        return Ok(None);
    };
    let new = vec![run.to_owned()];
    let mut base = super::compare::folders([baseline])?;
    // The run itself may lie in the folder of its earlier ones.
    super::compare::leave_out(&mut base, &new);
    if base.is_empty() {
        let message = format!(
            "{} holds no run but this one to compare with",
            baseline.display()
        );
        return Err(Failed::new(crate::gate::exit_code::USAGE, message));
    }
    let detail = super::compare::detail(&base, &new);
    let without = [base.clone(), new.clone()].concat();
    let history = super::compare::history(&args.judge, &without)?;
    let (base, new) = (
        super::compare::read(&base, detail)?,
        super::compare::read(&new, detail)?,
    );
    let comparison = compare(&base, &new, &history, &super::compare::options(&args.judge))
        .map_err(|error| super::compare::unknown(&error))?;
    let reports = [
        ("comparison.json", comparison.to_json()),
        (
            "comparison.md",
            report::comparison::markdown(&comparison).into_bytes(),
        ),
    ];
    for (name, bytes) in reports {
        if let Err(error) = std::fs::write(run.join(name), bytes) {
            terminal.error(&format!("{name} cannot be written: {error}"));
        }
    }
    super::compare::check_strict(&comparison, &args.judge)?;
    Ok(Some(comparison))
}
