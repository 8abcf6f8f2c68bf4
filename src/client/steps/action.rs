use bytes::Bytes;

use crate::event::{Event, Failure};
use crate::scenario::plan::StepDisconnect;

/// What the steps of a client ask its driver for.
#[derive(Debug)]
pub(in crate::client) enum Action {
    /// Goes on with the connect that waited for `before_connect`.
    Proceed,
    /// The client is ready.
    Ready,
    /// Connects the namespaces that the server had refused.
    Reconnect(Vec<usize>),
    /// The client stays refused.
    StayRejected,
    /// `before_connect` failed for good: the client will not connect.
    GiveUp,
    /// The client leaves.
    Leave,
    /// Connects after a [`Action::Disconnect`].
    Connect,
    /// Disconnects, without coming back by itself.
    Disconnect(StepDisconnect),
    /// Sends an HTTP request.
    Request(Box<StepAsk>),
    /// Sends the event of a step.
    Emit {
        /// Comes back with the ack.
        token: StepToken,
        /// The place of the step in [`Journey::all_steps`](crate::scenario::plan::Journey).
        step: usize,
        /// JSON text, separated by commas, without brackets.
        arguments: String,
    },
    /// Something to count or to time.
    Report(Event),
}

/// An HTTP request, every template rendered.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::client) struct StepAsk {
    /// Comes back with the response.
    pub(in crate::client) token: StepToken,
    pub(in crate::client) method: String,
    /// Relative or absolute.
    pub(in crate::client) url: String,
    pub(in crate::client) headers: Vec<(String, String)>,
    /// With its content type, unless `headers` have one.
    pub(in crate::client) body: Option<(String, &'static str)>,
}

/// The bits of a [`StepToken`]: the place of its step stands above them in the tag of an ack.
pub(in crate::client) const TOKEN_BITS: u32 = 20;

/// One execution of one step: answers to an earlier one are nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) struct StepToken(pub(in crate::client) u32);

/// The response to a request of a step.
#[derive(Debug)]
pub(in crate::client) struct StepResponse {
    pub(in crate::client) status: u16,
    /// By lower-case name.
    pub(in crate::client) headers: Vec<(Box<str>, Bytes)>,
    pub(in crate::client) body: Bytes,
}

/// Why an ack will not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum AckMissed {
    /// Not in time.
    TimedOut,
    /// The connection is gone.
    Lost,
}

/// How a request ended.
pub(in crate::client) type StepAnswer = Result<StepResponse, Failure>;
