//! The faults, each with the keys of its own `[[chaos]]` table.

use super::Default::{Is, Means, Required};
use super::{Key, Kind, TableSpec, key};
use crate::event::TransportKind;
use crate::scenario::plan::{Blocked, Direction, DisconnectWord, Signal, UpgradeStage};
use crate::word::Word as _;

const AT: Key = key(
    "at",
    Kind::Duration,
    Required,
    "When, from the start of the run.",
);
const FAULT: Key = key("fault", Kind::Text, Required, "Which: see the table below.");
const EVERY: Key = key(
    "every",
    Kind::Duration,
    Means("once"),
    "Again and again, until the end of the run; 100,000 times at most.",
);
const OVER: Key = key(
    "over",
    Kind::Duration,
    Means("all at once"),
    "The victims are spread evenly over this time.",
);
const FOR: Key = key(
    "for",
    Kind::Duration,
    Means("until the end of the run"),
    "How long it lasts; then it is undone.",
);
const CLIENTS: Key = key(
    "clients",
    Kind::Selection,
    Is("\"100%\""),
    "How many victims, or which share of the clients; the seed chooses which.",
);
const POPULATION: Key = key(
    "population",
    Kind::Text,
    Means("all populations"),
    "Victims of this population alone; of a fault on the way, its connections.",
);
const HOW: Key = key(
    "how",
    Kind::Word(DisconnectWord::WORDS),
    Is("\"close\""),
    "Of `disconnect`. `close`: the engine is closed in order (`forced close`). `namespace`: `socket.disconnect()` and `connect()` at once (`io client disconnect`). `fin`, `reset`: FIN or RST on every TCP connection of the client. `websocket_close`: a WebSocket close frame with `code`; clients on polling are left alone.",
);
const CODE: Key = key(
    "code",
    Kind::Integer {
        min: 1000,
        max: 4999,
    },
    Means("1000"),
    "With `how = \"websocket_close\"`: the code of the close frame.",
);
const TO: Key = key(
    "to",
    Kind::Word(TransportKind::WORDS),
    Means("needed without `upgrade`"),
    "The transport on which the clients come back.",
);
const UPGRADE: Key = key(
    "upgrade",
    Kind::Boolean,
    Is("false"),
    "With `to = \"websocket\"`: clients on polling upgrade their living session instead.",
);
const STAGE: Key = key(
    "stage",
    Kind::Word(UpgradeStage::WORDS),
    Is("\"probe\""),
    "How far the upgrade gets. `handshake`: the WebSocket handshake is broken off. `probe`: the WebSocket is open and closed again before the probe. `pong`: the probe's answer is thrown away. `flush`: the answer is there, and the connection is cut before the upgrade packet; the reference client then neither polls nor writes until its ping timeout.",
);
const LOSS: Key = key(
    "share",
    Kind::Share,
    Is("\"10%\""),
    "Of `packet_loss`: the share of packets that are lost.",
);
const READ_RATE: Key = key(
    "rate",
    Kind::ByteRate,
    Required,
    "How much gets through in a second: of one client's reading (`slow_reader`), of one connection and direction (`bandwidth`).",
);
const LATENCY: Key = key(
    "latency",
    Kind::Duration,
    Required,
    "How much later data come.",
);
const JITTER: Key = key(
    "jitter",
    Kind::Duration,
    Is("\"0s\""),
    "More or less so much, evenly distributed.",
);
const SIZE: Key = key(
    "size",
    Kind::Size,
    Is("\"64B\""),
    "The size of a slice on average.",
);
const DELAY: Key = key(
    "delay",
    Kind::Duration,
    Is("\"0s\""),
    "Of `slicer`: between two slices. Of `slow_close`: how much later a connection closes. Of `timeout`: how long nothing comes until a connection is closed; zero leaves it open, and silent, until the fault is over. Of `reset_peer`: from the first data to the reset.",
);
const BYTES: Key = key(
    "bytes",
    Kind::Size,
    Required,
    "After how many bytes a connection is closed, counted from the beginning of the fault.",
);
const TOXICITY: Key = key(
    "toxicity",
    Kind::Share,
    Is("\"100%\""),
    "The share of connections that it touches; the seed chooses which.",
);
const DIRECTION: Key = key(
    "direction",
    Kind::Word(Direction::WORDS),
    Is("\"downstream\""),
    "`downstream`: from the server to the clients. `upstream`: from the clients to the server.",
);
const STATUS: Key = key(
    "status",
    Kind::Integer { min: 400, max: 599 },
    Is("503"),
    "The HTTP status that the proxy answers with.",
);
const REQUEST_SHARE: Key = key(
    "share",
    Kind::Share,
    Is("\"100%\""),
    "Of `status`: the share of requests.",
);
const BLOCKED_HOW: Key = key(
    "how",
    Kind::Word(Blocked::WORDS),
    Is("\"refused\""),
    "Of `websocket_blocked`. `refused`: the handshake is answered 403. `swallowed`: it is never answered. `stripped`: it reaches the server without its `Upgrade` header, as through a proxy that was not told of WebSockets.",
);
const AFTER: Key = key(
    "after",
    Kind::Duration,
    Is("\"60s\""),
    "How long nothing moves on a connection until it is closed. nginx has 60 s by default, HAProxy usually 30 s.",
);
const SIGNAL: Key = key(
    "signal",
    Kind::Word(Signal::WORDS),
    Is("\"SIGKILL\""),
    "Ends the server's process.",
);
const DOWN: Key = key(
    "down",
    Kind::Duration,
    Is("\"0s\""),
    "From the end of a process to its next start.",
);
const INSTANCE: Key = key(
    "instance",
    Kind::Integer { min: 0, max: 999 },
    Means("all of them"),
    "Which instance, from 0.",
);
const DRAIN: Key = key(
    "drain",
    Kind::Duration,
    Is("\"0s\""),
    "Before its end an instance gets no new sessions for so long.",
);
const PAUSE: Key = key(
    "pause",
    Kind::Duration,
    Is("\"0s\""),
    "From one instance being ready again to the next one's turn.",
);
const COMMAND: Key = key(
    "command",
    Kind::Texts,
    Required,
    "Of `exec`: the program and its arguments.",
);
const EXEC_TIMEOUT: Key = key(
    "timeout",
    Kind::Duration,
    Is("\"60s\""),
    "Of `exec`: how long the command may take; then it is killed and the fault has failed.",
);
const EXEC_FOR: Key = key(
    "for",
    Kind::Duration,
    Means("until the command ends"),
    "Of `exec`: how long what it did lasts, if that is longer than the command itself; connections lost meanwhile are put down to it.",
);

