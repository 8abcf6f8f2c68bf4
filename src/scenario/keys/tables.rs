use super::Default::{Is, Means, Required};
use super::capacity::{CAPACITY, WATCH};
use super::clients::CLIENTS;
use super::faults::CHAOS;
use super::{ANY, Kind, TableSpec, key};
use crate::event::Parser;
use crate::keys::TOP;
use crate::scenario::plan::Balance;
use crate::word::Word as _;

pub(in crate::scenario) static ROOT: TableSpec = TableSpec {
    title: TOP,
    about: "What the scenario is called, how long it runs, and its tables.",
    keys: &[
        key(
            "name",
            Kind::Name,
            Means("the file's name"),
            "Names the results folder, `results/<name>/`.",
        ),
        key(
            "description",
            Kind::Text,
            Is("\"\""),
            "One line for people.",
        ),
        key(
            "duration",
            Kind::Duration,
            Required,
            "How long clients are held under load; closing them comes after it.",
        ),
        key(
            "seed",
            ANY,
            Means("drawn, printed and stored"),
            "Where every random choice comes from: victims, delays, phases, random values. The same seed makes the same choices again.",
        ),
        key(
            "target",
            Kind::Table(&TARGET),
            Means("the server of `[server]`"),
            "What is tested.",
        ),
        key(
            "server",
            Kind::Table(&SERVER),
            Means("the run starts no server"),
            "A server that the run starts, watches and can kill.",
        ),
        key(
            "data",
            Kind::Table(&DATA),
            Means("no data"),
            "Rows for `{{csv.COLUMN}}`.",
        ),
        key(
            "clients",
            Kind::TableArray(&CLIENTS),
            Required,
            "The populations.",
        ),
        key("chaos", Kind::TableArray(&CHAOS), Is("[]"), "The faults."),
        key(
            "sweep",
            Kind::Table(&SWEEP),
            Means("flags of `sio-load storm` say it"),
            "What `sio-load storm` varies.",
        ),
        key(
            "watch",
            Kind::TableArray(&WATCH),
            Is("[]"),
            "Servers that the run watches though it did not start them.",
        ),
        key(
            "capacity",
            Kind::Table(&CAPACITY),
            Means("flags of `sio-load capacity` say it"),
            "How `sio-load capacity` searches.",
        ),
        key(
            "thresholds",
            Kind::Thresholds,
            Is("{}"),
            "Bounds on metrics; exit code 99 if one is crossed.",
        ),
    ],
};

pub(in crate::scenario) static TARGET: TableSpec = TableSpec {
    title: "[target]",
    about: "What is tested, and what all populations share. A population that has `path`, `headers`, `query`, `auth` or `tls` itself uses its own in place of this one, whole.",
    keys: &[
        key(
            "url",
            Kind::Url(&["http", "https", "ws", "wss"]),
            Means("the server of `[server]`"),
            "Scheme, host and port of the server. As in the JS client, the path is the namespace, and a query is the handshake query, in place of `query`.",
        ),
        key(
            "path",
            Kind::Text,
            Is("\"/socket.io/\""),
            "The HTTP path of the Engine.IO endpoint.",
        ),
        key(
            "headers",
            Kind::Templates,
            Is("{}"),
            "Extra HTTP headers, evaluated at each engine.",
        ),
        key(
            "query",
            Kind::Templates,
            Is("{}"),
            "The handshake query, evaluated at each engine.",
        ),
        key(
            "auth",
            Kind::Payload,
            Means("no payload"),
            "The payload of CONNECT, evaluated at each connect.",
        ),
        key(
            "tls",
            Kind::Table(&TLS),
            Means("the system's authorities"),
            "TLS towards the target.",
        ),
        key(
            "parser",
            Kind::Word(Parser::WORDS),
            Is("\"json\""),
            "What populations without one of their own use: `json`, or `msgpack` for servers with npm socket.io-msgpack-parser.",
        ),
        key(
            "proxy",
            Kind::Url(&["http"]),
            Means("no proxy"),
            "The HTTP proxy to go through, by CONNECT.",
        ),
        key(
            "redirects",
            Kind::Texts,
            Is("[]"),
            "Origins besides that of `url` that redirects may lead to, such as `\"https://eu.example.com\"`. A redirect to any other origin is not followed, and the failure says where it leads.",
        ),
        key(
            "connect_to",
            Kind::Texts,
            Is("[]"),
            "As curl's `--connect-to`: `\"HOST1:PORT1:HOST2:PORT2\"` connects to the second where the first is meant. Empty parts match anything, or keep what is there.",
        ),
        key(
            "toxiproxy",
            Kind::Url(&["http"]),
            Means("the built-in proxy"),
            "The HTTP API of a running Toxiproxy, such as `http://127.0.0.1:8474`: faults on the way are carried out by it. The run makes proxies of its own there and takes them away at its end.",
        ),
        key(
            "ip",
            Kind::Choice(&[4, 6]),
            Means("both"),
            "Only addresses of this IP version.",
        ),
    ],
};

