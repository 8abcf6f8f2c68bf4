use std::path::Path;

use crate::cli::Failed;
use crate::cli::args::ImportOf;
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;
use crate::import;

/// Prints a scenario made of another tool's, and what has no counterpart in it.
pub(in crate::cli) fn import(of: &ImportOf, terminal: &Terminal) -> Result<u8, Failed> {
    match of {
        ImportOf::Artillery { file } => artillery(file, terminal),
    }
}

fn artillery(file: &Path, terminal: &Terminal) -> Result<u8, Failed> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        let message = format!("{name} cannot be read: {error}");
        Failed::new(exit_code::INVALID_SCENARIO, message)
    })?;
    let imported = import::artillery(&text).map_err(|error| {
        let message = format!("{name} is not YAML: {error}");
        Failed::new(exit_code::INVALID_SCENARIO, message)
    })?;
    terminal.print(&imported.scenario);
    for import::Note { line, text } in &imported.notes {
        terminal.complain(&format!("{name}:{line}: {text}\n"));
    }
    Ok(exit_code::SUCCESS)
}
