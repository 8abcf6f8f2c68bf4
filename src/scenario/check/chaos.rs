use std::time::Duration;

use super::{exclude, population_named};
use crate::event::TransportKind;
use crate::scenario::keys::{FAULTS, FaultSpec, LATER_FAULTS, LATER_KEYS};
use crate::scenario::nearest;
use crate::scenario::plan::{DisconnectHow, Fault, FaultKind, Signal};
use crate::scenario::problem::{Checked, Code, Reported};
use crate::scenario::reader::{Reader, all};
use crate::units::{self, Selection};

/// What faults refer to; a part that is itself wrong is not there, and nothing is said about it.
pub(super) struct World<'a> {
    pub(super) names: &'a [String],
    pub(super) duration: Option<Duration>,
    /// The file's own duration, if a flag replaced it.
    pub(super) file_duration: Option<Duration>,
    /// Outer: whether there is a `[server]`. Inner: its instances, unless it is wrong.
    pub(super) server: Option<Option<u16>>,
}

/// `[[chaos]]`. A fault beyond a shortened end is left out, with a warning.
pub(super) fn read(
    top: &Reader<'_>,
    world: &World<'_>,
    warnings: &mut Vec<String>,
) -> Checked<Vec<Fault>> {
    let tables = top.open_children("chaos")?;
    let faults = all(tables.into_iter().map(|table| {
        let reader = table?;
        let at = reader.duration("at");
        let when = at.and_then(|at| check_end(&reader, at, world));
        let fault = fault(&reader, at, world)?;
        Ok(match when? {
            When::Within => Some(fault),
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
    }))?;
    Ok(faults.into_iter().flatten().collect())
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
    let every = reader.optional_duration("every").and_then(|every| {
        every
            .map(|every| reader.not_zero("every", every))
            .transpose()
    });
    let over = reader.optional_duration("over");
    let clients = reader.selection("clients");
    let population = population(reader, world);
    let kind = kind(reader, spec, world);
    keys?;
    let clients = clients?;
    check_clients(reader, clients)?;
    Ok(Fault {
        at: at?,
        every: every?,
        over: over?.filter(|over| !over.is_zero()),
        clients,
        population: population?,
        kind: kind?,
    })
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
    if let Some(spec) = FAULTS.iter().find(|spec| spec.name == name) {
        return Ok(spec);
    }
    let place = reader
        .entry("fault")
        .map_or(reader.place, |entry| entry.node.place);
    let names = FAULTS.iter().map(|spec| spec.name);
    let list = names.clone().collect::<Vec<_>>().join(", ");
    if LATER_FAULTS.iter().any(|later| later.name == name) {
        let message = format!("the fault {name:?} is not in this version yet");
        return Err(reader.report(Code::LaterVersion, place, message, |d| {
            d.label("known, but not built yet")
                .key(reader.path_of("fault"))
                .help(format!("this version has {list}"))
        }));
    }
    let message = format!("there is no fault {name:?}");
    let known = names.chain(LATER_FAULTS.iter().map(|later| later.name));
    Err(reader.report(Code::UnknownFault, place, message, |d| {
        d.label("unknown fault")
            .key(reader.path_of("fault"))
            .help(format!("this version has {list}"))
            .nearest(nearest(&name, known))
    }))
}

/// Reports every key that this fault does not have.
fn check_keys(reader: &Reader<'_>, spec: &FaultSpec) -> Checked<()> {
    let own = ["at", "fault"].into_iter().chain(spec.keys.iter().copied());
    let foreign = reader
        .entries()
        .iter()
        .filter(|entry| own.clone().all(|key| key != entry.key));
    all(foreign.map(|entry| {
        let key = entry.key.as_str();
        let now = FAULTS.iter().filter(|other| other.keys.contains(&key));
        let now: Vec<_> = now.map(|other| other.name).collect();
        let later = later_owners(key);
        let (code, label) = if !now.is_empty() {
            (
                Code::ForeignKey,
                format!("belongs to {}", now.join(" and ")),
            )
        } else if !later.is_empty() {
            (Code::LaterVersion, not_yet(&later, spec))
        } else {
            return Err::<(), _>(reader.report_unknown(
                entry,
                &format!("in {}", spec.name),
                own.clone(),
            ));
        };
        let message = format!("{} has no `{key}`", spec.name);
        Err(reader.report(code, entry.key_place, message, |d| {
            d.label(label).key(reader.path_of(key)).help(format!(
                "{} has {}",
                spec.name,
                spec.keys.join(", ")
            ))
        }))
    }))
    .map(drop)
}

fn not_yet(owners: &[&str], spec: &FaultSpec) -> String {
    if owners.contains(&spec.name) {
        return "not in this version yet".to_owned();
    }
    let others = if owners.len() > 3 { " and others" } else { "" };
    let owners = owners[..owners.len().min(3)].join(", ");
    format!("belongs to {owners}{others}, not in this version yet")
}

/// The faults of later versions that have this key.
fn later_owners(key: &str) -> Vec<&'static str> {
    let faults = LATER_FAULTS
        .iter()
        .filter(|fault| fault.keys.contains(&key));
    let keys = LATER_KEYS.iter().filter(|(_, later)| *later == key);
    let faults = faults.map(|fault| fault.name);
    faults.chain(keys.map(|(fault, _)| *fault)).collect()
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

fn kind(reader: &Reader<'_>, spec: &FaultSpec, world: &World<'_>) -> Checked<FaultKind> {
    match spec.name {
        "disconnect" => disconnect(reader),
        "transport_switch" => transport_switch(reader),
        _ => server_restart(reader, world),
    }
}

fn disconnect(reader: &Reader<'_>) -> Checked<FaultKind> {
    let hows = [
        DisconnectHow::Close,
        DisconnectHow::Namespace,
        DisconnectHow::Fin,
        DisconnectHow::Reset,
    ];
    let how = reader.word("how")?;
    Ok(FaultKind::Disconnect { how: hows[how] })
}

fn transport_switch(reader: &Reader<'_>) -> Checked<FaultKind> {
    let to = reader.optional_word("to");
    let upgrade = reader.boolean("upgrade")?;
    let to = to?.map(|index| [TransportKind::Polling, TransportKind::WebSocket][index]);
    match (to, upgrade) {
        (Some(TransportKind::Polling), true) => {
            let help = "an upgrade leads to WebSocket; leave one of the two out";
            Err(exclude(reader, "upgrade", "to", help))
        }
        (Some(to), upgrade) => Ok(FaultKind::TransportSwitch { to, upgrade }),
        (None, true) => Ok(FaultKind::TransportSwitch {
            to: TransportKind::WebSocket,
            upgrade,
        }),
        (None, false) => {
            let help = "add to = \"polling\" or to = \"websocket\"";
            Err(reader.missing("to", help))
        }
    }
}

fn server_restart(reader: &Reader<'_>, world: &World<'_>) -> Checked<FaultKind> {
    let signals = [
        Signal::SigKill,
        Signal::SigTerm,
        Signal::SigInt,
        Signal::SigHup,
        Signal::SigQuit,
    ];
    let signal = reader.word("signal");
    let down = reader.duration("down");
    let instance = reader.optional_integer("instance");
    let server = check_server(reader, instance.ok().flatten(), world);
    let kind = FaultKind::ServerRestart {
        signal: signals[signal?],
        down: down?,
        instance: instance?.map(|instance| instance as u16),
    };
    server.map(|()| kind)
}

fn check_server(reader: &Reader<'_>, instance: Option<u64>, world: &World<'_>) -> Checked<()> {
    let Some(instances) = world.server else {
        return Err(needs_server(reader));
    };
    match (instance, instances) {
        (Some(instance), Some(instances)) if instance >= u64::from(instances) => {
            let place = reader.place_of("instance");
            let message = format!("there is no instance {instance}");
            Err(reader.report(Code::OutOfRange, place, message, |d| {
                d.label(format!("[server] has {instances}, counted from 0"))
                    .key(reader.path_of("instance"))
            }))
        }
        _ => Ok(()),
    }
}

fn needs_server(reader: &Reader<'_>) -> Reported {
    let place = reader
        .entry("fault")
        .map_or(reader.place, |entry| entry.node.place);
    let message = "server_restart needs a server that the run starts";
    reader.report(Code::NeedsServer, place, message, |d| {
        d.label("there is no [server]")
            .key(reader.path_of("fault"))
            .help("add [server] with embedded = true or command = [\"node\", \"server.js\"]")
    })
}