pub(in crate::scenario) static TLS: TableSpec = TableSpec {
    title: "tls",
    about: "TLS towards the target. Files are looked for beside the scenario, then in the working directory.",
    keys: &[
        key(
            "ca",
            Kind::File,
            Means("the system's"),
            "PEM file of the authorities to trust, in place of the system's.",
        ),
        key(
            "cert",
            Kind::File,
            Means("none"),
            "PEM file of the client's certificate chain; needs `key`.",
        ),
        key(
            "key",
            Kind::File,
            Means("none"),
            "PEM file of the client's key; needs `cert`.",
        ),
        key(
            "insecure",
            Kind::Boolean,
            Is("false"),
            "Accept any certificate, as `rejectUnauthorized: false` does.",
        ),
    ],
};

pub(in crate::scenario) static SERVER: TableSpec = TableSpec {
    title: "[server]",
    about: "A server that the run starts, watches and can kill. Either `embedded = true` or `command`.",
    keys: &[
        key(
            "embedded",
            Kind::Boolean,
            Is("false"),
            "Start `sio-load serve`, as a child process.",
        ),
        key(
            "command",
            Kind::Texts,
            Means("`embedded`"),
            "Program and arguments. `{{port}}` in it, and PORT in the environment, is the instance's own port. Paths are as seen from `cwd`.",
        ),
        key(
            "env",
            Kind::TextTable,
            Is("{}"),
            "Added to the environment of `command`; `{{port}}` as above.",
        ),
        key(
            "cwd",
            Kind::Text,
            Means("the run's own"),
            "The working directory of `command`.",
        ),
        key(
            "ready",
            Kind::Duration,
            Is("\"10s\""),
            "How long an instance may take until it answers a handshake.",
        ),
        key(
            "instances",
            Kind::Integer { min: 1, max: 1000 },
            Is("1"),
            "How many; more than one stand behind the built-in balancer.",
        ),
        key(
            "linger",
            Kind::Duration,
            Means("0s, or 5s where a threshold bounds `server.rss_returned`"),
            "How long the server is left alone after the last client has gone, before its memory is read for `server.rss_returned`.",
        ),
        key(
            "balance",
            Kind::Word(Balance::WORDS),
            Is("\"sticky\""),
            "`sticky`: a session stays with the instance that opened it. `round_robin`: each connection goes to the next instance, whatever session it belongs to. `direct`: each client connects to an instance of its own, with no balancer in between.",
        ),
    ],
};

pub(in crate::scenario) static SWEEP: TableSpec = TableSpec {
    title: "[sweep]",
    about: "What `sio-load storm` varies: it runs the scenario once with each combination of these values, for all populations that reconnect. Its flags `--delay`, `--delay-max` and `--randomization` replace a key each; `sio-load run` ignores the table.",
    keys: &[
        key(
            "delay",
            Kind::Durations,
            Means("as each population has it"),
            "Values of `reconnection.delay`.",
        ),
        key(
            "delay_max",
            Kind::Durations,
            Means("as each population has it"),
            "Values of `reconnection.delay_max`.",
        ),
        key(
            "randomization",
            Kind::Fractions,
            Means("as each population has it"),
            "Values of `reconnection.randomization`.",
        ),
    ],
};

pub(in crate::scenario) static BOUND: TableSpec = TableSpec {
    title: "a bound",
    about: "A bound of `[thresholds]` that is more than its text: `{ bound = \"rate < 60%\", abort = true, after = \"10s\" }`.",
    keys: &[
        key("bound", Kind::Text, Required, "AGGREGATE OPERATOR VALUE."),
        key(
            "abort",
            Kind::Boolean,
            Is("false"),
            "Whether a crossing ends the run: checked once a second on everything so far. The exit code is 99, and `aborted_by` of summary.json says which bound it was.",
        ),
        key(
            "after",
            Kind::Duration,
            Is("\"0s\""),
            "The time of the run before the first check.",
        ),
    ],
};

pub(in crate::scenario) static DATA: TableSpec = TableSpec {
    title: "[data]",
    about: "Rows for templates.",
    keys: &[key(
        "csv",
        Kind::File,
        Required,
        "A CSV file with a header line, looked for beside the scenario, then in the working directory. Client n has row n, from the top again after the last.",
    )],
};
