use crate::cli::Failed;
use crate::gate::exit_code;
use crate::run::work_over_pipes;

/// Works for the run at the other end of standard input and output.
pub(in crate::cli) fn worker() -> Result<u8, Failed> {
    work_over_pipes().map_err(|error| {
        let what = "`sio-load worker` is started by runs, with pipes as its streams";
        Failed::new(exit_code::USAGE, format!("{what}: {error}"))
    })?;
    Ok(exit_code::SUCCESS)
}
