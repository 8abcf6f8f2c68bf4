use crate::cli::Failed;
use crate::cli::args::{HistoryArgs, HistoryFormat};
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;
use crate::report::history;
use crate::results::recorded::Detail;

/// Prints one row for each run of a folder.
pub(in crate::cli) fn history(args: &HistoryArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let folders = super::compare::folders([&args.runs])?;
    let runs = super::compare::read(&folders, Detail::Summary)?;
    terminal.print(match args.format {
        HistoryFormat::OtavaCsv => history::otava_csv(&runs),
        HistoryFormat::Json => history::json(&runs),
    });
    Ok(exit_code::SUCCESS)
}