pub(in crate::scenario) static CHAOS: TableSpec = TableSpec {
    title: "[[chaos]]",
    about: "A fault. Which keys it takes depends on `fault`.",
    keys: &[
        AT,
        FAULT,
        EVERY,
        OVER,
        FOR,
        CLIENTS,
        POPULATION,
        HOW,
        BLOCKED_HOW,
        CODE,
        TO,
        UPGRADE,
        STAGE,
        LOSS,
        REQUEST_SHARE,
        READ_RATE,
        LATENCY,
        JITTER,
        SIZE,
        DELAY,
        BYTES,
        TOXICITY,
        DIRECTION,
        STATUS,
        AFTER,
        SIGNAL,
        DOWN,
        INSTANCE,
        DRAIN,
        PAUSE,
        COMMAND,
        EXEC_TIMEOUT,
        EXEC_FOR,
    ],
};

/// Where a fault is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) enum Place {
    Client,
    Path,
    Server,
    Hook,
}

/// A fault and what may stand in its `[[chaos]]` table.
#[derive(Debug)]
pub(in crate::scenario) struct FaultSpec {
    pub(in crate::scenario) name: &'static str,
    pub(in crate::scenario) place: Place,
    pub(in crate::scenario) table: TableSpec,
}

impl FaultSpec {
    /// The keys that not every fault has.
    pub(in crate::scenario) fn own_keys(&self) -> impl Iterator<Item = &'static str> + Clone {
        let names = self.table.keys.iter().map(|key| key.name);
        names.filter(|name| !["at", "fault"].contains(name))
    }
}

macro_rules! faults {
    ($($name:literal $place:ident [$($key:expr),* $(,)?] $about:literal;)*) => {
        /// All faults.
        pub(in crate::scenario) static FAULTS: &[FaultSpec] = &[$(FaultSpec {
            name: $name,
            place: Place::$place,
            table: TableSpec {
                title: "[[chaos]]",
                about: $about,
                keys: &[AT, FAULT, EVERY, $($key),*],
            },
        }),*];
    };
}

