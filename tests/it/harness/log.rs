use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::{PATIENCE, wait_for};

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
    /// Of `open`, `upgrade`, `connect` and `event`.
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
    Cut,
    Connect,
    Disconnect,
    Event,
    Ack,
    Answered,
}

/// A log that is read while it is written.
#[derive(Debug)]
pub(crate) struct LogReader {
    path: PathBuf,
    offset: u64,
    log: ServerLog,
}

impl LogReader {
    /// Begins at the start of a file, which need not be there yet.
    #[must_use]
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            offset: 0,
            log: ServerLog::default(),
        }
    }

    /// All that is there by now; a line that is being written is left for the next time.
    pub(crate) fn read(&mut self) -> &ServerLog {
        let mut text = String::new();
        if let Ok(mut file) = File::open(&self.path) {
            file.seek(SeekFrom::Start(self.offset)).expect("a file");
            file.read_to_string(&mut text).expect("a log in UTF-8");
        }
        let end = text.rfind('\n').map_or(0, |end| end + 1);
        self.offset += end as u64;
        let lines = text[..end].lines().map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        });
        self.log.lines.extend(lines);
        &self.log
    }

    /// Waits until what is there fulfils a condition.
    ///
    /// # Panics
    /// If it does not within [`PATIENCE`].
    pub(crate) fn wait(mut self, what: &str, is_there: impl Fn(&ServerLog) -> bool) -> ServerLog {
        wait_for(what, PATIENCE, || is_there(self.read()).then_some(()));
        self.log
    }
}

/// What a server has said so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerLog {
    /// In the order of writing.
    pub(crate) lines: Vec<ServerLine>,
}

impl ServerLog {
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

    /// How many namespaces of clients have sent an event: these know that they are connected.
    #[must_use]
    pub(crate) fn speakers(&self) -> usize {
        self.count_speakers(|_| true)
    }

    /// How many of them have done so by WebSocket.
    #[must_use]
    pub(crate) fn speakers_on_websocket(&self) -> usize {
        self.count_speakers(|line| line.transport.as_deref() == Some("websocket"))
    }

    fn count_speakers(&self, is_meant: impl Fn(&ServerLine) -> bool) -> usize {
        let lines = self.of(What::Event).filter(|line| is_meant(line));
        // Servers may give all namespaces of a client the same id.
        let speakers = lines.map(|line| (line.nsp.as_deref(), line.sid.as_deref()));
        speakers.collect::<BTreeSet<_>>().len()
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
