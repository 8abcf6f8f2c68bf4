use schemars::JsonSchema;
use serde::Serialize;

use crate::event::{Cause, Origin, Stage, StrikeId};
use crate::metrics::FailureKey;

/// Something that happened once in a run: a line of events.jsonl.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Note {
    /// The run's time starts.
    RunStarted {
        /// The scenario's name.
        scenario: String,
        /// Where all random choices come from.
        seed: u64,
        /// The most clients that will be there at once.
        clients: u64,
        /// Worker threads.
        workers: u32,
    },
    /// A stretch of the run begins.
    Phase {
        /// `arriving` (clients still come), `holding` (all are there) or `draining` (they leave).
        phase: String,
    },
    /// A server process was started.
    ServerStarted {
        /// Which instance, from 0.
        instance: u16,
        /// Its process.
        pid: u32,
        /// Where it listens.
        port: u16,
    },
    /// A server answered a handshake.
    ServerReady {
        /// Which instance, from 0.
        instance: u16,
        /// How long after its start, in seconds.
        after_s: f64,
    },
    /// A server process ended.
    ServerExited {
        /// Which instance, from 0.
        instance: u16,
        /// Exit code or signal, in words.
        status: String,
        /// Whether the run wanted it.
        expected: bool,
    },
    /// A server was still there when its signal's `grace` was over, and got SIGKILL.
    ServerKilled {
        /// The instance, from 0.
        instance: u16,
        /// The signal that it did not end by.
        signal: String,
        /// The time since that signal, in seconds.
        after_s: f64,
    },
    /// A fault was begun.
    FaultApplied {
        /// The application's number.
        #[schemars(with = "u32")]
        id: StrikeId,
        /// The word in the scenario.
        fault: String,
        /// What it was told, for people.
        detail: String,
    },
    /// What a fault's command wrote.
    FaultOutput {
        /// The application's number.
        #[schemars(with = "u32")]
        id: StrikeId,
        /// Both streams together, the last 16 KiB.
        output: String,
    },
    /// A fault was over and undone.
    FaultEnded {
        /// The application's number.
        #[schemars(with = "u32")]
        id: StrikeId,
    },
    /// A fault could not be carried out.
    FaultFailed {
        /// The application's number.
        #[schemars(with = "u32")]
        id: StrikeId,
        /// Why.
        error: String,
    },
    /// A kind of failure was met for the first time.
    FirstFailure {
        /// Where.
        #[schemars(with = "String")]
        stage: Stage,
        /// Why.
        #[schemars(with = "String")]
        cause: Cause,
        /// Who.
        #[schemars(with = "String")]
        origin: Origin,
        /// The HTTP status or WebSocket close code.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// What was said.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// Something that a reader must know.
    Warning {
        /// As in summary.json.
        code: String,
        /// For people.
        message: String,
    },
    /// A worker process or agent is gone; the others go on.
    WorkerLost {
        /// The process or agent.
        name: String,
        /// Clients that it ran and that still had something to do.
        clients: u64,
        /// What happened to it.
        why: String,
    },
    /// The user ended the run before its time.
    Interrupted,
    /// The last client is gone.
    RunEnded {
        /// The judgement, as in summary.json.
        verdict: super::summary::Verdict,
    },
}

impl Note {
    /// Of what [`Totals::new_failures`](crate::metrics::Totals::new_failures) hands out.
    #[must_use]
    pub fn first_failure(kind: FailureKey, message: Option<String>) -> Self {
        Self::FirstFailure {
            stage: kind.stage,
            cause: kind.cause,
            origin: kind.origin,
            status: kind.status,
            message,
        }
    }
}
