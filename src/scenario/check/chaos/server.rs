use super::super::server::command;
use super::World;
use crate::scenario::plan::{Exec, ServerFault, Signal};
use crate::scenario::problem::{Checked, Code, Reported};
use crate::scenario::reader::Reader;

/// What is to be done to processes.
pub(super) fn read(reader: &Reader<'_>, name: &str, world: &World<'_>) -> Checked<ServerFault> {
    let server = check_server(reader, name, world);
    let fault = fault(reader, name);
    server.and(fault)
}

fn fault(reader: &Reader<'_>, name: &str) -> Checked<ServerFault> {
    Ok(match name {
        "server_restart" => {
            let (signal, down) = (signal(reader), reader.duration("down"));
            let instance = instance(reader);
            ServerFault::Restart {
                signal: signal?,
                down: down?,
                instance: instance?,
            }
        }
        "server_kill" => {
            let (signal, instance) = (signal(reader), instance(reader));
            ServerFault::Kill {
                signal: signal?,
                instance: instance?,
            }
        }
        "server_pause" => ServerFault::Pause {
            instance: instance(reader)?,
        },
        "rolling_restart" => {
            let (signal, down) = (signal(reader), reader.duration("down"));
            let (drain, pause) = (reader.duration("drain"), reader.duration("pause"));
            ServerFault::RollingRestart {
                signal: signal?,
                down: down?,
                drain: drain?,
                pause: pause?,
            }
        }
        _ => unreachable!("the fault table has no other fault at servers"),
    })
}

/// A command of the user's.
pub(super) fn hook(reader: &Reader<'_>) -> Checked<Exec> {
    let argv = command(reader);
    let timeout = reader.duration("timeout");
    let timeout = timeout.and_then(|timeout| reader.not_zero("timeout", timeout));
    let Some(argv) = argv? else {
        let help = "name the program and its arguments: command = [\"kubectl\", \"rollout\", …]";
        return Err(reader.missing("command", help));
    };
    Ok(Exec {
        argv: argv.into_iter().map(|(word, _)| word).collect(),
        timeout: timeout?,
    })
}

fn signal(reader: &Reader<'_>) -> Checked<Signal> {
    reader.word("signal")
}

fn instance(reader: &Reader<'_>) -> Checked<Option<u16>> {
    let instance = reader.optional_integer("instance")?;
    Ok(instance.map(|instance| instance as u16))
}

fn check_server(reader: &Reader<'_>, name: &str, world: &World<'_>) -> Checked<()> {
    let Some(server) = world.server else {
        return Err(needs_server(reader, name));
    };
    if name == "rolling_restart" {
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
