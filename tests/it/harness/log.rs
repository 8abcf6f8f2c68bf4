use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// One line of a server's log; which fields are there depends on `what`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ServerLine {
    /// Wall clock, microseconds since 1970.
    pub(crate) at_us: u64,
    /// What happened.
    pub(crate) what: What,
    /// The namespace.
    pub(crate) nsp: Option<String>,
    /// The namespace's session id, or the engine's.
    pub(crate) sid: Option<String>,
    /// Of `open`, `upgrade` and `connect`.
    pub(crate) transport: Option<String>,
    /// The Engine.IO revision, of `open` and `connect`.
    pub(crate) eio: Option<u8>,
    /// Of `close` and `disconnect`, in npm's words for the server side.
    pub(crate) reason: Option<String>,
    /// The name, of `event` and `ack`.
    pub(crate) event: Option<String>,
    /// Whether an `event` asked for an ack.
    pub(crate) ack: Option<bool>,
    /// Of `connect`, from release 4 on.
    pub(crate) recovered: Option<bool>,
    /// Everything else.
    #[serde(flatten)]
    pub(crate) more: BTreeMap<String, Value>,
}

/// What a line of a server's log is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    Listening,
    Request,
    Open,
    Close,
    Upgrade,
    ConnectionError,
    Connect,
    Disconnect,
    Event,
    Ack,
}

/// What a server has said so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerLog {
    /// In the order of writing.
    pub(crate) lines: Vec<ServerLine>,
}

impl ServerLog {
    /// Reads the log that a server has written to this file.
    pub(crate) fn read(path: &Path) -> Self {
        Self::parse(&std::fs::read_to_string(path).unwrap_or_default())
    }

    /// Reads complete lines; one that is being written is left for the next time.
    pub(super) fn parse(text: &str) -> Self {
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = complete
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect();
        Self { lines }
    }

    /// All lines of one kind.
    pub(crate) fn of(&self, what: What) -> impl Iterator<Item = &ServerLine> {
        self.lines.iter().filter(move |line| line.what == what)
    }

    /// How many lines of one kind there are.
    #[must_use]
    pub(crate) fn count(&self, what: What) -> u64 {
        self.of(what).count() as u64
    }

    /// Namespace connects.
    #[must_use]
    pub(crate) fn connects(&self) -> u64 {
        self.count(What::Connect)
    }

    /// Acks that were handed to the transport.
    #[must_use]
    pub(crate) fn acks(&self) -> u64 {
        self.count(What::Ack)
    }

    /// Namespace disconnects, by reason.
    #[must_use]
    pub(crate) fn disconnects(&self) -> BTreeMap<String, u64> {
        count_by(self.of(What::Disconnect).map(|line| line.reason.clone()))
    }

    /// Events that came in, by name.
    #[must_use]
    pub(crate) fn events(&self) -> BTreeMap<String, u64> {
        count_by(self.of(What::Event).map(|line| line.event.clone()))
    }
}

fn count_by(names: impl Iterator<Item = Option<String>>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name.unwrap_or_default()).or_insert(0) += 1;
    }
    counts
}
