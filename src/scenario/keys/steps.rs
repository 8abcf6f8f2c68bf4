use super::Default::{Is, Means};
use super::{Key, Kind, TableSpec, key};
use crate::scenario::plan::{BeforeWhen, OnError, StepDisconnect, When};
use crate::word::Word as _;

/// A repeated step is part of one iteration.
const MOST_REPEATS: u64 = 1_000_000;

const NAME: Key = key(
    "name",
    Kind::Name,
    Means("the event, or the path with dots"),
    "The step in `step.NAME.time` and `--set`. Unique in its population; across populations equal names merge.",
);
const REQUEST: Key = key(
    "request",
    Kind::Text,
    Means("no request"),
    "`METHOD URL`: an HTTP request over a connection of the client's own. The URL is relative to the target's, or absolute; placeholders are allowed.",
);
const JSON: Key = key(
    "json",
    Kind::Json,
    Means("no body"),
    "The body of `request`, as `application/json`.",
);
const FORM: Key = key(
    "form",
    Kind::Templates,
    Means("no body"),
    "The body of `request`, as `application/x-www-form-urlencoded`.",
);
const BODY: Key = key(
    "body",
    Kind::Text,
    Means("no body"),
    "The body of `request` as it stands; placeholders are allowed.",
);
const HEADERS: Key = key(
    "headers",
    Kind::Templates,
    Is("{}"),
    "Headers of `request`, besides those of the profile.",
);
const EMIT: Key = key(
    "emit",
    Kind::Text,
    Means("no emit"),
    "The event to send. Together with `wait`, waiting starts before the emit.",
);
const DATA: Key = key(
    "data",
    Kind::Arguments,
    Is("[]"),
    "The arguments of `emit`; `{{n}}` counts how often this client has done this step.",
);
const SIZE: Key = key(
    "size",
    Kind::Size,
    Means("no padding"),
    "As in `[[clients.emit]]`.",
);
const BINARY: Key = key(
    "binary",
    Kind::Boolean,
    Is("false"),
    "As in `[[clients.emit]]`.",
);
const VOLATILE: Key = key(
    "volatile",
    Kind::Boolean,
    Is("false"),
    "As in `[[clients.emit]]`.",
);
const NAMESPACE: Key = key(
    "namespace",
    Kind::Text,
    Means("the first of the population"),
    "Of `emit` and `wait`.",
);
const ACK: Key = key(
    "ack",
    Kind::Switch(&super::clients::ACK),
    Is("false"),
    "Whether `emit` asks for an ack; the step then ends with it.",
);
const WAIT: Key = key(
    "wait",
    Kind::Text,
    Means("no wait"),
    "The event to wait for.",
);
const WHERE: Key = key(
    "where",
    Kind::Conditions,
    Is("{}"),
    "Which of the events named by `wait` counts, by JSONPaths over its arguments; others are passed over.",
);
const THINK: Key = key(
    "think",
    Kind::DurationRange,
    Means("no pause"),
    "A pause: a duration, or a range such as `\"1s..5s\"` from which the seed draws.",
);
const DISCONNECT_KEY: Key = key(
    "disconnect",
    Kind::Word(StepDisconnect::WORDS),
    Means("no disconnect"),
    "`namespace` as `socket.disconnect()`, `close` closes the engine. The client stays away until `connect` or its next iteration; neither enters `reconnect.*`.",
);
const CONNECT: Key = key(
    "connect",
    Kind::Boolean,
    Means("no connect"),
    "`true` connects again after `disconnect`, and waits until the client is ready.",
);
const EXPECT: Key = key(
    "expect",
    Kind::Conditions,
    Means("any 2xx for a request"),
    "What the response of `request` or the event of `wait` has to satisfy, by JSONPath, `status` or `\"header NAME\"`: a value, or `{ exists, matches, lt, gt }`. It holds for every match, and there is one.",
);
const CAPTURE: Key = key(
    "capture",
    Kind::Subjects,
    Is("{}"),
    "Names for `{{capture.NAME}}`, each with a JSONPath, `status` or `\"header NAME\"`; the first match is kept.",
);
const TIMEOUT: Key = key(
    "timeout",
    Kind::Duration,
    Is("\"10s\""),
    "How long the step may take.",
);
const CHANCE: Key = key(
    "chance",
    Kind::Share,
    Is("\"100%\""),
    "How likely the step is done; drawn from the seed each time.",
);
const REPEAT: Key = key(
    "repeat",
    Kind::Integer {
        min: 1,
        max: MOST_REPEATS,
    },
    Is("1"),
    "How many times in a row the step is done.",
);
const ON_ERROR_KEY: Key = key(
    "on_error",
    Kind::Word(OnError::WORDS),
    Is("\"end\""),
    "`end` ends the iteration, or the list; `continue` goes on with the next step; `leave` makes the client leave.",
);

