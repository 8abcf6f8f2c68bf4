//! Why one server cannot be connected to, throws its clients out, or keeps them in long-polling.
//!
//! A URL comes in; a [`Report`] goes out, in which every check tells what it saw and points to
//! findings of the catalogue, with the exchanges behind them. Nothing here loads a server: a few
//! dozen requests, each listed, and no session is left open.

mod check;
mod evidence;
mod exchange;
mod handle;
mod http;
mod known;
mod long_connection;
mod notes;
mod open_sessions;
mod options;
mod probe;
mod report;
mod request;
mod session;
mod text;
mod upgrade;
mod websocket;
mod wire;

use crate::trace::Trace;
use crate::transport::TransportError;

pub use exchange::{Answer, Exchange, Times};
pub use options::{Options, OptionsError};
pub use report::{CheckReport, Found, Report, Step};
pub use text::render;

use check::Check;
use known::Known;
use probe::Probe;

/// Why nothing was examined.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The URL or a file for TLS cannot be used.
    #[error("the server cannot be asked")]
    Transport(#[from] TransportError),
    /// No runtime.
    #[error("no runtime can be started")]
    Runtime(#[from] std::io::Error),
}

/// Makes all checks, one after the other.
///
/// # Errors
/// If the options cannot be carried out; whatever the server does is in the report.
pub fn examine(options: Options, trace: Trace) -> Result<Report, DoctorError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let probe = Probe::new(options, trace)?;
    let report = tokio::task::LocalSet::new().block_on(&runtime, all_checks(&probe));
    // A name lookup that hangs would hold the end up for as long as the resolver tries.
    runtime.shutdown_background();
    Ok(report)
}

async fn all_checks(probe: &Probe) -> Report {
    let mut known = Known::default();
    let mut checks = Vec::new();
    let mut findings = Vec::new();
    for check in Check::ALL {
        if let Some((report, found)) = check.carry_out(probe, &mut known).await {
            checks.push(report);
            findings.extend(found);
        }
    }
    let left_open = probe.close_sessions().await;
    Report::new(probe, checks, findings, left_open)
}
