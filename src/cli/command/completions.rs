use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::terminal::Terminal;
use crate::cli::{Cli, Failed};
use crate::gate::exit_code;

/// Prints the completion script for a shell.
#[expect(clippy::unnecessary_wraps, reason = "all commands have one shape")]
pub(in crate::cli) fn completions(shell: Shell, terminal: &Terminal) -> Result<u8, Failed> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sio-load", &mut script);
    terminal.print(script);
    Ok(exit_code::SUCCESS)
}
