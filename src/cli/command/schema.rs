use crate::cli::Failed;
use crate::cli::args::{SchemaArgs, SchemaOf};
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;
use crate::results::schema::{capacity_schema, comparison_schema, summary_schema};
use crate::scenario;

/// Prints a schema, or the reference of scenario keys.
#[expect(clippy::unnecessary_wraps, reason = "all commands have one shape")]
pub(in crate::cli) fn schema(args: &SchemaArgs, terminal: &Terminal) -> Result<u8, Failed> {
    match args.of {
        SchemaOf::Scenario => terminal.print(format!("{:#}\n", scenario::schema())),
        SchemaOf::Summary => terminal.print(summary_schema()),
        SchemaOf::Comparison => terminal.print(comparison_schema()),
        SchemaOf::Capacity => terminal.print(capacity_schema()),
        SchemaOf::Reference => terminal.print(scenario::reference()),
    }
    Ok(exit_code::SUCCESS)
}
