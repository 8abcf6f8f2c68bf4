//! The command line from outside: what it takes, what it prints, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test may end on anything unexpected")]

use std::path::Path;
use std::time::Duration;

use insta::Settings;

mod ab;
mod compare;
mod environment;
mod exit_codes;
mod files;
mod help;
mod network;
mod output;
mod problems;
mod secrets;
mod serve;

/// How long anything here may take on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);

/// Three clients for a second, on the embedded server.
const SMALL: &str = r#"
name = "small"
duration = "1s"
seed = 7

[server]
embedded = true

[[clients]]
count = 3
"#;

/// The same for a server that is there already, which `--url` names.
const ELSEWHERE: &str = r#"
name = "elsewhere"
duration = "1s"

[target]
url = "http://127.0.0.1:1/"

[[clients]]
count = 3
"#;

/// The repository's top folder.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Snapshots in a folder of their own.
fn snapshots() -> Settings {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("../snapshots/cli");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}
