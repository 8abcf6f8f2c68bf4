mod network_change;
mod overlap;
mod source;
mod surroundings;

use std::time::Duration;

pub(super) use network_change::warning;

use super::population_named;
use crate::fault::{self, FaultKind, FaultSpec};
use crate::scenario::nearest;
use crate::scenario::plan::{Balance, Fault};
use crate::scenario::problem::{Checked, Code};
use crate::scenario::reader::{Reader, all};
use crate::units::{self, Selection};

/// How often one fault may come: each time has its own outcome in the results.
const MOST_TIMES: u128 = 100_000;

/// What faults refer to; a part that is itself wrong is not there, and nothing is said about it.
pub(super) struct World<'a> {
    pub(super) names: &'a [String],
    pub(super) duration: Option<Duration>,
    /// The file's own duration, if a flag replaced it.
    pub(super) file_duration: Option<Duration>,
    /// Outer: whether there is a `[server]`. Inner: its instances, unless it is wrong.
    pub(super) server: Option<Option<(u16, Balance)>>,
    /// The way there, unless it is wrong.
    pub(super) way: Option<Way>,
}

/// What stands between clients and server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Nobody on it can read the HTTP.
    pub(super) is_tls: bool,
    /// Through an HTTP proxy.
    pub(super) has_proxy: bool,
    /// Toxiproxy carries out the faults.
    pub(super) has_toxiproxy: bool,
}

/// `[[chaos]]`. A fault beyond a shortened end is left out, with a warning.
pub(super) fn read(
    top: &Reader<'_>,
    world: &World<'_>,
    warnings: &mut Vec<String>,
) -> Checked<Vec<Fault>> {
    let tables = top.open_children("chaos")?;
    let mut sound = Vec::new();
    let faults = all(tables.into_iter().map(|table| {
        let reader = table?;
        let at = reader.duration("at");
        let when = at.and_then(|at| check_end(&reader, at, world));
        let fault = fault(&reader, at, world)?;
        Ok(match when? {
            When::Within => {
                sound.push((reader.place_of("fault"), fault.clone()));
                Some(fault)
            }
            When::CutOff(end) => {
                let at = units::format_duration(fault.at);
                let end = units::format_duration(end);
                let name = fault.kind.name();
                warnings.push(format!(
                    "{name} at {at} is left out: the run was shortened to {end}"
                ));
                None
            }
        })
    }));
    let contradictions = overlap::check(top.problems, &sound, world);
    let faults = faults?.into_iter().flatten().collect();
    contradictions.map(|()| faults)
}

enum When {
    Within,
    /// By a flag that set this duration.
    CutOff(Duration),
}

fn check_end(reader: &Reader<'_>, at: Duration, world: &World<'_>) -> Checked<When> {
    let Some(duration) = world.duration.filter(|duration| at >= *duration) else {
        return Ok(When::Within);
    };
    let entry = reader.entry("at");
    let from_file = entry
        .is_some_and(|entry| matches!(entry.node.place, crate::diagnostic::Place::Text { .. }));
    if from_file && world.file_duration.is_some_and(|own| at < own) {
        return Ok(When::CutOff(duration));
    }
    let place = entry.map_or(reader.place, |entry| entry.node.place);
    let end = units::format_duration(duration);
    let message = "the fault comes after the end of the run";
    Err(reader.report(Code::AfterEnd, place, message, |d| {
        d.label(format!("the run ends after {end}"))
            .key(reader.path_of("at"))
            .help("let the run last longer, or the fault come earlier")
    }))
}

fn fault(reader: &Reader<'_>, at: Checked<Duration>, world: &World<'_>) -> Checked<Fault> {
    let spec = spec(reader)?;
    let keys = check_keys(reader, spec);
    let reader = &reader.by(&spec.table);
    let every = positive(reader, "every").and_then(|every| {
        check_times(reader, at, every, world)?;
        Ok(every)
    });
    let over = if spec.has("over") {
        reader.optional_duration("over")
    } else {
        Ok(None)
    };
    let lasts = if spec.has("for") {
        positive(reader, "for")
    } else {
        Ok(None)
    };
    let clients = if spec.has("clients") {
        let clients = reader.selection("clients");
        clients.and_then(|clients| check_clients(reader, clients).map(|()| clients))
    } else {
        Ok(Selection::All)
    };
    let population = if spec.has("population") {
        population(reader, world)
    } else {
        Ok(None)
    };
    let surroundings = surroundings::check(reader, spec, world);
    let kind: Checked<FaultKind> = (spec.read)(reader);
    keys.and(surroundings)?;
    Ok(Fault {
        at: at?,
        every: every?,
        over: over?.filter(|over| !over.is_zero()),
        lasts: lasts?,
        clients: clients?,
        population: population?,
        kind: kind?,
    })
}

