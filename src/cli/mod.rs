//! The command line: a thin front that reads arguments, calls the library, prints and maps
//! outcomes to exit codes.
//!
//! Arguments come in, text and an exit code go out. Nothing here decides anything about a run.

mod args;
mod command;
mod environment;
mod masking;
mod terminal;

pub use args::Cli;

use args::Command;
use terminal::Terminal;

use crate::gate::exit_code;

/// What went wrong, ready to be printed, and the exit code that it has.
struct Failed {
    /// Nothing if everything has been said.
    message: Option<String>,
    code: u8,
}

impl Failed {
    fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
            code,
        }
    }

    /// An error with its causes, as a failed run.
    fn from_error(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(exit_code::RUN_FAILED, message)
    }
}

/// Carries out a command line and returns the exit code.
#[must_use]
pub fn run(cli: Cli) -> u8 {
    let terminal = Terminal::detect(cli.no_color);
    let outcome = match cli.command {
        Command::Run(args) => command::run::run(&args, &terminal),
        Command::Storm(args) => command::storm::storm(&args, &terminal),
        Command::Capacity(args) => command::capacity::capacity(&args, &terminal),
        Command::Check(args) => command::check::check(&args, &terminal),
        Command::Doctor(args) => command::doctor::doctor(&args, &terminal),
        Command::Ab(args) => command::ab::ab(&args, &terminal),
        Command::Compare(args) => command::compare::compare(&args, &terminal),
        Command::History(args) => command::history::history(&args, &terminal),
        Command::Report(args) => command::report::report(&args, &terminal),
        Command::Serve(args) => command::serve::serve(args, &terminal),
        Command::Guard => command::guard::guard(),
        Command::Import { of } => command::import::import(&of, &terminal),
        Command::Agent(args) => command::agent::agent(&args, &terminal),
        Command::Agents(args) => command::agent::agents(&args, &terminal),
        Command::Worker => command::worker::worker(),
        Command::Init(args) => command::init::init(&args, &terminal),
        Command::Schema(args) => command::schema::schema(&args, &terminal),
        Command::Completions { shell } => command::completions::completions(shell, &terminal),
    };
    outcome.unwrap_or_else(|failed| {
        if let Some(message) = failed.message {
            terminal.error(&message);
        }
        failed.code
    })
}
