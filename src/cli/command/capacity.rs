use crate::capacity::{CapacityError, News, search};
use crate::cli::Failed;
use crate::cli::args::CapacityArgs;
use crate::cli::terminal::Terminal;
use crate::gate::exit_code;
use crate::report::number;
use crate::results::capacity::Varied;
use crate::scenario::plan::{Capacity, Plan, Vary};

/// Searches for the largest load that holds a scenario's thresholds, and prints the answer.
pub(in crate::cli) fn capacity(args: &CapacityArgs, terminal: &Terminal) -> Result<u8, Failed> {
    let run = &args.run;
    let mut plan = super::overrides::read(&run.scenario, &run.overrides, terminal)
        .inspect_err(|_| terminal.complain("nothing was started\n"))?;
    apply(&mut plan.capacity, args);
    let options = super::run::options(run, terminal);
    let tell = |news: News<'_>| {
        if !run.quiet {
            terminal.complain(&line(news, &plan));
        }
    };
    let searched = search(&plan, &options, tell).map_err(|error| failed(&error))?;
    if let Some(error) = &searched.unwritten {
        terminal.error(&format!("capacity.json cannot be written: {error}"));
    }
    if run.json {
        terminal.print(searched.report.to_json());
    } else if !run.quiet {
        terminal.capacity(&searched.report, &searched.folder);
    }
    Ok(searched.report.exit_code)
}

/// A flag replaces the scenario's value.
fn apply(capacity: &mut Capacity, args: &CapacityArgs) {
    fn replace<T: Clone>(value: &mut T, flag: Option<&T>) {
        if let Some(flag) = flag {
            value.clone_from(flag);
        }
    }
    replace(&mut capacity.vary, args.vary.as_ref());
    replace(&mut capacity.precision, args.precision.as_ref());
    replace(&mut capacity.growth, args.growth.as_ref());
    replace(&mut capacity.hold, args.hold.as_ref());
    replace(&mut capacity.settle, args.settle.as_ref());
    replace(&mut capacity.confirm, args.confirm.as_ref());
    replace(&mut capacity.headroom, args.headroom.as_ref());
    capacity.from = args.from.or(capacity.from);
    capacity.to = args.to.or(capacity.to);
    capacity.arrive = args.arrive.or(capacity.arrive);
    capacity.fresh_server = args.fresh_server.or(capacity.fresh_server);
    capacity.nodes_for = args.nodes_for.or(capacity.nodes_for);
    capacity.budget = args.budget.or(capacity.budget);
    if !args.instances.is_empty() {
        capacity.instances.clone_from(&args.instances);
    }
    capacity.also_without_faults |= args.also_without_faults;
}

fn line(news: News<'_>, plan: &Plan) -> String {
    let unit = match plan.capacity.vary {
        Vary::Clients => Varied::Clients,
        Vary::Arrivals => Varied::Arrivals,
        Vary::Emits => Varied::Emits,
    };
    match news {
        News::Search(title) => format!("search {title}\n"),
        News::Begins {
            number, load, left, ..
        } => {
            let left = left.map_or_else(String::new, |left| {
                format!(", about {} left", number::stopwatch(left))
            });
            let load = number::count(load);
            format!("level {number}: {load} {} …{left}\n", unit.unit())
        }
        News::Ended(level) => {
            format!("{}\n", crate::report::terminal::level_line(level, unit))
        }
    }
}

fn failed(error: &CapacityError) -> Failed {
    match error {
        CapacityError::Run(error) => super::run::failed(error),
        CapacityError::NothingToTry { .. } | CapacityError::NoServer => {
            Failed::new(exit_code::USAGE, error.to_string())
        }
        CapacityError::NoThresholds
        | CapacityError::Vary(_)
        | CapacityError::FaultAfterHold { .. } => {
            Failed::new(exit_code::INVALID_SCENARIO, error.to_string())
        }
        CapacityError::Folder(error) => Failed::from_error(error),
    }
}
