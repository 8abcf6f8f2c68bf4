use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use sio_load::clock;
use sio_load::server::{embedded, process};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::log::{LogReader, ServerLog, What};
use super::{PATIENCE, install, servers, wait_for};

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// npm socket.io 4.8.
    SocketIo4,
    /// npm socket.io 3.1.
    SocketIo3,
    /// npm socket.io 2.5: revision 3.
    SocketIo2,
    /// python-socketio on aiohttp.
    PythonAiohttp,
    /// The one that `sio-load serve` is.
    Embedded,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::SocketIo4,
        Self::SocketIo3,
        Self::SocketIo2,
        Self::PythonAiohttp,
        Self::Embedded,
    ];

    /// The command and working directory of a server that is a program, once installed; its
    /// environment is described in tests/servers/npm/server.cjs.
    #[must_use]
    pub(crate) fn command(self) -> Option<(Vec<String>, PathBuf)> {
        let text = |path: PathBuf| path.to_str().expect("a path in UTF-8").to_owned();
        let directory = match self {
            Self::SocketIo4 => install::npm("socketio-4"),
            Self::SocketIo3 => install::npm("socketio-3"),
            Self::SocketIo2 => install::npm("socketio-2"),
            Self::PythonAiohttp => {
                let python = install::python("python-aiohttp");
                let directory = servers().join("python-aiohttp");
                return Some((vec![text(python), "server.py".to_owned()], directory));
            }
            Self::Embedded => return None,
        };
        let program = text(servers().join("npm/server.cjs"));
        Some((vec!["node".to_owned(), program], directory))
    }
}

/// A server that runs for one test.
#[derive(Debug)]
pub(crate) struct RealServer {
    kind: Kind,
    options: Value,
    port: u16,
    directory: TempDir,
    running: Option<Running>,
}

#[derive(Debug)]
enum Running {
    Program(Child),
    Thread {
        stop: oneshot::Sender<()>,
        thread: JoinHandle<Result<(), embedded::ServeError>>,
    },
}

/// Ports that a server tries.
const ATTEMPTS: u32 = 5;

/// How long the server took that was started last, in milliseconds.
static LAST_START_MS: AtomicU64 = AtomicU64::new(0);

/// How long some clients take to connect, with room to spare, on a machine as busy as it is now:
/// judged by how long the last server took to start. For scenarios, which say beforehand when
/// what happens.
pub(crate) fn pace() -> Duration {
    const AT_LEAST: Duration = Duration::from_secs(2);
    let start = Duration::from_millis(LAST_START_MS.load(Ordering::Relaxed));
    AT_LEAST.max(start * 3)
}

impl RealServer {
    /// Starts a server with its OPTIONS (see tests/servers/npm/server.cjs; Python's are in
    /// Python's words, the embedded one takes `pingInterval`, `pingTimeout` and
    /// `maxHttpBufferSize`), and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    #[must_use]
    pub(crate) fn start(kind: Kind, options: Value) -> Self {
        let mut server = Self {
            kind,
            options,
            port: 0,
            directory: TempDir::new().expect("a temporary directory"),
            running: None,
        };
        // Another process may take the port before the server does.
        for _ in 0..ATTEMPTS {
            server.port = process::free_ports(1).expect("a free port")[0];
            if server.try_start() {
                return server;
            }
        }
        panic!("{kind:?} did not start on any of {ATTEMPTS} ports");
    }

    /// Starts it once more after [`Self::end`], on the same port and with the same log.
    ///
    /// # Panics
    /// If it does not answer.
    pub(crate) fn start_again(&mut self) {
        assert!(self.try_start(), "it ended before it answered");
    }

    /// Whether it answers, or has ended before it did.
    #[expect(clippy::disallowed_macros, reason = "a failing test shows it")]
    fn try_start(&mut self) -> bool {
        assert!(self.running.is_none(), "end it first");
        let begun = clock::now();
        let listened = self.log().count(What::Listening);
        self.running = Some(match self.kind.command() {
            Some((argv, directory)) => Running::Program(self.spawn(&argv, directory)),
            None => self.spawn_embedded(),
        });
        let address = self.address();
        let is_up = wait_for("answer of the server", PATIENCE, || {
            let has_ended = match self.running.as_mut()? {
                Running::Program(child) => child.try_wait().expect("a child of ours").is_some(),
                Running::Thread { thread, .. } => thread.is_finished(),
            };
            // Whoever answers may be another process: a program says itself that it listens.
            let listens =
                self.kind == Kind::Embedded || self.log().count(What::Listening) > listened;
            let is_there = listens && (self.speaks_tls() || answers(address));
            (has_ended || is_there).then_some(is_there && !has_ended)
        });
        if is_up {
            let took = (clock::now() - begun).as_millis() as u64;
            LAST_START_MS.store(took, Ordering::Relaxed);
        } else {
            self.running = None;
            let said = std::fs::read_to_string(self.directory.path().join("stderr"));
            println!("the server has ended: {}", said.unwrap_or_default());
        }
        is_up
    }

