use super::super::{exclude, needs};
use crate::event::TransportKind;
use crate::scenario::plan::{ClientFault, DisconnectHow, UpgradeStage};
use crate::scenario::problem::Checked;
use crate::scenario::reader::Reader;

/// A normal closure (RFC 6455, section 7.4.1).
const NORMAL_CLOSURE: u16 = 1000;

/// What a client is to do to itself.
pub(super) fn read(reader: &Reader<'_>, name: &str) -> Checked<ClientFault> {
    Ok(match name {
        "disconnect" => ClientFault::Disconnect(disconnect(reader)?),
        "transport_switch" => transport_switch(reader)?,
        "upgrade_abort" => {
            let stages = [
                UpgradeStage::Handshake,
                UpgradeStage::Probe,
                UpgradeStage::Pong,
                UpgradeStage::Flush,
            ];
            ClientFault::UpgradeAbort(stages[reader.word("stage")?])
        }
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
    let hows = [
        DisconnectHow::Close,
        DisconnectHow::Namespace,
        DisconnectHow::Fin,
        DisconnectHow::Reset,
        DisconnectHow::WebSocketClose(code.unwrap_or(NORMAL_CLOSURE)),
    ];
    let how = hows[how?];
    if code.is_some() && !matches!(how, DisconnectHow::WebSocketClose(_)) {
        let help = "add how = \"websocket_close\"";
        return Err(needs(reader, "code", "how", help));
    }
    Ok(how)
}

fn transport_switch(reader: &Reader<'_>) -> Checked<ClientFault> {
    let to = reader.optional_word("to");
    let upgrade = reader.boolean("upgrade")?;
    let to = to?.map(|index| [TransportKind::Polling, TransportKind::WebSocket][index]);
    match (to, upgrade) {
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
