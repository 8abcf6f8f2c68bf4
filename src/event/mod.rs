//! The vocabulary: what can happen to a client, in one enum that the load side and the measuring
//! side share.
//!
//! Clients turn what happened on their connection into [`Event`]s and hand them to an
//! [`Observer`]; recorders turn events into numbers. Nothing here acts, waits or counts.

mod ambient;
pub mod definition;
mod failure;
mod label;
mod metric;
mod reason;
mod selector;
mod wire;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use ambient::{ATTRIBUTION_WINDOW, AmbientChange, AmbientFault};
pub use failure::{Cause, Failure, Origin, Stage};
pub use label::{Label, LabelId, LabelKind, Labelling, Labels};
pub use metric::{Counter, HistogramMetric, RateMetric, Unit};
pub use reason::DisconnectReason;
pub use selector::{MetricName, Selector, SelectorError, Series};
pub use wire::{EngineRevision, Parser, TransportKind};

/// A client's number: from 0 over the whole run, across populations and workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClientId(pub u64);

/// A population's place in the scenario, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PopulationId(pub u16);

/// One application of a fault: each repeat by `every` has an id of its own, from 0 in time order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StrikeId(pub u32);

/// Who wants to know what happens to the clients of one population.
///
/// Called on the client's own thread, once per event, in order of time.
pub trait Observer: Clone + Unpin + 'static {
    /// Takes note of one event.
    fn observe(&self, at: Instant, event: Event);
}

/// A timed part of a connection attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectPhase {
    /// Name resolution.
    Dns,
    /// The TCP handshake.
    Tcp,
    /// The TLS handshake.
    Tls,
    /// The Engine.IO handshake: connection there → open packet. The phases before it stand apart, so
    /// that they add up.
    Open,
    /// The Socket.IO CONNECT packet and its reply.
    Namespace,
}

/// That a client is cut off by a fault, and not back yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutOff {
    /// Which.
    pub fault: StrikeId,
    /// Whether it still lasts, so that what fails now can do nothing but fail.
    pub lasts: bool,
}

/// How a client stood when its part in the run was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Connected until it left by itself.
    Connected,
    /// Never once connected, though it was not refused.
    NeverConnected,
    /// Was connected, lost it by anything but a kick, and was not back.
    NeverBack,
    /// Connected, but what it does after a connect was never once done.
    NeverReady,
    /// The server refused its namespace (CONNECT_ERROR).
    Rejected,
    /// The server disconnected it (`io server disconnect`).
    Kicked,
}

/// Why a fault did not touch a client that it had chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// The client was not connected at the time, or not there.
    NotConnected,
    /// There was nothing that the fault could do to it.
    NotApplicable,
    /// The operating system refused what the fault is made of: a socket filter.
    Refused,
}

