use std::io::Write as _;

use crate::cli::Failed;
use crate::cli::args::DoctorArgs;
use crate::cli::terminal::Terminal;
use crate::doctor::{DoctorError, Layout, Options, OptionsError, Report, examine, render};
use crate::gate::exit_code;
use crate::trace::Trace;

/// Examines a server, prints the report, and returns 1 if something is wrong.
#[expect(
    clippy::disallowed_methods,
    reason = "`--debug` goes to standard error as it happens"
)]
pub(in crate::cli) fn doctor(args: &DoctorArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let options = options(args).map_err(|error| Failed {
        code: exit_code::USAGE,
        ..Failed::from_error(&error)
    })?;
    let trace = if args.debug {
        // That nobody reads the log is no reason to end the examination.
        Trace::to(|line| drop(std::io::stderr().lock().write_all(line.as_bytes())))
    } else {
        Trace::default()
    };
    let notify = |text: &str| drop(writeln!(std::io::stderr().lock(), "{text}"));
    let report = examine(options, trace, notify).map_err(|error| failed(&error))?;
    if args.json {
        terminal.print(json(&report));
    } else {
        let layout = Layout {
            width: terminal.width(),
            color: terminal.color_out(),
            verbose: args.verbose,
        };
        terminal.print(render(&report, layout));
    }
    Ok(if report.well {
        exit_code::SUCCESS
    } else {
        exit_code::RUN_FAILED
    })
}

fn options(args: &DoctorArgs) -> Result<Options, OptionsError> {
    let mut options = Options::new(&args.url)?;
    options.set_path(&args.path, !args.no_trailing_slash)?;
    if let Some(namespace) = &args.namespace {
        options.set_namespace(namespace)?;
    }
    if let Some(auth) = &args.auth {
        options.set_auth(auth)?;
    }
    for header in &args.headers {
        options.add_header(header)?;
    }
    if let Some(origin) = &args.origin {
        options.set_origin(origin)?;
    }
    options.tls.ca.clone_from(&args.cacert);
    options.tls.insecure = args.insecure;
    options.watch = args.watch;
    options.recovery_event.clone_from(&args.recovery_event);
    options.show_secrets = args.show_secrets;
    Ok(options)
}

fn json(report: &Report) -> Vec<u8> {
    let mut json = serde_json::to_vec_pretty(report).expect("a report has string keys alone");
    json.push(b'\n');
    json
}

fn failed(error: &DoctorError) -> Failed {
    let code = match error {
        // A file or a URL of the command line.
        DoctorError::Transport(_) => exit_code::USAGE,
        DoctorError::Runtime(_) => exit_code::RUN_FAILED,
    };
    Failed {
        code,
        ..Failed::from_error(error)
    }
}
