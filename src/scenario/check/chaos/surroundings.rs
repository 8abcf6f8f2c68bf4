//! Whether the run has what a fault needs: a server, a balancer, a readable path, an operating
//! system.

use super::{Way, World};
use crate::fault::{FaultSpec, Mechanism};
use crate::scenario::plan::Balance;
use crate::scenario::problem::{Checked, Code, Reported};
use crate::scenario::reader::Reader;

/// Reports a fault that this run could not carry out, whatever its settings.
pub(super) fn check(reader: &Reader<'_>, spec: &FaultSpec, world: &World<'_>) -> Checked<()> {
    match spec.mechanism {
        Mechanism::Impulse | Mechanism::Condition => check_system(reader, spec),
        Mechanism::Toxic | Mechanism::Listener => check_path(reader, spec, world, |_| Ok(())),
        Mechanism::Request => check_path(reader, spec, world, |way| {
            if way.is_tls {
                let message = format!("{} has to read HTTP, and the target speaks TLS", spec.name);
                let help = "use an http:// URL behind the TLS";
                return Err(report(reader, message, help));
            }
            check_builtin(reader, spec, way)
        }),
        Mechanism::Idle => check_path(reader, spec, world, |way| check_builtin(reader, spec, way)),
        Mechanism::Balancer => check_balancer(reader, spec, world),
        Mechanism::Process => check_server(reader, spec, world),
        Mechanism::Hook => Ok(()),
    }
}

fn check_system(reader: &Reader<'_>, spec: &FaultSpec) -> Checked<()> {
    if !spec.needs_linux || cfg!(target_os = "linux") {
        return Ok(());
    }
    let place = reader.place_of("fault");
    let message = format!("{} needs Linux", spec.name);
    Err(reader.report(Code::OtherSystem, place, message, |d| {
        d.label("made of the socket filters of Linux")
            .key(reader.path_of("fault"))
            .help("run it on Linux, or use a network-path fault: down, latency, bandwidth")
    }))
}

/// Whether a proxy of this run can stand on the path and do `more`.
fn check_path(
    reader: &Reader<'_>,
    spec: &FaultSpec,
    world: &World<'_>,
    more: impl Fn(Way) -> Checked<()>,
) -> Checked<()> {
    let Some(way) = world.way else { return Ok(()) };
    if let Some(Some((2.., Balance::Direct))) = world.server {
        let message = format!(
            "{} needs a proxy, and balance = \"direct\" has nothing in between",
            spec.name
        );
        let help = "use balance = \"sticky\" or \"round_robin\"";
        return Err(report(reader, message, help));
    }
    if way.has_proxy {
        let message = format!("{} and [target] proxy exclude each other", spec.name);
        let help = "connections go through another proxy";
        return Err(report(reader, message, help));
    }
    more(way)
}

/// Whether the proxy is the built-in one, which has faults that Toxiproxy lacks.
fn check_builtin(reader: &Reader<'_>, spec: &FaultSpec, way: Way) -> Checked<()> {
    if !way.has_toxiproxy {
        return Ok(());
    }
    let message = format!("Toxiproxy has no {}", spec.name);
    let help = "leave `toxiproxy` out: the built-in proxy has it";
    Err(report(reader, message, help))
}

fn check_balancer(reader: &Reader<'_>, spec: &FaultSpec, world: &World<'_>) -> Checked<()> {
    match world.server {
        None | Some(Some((..=1, _) | (_, Balance::RoundRobin | Balance::Direct))) => {
            let name = spec.name;
            let message = format!("{name} needs a sticky balancer before several instances");
            let help = "add [server] with instances = 2 and balance = \"sticky\"";
            Err(report(reader, message, help))
        }
        Some(_) => Ok(()),
    }
}

fn check_server(reader: &Reader<'_>, spec: &FaultSpec, world: &World<'_>) -> Checked<()> {
    let Some(server) = world.server else {
        return Err(needs_server(reader, spec.name));
    };
    if !spec.has("instance") {
        return Ok(());
    }
    // A wrong instance number is reported where it is read.
    let instance = reader
        .entry("instance")
        .and_then(|entry| entry.node.value.as_integer());
    match (instance, server) {
        (Some(instance), Some((instances, _))) if instance >= i128::from(instances) => {
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

fn report(reader: &Reader<'_>, message: String, help: &str) -> Reported {
    let place = reader
        .entry("fault")
        .map_or(reader.place, |entry| entry.node.place);
    reader.report(Code::Contradiction, place, message, |d| {
        d.label("cannot be carried out")
            .key(reader.path_of("fault"))
            .help(help)
    })
}

fn needs_server(reader: &Reader<'_>, name: &str) -> Reported {
    let place = reader
        .entry("fault")
        .map_or(reader.place, |entry| entry.node.place);
    let message = format!("{name} needs a server that the run starts");
    reader.report(Code::NeedsServer, place, message, |d| {
        d.label("there is no [server]")
            .key(reader.path_of("fault"))
            .help("add [server] with embedded = true or command = [\"node\", \"server.js\"]")
    })
}
