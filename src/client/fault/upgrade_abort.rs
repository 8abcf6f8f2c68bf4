//! An upgrade that is broken off at a stage.

use crate::fault::impulse::UpgradeStage;
use crate::protocol::WebSocketId;

/// Which upgrade is to be broken off, and when.
///
/// ```text
/// (waiting) ── the probe is begun ──► at its WebSocket ── the stage is reached ──► (over)
/// ```
#[derive(Debug, Clone, Copy)]
pub(in crate::client) struct UpgradeAbort {
    stage: UpgradeStage,
    /// The probe's WebSocket, once there is one.
    probe: Option<WebSocketId>,
}

/// What is to be done about something that happened to a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Verdict {
    /// Nothing: it takes its course.
    Pass,
    /// The client does not get to know of it.
    Swallow,
    /// It is cut, in place of what happened.
    Cut,
    /// The client gets to know of it, and then it is cut.
    CutAfter,
}

impl UpgradeAbort {
    pub(super) fn new(stage: UpgradeStage) -> Self {
        Self { stage, probe: None }
    }

    /// A probe is begun; false if this is the second, and the first got away.
    pub(in crate::client) fn probe_begun(&mut self, id: WebSocketId) -> bool {
        let is_first = self.probe.is_none();
        self.probe = Some(id);
        is_first
    }

    /// The WebSocket whose handshake is to be broken off as soon as it is under way.
    pub(in crate::client) fn handshake(&self) -> Option<WebSocketId> {
        match self.stage {
            UpgradeStage::Handshake => self.probe,
            UpgradeStage::Probe | UpgradeStage::Pong | UpgradeStage::Flush => None,
        }
    }

    /// A WebSocket was opened.
    pub(in crate::client) fn opened(&self, id: WebSocketId) -> Verdict {
        match self.stage {
            // The answer to the handshake may be there as soon as the request is written.
            UpgradeStage::Handshake | UpgradeStage::Probe if self.probe == Some(id) => Verdict::Cut,
            UpgradeStage::Handshake
            | UpgradeStage::Probe
            | UpgradeStage::Pong
            | UpgradeStage::Flush => Verdict::Pass,
        }
    }

    /// A frame came in: on the probe's WebSocket the first one is the pong.
    pub(in crate::client) fn received(&self, id: WebSocketId) -> Verdict {
        match self.stage {
            UpgradeStage::Pong if self.probe == Some(id) => Verdict::Swallow,
            UpgradeStage::Flush if self.probe == Some(id) => Verdict::CutAfter,
            UpgradeStage::Handshake
            | UpgradeStage::Probe
            | UpgradeStage::Pong
            | UpgradeStage::Flush => Verdict::Pass,
        }
    }

    /// A WebSocket ended by itself; true if it was the probe's.
    pub(in crate::client) fn is_probe(&self, id: WebSocketId) -> bool {
        self.probe == Some(id)
    }
}
