use super::Default::{Is, Means, Required};
use super::clients::TRANSPORTS;
use super::{Kind, TableSpec, key};

pub(in crate::scenario) const HOWS: [&str; 4] = ["close", "namespace", "fin", "reset"];
pub(in crate::scenario) const SIGNALS: [&str; 5] =
    ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"];

pub(in crate::scenario) static CHAOS: TableSpec = TableSpec {
    title: "[[chaos]]",
    about: "A fault. Which keys it takes depends on `fault`.",
    keys: &[
        key(
            "at",
            Kind::Duration,
            Required,
            "When, from the start of the run.",
        ),
        key("fault", Kind::Text, Required, "Which: see the table below."),
        key(
            "every",
            Kind::Duration,
            Means("once"),
            "Again and again, until the end of the run.",
        ),
        key(
            "over",
            Kind::Duration,
            Means("all at once"),
            "The victims are spread evenly over this time.",
        ),
        key(
            "clients",
            Kind::Selection,
            Is("\"100%\""),
            "How many victims, or which share of the clients; the seed chooses which.",
        ),
        key(
            "population",
            Kind::Text,
            Means("all populations"),
            "Victims of this population alone.",
        ),
        key(
            "how",
            Kind::Word(&HOWS),
            Is("\"close\""),
            "`close`: the engine is closed in order (`forced close`). `namespace`: `socket.disconnect()` and `connect()` at once (`io client disconnect`). `fin`, `reset`: FIN or RST on every TCP connection of the client.",
        ),
        key(
            "to",
            Kind::Word(&TRANSPORTS),
            Means("needed without `upgrade`"),
            "The transport on which the clients come back.",
        ),
        key(
            "upgrade",
            Kind::Boolean,
            Is("false"),
            "With `to = \"websocket\"`: clients on polling upgrade their living session instead.",
        ),
        key(
            "signal",
            Kind::Word(&SIGNALS),
            Is("\"SIGKILL\""),
            "Ends the server's process.",
        ),
        key(
            "down",
            Kind::Duration,
            Is("\"0s\""),
            "From the end of the process to its next start.",
        ),
        key(
            "instance",
            Kind::Integer { min: 0, max: 999 },
            Means("all of them"),
            "Which instance, from 0.",
        ),
    ],
};

/// A fault of this version and what may stand in its `[[chaos]]` table, beside `at` and `fault`.
#[derive(Debug)]
pub(in crate::scenario) struct FaultSpec {
    pub(in crate::scenario) name: &'static str,
    pub(in crate::scenario) about: &'static str,
    pub(in crate::scenario) keys: &'static [&'static str],
}

/// The faults of this version.
pub(in crate::scenario) const FAULTS: [FaultSpec; 3] = [
    FaultSpec {
        name: "disconnect",
        about: "Clients lose their connection.",
        keys: &["every", "over", "clients", "population", "how"],
    },
    FaultSpec {
        name: "transport_switch",
        about: "Clients drop their engine and come back on the other transport, or, with `upgrade`, move their living session to WebSocket.",
        keys: &["every", "over", "clients", "population", "to", "upgrade"],
    },
    FaultSpec {
        name: "server_restart",
        about: "The server's process is ended by a signal and started again. Needs `[server]`.",
        keys: &["every", "signal", "down", "instance"],
    },
];

/// A fault that a later version will have.
#[derive(Debug)]
pub(in crate::scenario) struct LaterFault {
    pub(in crate::scenario) name: &'static str,
    pub(in crate::scenario) keys: &'static [&'static str],
}

const fn later(name: &'static str, keys: &'static [&'static str]) -> LaterFault {
    LaterFault { name, keys }
}

/// Known by name, so that nobody looks for a typing error.
pub(in crate::scenario) const LATER_FAULTS: [LaterFault; 25] = [
    later("upgrade_abort", &["stage"]),
    later("partition", &["for"]),
    later("packet_loss", &["share", "for"]),
    later("network_change", &[]),
    later("freeze", &["for"]),
    later("mute", &["for"]),
    later("slow_reader", &["rate", "for"]),
    later("garbage", &[]),
    later("oversize", &[]),
    later("abandon", &[]),
    later(
        "latency",
        &["latency", "jitter", "toxicity", "direction", "for"],
    ),
    later("bandwidth", &["rate", "for"]),
    later("slicer", &["size", "delay", "for"]),
    later("slow_close", &["delay", "for"]),
    later("timeout", &["delay", "for"]),
    later("reset_peer", &["delay", "for"]),
    later("limit_data", &["bytes"]),
    later("down", &["for"]),
    later("status", &["status", "share", "for"]),
    later("websocket_blocked", &["how", "for"]),
    later("idle_timeout", &["after"]),
    later("server_kill", &["signal"]),
    later("server_pause", &["for"]),
    later("rolling_restart", &["signal", "down", "drain", "pause"]),
    later("exec", &["command", "timeout"]),
];

/// Words that a key will know later.
pub(in crate::scenario) const LATER_WORDS: [(&str, &str); 1] = [("how", "websocket_close")];

/// Keys that a fault of this version will take later.
pub(in crate::scenario) const LATER_KEYS: [(&str, &str); 1] = [("disconnect", "code")];
