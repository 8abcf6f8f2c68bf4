use super::World;
use crate::scenario::keys::FaultSpec;
use crate::scenario::plan::{Balance, Direction, PathFault, Toxic};
use crate::scenario::problem::{Checked, Code, Reported};
use crate::scenario::reader::Reader;
use crate::units::Share;

/// What is to happen on the way.
pub(super) fn read(reader: &Reader<'_>, spec: &FaultSpec, world: &World<'_>) -> Checked<PathFault> {
    let toxic = toxic(reader, spec.name);
    let toxic = toxic.and_then(|toxic| check_way(reader, toxic, world).map(|()| toxic));
    let (mut toxicity, mut direction) = (Ok(Share::ALL), Ok(Direction::default()));
    if spec.table.key("toxicity").is_some() {
        toxicity = reader.share("toxicity");
        direction = reader.word("direction");
    }
    Ok(PathFault {
        toxic: toxic?,
        toxicity: toxicity?,
        direction: direction?,
    })
}

fn toxic(reader: &Reader<'_>, name: &str) -> Checked<Toxic> {
    Ok(match name {
        "latency" => {
            let latency = reader.duration("latency");
            let jitter = reader.duration("jitter");
            Toxic::Latency {
                latency: latency?,
                jitter: jitter?,
            }
        }
        "bandwidth" => Toxic::Bandwidth {
            rate: reader.quantity("rate")?,
        },
        "slicer" => {
            let size = reader.quantity("size");
            let delay = reader.duration("delay");
            Toxic::Slicer {
                size: size?,
                delay: delay?,
            }
        }
        "slow_close" => Toxic::SlowClose {
            delay: reader.duration("delay")?,
        },
        "timeout" => Toxic::Timeout {
            delay: reader.duration("delay")?,
        },
        "reset_peer" => Toxic::ResetPeer {
            delay: reader.duration("delay")?,
        },
        "limit_data" => Toxic::LimitData {
            bytes: reader.quantity("bytes")?,
        },
        "down" => Toxic::Down,
        "restart" => Toxic::Restart,
        "status" => {
            let status = reader.integer("status");
            let share = reader.share("share");
            Toxic::Status {
                status: status? as u16,
                share: share?,
            }
        }
        "websocket_blocked" => Toxic::WebSocketBlocked(reader.word("how")?),
        "idle_timeout" => {
            let after = reader.duration("after")?;
            Toxic::IdleTimeout {
                after: reader.not_zero("after", after)?,
            }
        }
        "non_sticky" => Toxic::NonSticky,
        _ => unreachable!("the fault table has no other fault on the way"),
    })
}

/// Whether whoever stands on the way can do it.
fn check_way(reader: &Reader<'_>, toxic: Toxic, world: &World<'_>) -> Checked<()> {
    if toxic == Toxic::NonSticky {
        return check_balancer(reader, world);
    }
    let Some(way) = world.way else { return Ok(()) };
    let name = toxic.name();
    if way.has_proxy {
        let message = format!("{name} and [target] proxy exclude each other");
        return Err(report(
            reader,
            message,
            "connections go through another proxy",
        ));
    }
    if way.is_tls && toxic.reads_http() {
        let message = format!("{name} has to read HTTP, and the target speaks TLS");
        return Err(report(reader, message, "use an http:// URL behind the TLS"));
    }
    let by_toxiproxy = toxic.is_per_connection() || matches!(toxic, Toxic::Down | Toxic::Restart);
    if way.has_toxiproxy && !by_toxiproxy {
        let message = format!("Toxiproxy has no {name}");
        let help = "leave `toxiproxy` out: the built-in proxy has it";
        return Err(report(reader, message, help));
    }
    Ok(())
}

fn check_balancer(reader: &Reader<'_>, world: &World<'_>) -> Checked<()> {
    match world.server {
        None | Some(Some((..=1, _) | (_, Balance::RoundRobin))) => {
            let message = "non_sticky needs a sticky balancer before several instances";
            let help = "add [server] with instances = 2 and balance = \"sticky\"";
            Err(report(reader, message.to_owned(), help))
        }
        Some(_) => Ok(()),
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
