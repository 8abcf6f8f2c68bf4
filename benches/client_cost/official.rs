//! The official client on Node.js, from the packages of the tests.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::measure::{Measure, Scale};

/// Why it cannot be measured here, if it cannot.
pub(crate) fn is_missing() -> Option<String> {
    let version = Command::new("node").arg("--version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        return Some("there is no Node.js".to_owned());
    }
    let packages = packages();
    if !packages.join("node_modules/socket.io-client").is_dir() {
        return Some(format!("run `npm ci` in {}", packages.display()));
    }
    None
}

/// Takes one figure.
pub(crate) fn process(measure: Measure, address: SocketAddr, scale: Scale) -> Command {
    let burst = measure.burst();
    let measure = match measure {
        Measure::WebsocketConnect => "websocket_connect",
        Measure::UpgradeConnect => "upgrade_connect",
        Measure::Emit | Measure::EmitInBursts => "emit",
        Measure::IdleWebsocket => "idle_websocket",
        Measure::IdlePolling => "idle_polling",
    };
    let mut command = Command::new("node");
    command
        .arg("--expose-gc")
        .arg(root().join("benches/client_cost/official.cjs"))
        .current_dir(packages())
        .env("URL", format!("http://{address}"))
        .env("MEASURE", measure)
        .env("CLIENTS", scale.clients.to_string())
        .env("EMITTING", scale.emitting.to_string())
        .env("EMITS", scale.emits.to_string())
        .env("BURST", burst.to_string())
        .env("EMITS_PER_SECOND", scale.emits_per_second.to_string());
    command
}

fn packages() -> PathBuf {
    root().join("tests/servers/client-4")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
