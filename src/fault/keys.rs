//! Keys that several faults share.

use crate::keys::Default::{Is, Means, Required};
use crate::keys::{Key, Kind, key};

pub(crate) const AT: Key = key(
    "at",
    Kind::Duration,
    Required,
    "When it strikes, from the start of the run.",
);

pub(crate) const FAULT: Key = key(
    "fault",
    Kind::Text,
    Required,
    "Which fault: see the table below.",
);

pub(super) const EVERY: Key = key(
    "every",
    Kind::Duration,
    Means("once"),
    "Repeats it at this interval until the end of the run; 100,000 times at most.",
);

pub(super) const OVER: Key = key(
    "over",
    Kind::Duration,
    Means("all at once"),
    "Spreads the victims evenly over this time.",
);

pub(super) const FOR: Key = key(
    "for",
    Kind::Duration,
    Means("until the end of the run"),
    "How long it lasts; then it is undone.",
);

pub(super) const CLIENTS: Key = key(
    "clients",
    Kind::Selection,
    Is("\"100%\""),
    "How many victims, or which share of the clients; the seed chooses which.",
);

pub(super) const POPULATION: Key = key(
    "population",
    Kind::Text,
    Means("all populations"),
    "Only this population: its clients, or, for a network-path fault, its connections.",
);

pub(super) const RATE: Key = key(
    "rate",
    Kind::ByteRate,
    Required,
    "How much gets through per second: of what one client reads (`slow_reader`), or per connection and direction (`bandwidth`).",
);
