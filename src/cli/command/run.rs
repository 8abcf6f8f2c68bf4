use std::io::Write as _;

use crate::cli::args::{RunArgs, RunCommandArgs};
use crate::cli::terminal::Terminal;
use crate::cli::{Failed, masking};
use crate::client::wire_log::Follow;
use crate::event::ClientId;
use crate::gate::exit_code;
use crate::report::progress::Display;
use crate::results::comparison::Comparison;
use crate::results::summary::Summary;
use crate::run::{AgentOptions, RunError, RunOptions, execute};

/// Runs a scenario, prints its summary, and returns the code of its verdict.
pub(in crate::cli) fn run(command: &RunCommandArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let args = &command.run;
    super::baseline::check(&command.baseline)?;
    let plan = super::overrides::read(&args.scenario, &args.overrides, terminal)
        .inspect_err(|_| terminal.complain("nothing was started\n"))?;
    let finished = execute(plan, &options(args, terminal)).map_err(|error| failed(&error))?;
    let summary = &finished.summary;
    if args.json {
        terminal.print(json(summary));
    } else if !args.quiet {
        terminal.summary(summary, Some(&finished.folder));
    }
    let comparison = super::baseline::compared(&command.baseline, &finished.folder, terminal);
    let comparison = match comparison {
        Ok(comparison) => comparison,
        Err(failed) if summary.exit_code == exit_code::SUCCESS => return Err(failed),
        // What went wrong with the run itself counts first.
        Err(failed) => {
            failed.message.inspect(|message| terminal.error(message));
            None
        }
    };
    show(comparison.as_ref(), args, terminal);
    let compared = comparison.filter(|_| summary.exit_code == exit_code::SUCCESS);
    Ok(compared.map_or(summary.exit_code, |comparison| comparison.exit_code))
}

/// Prints the comparison with the baseline; `--json` leaves standard output to the summary.
fn show(comparison: Option<&Comparison>, args: &RunArgs, terminal: &Terminal) {
    if let Some(comparison) = comparison
        && !args.json
        && !args.quiet
    {
        terminal.print("\n");
        terminal.comparison(comparison);
    }
}

/// How a run is carried out, beyond its plan.
pub(super) fn options(args: &RunArgs, terminal: &Terminal) -> RunOptions {
    RunOptions {
        out: args.out.clone(),
        scenario_file: args.scenario.clone(),
        command: masking::mask(arguments()),
        workers: args.workers,
        processes: args.processes,
        agents: args.agents.map(|count| AgentOptions {
            nats: args.nats.options(),
            count,
        }),
        display: display(args, terminal),
        show_secrets: args.show_secrets,
        follow: args.debug_client.map(|client| Follow {
            client: ClientId(client),
            show_secrets: args.show_secrets,
            out: to_stderr,
        }),
    }
}

/// The command line; what is no UTF-8, a path for one, is shown as well as can be.
fn arguments() -> impl Iterator<Item = String> {
    std::env::args_os().map(|argument| argument.to_string_lossy().into_owned())
}

/// A display that moves and lines of a log would write over each other.
fn display(args: &RunArgs, terminal: &Terminal) -> Display {
    let detected = Display::detect(args.quiet, terminal.color_err());
    let moves = matches!(detected, Display::Live { .. });
    if moves && args.debug_client.is_some() {
        return Display::Notices;
    }
    detected
}

#[expect(
    clippy::disallowed_methods,
    reason = "`--debug-client` goes to standard error as it happens"
)]
fn to_stderr(line: &str) {
    // That nobody reads the log is no reason to end the run.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// summary.json as it stands in the results.
pub(super) fn json(summary: &Summary) -> Vec<u8> {
    let mut json = serde_json::to_vec_pretty(summary).expect("a summary has string keys alone");
    json.push(b'\n');
    json
}

pub(super) fn failed(error: &RunError) -> Failed {
    let code = match error {
        RunError::Worker { .. } | RunError::FewAgents { .. } => exit_code::WORKER_LOST,
        RunError::Interrupted => exit_code::INTERRUPTED,
        RunError::Preflight(_)
        | RunError::Folder(_)
        | RunError::Server(_)
        | RunError::Balancer(_)
        | RunError::Proxy(_)
        | RunError::Transport(_)
        | RunError::NoTarget
        | RunError::Thread(_)
        | RunError::Process(_)
        | RunError::Nats(_)
        | RunError::Runtime(_) => exit_code::RUN_FAILED,
    };
    Failed {
        code,
        ..Failed::from_error(error)
    }
}
