use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::terminal::Terminal;
use crate::cli::{Cli, Failed};
use crate::gate::exit_code;

/// Prints the completion script for a shell.
#[expect(clippy::unnecessary_wraps, reason = "all commands have one shape")]
pub(in crate::cli) fn completions(shell: Shell, terminal: &Terminal) -> Result<u8, Failed> {
    let mut script = Vec::new();
    clap_complete::generate(
        shell,
        &mut visible(&Cli::command()),
        "sio-load",
        &mut script,
    );
    // clap_complete 4.6 names a subcommand of a program with a hyphen in two ways in its script for
    // bash, so that no flag of any subcommand would be completed.
    let script = String::from_utf8_lossy(&script).replace("sio__subcmd__load", "sio__load");
    terminal.print(script);
    Ok(exit_code::SUCCESS)
}

/// The command without what help does not show either: clap_complete offers it all the same.
fn visible(command: &Command) -> Command {
    let arguments = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set());
    let subcommands = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    let mut shown = Command::new(command.get_name().to_owned())
        .args(arguments.cloned())
        .subcommands(subcommands.map(visible));
    if let Some(about) = command.get_about() {
        shown = shown.about(about.clone());
    }
    if let Some(version) = command.get_version() {
        shown = shown.version(version.to_owned());
    }
    shown
}
