use super::Default::{Is, Means, Required};
use super::steps::{BEFORE_CONNECT, ON_CONNECT, ON_REJECTED, STEPS};
use super::tables::TLS;
use super::{ANY, Kind, LARGEST, MOST_CLIENTS, TableSpec, key};
use crate::event::{Parser, TransportKind};
use crate::scenario::plan::{OnDisconnect, Profile};
use crate::word::Word as _;

const CLIENT_COUNT: Kind = Kind::Integer {
    min: 0,
    max: MOST_CLIENTS,
};

/// A burst is one turn of its client, and no other client of the thread has one meanwhile.
const MOST_IN_A_BURST: u64 = 100_000;

pub(in crate::scenario) static CLIENTS: TableSpec = TableSpec {
    title: "[[clients]]",
    about: "A population: clients that are alike. Who comes when is said by `count` with or without `arrive`, by `ramp`, or by `arrivals` with `stay`.",
    keys: &[
        key(
            "name",
            Kind::Name,
            Is("\"clients\""),
            "Names the population in results, faults, thresholds and `--set`.",
        ),
        key(
            "count",
            CLIENT_COUNT,
            Means("`ramp` or `arrivals`"),
            "How many clients.",
        ),
        key(
            "arrive",
            Kind::Rate,
            Means("all at once"),
            "How fast the `count` clients start.",
        ),
        key(
            "ramp",
            Kind::Tables(&RAMP),
            Means("`count` or `arrivals`"),
            "The number of clients follows a line, stage by stage, from zero; after the last stage it stays.",
        ),
        key(
            "arrivals",
            Kind::Rate,
            Means("`count` or `ramp`"),
            "An open population: clients come at this rate, whatever became of those before them.",
        ),
        key(
            "stay",
            Kind::Duration,
            Means("needed with `arrivals`"),
            "How long each client of `arrivals` stays.",
        ),
        key(
            "transports",
            Kind::Words(TransportKind::WORDS),
            Is("[\"polling\", \"websocket\"]"),
            "In the order in which they are tried.",
        ),
        key(
            "profile",
            Kind::Word(Profile::WORDS),
            Is("\"node\""),
            "Which platform the client imitates. `node`: a TCP connection per HTTP request. `browser`: keep-alive, Origin, gzip, cookies.",
        ),
        key(
            "parser",
            Kind::Word(Parser::WORDS),
            Means("that of `[target]`"),
            "`json`, or `msgpack` for servers with npm socket.io-msgpack-parser.",
        ),
        key(
            "protocol",
            Kind::Choice(&[3, 4]),
            Is("4"),
            "The Engine.IO revision: 4 for servers of release 3 and 4, 3 for release 2.",
        ),
        key(
            "namespaces",
            Kind::Texts,
            Means("the path of the URL"),
            "What the client connects to, all over one connection.",
        ),
        key(
            "upgrade",
            Kind::Boolean,
            Is("true"),
            "Whether polling sessions move to WebSocket.",
        ),
        key(
            "remember_upgrade",
            Kind::Boolean,
            Is("false"),
            "Whether a client that once was on WebSocket starts with it the next time.",
        ),
        key(
            "try_all_transports",
            Kind::Boolean,
            Is("false"),
            "Whether an error on one transport leads to the next one.",
        ),
        key(
            "with_credentials",
            Kind::Boolean,
            Is("false"),
            "Whether cookies are kept, in a jar per engine.",
        ),
        key(
            "compression",
            Kind::Boolean,
            Is("true"),
            "Whether WebSockets offer permessage-deflate; a server that accepts it compresses.",
        ),
        key(
            "timeout",
            Kind::DurationOrFalse,
            Is("\"20s\""),
            "How long an engine may take to open; `false`: for ever.",
        ),
        key(
            "force_base64",
            Kind::Boolean,
            Is("false"),
            "Binary as base64 on every transport.",
        ),
        key(
            "add_trailing_slash",
            Kind::Boolean,
            Is("true"),
            "Whether `path` ends in a slash.",
        ),
        key(
            "timestamp_requests",
            Kind::Boolean,
            Means("on polling alone"),
            "Whether the query has `t`, which keeps caches away.",
        ),
        key(
            "source_addresses",
            Kind::Texts,
            Is("[]"),
            "Local addresses to connect from, dealt out client by client: `\"127.0.1.1\"`, `\"127.0.1.1-127.0.1.20\"` or `\"10.0.0.0/28\"`. Above 14,000 connections to one address (7,000 with upgrade) the kernel's search for a free port makes each connect several times dearer; some more addresses mend that.",
        ),
        key(
            "reconnection",
            Kind::Switch(&RECONNECTION),
            Is("true"),
            "Whether the client comes back by itself, and how.",
        ),
        key(
            "path",
            Kind::Text,
            Means("that of `[target]`"),
            "In place of the one of `[target]`.",
        ),
        key(
            "headers",
            Kind::Templates,
            Means("those of `[target]`"),
            "In place of those of `[target]`.",
        ),
        key(
            "query",
            Kind::Templates,
            Means("that of `[target]`"),
            "In place of the one of `[target]`.",
        ),
        key(
            "auth",
            Kind::Payload,
            Means("that of `[target]`"),
            "In place of the one of `[target]`.",
        ),
        key(
            "tls",
            Kind::Table(&TLS),
            Means("that of `[target]`"),
            "In place of the one of `[target]`.",
        ),
        key(
            "emit",
            Kind::TableArray(&EMIT),
            Is("[]"),
            "What each client sends.",
        ),
        key(
            "listen",
            Kind::TableArray(&LISTEN),
            Is("[]"),
            "What each client counts.",
        ),
        key(
            "before_connect",
            Kind::TableArray(&BEFORE_CONNECT),
            Is("[]"),
            "What each client does before it connects.",
        ),
        key(
            "on_connect",
            Kind::TableArray(&ON_CONNECT),
            Is("[]"),
            "What each client does after a connect, before it is ready.",
        ),
        key(
            "on_rejected",
            Kind::TableArray(&ON_REJECTED),
            Is("[]"),
            "What each client does after a CONNECT_ERROR, before it connects again.",
        ),
        key(
            "steps",
            Kind::TableArray(&STEPS),
            Is("[]"),
            "What each client does once it is ready, again and again.",
        ),
        key(
            "pace",
            Kind::Duration,
            Means("back to back"),
            "Each client starts an iteration of `steps` every so often, however long they take; a late one is timed from its intended start.",
        ),
        key(
            "iterations",
            Kind::Integer {
                min: 1,
                max: LARGEST,
            },
            Means("until the end"),
            "How many iterations of `steps` each client does.",
        ),
        key(
            "on_disconnect",
            Kind::Word(OnDisconnect::WORDS),
            Is("\"restart\""),
            "What becomes of an iteration whose connection is lost: `restart` fails it and begins anew once the client is ready again, `resume` goes on with the step that was interrupted.",
        ),
    ],
};

