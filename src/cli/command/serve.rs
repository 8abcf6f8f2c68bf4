use std::path::Path;

use crate::cli::Failed;
use crate::cli::args::ServeArgs;
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;
use crate::run::misbehaviour::{Misbehaviour, MisbehaviourError};
use crate::server::embedded::{AnswerPace, Limits, LogTarget, Options, serve as serve_until_told};

/// Runs the embedded server until it is told to end.
pub(in crate::cli) fn serve(args: ServeArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let log = args.log.map(|path| {
        if path == Path::new("-") {
            LogTarget::Stdout
        } else {
            LogTarget::File(path)
        }
    });
    let options = Options {
        listen: args.listen,
        path: args.path,
        ping_interval: args.ping_interval,
        ping_timeout: args.ping_timeout,
        max_payload: args.max_payload,
        log,
        exit_with_stdin: args.exit_with_stdin,
        limits: Limits {
            work: args.work,
            max_clients: args.max_clients,
            rss_per_client: args.rss_per_client,
        },
        pace: AnswerPace {
            ack_delay: args.ack_delay,
            slow: args.slow,
        },
    };
    // To standard error: standard output may be the log.
    let announce = |address| terminal.complain(&format!("listening on http://{address}\n"));
    if args.misbehave.is_empty() {
        serve_until_told(&options, announce).map_err(|error| Failed::from_error(&error))?;
        return Ok(exit_code::SUCCESS);
    }
    let misbehaviour = Misbehaviour::parse(&args.misbehave).map_err(|error| {
        if let MisbehaviourError::Words(problems) = error {
            terminal.complain(&problems.render(terminal.color_err()));
            return Failed {
                message: None,
                code: exit_code::USAGE,
            };
        }
        Failed::new(exit_code::USAGE, error.to_string())
    })?;
    misbehaviour
        .serve(options, announce)
        .map_err(|error| Failed::from_error(&error))?;
    Ok(exit_code::SUCCESS)
}
