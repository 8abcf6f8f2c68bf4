//! What the machine of the run's own servers has.

use super::planning::Machine;
use crate::metrics::host;
use crate::scenario::plan::{Plan, ServerProgram};

/// The machine of the plan's servers; of servers elsewhere nothing is known.
pub(super) fn of_servers(plan: &Plan) -> Machine {
    let Some(server) = &plan.server else {
        return Machine::default();
    };
    let about = host::describe();
    let number = |key: &str| about.get(key).and_then(serde_json::Value::as_u64);
    Machine {
        cores: number("cores"),
        memory_bytes: number("memory_bytes"),
        descriptors: Some(crate::run::preflight::raise_descriptor_limit()),
        instances: server.instances,
        threads_share_load: match &server.program {
            ServerProgram::Embedded => false,
            ServerProgram::Command { argv, .. } => !is_single_threaded(argv),
        },
    }
}

/// Whether a command starts one of the runtimes whose servers use one core each.
fn is_single_threaded(argv: &[String]) -> bool {
    let program = argv.first().map_or("", String::as_str);
    let name = program.rsplit('/').next().unwrap_or_default();
    ["node", "npm", "npx", "python", "sio-load"]
        .iter()
        .any(|runtime| name.starts_with(runtime))
}
