use crate::cli::Failed;
use crate::cli::args::{ReportArgs, ReportFormat};
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;
use crate::report::{exchange, html, junit};
use crate::results;
use crate::results::capacity::CapacityReport;
use crate::results::recorded::{Detail, RecordedRun, RecordedSummary};
use crate::results::summary::Summary;

/// Makes a report again from stored results.
pub(in crate::cli) fn report(args: &ReportArgs, terminal: &Terminal) -> Result<u8, Failed> {
    if CapacityReport::is_in(&args.run) {
        return capacity(args, terminal);
    }
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

/// The same of a capacity search.
fn capacity(args: &ReportArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let report = CapacityReport::read(&args.run).map_err(|error| Failed::from_error(&error))?;
    match args.format {
        ReportFormat::Terminal => terminal.capacity(&report, &args.run),
        ReportFormat::Json => terminal.print(report.to_json()),
        ReportFormat::Html => terminal.print(html::capacity(&report).into_bytes()),
        ReportFormat::Junit | ReportFormat::Md | ReportFormat::Prometheus | ReportFormat::Csv => {
            let message = "a capacity search has a terminal, JSON and HTML report alone; its levels have \
                           the others: report LEVEL-FOLDER --format junit";
            return Err(Failed::new(exit_code::USAGE, message));
        }
    }
    Ok(exit_code::SUCCESS)
}
