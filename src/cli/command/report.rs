use crate::cli::Failed;
use crate::cli::args::{ReportArgs, ReportFormat};
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;
use crate::report::{exchange, html, junit};
use crate::results;
use crate::results::recorded::{Detail, RecordedRun, RecordedSummary};
use crate::results::summary::Summary;

/// Makes a report again from stored results.
pub(in crate::cli) fn report(args: &ReportArgs, terminal: &Terminal) -> Result<u8, Failed> {
    match args.format {
        ReportFormat::Terminal => terminal.summary(&summary(args)?, Some(&args.run)),
        ReportFormat::Json => terminal.print(super::run::json(&summary(args)?)),
        ReportFormat::Junit => terminal.print(junit::render(&summary(args)?)),
        ReportFormat::Html => {
            let run = results::StoredRun::read(&args.run).map_err(|e| Failed::from_error(&e))?;
            terminal.print(html::render(&run).into_bytes());
        }
        ReportFormat::Md => terminal.print(exchange::markdown(&figures(args)?)),
        ReportFormat::Prometheus => terminal.print(exchange::prometheus(&figures(args)?)),
        ReportFormat::Csv => terminal.print(exchange::csv(&figures(args)?)),
    }
    Ok(exit_code::SUCCESS)
}

fn summary(args: &ReportArgs) -> Result<Summary, Failed> {
    results::read(&args.run).map_err(|error| Failed::from_error(&error))
}

/// The figures of a run of any version.
fn figures(args: &ReportArgs) -> Result<RecordedSummary, Failed> {
    // A summary.json stands for its folder.
    let folder = match args.run.parent() {
        Some(folder) if args.run.is_file() => folder,
        Some(_) | None => &args.run,
    };
    let run = RecordedRun::read(folder, Detail::Summary).map_err(|e| Failed::from_error(&e))?;
    Ok(run.summary)
}
