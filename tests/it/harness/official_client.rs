use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use sio_load::clock;
use tempfile::NamedTempFile;

use super::{install, left, servers};

/// The official JS client, as tests/servers/npm/client.cjs drives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfficialClient {
    /// socket.io-client 4.8.
    Release4,
    /// socket.io-client 2.5: revision 3.
    Release2,
}

/// One thing that the client reported; which fields are there depends on `what`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ClientLine {
    /// Wall clock, microseconds since 1970.
    pub(crate) at_us: u64,
    /// The name of the client's own event.
    pub(crate) what: String,
    /// The namespace.
    pub(crate) nsp: Option<String>,
    /// Of `disconnect`.
    pub(crate) reason: Option<String>,
    /// Of `connect`.
    pub(crate) recovered: Option<bool>,
    /// The arguments of an `ack`.
    pub(crate) reply: Option<Value>,
    /// The arguments of an `event`.
    pub(crate) args: Option<Value>,
    /// Of an error.
    pub(crate) message: Option<Value>,
    /// Of an error: an HTTP status, or what lies below.
    pub(crate) description: Option<Value>,
}

/// The official client while it runs; killed when dropped.
#[derive(Debug)]
pub(crate) struct RunningOfficialClient {
    child: Child,
    output: NamedTempFile,
}

impl OfficialClient {
    /// Runs a script to its end and returns what the client reported.
    ///
    /// # Panics
    /// If it is not at its end within 20 seconds, or fails.
    pub(crate) fn run(
        self,
        url: &str,
        options: &Value,
        namespaces: &[&str],
        steps: Value,
    ) -> Vec<ClientLine> {
        self.start(url, options, namespaces, steps).finish()
    }

    /// Starts a script, which may `hold` until it is told to go on.
    pub(crate) fn start(
        self,
        url: &str,
        options: &Value,
        namespaces: &[&str],
        steps: Value,
    ) -> RunningOfficialClient {
        let directory = install::npm(match self {
            Self::Release4 => "client-4",
            Self::Release2 => "client-2",
        });
        let output = NamedTempFile::new().expect("a temporary file");
        let child = Command::new("node")
            .arg(servers().join("npm/client.cjs"))
            .current_dir(directory)
            .env("URL", url)
            .env("OPTIONS", options.to_string())
            .env(
                "SCRIPT",
                json!({ "namespaces": namespaces, "steps": steps }).to_string(),
            )
            .stdin(Stdio::piped())
            .stdout(output.reopen().expect("a second handle"))
            .spawn()
            .expect("Node.js");
        RunningOfficialClient { child, output }
    }
}

impl RunningOfficialClient {
    /// Ends one `hold`.
    pub(crate) fn go_on(&mut self) {
        let stdin = self.child.stdin.as_mut().expect("not finished");
        stdin.write_all(b"\n").expect("a client that listens");
    }

    /// Lets go of it, and returns what it reported.
    ///
    /// # Panics
    /// If it is not at its end within 20 seconds, or fails.
    pub(crate) fn finish(mut self) -> Vec<ClientLine> {
        const LIMIT: Duration = Duration::from_secs(20);
        drop(self.child.stdin.take());
        let started = clock::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                break Some(status);
            }
            if left(started, LIMIT).is_zero() {
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let text = std::fs::read_to_string(self.output.path()).expect("the client's output");
        assert!(
            status.is_some_and(|status| status.success()),
            "the client ended with {status:?} after:\n{text}"
        );
        text.lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect()
    }
}

impl Drop for RunningOfficialClient {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