pub(in crate::scenario) static RAMP: TableSpec = TableSpec {
    title: "ramp",
    about: "A stage of a ramp: `{ to = 1000, over = \"4s\" }` or `{ hold = \"30s\" }`.",
    keys: &[
        key(
            "to",
            CLIENT_COUNT,
            Means("`hold`"),
            "How many clients there are at the end of the stage.",
        ),
        key(
            "over",
            Kind::Duration,
            Means("needed with `to`"),
            "How long the stage is.",
        ),
        key(
            "hold",
            Kind::Duration,
            Means("`to`"),
            "No change for so long.",
        ),
    ],
};

pub(in crate::scenario) static RECONNECTION: TableSpec = TableSpec {
    title: "reconnection",
    about: "The reconnection options of the JS client. As there, zero for `delay`, `delay_max` or `attempts` means the default.",
    keys: &[
        key(
            "delay",
            Kind::Duration,
            Is("\"1s\""),
            "Before the first attempt, without jitter; it doubles from attempt to attempt.",
        ),
        key(
            "delay_max",
            Kind::Duration,
            Is("\"5s\""),
            "The most before any attempt.",
        ),
        key(
            "randomization",
            Kind::Fraction,
            Is("0.5"),
            "A delay lies within this fraction of itself, below and above.",
        ),
        key(
            "attempts",
            Kind::Integer {
                min: 0,
                max: u32::MAX as u64,
            },
            Means("for ever"),
            "After so many failed attempts the client gives up.",
        ),
    ],
};

