use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use sio_load::clock;
use tempfile::TempDir;

use super::left;

/// The built program, run in an empty directory of its own.
#[derive(Debug)]
pub(crate) struct SioLoad {
    command: Command,
    directory: TempDir,
}

/// The program while it runs; killed when dropped.
#[derive(Debug)]
pub(crate) struct RunningSioLoad {
    child: Child,
    directory: TempDir,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Finished {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    directory: TempDir,
}

impl SioLoad {
    /// With these arguments.
    #[must_use]
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sio-load"));
        command.args(arguments).current_dir(directory.path());
        Self { command, directory }
    }

    /// Puts a file into its directory, a scenario for one.
    #[must_use]
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.directory.path().join(name), text).expect("a writable directory");
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it.
    #[must_use]
    pub(crate) fn start(mut self) -> RunningSioLoad {
        let output = |name| File::create(self.directory.path().join(name)).expect("a file");
        let child = self
            .command
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .spawn()
            .expect("the built program");
        RunningSioLoad {
            child,
            directory: self.directory,
        }
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If that takes longer than `limit`.
    #[must_use]
    pub(crate) fn run(self, limit: Duration) -> Finished {
        self.start().wait(limit)
    }
}

impl RunningSioLoad {
    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process ids are positive i32");
        kill(Pid::from_raw(id), signal).expect("a child of ours");
    }

    /// Where it runs.
    #[must_use]
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If that takes longer than `limit`.
    #[must_use]
    pub(crate) fn wait(mut self, limit: Duration) -> Finished {
        let started = clock::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                break Some(status);
            }
            if left(started, limit).is_zero() {
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let read = |name| {
            let bytes = std::fs::read(self.directory.path().join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (stdout, stderr) = (read("stdout"), read("stderr"));
        let status =
            status.unwrap_or_else(|| panic!("still running after {limit:?}:\n{stdout}\n{stderr}"));
        // The directory goes on to the result; what is left of `self` has nothing to kill.
        let directory =
            std::mem::replace(&mut self.directory, TempDir::new().expect("a directory"));
        Finished {
            status,
            stdout,
            stderr,
            directory,
        }
    }
}

impl Drop for RunningSioLoad {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// `results/NAME/latest` of the only scenario that was run.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub(crate) fn results(&self) -> PathBuf {
        let results = self.directory.path().join("results");
        let scenario = std::fs::read_dir(&results)
            .ok()
            .and_then(|mut entries| entries.next())
            .unwrap_or_else(|| panic!("no results:\n{}\n{}", self.stdout, self.stderr))
            .expect("a readable directory");
        scenario.path().join("latest")
    }

    /// summary.json of the only scenario that was run.
    ///
    /// # Panics
    /// If there is none, or it is no JSON.
    #[must_use]
    pub(crate) fn summary(&self) -> Value {
        let text = std::fs::read_to_string(self.results().join("summary.json")).expect("a summary");
        serde_json::from_str(&text).expect("JSON")
    }
}
