use std::io::stdin;

use crate::cli::Failed;
use crate::gate::exit_code;
use crate::server::guardian::stand_guard;

/// Waits for the end of the run that holds the other end of standard input.
#[expect(clippy::unnecessary_wraps, reason = "all commands have one shape")]
pub(in crate::cli) fn guard() -> Result<u8, Failed> {
    stand_guard(stdin().lock());
    Ok(exit_code::SUCCESS)
}
