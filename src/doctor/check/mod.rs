//! The checks: one file each, each with a time limit of its own.

mod codes;
mod connect;
mod cors;
mod handshake;
mod heartbeat;
mod opening;
mod path;
mod periods;
mod reachable;
mod recovery;
mod sizes;
mod stays;
mod steps;
mod sticky;
mod tls;
mod versions;
mod watch;
mod websocket;

use std::time::Duration;

use super::exchange::ms;
use super::known::Known;
use super::notes::Notes;
use super::probe::Probe;
use super::report::{CheckReport, Found};
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
    Stays,
    Watch,
}

/// Why a check was not made.
pub(super) type Skipped = Option<String>;

impl Check {
    /// In the order in which they are made: each builds on what those before it found out.
    pub(super) const ALL: [Self; 12] = [
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
        Self::Stays,
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
            Self::Stays => "stays",
            Self::Watch => "watch",
        }
    }

    fn limit(self, probe: &Probe) -> Duration {
        Duration::from_secs(match self {
            Self::Reachable => 15,
            Self::Versions => 25,
            Self::Tls | Self::Cors => 25,
            Self::Codes | Self::Path | Self::Sticky | Self::Recovery | Self::Stays => 60,
            // A client's patience with each of its steps, and the server's with an upgrade.
            Self::Handshake | Self::WebSocket => 90,
            // What comes after the watch, the sizes of messages for one, has a minute.
            Self::Watch => 60 + probe.options.watch.unwrap_or_default().as_secs(),
        })
    }

    /// Makes it: its report and its findings; `None` if there was no reason to.
    pub(super) async fn carry_out(
        self,
        probe: &Probe,
        known: &mut Known,
    ) -> Option<(CheckReport, Vec<Found>)> {
        let name = self.name();
        if self == Self::Watch && probe.options.watch.is_none() {
            return None;
        }
        let mut notes = Notes::new(name);
        if let Some(reason) = known.unreachable {
            return Some(notes.finish(0.0, Some(reason.to_owned())));
        }
        let probe = probe.for_check(name);
        let began = clock::now();
        let limit = self.limit(&probe);
        let run = self.run(&probe, known, &mut notes);
        let skipped = match tokio::time::timeout(limit, run).await {
            Ok(skipped) => skipped,
            Err(_) => {
                too_long(&probe, &mut notes, limit);
                None
            }
        };
        let took = clock::now().saturating_duration_since(began);
        Some(notes.finish(ms(took), skipped))
    }

    async fn run(self, probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
        match self {
            Self::Reachable => reachable::run(probe, known, notes).await,
            Self::Tls => tls::run(probe, known, notes).await,
            Self::Handshake => {
                let skipped = handshake::run(probe, known, notes).await;
                stays::begin(probe, known);
                skipped
            }
            Self::Versions => versions::run(probe, known, notes).await,
            Self::Codes => codes::run(probe, known, notes).await,
            Self::Path => path::run(probe, known, notes).await,
            Self::Cors => cors::run(probe, known, notes).await,
            Self::Sticky => sticky::run(probe, known, notes).await,
            Self::WebSocket => websocket::run(probe, known, notes).await,
            Self::Recovery => recovery::run(probe, known, notes).await,
            Self::Stays => stays::run(probe, known, notes).await,
            Self::Watch => watch::run(probe, known, notes).await,
        }
    }
}

/// Each request of a check has a limit of its own; many that are slow add up.
fn too_long(probe: &Probe, notes: &mut Notes, limit: Duration) {
    let evidence: Vec<usize> = probe.last_exchange().into_iter().collect();
    let seen = format!("Broken off after {} s.", limit.as_secs());
    notes.find(&catalogue::TIMED_OUT, seen, &evidence);
}