    fn speaks_tls(&self) -> bool {
        self.options.get("tls").is_some()
    }

    /// Ends it; a server that is a thread always closes its sessions first.
    pub(crate) fn end(&mut self, signal: Signal) {
        match self.running.take() {
            Some(Running::Program(mut child)) => {
                let id = i32::try_from(child.id()).expect("process ids are positive i32");
                // It may have ended by itself.
                let _ = killpg(Pid::from_raw(id), signal);
                child.wait().expect("a child of ours");
            }
            Some(Running::Thread { stop, thread }) => {
                let _ = stop.send(());
                let ended = thread.join();
                // Whoever panics already has told enough.
                if !std::thread::panicking() {
                    ended
                        .expect("a server that does not panic")
                        .expect("a server that runs");
                }
            }
            None => {}
        }
    }

    /// Sends a signal to a server that is a program.
    pub(crate) fn signal(&self, signal: Signal) {
        let Some(Running::Program(child)) = &self.running else {
            panic!("no program runs");
        };
        let id = i32::try_from(child.id()).expect("process ids are positive i32");
        killpg(Pid::from_raw(id), signal).expect("a child of ours");
    }

    /// Where it listens.
    #[must_use]
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// `http://127.0.0.1:PORT`, or with `https`.
    #[must_use]
    pub(crate) fn url(&self) -> String {
        let scheme = if self.speaks_tls() { "https" } else { "http" };
        format!("{scheme}://{}", self.address())
    }

    /// What it has logged so far.
    #[must_use]
    pub(crate) fn log(&self) -> ServerLog {
        LogReader::new(&self.log_path()).read().clone()
    }

    /// Waits until its log fulfils a condition.
    ///
    /// # Panics
    /// If it does not in [`PATIENCE`].
    pub(crate) fn wait_log(&self, what: &str, is_there: impl Fn(&ServerLog) -> bool) -> ServerLog {
        LogReader::new(&self.log_path()).wait(what, is_there)
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("server.jsonl")
    }

    fn spawn(&self, argv: &[String], directory: PathBuf) -> Child {
        Command::new(&argv[0])
            .args(&argv[1..])
            .current_dir(directory)
            .env("PORT", self.port.to_string())
            .env("LOG", self.log_path())
            .env("OPTIONS", self.options.to_string())
            .env("EXIT_WITH_STDIN", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(self.directory.path().join("stderr")).expect("a file"))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {argv:?}: {error}"))
    }

    fn spawn_embedded(&self) -> Running {
        let mut options = embedded::Options {
            listen: self.address(),
            log: Some(embedded::LogTarget::File(self.log_path())),
            ..embedded::Options::default()
        };
        let number = |name: &str| self.options.get(name).and_then(Value::as_u64);
        if let Some(interval) = number("pingInterval") {
            options.ping_interval = Duration::from_millis(interval);
        }
        if let Some(timeout) = number("pingTimeout") {
            options.ping_timeout = Duration::from_millis(timeout);
        }
        if let Some(size) = number("maxHttpBufferSize") {
            options.max_payload = size;
        }
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let stopped = async {
                let _ = stopped.await;
                Ok(())
            };
            embedded::serve_until(&options, |_| {}, stopped)
        });
        Running::Thread { stop, thread }
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        self.end(Signal::SIGKILL);
    }
}

/// Whether HTTP is answered; a session that was opened is closed again.
fn answers(address: SocketAddr) -> bool {
    let path = "/socket.io/?EIO=4&transport=polling";
    let Some(answer) = exchange(address, &format!("GET {path}"), "") else {
        return false;
    };
    if let Some(sid) = answer
        .split_once("\"sid\":\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(sid, _)| sid)
    {
        // A release 2 server frames its answer in its own way; it ignores the revision afterwards.
        let close = if answer.contains("\r\n\r\n0{") {
            "1"
        } else {
            "1:1"
        };
        exchange(address, &format!("POST {path}&sid={sid}"), close);
    }
    true
}

fn exchange(address: SocketAddr, start: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let request = format!(
        "{start} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: readiness\r\nConnection: close\r\n\
         Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len(),
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    // Whatever has come by the time limit will do.
    let _ = stream.read_to_string(&mut answer);
    answer.starts_with("HTTP/1.").then_some(answer)
}
