//! Faults that work on the bytes of single connections, as Toxiproxy has them.

mod bandwidth;
mod latency;
mod limit_data;
mod reach;
mod reset_peer;
mod slicer;
mod slow_close;
mod timeout;

pub use bandwidth::Bandwidth;
pub use latency::Latency;
pub use limit_data::LimitData;
pub use reach::{Direction, Reach};
pub use reset_peer::ResetPeer;
pub use slicer::Slicer;
pub use slow_close::SlowClose;
pub use timeout::Timeout;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Conflict, Describe, FaultKind, FaultSpec, Setting, Span};

/// A fault that works on the bytes of single connections.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Toxic {
    /// What it does to the bytes.
    pub kind: ToxicKind,
    /// The connections and directions on which it does it.
    pub reach: Reach,
}

super::mechanism! {
    /// What a toxic does to the bytes of a connection.
    #[derive(Clone, Copy)]
    ToxicKind {
        Latency,
        Bandwidth,
        Slicer,
        SlowClose,
        Timeout,
        ResetPeer,
        LimitData,
    }
}

impl Describe for Toxic {
    fn spec(&self) -> &'static FaultSpec {
        self.kind.spec()
    }

    fn settings(&self) -> Vec<Setting> {
        let mut settings = self.kind.settings();
        settings.extend(self.reach.settings());
        settings
    }

    fn length(&self, span: Span) -> Duration {
        self.kind.length(span)
    }

    fn conflict(&self, other: &FaultKind) -> Option<Conflict> {
        self.kind.conflict(other)
    }

    fn instance(&self) -> Option<u16> {
        self.kind.instance()
    }
}