pub(in crate::scenario) static EMIT: TableSpec = TableSpec {
    title: "[[clients.emit]]",
    about: "An event that each client of the population sends again and again, whether or not earlier ones were answered.",
    keys: &[
        key("event", Kind::Text, Required, "The event's name."),
        key(
            "data",
            Kind::Arguments,
            Is("[]"),
            "The arguments. They go out verbatim, but for the placeholders.",
        ),
        key(
            "size",
            Kind::Size,
            Means("no padding"),
            "Pads the arguments with one more string up to this size; with `binary` the size of the buffer. 1 GiB at most.",
        ),
        key(
            "binary",
            Kind::Boolean,
            Is("false"),
            "One buffer of `size` as last argument.",
        ),
        key(
            "every",
            Kind::Duration,
            Required,
            "Per client; the first comes within it, the phases spread evenly.",
        ),
        key(
            "burst",
            Kind::Integer {
                min: 1,
                max: MOST_IN_A_BURST,
            },
            Is("1"),
            "So many at each tick.",
        ),
        key(
            "namespace",
            Kind::Text,
            Means("the first of the population"),
            "Where it is sent.",
        ),
        key(
            "volatile",
            Kind::Boolean,
            Is("false"),
            "Dropped rather than buffered when the transport is not ready.",
        ),
        key(
            "ack",
            Kind::Switch(&ACK),
            Is("false"),
            "Whether an ack is asked for; `true` waits until it comes or the connection is lost.",
        ),
    ],
};

pub(in crate::scenario) static ACK: TableSpec = TableSpec {
    title: "ack",
    about: "An ack that is asked for.",
    keys: &[
        key(
            "timeout",
            Kind::DurationOrFalse,
            Is("false"),
            "How long it is waited for; `false`: until the connection is lost.",
        ),
        key(
            "retries",
            Kind::Integer {
                min: 0,
                max: u32::MAX as u64,
            },
            Is("0"),
            "How often the event is sent again when the ack does not come; needs `timeout`.",
        ),
        key(
            "expect",
            Kind::Conditions,
            Is("{}"),
            "What the ack's arguments have to satisfy, by JSONPath: a value, or `{ exists, matches, lt, gt }`. It holds for every match, and there is one. Other acks count as `ack.rejected` too.",
        ),
        key(
            "capture",
            Kind::Subjects,
            Is("{}"),
            "Names for `{{capture.NAME}}`, each with a JSONPath over the ack's arguments; the first match is kept.",
        ),
    ],
};

pub(in crate::scenario) static LISTEN: TableSpec = TableSpec {
    title: "[[clients.listen]]",
    about: "An event that each client of the population counts.",
    keys: &[
        key("event", Kind::Text, Required, "The event's name."),
        key(
            "name",
            Kind::Text,
            Means("the event's name"),
            "Names the table in metrics: `listen.NAME.missing`.",
        ),
        key(
            "capture",
            Kind::Subjects,
            Is("{}"),
            "Names for `{{capture.NAME}}`, each with a JSONPath over the arguments. Each event replaces the values.",
        ),
        key(
            "expect",
            ANY,
            Means("any number"),
            "How many each client should get in the run.",
        ),
        key(
            "reply",
            Kind::Arguments,
            Means("no ack"),
            "The arguments of the ack, for a server that asks for one. They go out verbatim, but for the placeholders; `{{n}}` counts the acks of this table. Requests that nothing answers are counted as `acks.owed`.",
        ),
        key(
            "stamp",
            Kind::Stamp,
            Means("no latency"),
            "Where the sender's time stands, for `event.time`: the argument's index, or a path such as `\"0.sent\"`. It is in microseconds since the Unix epoch, as `{{now}}` gives it.",
        ),
    ],
};