/// What happened to one client.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The client's first connect was begun, so long after its intended start.
    ClientStarted {
        /// Actual start minus intended start.
        late: Duration,
    },
    /// The client's part in the run is over.
    ClientEnded {
        /// How it stood.
        fate: Fate,
        /// Whether it ever had all that it came for.
        ever_connected: bool,
        /// How long its first connect, or its last reconnection, has been under way; nothing if
        /// neither is.
        open_for: Option<Duration>,
    },
    /// The run ended without waiting any longer for the client to leave.
    ClientAbandoned,
    /// A part of a connection attempt came to a good end.
    PhaseTimed {
        /// Which part.
        phase: ConnectPhase,
        /// How long it took.
        took: Duration,
    },
    /// An Engine.IO handshake was begun.
    EngineOpening {
        /// On this transport.
        transport: TransportKind,
    },
    /// An Engine.IO handshake succeeded.
    EngineOpened {
        /// On this transport.
        transport: TransportKind,
    },
    /// The client left before its Engine.IO handshake was answered.
    EngineGivenUp,
    /// An Engine.IO handshake failed.
    EngineFailed {
        /// Where, why and who.
        failure: Failure,
        /// On the way back from a fault.
        cut_off: Option<CutOff>,
    },
    /// The server now holds a session that nobody uses: a handshake that its client had given up was
    /// answered all the same, or a fault left one behind.
    ZombieSession,
    /// A CONNECT packet was sent.
    NamespaceConnecting,
    /// A CONNECT packet was accepted.
    NamespaceConnected,
    /// A CONNECT packet was refused.
    NamespaceFailed {
        /// Where, why and who.
        failure: Failure,
        /// On the way back from a fault.
        cut_off: Option<CutOff>,
    },
    /// A CONNECT packet was neither accepted nor refused while its connection lasted.
    NamespaceUnanswered,
    /// For the first time, every namespace of the client is connected.
    FullyConnected,
    /// The client leaves without ever having had all its namespaces, though it had some.
    PartlyConnected,
    /// All namespaces that the client can have are connected for the first time.
    Connected {
        /// Intended start → now.
        since_intended: Duration,
        /// The transport of the engine at this moment.
        transport: TransportKind,
    },
    /// The client noticed that it lost its connection; once per namespace that was connected.
    Disconnected {
        /// As the reference client names it.
        reason: DisconnectReason,
        /// The fault that did it, if one did.
        fault: Option<StrikeId>,
        /// Fault → now, if a fault did it.
        detect: Option<Duration>,
        /// If this is the first namespace of this client to notice this loss.
        first: bool,
    },
    /// A namespace that had never been connected was closed with its engine.
    ClosedUnconnected {
        /// As the reference client names it.
        reason: DisconnectReason,
    },
    /// A reconnection attempt was put on the clock.
    ReconnectScheduled {
        /// From 1 in each reconnection.
        attempt: u32,
        /// As drawn.
        delay: Duration,
        /// In which of the ten stripes of delays it fell, from 0, the shortest.
        stripe: u8,
        /// The fault that cut the client off, if one did.
        fault: Option<StrikeId>,
    },
    /// The client gave up after `reconnection.attempts`.
    ReconnectGaveUp,
    /// All namespaces that the client lost are connected again.
    Reconnected {
        /// Disconnect noticed → now.
        took: Duration,
        /// Fault → now, if a fault had done it.
        outage: Option<Duration>,
        /// That fault.
        fault: Option<StrikeId>,
        /// Engine opens that this reconnection took.
        attempts: u32,
        /// The transport of the engine at this moment.
        transport: TransportKind,
        /// Whether the session was recovered; nothing if the server had offered no recovery.
        recovered: Option<bool>,
        /// Whether it is well again with that; else [`Event::ReadyAgain`] tells when it is.
        is_ready: bool,
    },
    /// A client that a step had disconnected is connected again.
    Rejoined,
    /// What the client does after its first connect is done.
    Ready {
        /// Intended start → now.
        since_intended: Duration,
    },
    /// What the client does after a connect is done again, after a loss.
    ReadyAgain {
        /// Disconnect noticed → now.
        took: Duration,
        /// Fault → now, if a fault had done it.
        outage: Option<Duration>,
        /// That fault.
        fault: Option<StrikeId>,
        /// Whether another loss came before this one's end: it counts with the first.
        is_repeated: bool,
    },
    /// A step is done.
    StepDone {
        /// Which.
        step: LabelId,
        /// Begun → done; the first step of a paced iteration from its intended start on.
        took: Duration,
    },
    /// A step failed.
    StepFailed {
        /// Why, and which step.
        failure: Failure,
    },
    /// All steps of an iteration are done.
    IterationDone {
        /// Intended start → now.
        took: Duration,
    },
    /// An iteration was ended by a step that failed, or by the loss of the connection.
    IterationFailed,
    /// The client left in the middle of an iteration.
    IterationUnfinished,
    /// An ack came and is not what was expected.
    AckRejected {
        /// The event that it answers.
        event: LabelId,
    },
    /// A fault at clients was applied to this client.
    FaultApplied {
        /// The application.
        fault: StrikeId,
    },
    /// A fault that was applied to this client is over and undone; an impulse is so at once.
    FaultLifted {
        /// The application.
        fault: StrikeId,
    },
    /// The client feels a fault: one that was applied to it, or a global one.
    FaultFelt {
        /// The application.
        fault: StrikeId,
    },
    /// A fault chose this client and did not touch it.
    FaultMissed {
        /// Which fault.
        fault: StrikeId,
        /// Why not.
        why: Missed,
    },
    /// A client that a fault had touched needs nothing more to be well: it was not disconnected.
    FaultPassed {
        /// Which fault.
        fault: StrikeId,
        /// Fault → well again.
        outage: Duration,
        /// Well again → now: that a fault did no harm is known only when it would have shown.
        ago: Duration,
    },
    /// A WebSocket probe was begun.
    UpgradeStarted,
    /// The transport is now WebSocket.
    Upgraded {
        /// Probe begun → now.
        took: Duration,
    },
    /// The upgrade failed; the session lives on over polling.
    UpgradeFailed {
        /// Where, why and who.
        failure: Failure,
    },
    /// Something failed on an established session.
    SessionFailed {
        /// Where, why and who.
        failure: Failure,
        /// On the way back from a fault.
        cut_off: Option<CutOff>,
    },
    /// An event was handed to the transport.
    Emitted,
    /// A volatile event was dropped, or a buffered one never sent.
    EmitDropped,
    /// An event was handed to the transport again, by `retries`.
    EmitRetried,
    /// An ack came.
    Acked {
        /// The event that it answers.
        event: LabelId,
        /// Intended send → now.
        since_intended: Duration,
        /// Actual send → now.
        since_sent: Duration,
    },
    /// The client answered a server that asked for an ack.
    AckSent,
    /// A server asked for an ack, and nothing in the scenario answers.
    AckOwed,
    /// No ack came within its timeout.
    AckTimedOut {
        /// The event that it should have answered.
        event: LabelId,
        /// Intended send → now.
        since_intended: Duration,
        /// Actual send → now; nothing if the event was never sent.
        since_sent: Option<Duration>,
    },
    /// The connection was lost before the ack came.
    AckLost {
        /// The event that it should have answered.
        event: LabelId,
    },
    /// An ack had not come when its client left.
    AckUnanswered {
        /// The event that it should have answered.
        event: LabelId,
        /// Intended send → now.
        since_intended: Duration,
        /// Actual send → now; nothing if the event was still buffered.
        since_sent: Option<Duration>,
    },
    /// Events were due before the client left and never handed to its connection: the generator did
    /// not keep up.
    EmitsUnsent {
        /// The number of events.
        count: u64,
    },
    /// An event came in.
    Received {
        /// The sender's stamp → now, where one was asked for and found.
        since_stamp: Option<Duration>,
        /// Which `[[clients.listen]]` table it matches.
        listen: Option<u16>,
        /// The event's name, if a table names it.
        event: Option<LabelId>,
    },
    /// An event's stamp lay in the future: the clocks of its sender and its receiver disagree.
    FutureStamp,
    /// A client's part in the run is over, and a `[[clients.listen]]` table of it did not get what it
    /// expected.
    ListenMismatch {
        /// The table's name.
        listener: LabelId,
        /// Expected and not received.
        missing: u64,
        /// Received and not expected.
        surplus: u64,
    },
    /// A ping of the server came.
    Heartbeat {
        /// Later than the server had promised by so much; zero if in time.
        late: Duration,
    },
    /// Bytes went over the sockets of this population on this worker since the last such event.
    Traffic {
        /// Written.
        sent: u64,
        /// Read.
        received: u64,
    },
}
