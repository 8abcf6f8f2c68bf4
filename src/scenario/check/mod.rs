//! The tree becomes a plan: each file of this folder converts one table, in one pass that never
//! stops at a problem.

mod addresses;
mod capacity;
mod captures;
mod chaos;
mod clients;
mod conditions;
mod csv;
mod emit;
mod journey;
mod load;
mod server;
mod steps;
mod sweep;
mod target;
mod templates;
mod thresholds;
mod watch;
mod watch_bounds;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::{MOST_CLIENTS, ROOT};
use super::plan::{CsvTable, Plan, Server, Target, Watch};
use super::problem::{Checked, Code, Problems, Reported};
use super::raw::Node;
use super::reader::Reader;
use super::threshold::WatchBound;
use crate::diagnostic::Place;
use crate::event::PopulationId;
use crate::seed::Seed;

/// What every conversion may need to know.
pub(super) struct Context<'a> {
    pub(super) problems: &'a Problems,
    /// The scenario's text, to mark a placeholder within its string.
    pub(super) text: &'a str,
    /// As the scenario was named.
    pub(super) origin: &'a Path,
    /// The file's own duration, if a flag replaced it.
    pub(super) file_duration: Option<Duration>,
    /// The rows of `[data] csv`.
    pub(super) csv: Checked<Option<CsvTable>>,
}

impl Context<'_> {
    fn csv(&self) -> Option<&CsvTable> {
        self.csv.as_ref().ok().and_then(Option::as_ref)
    }

    /// A file beside the scenario if it is there, else one seen from the working directory.
    fn resolve(&self, file: &str) -> PathBuf {
        let beside = self.origin.parent().map(|folder| folder.join(file));
        beside
            .filter(|path| path.exists())
            .unwrap_or_else(|| PathBuf::from(file))
    }
}

/// The name of a step that is a request, by default.
pub(super) fn request_name(request: &str) -> String {
    let url = request.trim().split_once(' ').map_or("", |(_, url)| url);
    steps::path_name(url.trim())
}

/// Converts the whole tree.
pub(super) fn plan(root: &Node, mut context: Context<'_>) -> Checked<Plan> {
    let top = Reader::new(&ROOT, root, String::new(), context.problems)?;
    let name = name(&top, context.origin);
    let description = top.text("description");
    let duration = top
        .duration("duration")
        .and_then(|duration| top.not_zero("duration", duration));
    let seed = top.optional_integer("seed");
    context.csv = csv::table(&top, &context);
    let context = &context;
    let target = target::read(&top, context);
    let server = server::read(&top);
    target::check_reachable(&top);
    let populations = clients::read(&top, target.as_ref().ok(), context);
    let names = clients::names(&top);
    let mut warnings = target
        .as_ref()
        .map_or_else(|_| Vec::new(), |target| target.warnings.clone());
    let world = chaos::World {
        names: &names,
        duration: duration.ok(),
        file_duration: context.file_duration,
        server: top.has("server").then(|| {
            let server = server.as_ref().ok().and_then(Option::as_ref);
            server.map(|server| (server.instances, server.balance))
        }),
        way: target.as_ref().ok().map(|target| way(&target.target)),
    };
    let chaos = chaos::read(&top, &world, &mut warnings);
    let sweep = sweep::read(&top);
    let watches = watch::read(&top);
    let capacity = capacity::read(&top);
    let watch_bounds = watch_bounds(&top, &server, &watches);
    let scope = thresholds::Scope::new(&names, populations.as_deref().ok());
    let thresholds = thresholds::read(&top, &scope);

    let plan = Plan {
        name: name?,
        description: description?,
        duration: duration?,
        seed: seed?.map_or_else(Seed::draw, Seed),
        target: target?.target,
        server: server?,
        populations: populations?,
        chaos: chaos?,
        sweep: sweep?,
        watches: watches?,
        watch_bounds: watch_bounds?,
        capacity: capacity?,
        thresholds: thresholds?,
        csv: context.csv.clone()?,
        substitutions: Vec::new(),
        warnings,
    };
    let place = top.place_of("clients");
    if plan.peak_clients() == 0 {
        return Err(no_clients(context.problems, place));
    }
    check_all_clients(&plan, place, context.problems)?;
    Ok(plan)
}

/// What stands between clients and a target.
fn way(target: &Target) -> chaos::Way {
    chaos::Way {
        is_tls: target.url.as_ref().is_some_and(target::is_tls),
        has_proxy: target.proxy.is_some(),
        has_toxiproxy: target.toxiproxy.is_some(),
    }
}

