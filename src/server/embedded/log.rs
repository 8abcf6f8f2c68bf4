use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard};
use std::time::UNIX_EPOCH;

use serde::Serialize;

use super::{LogTarget, ServeError};
use crate::clock;

/// One thing that happened, in the order of its keys.
#[derive(Debug, Serialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub(super) enum Line<'a> {
    /// A namespace was connected.
    Connect {
        nsp: &'a str,
        sid: &'a str,
        transport: &'static str,
        eio: u8,
    },
    /// A namespace was disconnected.
    Disconnect {
        nsp: &'a str,
        sid: &'a str,
        reason: &'static str,
    },
    /// An event came in.
    Event {
        nsp: &'a str,
        sid: &'a str,
        event: &'a str,
        transport: &'static str,
        ack: bool,
    },
    /// An ack was handed to the transport.
    Ack {
        nsp: &'a str,
        sid: &'a str,
        event: &'a str,
    },
}

#[derive(Serialize)]
struct Stamped<'a> {
    at_us: u64,
    #[serde(flatten)]
    line: &'a Line<'a>,
}

/// What the server did, line by line; nothing at all without a target.
#[derive(Debug)]
pub(super) struct Log(Option<Mutex<Book>>);

#[derive(Debug)]
struct Book {
    sink: Sink,
    /// Namespace and id of those that have connected and not disconnected so far.
    connected: BTreeSet<(String, String)>,
}

#[derive(Debug)]
enum Sink {
    File(File),
    Stdout(io::Stdout),
}

impl Log {
    /// Opens the target; a file is appended to, since a restarted server goes on with the same.
    #[expect(
        clippy::disallowed_methods,
        reason = "`serve` writes its log to standard output if told to"
    )]
    pub(super) fn open(target: Option<&LogTarget>) -> Result<Self, ServeError> {
        let sink = match target {
            None => None,
            Some(LogTarget::Stdout) => Some(Sink::Stdout(io::stdout())),
            Some(LogTarget::File(path)) => OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .map(|file| Some(Sink::File(file)))
                .map_err(|source| ServeError::Log {
                    path: path.clone(),
                    source,
                })?,
        };
        let book = |sink| Book {
            sink,
            connected: BTreeSet::new(),
        };
        Ok(Self(sink.map(book).map(Mutex::new)))
    }

    /// Writes down what happened.
    pub(super) fn write(&self, line: &Line<'_>) {
        if let Some(mut book) = self.book() {
            book.write(line);
        }
    }

    /// Writes down that all who are still connected are so no more: the library tells nobody whom
    /// it leaves behind when it closes.
    pub(super) fn close(&self, reason: &'static str) {
        if let Some(mut book) = self.book() {
            for (nsp, sid) in book.connected.clone() {
                book.write(&Line::Disconnect {
                    nsp: &nsp,
                    sid: &sid,
                    reason,
                });
            }
        }
    }

    fn book(&self) -> Option<MutexGuard<'_, Book>> {
        let book = self.0.as_ref()?;
        Some(book.lock().expect("nobody panics while writing a line"))
    }
}

impl Book {
    /// Writes one line with one call, so that a SIGKILL leaves whole lines.
    fn write(&mut self, line: &Line<'_>) {
        if !self.follow(line) {
            return;
        }
        let at_us = clock::wall_now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros() as u64);
        let mut text =
            serde_json::to_vec(&Stamped { at_us, line }).expect("strings and numbers serialise");
        text.push(b'\n');
        // A full disk must not end the server; whoever compares counts will see the gap.
        let _ = match &mut self.sink {
            Sink::File(file) => file.write_all(&text),
            Sink::Stdout(stdout) => stdout.write_all(&text).and_then(|()| stdout.flush()),
        };
    }

    /// Keeps account of who is connected; false for the end of one that has ended before.
    fn follow(&mut self, line: &Line<'_>) -> bool {
        let key = |nsp: &str, sid: &str| (nsp.to_owned(), sid.to_owned());
        match line {
            Line::Connect { nsp, sid, .. } => {
                self.connected.insert(key(nsp, sid));
                true
            }
            Line::Disconnect { nsp, sid, .. } => self.connected.remove(&key(nsp, sid)),
            Line::Event { .. } | Line::Ack { .. } => true,
        }
    }
}
