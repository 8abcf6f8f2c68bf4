use serde_json::json;

use crate::cli::Failed;
use crate::cli::args::CheckArgs;
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;

/// Shows every problem of a scenario, or what it means; starts nothing.
pub(in crate::cli) fn check(args: &CheckArgs, terminal: &Terminal) -> Result<u8, Failed> {
    if !args.json {
        let plan = super::overrides::read(&args.scenario, &args.overrides, terminal)?;
        terminal.print(plan.timeline());
        return Ok(exit_code::SUCCESS);
    }
    let (answer, code) = match super::overrides::checked(&args.scenario, &args.overrides)? {
        Ok(plan) => (
            json!({ "valid": true, "problems": [], "warnings": plan.warnings,
                    "peak_clients": plan.peak_clients(), "scenario": plan.to_toml(false) }),
            exit_code::SUCCESS,
        ),
        Err(problems) => (
            json!({ "valid": false, "problems": problems.entries() }),
            exit_code::INVALID_SCENARIO,
        ),
    };
    terminal.print(format!("{answer:#}\n"));
    Ok(code)
}
