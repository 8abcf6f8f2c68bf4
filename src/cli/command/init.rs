use std::fs::File;
use std::io::{ErrorKind, Write as _};

use crate::cli::Failed;
use crate::cli::args::InitArgs;
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;
use crate::scenario::STARTER;

/// Writes a scenario to start from, never over a file that is there.
pub(in crate::cli) fn init(args: &InitArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let file = args.file.display();
    File::create_new(&args.file)
        .and_then(|mut created| created.write_all(STARTER.as_bytes()))
        .map_err(|error| {
            let message = if error.kind() == ErrorKind::AlreadyExists {
                format!("{file} exists already; name another file: sio-load init NAME.toml")
            } else {
                format!("{file} cannot be written: {error}")
            };
            Failed::new(exit_code::RUN_FAILED, message)
        })?;
    terminal.print(format!(
        "wrote {file}; next: `sio-load check {file}`, then `sio-load run {file}`\n"
    ));
    Ok(exit_code::SUCCESS)
}
