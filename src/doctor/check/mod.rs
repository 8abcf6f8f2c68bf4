//! The checks: one file each, each with a time limit of its own.

mod codes;
mod cors;
mod handshake;
mod path;
mod periods;
mod reachable;
mod recovery;
mod sizes;
mod sticky;
mod tls;
mod versions;
mod watch;
mod websocket;

use std::time::Duration;

use super::patient::Patient;
use super::report::CheckReport;
use crate::catalogue;
use crate::clock;

/// One check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Reachable,
    Tls,
    Handshake,
    Versions,
    Codes,
    Path,
    Cors,
    Sticky,
    WebSocket,
    Recovery,
    Watch,
}

/// Why a check was not made.
pub(super) type Skipped = Option<String>;

impl Check {
    /// In the order in which they are made: each builds on what those before it found out.
    pub(super) const ALL: [Self; 11] = [
        Self::Reachable,
        Self::Tls,
        Self::Handshake,
        Self::Versions,
        Self::Codes,
        Self::Path,
        Self::Cors,
        Self::Sticky,
        Self::WebSocket,
        Self::Recovery,
        Self::Watch,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reachable => "reachable",
            Self::Tls => "tls",
            Self::Handshake => "handshake",
            Self::Versions => "versions",
            Self::Codes => "codes",
            Self::Path => "path",
            Self::Cors => "cors",
            Self::Sticky => "sticky",
            Self::WebSocket => "websocket",
            Self::Recovery => "recovery",
            Self::Watch => "watch",
        }
    }

    fn limit(self, patient: &Patient) -> Duration {
        Duration::from_secs(match self {
            Self::Reachable => 15,
            Self::Versions => 10,
            Self::Tls | Self::Cors | Self::WebSocket => 20,
            Self::Handshake | Self::Codes | Self::Path | Self::Sticky | Self::Recovery => 30,
            // What comes after the watch, the sizes of messages for one, has a minute.
            Self::Watch => 60 + patient.options.watch.unwrap_or_default().as_secs(),
        })
    }

    /// Makes it; nothing if there was no reason to.
    pub(super) async fn carry_out(self, patient: &Patient) -> Option<CheckReport> {
        let name = self.name();
        patient.begin(name);
        if self == Self::Watch && patient.options.watch.is_none() {
            return None;
        }
        let unreachable = patient.known.borrow().unreachable;
        if let Some(reason) = unreachable {
            return Some(patient.end(name, Duration::ZERO, Some(reason.to_owned())));
        }
        let began = clock::now();
        let limit = self.limit(patient);
        let skipped = match tokio::time::timeout(limit, self.run(patient)).await {
            Ok(skipped) => skipped,
            Err(_) => {
                too_long(patient, name, limit);
                None
            }
        };
        let took = clock::now().saturating_duration_since(began);
        Some(patient.end(name, took, skipped))
    }

    async fn run(self, patient: &Patient) -> Skipped {
        match self {
            Self::Reachable => reachable::run(patient).await,
            Self::Tls => tls::run(patient).await,
            Self::Handshake => handshake::run(patient).await,
            Self::Versions => versions::run(patient).await,
            Self::Codes => codes::run(patient).await,
            Self::Path => path::run(patient).await,
            Self::Cors => cors::run(patient).await,
            Self::Sticky => sticky::run(patient).await,
            Self::WebSocket => websocket::run(patient).await,
            Self::Recovery => recovery::run(patient).await,
            Self::Watch => watch::run(patient).await,
        }
    }
}

/// Each request of a check has a limit of its own; many that are slow add up.
fn too_long(patient: &Patient, name: &str, limit: Duration) {
    let evidence: Vec<usize> = patient.last_exchange().into_iter().collect();
    let seen = format!(
        "The check `{name}` was broken off after {} s.",
        limit.as_secs()
    );
    patient.find(&catalogue::TIMED_OUT, seen, &evidence);
}