/// The bounds on watched servers; what they refer to may itself be wrong, and nothing is said then.
fn watch_bounds(
    top: &Reader<'_>,
    server: &Checked<Option<Server>>,
    watches: &Checked<Vec<Watch>>,
) -> Checked<Vec<WatchBound>> {
    match (server, watches) {
        (Ok(server), Ok(watches)) => watch_bounds::read(top, server.as_ref(), watches),
        (Err(reported), _) | (_, Err(reported)) => Err(*reported),
    }
}

/// Reports more clients, one after the other, than memory has room for.
pub(super) fn check_all_clients(plan: &Plan, place: Place, problems: &Problems) -> Checked<()> {
    let all = plan.all_clients();
    if all <= MOST_CLIENTS {
        return Ok(());
    }
    let message = format!("{all} clients come and go over the whole run");
    Err(problems.report(Code::OutOfRange, place, message, |d| {
        d.label(format!("at most {MOST_CLIENTS} in all"))
            .key("clients")
            .help("let fewer come, and stay longer, or the run be shorter")
    }))
}

/// Adds what is odd about the plan as a whole, flags included.
pub(super) fn add_warnings(plan: &mut Plan) {
    for population in &plan.populations {
        let warning = load::warning(&population.name, &population.load, plan.duration);
        plan.warnings.extend(warning);
    }
    plan.warnings.extend(chaos::warning(plan));
}

/// Reports that nobody would come.
pub(super) fn no_clients(problems: &Problems, place: Place) -> Reported {
    problems.report(
        Code::NoClients,
        place,
        "the scenario has no clients at all",
        |d| d.label("all populations are empty").key("clients"),
    )
}

/// The name, by default that of the file.
fn name(top: &Reader<'_>, origin: &Path) -> Checked<String> {
    match top.optional_text("name")? {
        Some(name) => check_name(top, "name", name),
        None => {
            let stem = origin.file_stem().unwrap_or_default().to_string_lossy();
            let name = stem.replace(|c: char| !is_name_char(c), "-");
            let name = name.trim_start_matches('.');
            Ok(if name.is_empty() { "scenario" } else { name }.to_owned())
        }
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Names become folders, metric labels and parts of paths in `--set`.
fn check_name(reader: &Reader<'_>, key: &str, name: String) -> Checked<String> {
    if !name.is_empty() && name.chars().all(is_name_char) && !name.starts_with('.') {
        return Ok(name);
    }
    let Some(entry) = reader.entry(key) else {
        return Ok(name);
    };
    let message = format!("{name:?} cannot be a name");
    Err(
        reader.report(Code::BadValue, entry.node.place, message, |d| {
            d.label("expected letters, digits, `-`, `_` and `.`, the first of them no `.`")
                .key(reader.path_of(key))
        }),
    )
}

/// A population's name that another table refers to.
fn population_named(
    reader: &Reader<'_>,
    place: Place,
    key: String,
    name: &str,
    names: &[String],
) -> Checked<PopulationId> {
    if let Some(index) = names.iter().position(|known| known == name) {
        return Ok(PopulationId(index as u16));
    }
    let message = format!("there is no population {name:?}");
    Err(reader.report(Code::UnknownPopulation, place, message, |d| {
        d.label("unknown population")
            .key(key)
            .help(format!("the populations are {}", names.join(", ")))
            .nearest(super::nearest(name, names.iter().map(String::as_str)))
    }))
}

/// Says of two keys of one table that they exclude each other.
fn exclude(reader: &Reader<'_>, key: &str, other: &str, help: &str) -> Reported {
    let message = format!("`{key}` and `{other}` exclude each other");
    let related = reader.place_of(other);
    reader.report(Code::Contradiction, reader.place_of(key), message, |d| {
        d.label(format!("not together with `{other}`"))
            .key(reader.path_of(key))
            .related(related, format!("`{other}` is here"))
            .help(help)
    })
}

/// Says of a key that it makes no sense without another one.
fn needs(reader: &Reader<'_>, key: &str, other: &str, help: &str) -> Reported {
    let message = format!("`{key}` needs `{other}`");
    reader.report(Code::Contradiction, reader.place_of(key), message, |d| {
        d.label(format!("makes no sense without `{other}`"))
            .key(reader.path_of(key))
            .help(help)
    })
}
