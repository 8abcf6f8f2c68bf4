//! How the faults get on: what the controller tells the run.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::proxy::Touched;
use crate::clock::{self, Clock};
use crate::event::StrikeId;
use crate::fault::process::Signal;

/// A step in the life of a fault.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It is being carried out.
    Applied,
    /// How much of the traffic it touches, from now on.
    Touching(Arc<Touched>),
    /// It has ended a server.
    ServerExited {
        /// Which instance.
        instance: u16,
        /// Exit code or signal, in words.
        status: String,
    },
    /// A server had not ended when its signal's `grace` was over, and got SIGKILL.
    ServerKilled {
        /// The instance.
        instance: u16,
        /// The signal that it did not end by.
        signal: Signal,
        /// The time since that signal.
        after: Duration,
    },
    /// It has started a server again.
    ServerStarted {
        /// Which instance.
        instance: u16,
        /// Its new process.
        pid: u32,
        /// Where it listens.
        port: u16,
    },
    /// That server answers.
    ServerReady {
        /// Which instance.
        instance: u16,
        /// How long after its start.
        after: Duration,
    },
    /// What a command wrote, both streams together.
    Output(String),
    /// It is over and undone.
    Ended,
    /// It could not be carried out.
    Failed(String),
}

/// A step of one application, at its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Which application.
    pub fault: StrikeId,
    /// From the start of the run.
    pub at: Duration,
    /// What happened.
    pub step: Step,
}

/// Tells the run how its faults get on.
#[derive(Debug, Clone)]
pub(super) struct Reporter {
    pub(super) clock: Clock,
    pub(super) progress: mpsc::Sender<Progress>,
}

impl Reporter {
    pub(super) async fn tell(&self, fault: StrikeId, step: Step) {
        let at = self.clock.since_origin(clock::now());
        // The run listens until the controller is finished.
        let _ = self.progress.send(Progress { fault, at, step }).await;
    }
}
