//! Runs of the built program against servers of their own, and what became of both.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Kind, LogReader, PATIENCE, RunningSioLoad, ServerLog, SioLoad, wait_for};

/// For a run of a few seconds on a busy machine.
pub(super) const LIMIT: Duration = Duration::from_secs(90);

/// For what should happen at once.
pub(super) const SOON: Duration = PATIENCE;

/// A scenario around a server of the run's own.
pub(super) struct Story {
    /// The servers' logs, by port.
    logs: TempDir,
    text: String,
}

impl Story {
    /// `clients` clients for `duration` against a server of this kind; `server` are more keys of
    /// its table, and OPTIONS those of the program.
    pub(super) fn new(
        kind: Kind,
        duration: &str,
        clients: u32,
        server: &str,
        options: &str,
    ) -> Self {
        let logs = TempDir::new().expect("a temporary directory");
        let mut text = format!("duration = {duration:?}\nseed = 7\n\n[server]\n{server}\n");
        match kind.command() {
            None => text.push_str("embedded = true\n"),
            Some((argv, cwd)) => {
                let log = logs.path().join("{{port}}.jsonl");
                writeln!(
                    text,
                    "command = {argv:?}\ncwd = {cwd:?}\nready = \"60s\"\n\
                     env = {{ LOG = {log:?}, OPTIONS = {options:?} }}"
                )
                .expect("writing to a String cannot fail");
            }
        }
        let clients = format!(
            "\n[[clients]]\ncount = {clients}\ntransports = [\"websocket\"]\n\
             reconnection = {{ delay = \"200ms\", delay_max = \"500ms\" }}\n"
        );
        text.push_str(&clients);
        Self { logs, text }
    }

    pub(super) fn fault(mut self, keys: &str) -> Self {
        self.text.push_str("\n[[chaos]]\n");
        self.text.push_str(keys);
        self.text.push('\n');
        self
    }

    /// Puts these words in place of `node` in the server's command.
    pub(super) fn before_command(mut self, words: &[&str]) -> Self {
        let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        let command = format!("command = [{}", words.join(", "));
        self.text = self.text.replacen("command = [\"node\"", &command, 1);
        self
    }

    pub(super) fn program(&self) -> SioLoad {
        SioLoad::new(&["run", "story.toml", "--quiet"]).file("story.toml", &self.text)
    }

    /// Where the servers' logs are.
    pub(super) fn log_folder(&self) -> &Path {
        self.logs.path()
    }

    /// By port.
    pub(super) fn server_logs(&self) -> Vec<ServerLog> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(self.logs.path())
            .expect("a readable directory")
            .map(|entry| entry.expect("a readable directory").path())
            .collect();
        paths.sort();
        paths
            .iter()
            .map(|path| LogReader::new(path).read().clone())
            .collect()
    }
}

/// The lines of events.jsonl of this kind, of a run that may go on.
pub(super) fn notes(directory: &Path, kind: &str) -> Vec<Value> {
    let path = directory.join("results/story/latest/events.jsonl");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|note| note["kind"] == kind)
        .collect()
}

/// Waits until a run has written that it did something, and hands out what it wrote.
pub(super) fn wait_note(run: &RunningSioLoad, kind: &str) -> Value {
    wait_for(kind, LIMIT, || notes(run.directory(), kind).pop())
}

/// The letter that the system has for how a process stands; nothing if it is gone.
pub(super) fn state(pid: u64) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = stat.rsplit(") ").next()?.chars().next()?;
    // Ended; it waits for somebody to ask for its status.
    (state != 'Z').then_some(state)
}

pub(super) fn wait_until_gone(pid: u64) {
    wait_for("end of the process", SOON, || {
        state(pid).is_none().then_some(())
    });
}

/// The servers of a run that goes on.
pub(super) fn servers(run: &RunningSioLoad, count: usize) -> Vec<u64> {
    wait_for("servers", LIMIT, || {
        let started = notes(run.directory(), "server_started");
        (started.len() == count).then(|| {
            let pids = started.iter().map(|note| note["pid"].as_u64());
            pids.map(|pid| pid.expect("a number")).collect()
        })
    })
}
