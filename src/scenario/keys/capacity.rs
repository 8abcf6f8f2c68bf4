use super::Default::{Is, Means, Required};
use super::{ANY, Kind, LARGEST, TableSpec, key};
use crate::scenario::plan::Vary;
use crate::word::Word as _;

/// A number of clients, arrivals or emits that a search may try.
const LEVEL: Kind = Kind::Integer {
    min: 1,
    max: LARGEST,
};

pub(in crate::scenario) static CAPACITY: TableSpec = TableSpec {
    title: "[capacity]",
    about: "How `sio-load capacity` searches for the largest load that holds the thresholds; docs/capacity.md explains it. Each key is a flag as well, which replaces it; `sio-load run` ignores the table.",
    keys: &[
        key(
            "vary",
            Kind::Word(Vary::WORDS),
            Is("\"clients\""),
            "What is varied, populations in proportion: connected `clients`, `arrivals` per second of open populations, or `emits` per second with the scenario's clients.",
        ),
        key(
            "from",
            LEVEL,
            Means("an eighth of the scenario's own load"),
            "The first level.",
        ),
        key(
            "to",
            LEVEL,
            Means("what this machine's descriptors and ports allow"),
            "The greatest level that may be tried.",
        ),
        key(
            "precision",
            Kind::Share,
            Is("\"5%\""),
            "How far the least level that failed may lie above the answer.",
        ),
        key(
            "growth",
            Kind::Factor,
            Is("2"),
            "From a level that held to the next, until one fails.",
        ),
        key(
            "hold",
            Kind::Duration,
            Is("\"30s\""),
            "How long a level is held. Times are judged on the hold alone, counts and rates from the level's first client on.",
        ),
        key(
            "settle",
            Kind::Duration,
            Is("\"15s\""),
            "The longest time from the last arrival to the hold; it begins earlier once latencies and server figures are steady. With faults it is always as long.",
        ),
        key(
            "confirm",
            Kind::Integer { min: 0, max: 100 },
            Is("3"),
            "Runs at the answer that all have to hold.",
        ),
        key(
            "arrive",
            Kind::Rate,
            Means("found by the search"),
            "How fast clients arrive at each level, all populations together.",
        ),
        key(
            "fresh_server",
            Kind::Boolean,
            Means("true where the run starts the server"),
            "Whether each level gets a fresh server. A kept one is tried again at a level that held before, to see whether it recovered.",
        ),
        key(
            "headroom",
            Kind::Share,
            Is("\"30%\""),
            "The share of the capacity that the recommendation keeps free.",
        ),
        key(
            "for",
            LEVEL,
            Means("no nodes are planned"),
            "A load to plan nodes for, also with one of them lost.",
        ),
        key(
            "instances",
            Kind::Counts,
            Means("the instances of `[server]`"),
            "Numbers of instances of `[server]` to search with, one search each.",
        ),
        key(
            "also_without_faults",
            Kind::Boolean,
            Is("false"),
            "Search once more without the scenario's faults.",
        ),
        key(
            "budget",
            Kind::Duration,
            Means("no limit"),
            "The time that the whole search may take. What is known by then is the answer, and it says that it is not confirmed.",
        ),
    ],
};

pub(in crate::scenario) static WATCH: TableSpec = TableSpec {
    title: "[[watch]]",
    about: "A server that the run watches though it did not start it: either a process of this machine by `pid`, or a metrics endpoint by `prometheus`. Its series are `watch.NAME.SERIES` in timeline.csv, summary.json and thresholds. Servers of `[server]` are watched in any case, as `server.rss`, `.cpu`, `.fds` and `.threads`.",
    keys: &[
        key(
            "name",
            Kind::Name,
            Required,
            "Stands in the names of its series.",
        ),
        key(
            "pid",
            ANY,
            Means("`prometheus`"),
            "A process, watched with its children: `rss`, `cpu`, `fds`, `threads`, `pss`.",
        ),
        key(
            "prometheus",
            Kind::Url(&["http", "https"]),
            Means("`pid`"),
            "A metrics endpoint, read once a second: Prometheus text format 0.0.4 or OpenMetrics.",
        ),
        key(
            "metrics",
            Kind::Texts,
            Means("needed with `prometheus`"),
            "Series of the endpoint: `\"NAME\"` or `\"NAME{label=\\\"value\\\"}\"`. Several that match are added up. A failed read is a gap, not a zero.",
        ),
    ],
};
