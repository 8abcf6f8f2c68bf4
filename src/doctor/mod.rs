//! Why one server cannot be connected to, throws its clients out, or keeps them in long-polling.
//!
//! A URL comes in; a [`Report`] goes out, in which every check tells what it saw and points to
//! findings of the catalogue, with the exchanges behind them. Nothing here loads a server: a few
//! dozen requests, each listed, and no session is left open.

mod check;
mod direct;
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
mod problem;
mod raw;
mod report;
mod request;
mod said;
mod session;
mod text;
mod upgrade;
mod websocket;
mod wire;

use std::rc::Rc;

use crate::catalogue::RATE_LIMITED;
use crate::trace::Trace;
use crate::transport::TransportError;

pub use exchange::{Answer, Exchange, Times};
pub use options::{Options, OptionsError};
pub use problem::Problem;
pub use report::{CheckReport, Found, Report, Step};
pub use text::{Layout, render};

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

/// Makes all checks, one after the other. A person who waits is told at once (`notify`) where the
/// server is slow.
///
/// # Errors
/// If the options cannot be carried out; whatever the server does is in the report.
pub fn examine(
    options: Options,
    trace: Trace,
    notify: impl Fn(&str) + 'static,
) -> Result<Report, DoctorError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let probe = Probe::new(options, trace, Rc::new(notify))?;
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
    findings.extend(rate_limit(probe));
    let left_open = probe.close_sessions().await;
    Report::new(
        probe,
        known.websocket == Some(false),
        checks,
        findings,
        left_open,
    )
}

/// The finding of a rate limit, which any check may meet.
fn rate_limit(probe: &Probe) -> Option<Found> {
    let id = probe.wire.limited_by()?;
    Some(Found {
        finding: &RATE_LIMITED,
        check: probe.evidence.check_of(id),
        seen: "Requests that were answered before met a rate limit.".to_owned(),
        evidence: vec![id],
    })
}
