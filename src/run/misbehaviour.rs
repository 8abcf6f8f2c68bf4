//! A server that misbehaves on purpose: the embedded one behind a proxy on which faults lie.
//!
//! Faults are told in the words of `[[chaos]]`, and last for as long as the server does.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::runtime::Builder;
use toml::{Table, Value};
use url::Url;

use crate::chaos::proxy::{ProxyError, ProxyThread};
use crate::diagnostic::Diagnostics;
use crate::event::StrikeId;
use crate::fault::{FaultKind, PathFault};
use crate::scenario::plan::Plan;
use crate::scenario::{self, Overrides};
use crate::server::embedded::{self, Options, ServeError};
use crate::server::process::{ProcessError, free_ports};

/// Why a server cannot misbehave as asked.
#[derive(Debug, thiserror::Error)]
pub enum MisbehaviourError {
    /// The words are not those of a fault.
    #[error("{}", .0.render(false))]
    Words(Diagnostics),
    /// It is a fault, and none that a server could have for good.
    #[error("`{fault}` cannot lie on a server for good: {known}", known = KNOWN)]
    NotHere {
        /// Its name.
        fault: String,
    },
    /// The proxy cannot be had.
    #[error(transparent)]
    ProxyThread(#[from] ProxyError),
    /// The server behind it found no port.
    #[error(transparent)]
    Port(#[from] ProcessError),
    /// The server behind it cannot be had.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

const KNOWN: &str = "use one of latency, bandwidth, slicer, slow_close, timeout, reset_peer, \
                     limit_data, down, status, websocket_blocked, idle_timeout, without `at`, \
                     `for` and `every`";

/// How a server is to misbehave.
#[derive(Debug)]
pub struct Misbehaviour(Plan);

impl Misbehaviour {
    /// Reads faults, each as `FAULT KEY=VALUE …`: `status status=503 share=20%`.
    ///
    /// # Errors
    /// If one is no fault on the way that lasts.
    pub fn parse(faults: &[String]) -> Result<Self, MisbehaviourError> {
        let text = scenario_text(faults);
        let plan = scenario::parse(&text, "--misbehave", &Overrides::default())
            .map_err(MisbehaviourError::Words)?;
        for fault in &plan.chaos {
            let is_for_good = fault.at.is_zero() && fault.lasts.is_none() && fault.every.is_none();
            if path(&fault.kind).is_none() || !is_for_good {
                let fault = fault.kind.name().to_owned();
                return Err(MisbehaviourError::NotHere { fault });
            }
        }
        Ok(Self(plan))
    }

    /// Serves as [`embedded::serve`] does, and misbehaves all the while.
    ///
    /// # Errors
    /// If the server or the proxy cannot start.
    pub fn serve(
        &self,
        options: Options,
        ready: impl FnOnce(SocketAddr),
    ) -> Result<(), MisbehaviourError> {
        let behind = SocketAddr::from((Ipv4Addr::LOCALHOST, free_ports(1)?[0]));
        let url = Url::parse(&format!("http://{behind}/")).expect("an address makes a URL");
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServeError::Runtime)?;
        let (proxy, laid) = runtime.block_on(async {
            let proxy = ProxyThread::start(&self.0, &url, Some(options.listen)).await?;
            let proxy = proxy.ok_or(ProxyError::Gone)?;
            let mut laid = Vec::new();
            for (number, fault) in self.0.chaos.iter().enumerate() {
                if let Some(path) = path(&fault.kind) {
                    let id = StrikeId(number as u32);
                    laid.push(proxy.control().lay(id, None, path).await?);
                }
            }
            Ok::<_, ProxyError>((proxy, laid))
        })?;
        let address = proxy.ways().first().copied().flatten();
        let address = address.unwrap_or(options.listen);
        let listen = behind;
        embedded::serve(&Options { listen, ..options }, |_| ready(address))?;
        drop(laid);
        Ok(())
    }
}

/// The fault as far as it lies on the network path until it is lifted.
fn path(kind: &FaultKind) -> Option<&PathFault> {
    if let FaultKind::Path(path) = kind
        && kind.spec().is_undone()
    {
        Some(path)
    } else {
        None
    }
}

/// A scenario in which these faults begin at once.
fn scenario_text(faults: &[String]) -> String {
    const HEAD: &str = "duration = \"1h\"\ntarget.url = \"http://127.0.0.1:1/\"\n\
                        clients = [{ count = 1 }]\n\n";
    let chaos: Vec<Value> = faults.iter().map(|fault| table(fault).into()).collect();
    let chaos = Table::from_iter([("chaos".to_owned(), chaos.into())]);
    format!("{HEAD}{chaos}")
}

/// `FAULT KEY=VALUE …` as an entry of `[[chaos]]`.
fn table(fault: &str) -> Table {
    let mut words = fault.split_whitespace();
    let name = words.next().unwrap_or_default();
    let mut table = Table::from_iter([
        ("fault".to_owned(), name.into()),
        ("at".to_owned(), "0s".into()),
    ]);
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        table.insert(key.to_owned(), value_of(value));
    }
    table
}

/// A number or a truth as it stands, everything else as a text.
fn value_of(word: &str) -> Value {
    let number = word.parse().map(Value::Integer).ok();
    let number = number.or_else(|| word.parse().map(Value::Float).ok());
    number
        .or_else(|| word.parse().map(Value::Boolean).ok())
        .unwrap_or_else(|| word.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(faults: &[&str]) -> Result<Misbehaviour, String> {
        let faults: Vec<String> = faults.iter().map(|fault| (*fault).to_owned()).collect();
        Misbehaviour::parse(&faults).map_err(|error| error.to_string())
    }

    #[test]
    fn faults_on_the_way_are_read_in_the_words_of_scenarios() {
        let read = parse(&["status status=503 share=20%", "latency latency=50ms"]).unwrap();
        let names: Vec<&str> = read.0.chaos.iter().map(|fault| fault.kind.name()).collect();
        assert_eq!(names, ["status", "latency"]);
    }

    #[test]
    fn what_is_no_such_fault_is_told() {
        for (fault, said) in [
            ("sttaus status=503", "unknown_fault"),
            ("status status=503 shaer=20%", "shaer"),
            ("status staus=\"5", "status"),
            ("", "unknown_fault"),
            ("freeze", "`freeze` cannot lie on a server for good"),
            ("restart", "`restart` cannot lie"),
            ("down for=2s", "`down` cannot lie"),
            ("down at=2s", "`down` cannot lie"),
        ] {
            let told = parse(&[fault]).unwrap_err();
            assert!(told.contains(said), "{fault}: {told}");
        }
    }
}