pub(in crate::scenario) static BEFORE_CONNECT: TableSpec = TableSpec {
    title: "[[clients.before_connect]]",
    about: "What each client does before its first engine opens, in this order: usually a login. If it fails it is tried again with the reconnection backoff. `connect.time` starts when it is done.",
    keys: &[
        NAME,
        key(
            "when",
            Kind::Word(BeforeWhen::WORDS),
            Is("\"first\""),
            "`first`: once; `always`: before every engine.",
        ),
        REQUEST,
        JSON,
        FORM,
        BODY,
        HEADERS,
        THINK,
        EXPECT,
        CAPTURE,
        TIMEOUT,
        CHANCE,
        REPEAT,
        ON_ERROR_KEY,
    ],
};

pub(in crate::scenario) static ON_CONNECT: TableSpec = TableSpec {
    title: "[[clients.on_connect]]",
    about: "What each client does after a connect, in this order: join rooms, fetch what it missed. It is ready once all are done; if one fails it stays connected but not ready until its next connect.",
    keys: &[
        NAME,
        key(
            "when",
            Kind::Word(When::WORDS),
            Is("\"always\""),
            "`first` connect, `again` on each later one, `not_recovered` on each later one whose session the server did not recover.",
        ),
        REQUEST,
        JSON,
        FORM,
        BODY,
        HEADERS,
        EMIT,
        DATA,
        SIZE,
        BINARY,
        VOLATILE,
        NAMESPACE,
        ACK,
        WAIT,
        WHERE,
        THINK,
        EXPECT,
        CAPTURE,
        TIMEOUT,
        CHANCE,
        REPEAT,
        ON_ERROR_KEY,
    ],
};

pub(in crate::scenario) static ON_REJECTED: TableSpec = TableSpec {
    title: "[[clients.on_rejected]]",
    about: "What each client does after a CONNECT_ERROR, before it connects again: usually fetch a fresh token.",
    keys: &[
        NAME,
        REQUEST,
        JSON,
        FORM,
        BODY,
        HEADERS,
        THINK,
        EXPECT,
        CAPTURE,
        TIMEOUT,
        CHANCE,
        REPEAT,
        ON_ERROR_KEY,
        key(
            "attempts",
            Kind::Integer { min: 1, max: 1000 },
            Is("3"),
            "How often in a row this is tried until the client stays rejected; the largest of the list counts.",
        ),
    ],
};

pub(in crate::scenario) static STEPS: TableSpec = TableSpec {
    title: "[[clients.steps]]",
    about: "What each client does once it is ready, in this order, again and again: an iteration. Each step is one of `request`, `emit`, `wait`, `emit` with `wait`, `think`, `disconnect` and `connect`.",
    keys: &[
        NAME,
        REQUEST,
        JSON,
        FORM,
        BODY,
        HEADERS,
        EMIT,
        DATA,
        SIZE,
        BINARY,
        VOLATILE,
        NAMESPACE,
        ACK,
        WAIT,
        WHERE,
        THINK,
        DISCONNECT_KEY,
        CONNECT,
        EXPECT,
        CAPTURE,
        TIMEOUT,
        CHANCE,
        REPEAT,
        ON_ERROR_KEY,
    ],
};

/// The keys of a condition that is a table.
pub(in crate::scenario) static TESTS: TableSpec = TableSpec {
    title: "a condition",
    about: "A demand on what a path finds, where it is more than one value.",
    keys: &[
        key(
            "exists",
            Kind::Boolean,
            Means("no demand"),
            "Whether the path finds anything.",
        ),
        key(
            "matches",
            Kind::Text,
            Means("no demand"),
            "A regular expression that finds something in the string.",
        ),
        key(
            "lt",
            Kind::Number,
            Means("no demand"),
            "A number below this.",
        ),
        key(
            "gt",
            Kind::Number,
            Means("no demand"),
            "A number above this.",
        ),
    ],
};