faults! {
    "disconnect" Client [OVER, CLIENTS, POPULATION, HOW, CODE]
        "Clients lose their connection.";
    "transport_switch" Client [OVER, CLIENTS, POPULATION, TO, UPGRADE]
        "Clients drop their engine and come back on the other transport, or, with `upgrade`, move their living session to WebSocket.";
    "upgrade_abort" Client [OVER, CLIENTS, POPULATION, STAGE]
        "Clients close their engine and come back by polling; the upgrade that follows is broken off at `stage`.";
    "partition" Client [FOR, OVER, CLIENTS, POPULATION]
        "Not a packet of the clients' TCP connections comes through, either way, and neither side is told: a tunnel, an elevator. Linux only.";
    "packet_loss" Client [FOR, OVER, CLIENTS, POPULATION, LOSS]
        "A share of the packets to the clients is lost, and TCP has to send them again. Linux only.";
    "network_change" Client [OVER, CLIENTS, POPULATION]
        "The clients' connections go silent for good, without FIN or RST, and the clients, told by their system, dial anew from another address, as a phone does between Wi-Fi and 4G: the next of `source_addresses`, or any of 127.0.0.0/8 towards loopback. The old sessions are zombies until the server's ping timeout. Linux only.";
    "freeze" Client [FOR, OVER, CLIENTS, POPULATION]
        "The clients neither read nor write nor look at the clock, and then do everything at once: a suspended tab, a SIGSTOPped process.";
    "mute" Client [FOR, OVER, CLIENTS, POPULATION]
        "The clients leave pings unanswered (revision 3: send none) while everything else works.";
    "slow_reader" Client [FOR, OVER, CLIENTS, POPULATION, READ_RATE]
        "The clients read no faster than `rate`, each over all its connections, so that the server's buffers fill, once those of the kernels have.";
    "garbage" Client [OVER, CLIENTS, POPULATION]
        "The clients send a packet that cannot be decoded; the server ends the connection (`parse error`).";
    "oversize" Client [OVER, CLIENTS, POPULATION]
        "The clients send a message one byte beyond the server's `maxPayload`, or beyond 1 MB where it told none.";
    "abandon" Client [OVER, CLIENTS, POPULATION]
        "The clients open a session besides their own and never come back to it: a zombie until the server's ping timeout.";
    "latency" Path [FOR, POPULATION, LATENCY, JITTER, TOXICITY, DIRECTION]
        "Data come later.";
    "bandwidth" Path [FOR, POPULATION, READ_RATE, TOXICITY, DIRECTION]
        "Connections carry no more than `rate`.";
    "slicer" Path [FOR, POPULATION, SIZE, DELAY, TOXICITY, DIRECTION]
        "Data come in small slices.";
    "slow_close" Path [FOR, POPULATION, DELAY, TOXICITY, DIRECTION]
        "Connections close `delay` later than their ends want.";
    "timeout" Path [FOR, POPULATION, DELAY, TOXICITY, DIRECTION]
        "No data come through; connections are closed after `delay`, or when the fault is over.";
    "reset_peer" Path [FOR, POPULATION, DELAY, TOXICITY, DIRECTION]
        "Connections are reset (RST), `delay` after the first data that come on their way; those are lost.";
    "limit_data" Path [FOR, POPULATION, BYTES, TOXICITY, DIRECTION]
        "Connections are closed after `bytes`, those that are open and those that come.";
    "down" Path [FOR, POPULATION]
        "Every connection is cut and none is taken.";
    "restart" Path [POPULATION]
        "The proxy on the way restarts: every connection is cut, and new ones are taken at once.";
    "status" Path [FOR, POPULATION, STATUS, REQUEST_SHARE]
        "Requests are answered with an HTTP status by the proxy, as a load balancer without a healthy server does. HTTP only.";
    "websocket_blocked" Path [FOR, POPULATION, BLOCKED_HOW]
        "WebSocket handshakes do not get through; WebSockets that are open stay open. HTTP only.";
    "idle_timeout" Path [FOR, POPULATION, AFTER]
        "Connections on which nothing moves, either way, are closed. Time before the fault does not count.";
    "non_sticky" Path [FOR]
        "The built-in balancer forgets which session belongs to which instance. Needs `instances` above 1 and `balance = \"sticky\"`.";
    "server_restart" Server [SIGNAL, DOWN, INSTANCE]
        "The server's process is ended by a signal and started again. Needs `[server]`.";
    "server_kill" Server [SIGNAL, INSTANCE]
        "The server's process is ended by a signal and not started again, unless by a later `server_restart`. Needs `[server]`.";
    "server_pause" Server [FOR, INSTANCE]
        "The server's process is stopped by SIGSTOP and then continued. Needs `[server]`.";
    "rolling_restart" Server [SIGNAL, DOWN, DRAIN, PAUSE]
        "One instance after the other is restarted, as a deployment does it. Needs `[server]`.";
    "exec" Hook [EXEC_FOR, COMMAND, EXEC_TIMEOUT]
        "A command does it: `kubectl rollout restart`, `docker restart`, `systemctl restart`.";
}
