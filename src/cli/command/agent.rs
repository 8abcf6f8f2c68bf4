use std::fmt::Write as _;

use crate::cli::Failed;
use crate::cli::args::{AgentArgs, AgentsArgs};
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;
use crate::run::agent::{self, AgentNews, AgentSettings};

/// Is an agent until a signal ends it.
pub(in crate::cli) fn agent(args: &AgentArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let name = args.name.clone().unwrap_or_else(machine_name);
    let pool = args.nats.pool.clone();
    let settings = AgentSettings {
        nats: args.nats.options(),
        name: name.clone(),
    };
    let tell = |news| {
        let text = match news {
            AgentNews::Waiting => format!("agent {name} waits for a run in pool {pool}\n"),
            AgentNews::Working => "working for a run\n".to_owned(),
            AgentNews::Ending => "ending: clients disconnect; again to stop at once\n".to_owned(),
        };
        terminal.complain(&text);
    };
    agent::serve(settings, tell).map_err(|error| Failed::from_error(&error))?;
    Ok(exit_code::SUCCESS)
}

/// Lists the agents of a pool.
pub(in crate::cli) fn agents(args: &AgentsArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let agents = agent::list(&args.nats.options()).map_err(|error| Failed::from_error(&error))?;
    let mut text = String::new();
    let width = agents.iter().map(|agent| agent.name.chars().count()).max();
    for agent in &agents {
        let state = if agent.is_busy { "busy" } else { "free" };
        let line = writeln!(
            text,
            "{:width$}  {}  {state}  {} cores  {} descriptors  {}",
            agent.name,
            agent.id,
            agent.cores,
            agent.descriptors,
            agent.version,
            width = width.unwrap_or_default(),
        );
        line.expect("writing to a String cannot fail");
    }
    if agents.is_empty() {
        text = format!("no agents in pool {}\n", args.nats.pool);
    }
    terminal.print(text.into_bytes());
    Ok(exit_code::SUCCESS)
}

fn machine_name() -> String {
    let name = nix::unistd::gethostname().ok();
    let name = name.and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "unnamed".to_owned())
}
