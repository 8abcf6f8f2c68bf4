use crate::cli::Failed;
use crate::cli::args::{ReportArgs, ReportFormat};
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;
use crate::report::{html, junit};
use crate::results;

/// Makes a report again from stored results.
pub(in crate::cli) fn report(args: &ReportArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let summary = results::read(&args.run).map_err(|error| Failed::from_error(&error))?;
    match args.format {
        ReportFormat::Terminal => terminal.summary(&summary, Some(&args.run)),
        ReportFormat::Json => terminal.print(super::run::json(&summary)),
        ReportFormat::Junit => terminal.print(junit::render(&summary)),
        ReportFormat::Html => {
            let run = results::StoredRun::read(&args.run).map_err(|e| Failed::from_error(&e))?;
            terminal.print(html::render(&run).into_bytes());
        }
    }
    Ok(exit_code::SUCCESS)
}
