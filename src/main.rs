//! The `sio-load` command.

use std::process::ExitCode;

use clap::Parser as _;
use sio_load::cli::{self, Cli};

fn main() -> ExitCode {
    ExitCode::from(cli::run(Cli::parse()))
}
