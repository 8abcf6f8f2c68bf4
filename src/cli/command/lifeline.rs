use crate::cli::Failed;
use crate::gate::exit_code;
use crate::server::process::lifeline::hold;

/// Lives as long as the run that started it, and takes its process group along at the end.
pub(in crate::cli) fn lifeline() -> Result<u8, Failed> {
    hold().map_err(|error| Failed::from_error(&error))?;
    Ok(exit_code::SUCCESS)
}
