use url::{Host, Url};

use super::super::{exclude, needs};
use crate::event::TransportKind;
use crate::scenario::plan::{
    ClientFault, DisconnectHow, DisconnectWord, Fault, FaultKind, Plan, Population,
};
use crate::scenario::problem::{Checked, Code};
use crate::scenario::reader::Reader;

/// A normal closure (RFC 6455, section 7.4.1).
const NORMAL_CLOSURE: u16 = 1000;

/// What a client is to do to itself.
pub(super) fn read(reader: &Reader<'_>, name: &str) -> Checked<ClientFault> {
    let fault = by_name(reader, name)?;
    if fault.filters_packets() && cfg!(not(target_os = "linux")) {
        let place = reader.place_of("fault");
        let message = format!("{name} needs Linux");
        return Err(reader.report(Code::OtherSystem, place, message, |d| {
            d.label("made of the socket filters of Linux")
                .key(reader.path_of("fault"))
                .help("run it on Linux, or take a fault on the way: down, latency, bandwidth")
        }));
    }
    Ok(fault)
}

/// What is odd about a change of network: there may be no other address to come from.
pub(in crate::scenario::check) fn warning(plan: &Plan) -> Option<String> {
    let changes = |fault: &&Fault| fault.kind == FaultKind::Client(ClientFault::NetworkChange);
    let fault = plan.chaos.iter().find(changes)?;
    let is_loopback = plan.server.is_some() || plan.target.url.as_ref().is_some_and(is_loopback);
    let stays = |population: &Population| match population.client.source_addresses.len() {
        0 => !is_loopback,
        count => count < 2,
    };
    let own = fault.population.map(|id| usize::from(id.0));
    let mut victims = plan.populations.iter().enumerate();
    let (_, population) =
        victims.find(|(place, whose)| own.is_none_or(|own| own == *place) && stays(whose))?;
    let name = &population.name;
    Some(format!(
        "network_change: {name} comes back from the address it had; give it two or more \
         `source_addresses`"
    ))
}

/// Whether every address of 127.0.0.0/8 will do to come from.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv6(_)) | None => false,
    }
}

fn by_name(reader: &Reader<'_>, name: &str) -> Checked<ClientFault> {
    Ok(match name {
        "disconnect" => ClientFault::Disconnect(disconnect(reader)?),
        "transport_switch" => transport_switch(reader)?,
        "upgrade_abort" => ClientFault::UpgradeAbort(reader.word("stage")?),
        "partition" => ClientFault::Partition,
        "packet_loss" => ClientFault::PacketLoss(reader.share("share")?),
        "network_change" => ClientFault::NetworkChange,
        "freeze" => ClientFault::Freeze,
        "mute" => ClientFault::Mute,
        "slow_reader" => ClientFault::SlowReader(reader.quantity("rate")?),
        "garbage" => ClientFault::Garbage,
        "oversize" => ClientFault::Oversize,
        "abandon" => ClientFault::Abandon,
        _ => unreachable!("the fault table has no other fault at clients"),
    })
}

fn disconnect(reader: &Reader<'_>) -> Checked<DisconnectHow> {
    let how = reader.word("how");
    let code = reader.optional_integer("code");
    let code = code?.map(|code| code as u16);
    let how = match how? {
        DisconnectWord::Close => DisconnectHow::Close,
        DisconnectWord::Namespace => DisconnectHow::Namespace,
        DisconnectWord::Fin => DisconnectHow::Fin,
        DisconnectWord::Reset => DisconnectHow::Reset,
        DisconnectWord::WebSocketClose => {
            DisconnectHow::WebSocketClose(code.unwrap_or(NORMAL_CLOSURE))
        }
    };
    if code.is_some() && !matches!(how, DisconnectHow::WebSocketClose(_)) {
        let help = "add how = \"websocket_close\"";
        return Err(needs(reader, "code", "how", help));
    }
    Ok(how)
}

fn transport_switch(reader: &Reader<'_>) -> Checked<ClientFault> {
    let to = reader.optional_word::<TransportKind>("to");
    let upgrade = reader.boolean("upgrade")?;
    match (to?, upgrade) {
        (Some(TransportKind::Polling), true) => {
            let help = "an upgrade leads to WebSocket; leave one of the two out";
            Err(exclude(reader, "upgrade", "to", help))
        }
        (Some(to), upgrade) => Ok(ClientFault::TransportSwitch { to, upgrade }),
        (None, true) => Ok(ClientFault::TransportSwitch {
            to: TransportKind::WebSocket,
            upgrade,
        }),
        (None, false) => {
            let help = "add to = \"polling\" or to = \"websocket\"";
            Err(reader.missing("to", help))
        }
    }
}
