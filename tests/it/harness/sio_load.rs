use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use sio_load::clock;
use tempfile::TempDir;

use super::terminal::Terminal;
use super::{left, wait_for};

/// How long it may take to end in order when its test is over.
const END: Duration = Duration::from_secs(10);

/// The built program, run in an empty directory of its own.
#[derive(Debug)]
pub(crate) struct SioLoad {
    command: Command,
    directory: TempDir,
    columns: Option<u16>,
}

/// The program while it runs; killed when dropped.
#[derive(Debug)]
pub(crate) struct RunningSioLoad {
    child: Child,
    directory: TempDir,
    terminal: Option<Terminal>,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Finished {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Standard output; everything, where it had a terminal.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    directory: TempDir,
}

impl SioLoad {
    /// With these arguments, and without settings in its environment.
    #[must_use]
    pub(crate) fn new(arguments: &[&str]) -> Self {
        Self::under(&[], arguments)
    }

    /// Started by `wrapper`, to which the program and its arguments are added:
    /// `["sh", "-c", "ulimit -n 50; exec \"$@\"", "sh"]`.
    #[must_use]
    pub(crate) fn under(wrapper: &[&str], arguments: &[&str]) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let mut words = wrapper.to_vec();
        words.push(env!("CARGO_BIN_EXE_sio-load"));
        words.extend(arguments);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(directory.path());
        for (name, _) in std::env::vars_os() {
            let is_setting = name.to_string_lossy().starts_with("SIO_LOAD_");
            let is_of_colors = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"]
                .iter()
                .any(|colors| name == *colors);
            if is_setting || is_of_colors {
                command.env_remove(name);
            }
        }
        Self {
            command,
            directory,
            columns: None,
        }
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

    /// Runs it in another directory; results come into its own all the same.
    #[must_use]
    pub(crate) fn within(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        let results = self.directory.path().join("results");
        self.command.env("SIO_LOAD_OUT", results);
        self
    }

    /// Gives it a terminal of so many columns for output and errors.
    #[must_use]
    pub(crate) fn terminal(mut self, columns: u16) -> Self {
        self.columns = Some(columns);
        self.env("TERM", "xterm-256color")
    }

    /// Starts it.
    #[must_use]
    pub(crate) fn start(mut self) -> RunningSioLoad {
        let terminal = self.columns.map(|columns| {
            let (terminal, side) = Terminal::open(columns);
            let errors = side.try_clone().expect("a descriptor");
            self.command.stdout(side).stderr(errors);
            terminal
        });
        if terminal.is_none() {
            let output = |name| File::create(self.directory.path().join(name)).expect("a file");
            self.command.stdout(output("stdout"));
            self.command.stderr(output("stderr"));
        }
        let child = self
            .command
            .stdin(Stdio::null())
            .spawn()
            .expect("the built program");
        // The command holds the program's side of the terminal, which must not stay open here.
        drop(self.command);
        RunningSioLoad {
            child,
            directory: self.directory,
            terminal,
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
    /// Its process.
    #[must_use]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process ids are positive i32");
        kill(Pid::from_raw(id), signal).expect("a child of ours");
    }

    /// Where its results and files are.
    #[must_use]
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `results/NAME/latest`, once it is there.
    #[must_use]
    pub(crate) fn results(&self) -> Option<PathBuf> {
        latest(self.directory.path())
    }

    /// What is on its terminal so far, or on its standard error.
    #[must_use]
    pub(crate) fn shown(&self) -> String {
        match &self.terminal {
            Some(terminal) => terminal.text(),
            None => read(self.directory.path(), "stderr"),
        }
    }

    /// Waits until its run has noted something of this kind in events.jsonl, and returns the note.
    ///
    /// # Panics
    /// If it does not within `limit`.
    pub(crate) fn wait_for_note(&self, kind: &str, limit: Duration) -> Value {
        wait_for(&format!("note of {kind}"), limit, || {
            let results = self.results()?;
            let notes = std::fs::read_to_string(results.join("events.jsonl")).ok()?;
            // The last line may be half written.
            let notes = notes.lines().filter_map(|line| line.parse::<Value>().ok());
            notes.into_iter().find(|note| note["kind"] == kind)
        })
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
                break status;
            }
            assert!(
                !left(started, limit).is_zero(),
                "still running after {limit:?}:\n{}",
                self.shown()
            );
            std::thread::sleep(Duration::from_millis(5));
        };
        let (stdout, stderr) = match self.terminal.take() {
            Some(terminal) => (terminal.finish(), String::new()),
            None => (
                read(self.directory.path(), "stdout"),
                read(self.directory.path(), "stderr"),
            ),
        };
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
    /// Ended in order, it ends the servers that it started; that is what a failing test needs.
    fn drop(&mut self) {
        let started = clock::now();
        let is_running = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        if is_running(&mut self.child) {
            self.signal(Signal::SIGINT);
        }
        while is_running(&mut self.child) && !left(started, END).is_zero() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// The exit code.
    ///
    /// # Panics
    /// If a signal ended it.
    #[must_use]
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| {
            panic!("ended by signal {:?}: {self:?}", self.status.signal());
        })
    }

    /// Where it ran.
    #[must_use]
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `results/NAME/latest` of the only scenario that was run.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub(crate) fn results(&self) -> PathBuf {
        latest(self.directory.path())
            .unwrap_or_else(|| panic!("no results:\n{}\n{}", self.stdout, self.stderr))
    }

    /// A file of its results.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub(crate) fn result(&self, name: &str) -> String {
        let path = self.results().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// summary.json of the only scenario that was run.
    ///
    /// # Panics
    /// If there is none, or it is no JSON.
    #[must_use]
    pub(crate) fn summary(&self) -> Value {
        serde_json::from_str(&self.result("summary.json")).expect("JSON")
    }
}

fn latest(directory: &Path) -> Option<PathBuf> {
    let scenario = std::fs::read_dir(directory.join("results")).ok()?.next()?;
    let latest = scenario.ok()?.path().join("latest");
    latest.exists().then_some(latest)
}

fn read(directory: &Path, name: &str) -> String {
    let bytes = std::fs::read(directory.join(name)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
