use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use sio_load::clock;

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
    /// The arguments of an `ack`.
    pub(crate) reply: Option<Value>,
    /// The arguments of an `event`.
    pub(crate) args: Option<Value>,
    /// Of an error.
    pub(crate) message: Option<Value>,
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
        const LIMIT: Duration = Duration::from_secs(20);
        let directory = install::npm(match self {
            Self::Release4 => "client-4",
            Self::Release2 => "client-2",
        });
        let output = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut child = Command::new("node")
            .arg(servers().join("npm/client.cjs"))
            .current_dir(directory)
            .env("URL", url)
            .env("OPTIONS", options.to_string())
            .env(
                "SCRIPT",
                json!({ "namespaces": namespaces, "steps": steps }).to_string(),
            )
            .stdin(Stdio::null())
            .stdout(output.reopen().expect("a second handle"))
            .spawn()
            .expect("Node.js");
        let started = clock::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child of ours") {
                break Some(status);
            }
            if left(started, LIMIT).is_zero() {
                child.kill().expect("a child of ours");
                child.wait().expect("a child of ours");
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut text = String::new();
        File::open(output.path())
            .and_then(|mut file| file.read_to_string(&mut text))
            .expect("the client's output");
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