/// Reports a fault that comes more often than results have room for.
fn check_times(
    reader: &Reader<'_>,
    at: Checked<Duration>,
    every: Option<Duration>,
    world: &World<'_>,
) -> Checked<()> {
    let (Ok(at), Some(every), Some(duration)) = (at, every, world.duration) else {
        return Ok(());
    };
    let times = duration
        .saturating_sub(at)
        .as_nanos()
        .div_ceil(every.as_nanos());
    if times <= MOST_TIMES {
        return Ok(());
    }
    let place = reader.place_of("every");
    let message = format!("the fault comes {times} times");
    Err(reader.report(Code::OutOfRange, place, message, |d| {
        d.label(format!("it may come {MOST_TIMES} times"))
            .key(reader.path_of("every"))
            .help("let it come less often, and hit more clients each time")
    }))
}

/// A duration above zero, or nothing.
fn positive(reader: &Reader<'_>, key: &str) -> Checked<Option<Duration>> {
    let duration = reader.optional_duration(key)?;
    duration
        .map(|duration| reader.not_zero(key, duration))
        .transpose()
}

fn check_clients(reader: &Reader<'_>, clients: Selection) -> Checked<()> {
    let nobody = match clients {
        Selection::All => false,
        Selection::Count(count) => count == 0,
        Selection::Share(share) => share.fraction() <= 0.0,
    };
    if !nobody {
        return Ok(());
    }
    let message = "the fault has no victims";
    let place = reader.place_of("clients");
    Err(reader.report(Code::OutOfRange, place, message, |d| {
        d.label("has to be above zero")
            .key(reader.path_of("clients"))
    }))
}

/// Which fault it is; nothing else is said about a table whose fault is not known.
fn spec(reader: &Reader<'_>) -> Checked<&'static FaultSpec> {
    let name = reader.text("fault")?;
    if let Some(spec) = fault::all().find(|spec| spec.name == name) {
        return Ok(spec);
    }
    let place = reader
        .entry("fault")
        .map_or(reader.place, |entry| entry.node.place);
    let names = fault::all().map(|spec| spec.name);
    let list = names.clone().collect::<Vec<_>>().join(", ");
    let message = format!("there is no fault {name:?}");
    Err(reader.report(Code::UnknownFault, place, message, |d| {
        d.label("unknown fault")
            .key(reader.path_of("fault"))
            .help(format!("the faults are {list}"))
            .nearest(nearest(&name, names))
    }))
}

/// Reports every key that this fault does not have.
fn check_keys(reader: &Reader<'_>, spec: &FaultSpec) -> Checked<()> {
    let own = spec.table.keys.iter().map(|key| key.name);
    let foreign = reader
        .entries()
        .iter()
        .filter(|entry| own.clone().all(|key| key != entry.key));
    all(foreign.map(|entry| {
        let key = entry.key.as_str();
        let owners = fault::all().filter(|other| other.has(key));
        let owners: Vec<_> = owners.map(|other| other.name).collect();
        if owners.is_empty() {
            let owner = format!("in {}", spec.name);
            return Err::<(), _>(reader.report_unknown(entry, &owner, own.clone()));
        }
        let message = format!("{} has no `{key}`", spec.name);
        let keys: Vec<_> = spec.own_keys().collect();
        Err(
            reader.report(Code::ForeignKey, entry.key_place, message, |d| {
                d.label(belongs_to(&owners))
                    .key(reader.path_of(key))
                    .help(format!("{} has {}", spec.name, keys.join(", ")))
            }),
        )
    }))
    .map(drop)
}

fn belongs_to(owners: &[&str]) -> String {
    match owners {
        [first, second, _, ..] => format!("belongs to {first}, {second} and others"),
        _ => format!("belongs to {}", owners.join(" and ")),
    }
}

fn population(
    reader: &Reader<'_>,
    world: &World<'_>,
) -> Checked<Option<crate::event::PopulationId>> {
    let Some(name) = reader.optional_text("population")? else {
        return Ok(None);
    };
    let place = reader
        .entry("population")
        .map_or(reader.place, |entry| entry.node.place);
    population_named(
        reader,
        place,
        reader.path_of("population"),
        &name,
        world.names,
    )
    .map(Some)
}
