//! What a client does besides its schedules: steps, one after the other.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Ack;
use crate::scenario::template::{JsonTemplate, TextTemplate};
use crate::units::{self, ByteSize};
use crate::word::words;

/// The steps of a population; empty for one that only connects, emits and listens.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Journey {
    /// Before an engine opens.
    pub before_connect: Vec<Step>,
    /// After a connect; the client is ready once they are done.
    pub on_connect: Vec<Step>,
    /// After a CONNECT_ERROR, before the client connects again.
    pub on_rejected: Vec<Step>,
    /// One iteration.
    pub steps: Vec<Step>,
    /// Iterations start this far apart; nothing means back to back.
    #[serde(with = "units::optional_duration")]
    pub pace: Option<Duration>,
    /// Iterations of each client; nothing means until it leaves.
    pub iterations: Option<u64>,
    /// The fate of an iteration whose connection is lost.
    pub on_disconnect: OnDisconnect,
}

/// A list of steps within a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepList {
    /// `[[clients.before_connect]]`.
    BeforeConnect,
    /// `[[clients.on_connect]]`.
    OnConnect,
    /// `[[clients.on_rejected]]`.
    OnRejected,
    /// `[[clients.steps]]`.
    Steps,
}

impl StepList {
    /// All of them, in the order of [`Journey::all_steps`].
    pub const ALL: [Self; 4] = [
        Self::BeforeConnect,
        Self::OnConnect,
        Self::OnRejected,
        Self::Steps,
    ];

    /// The key in `[[clients]]`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::BeforeConnect => "before_connect",
            Self::OnConnect => "on_connect",
            Self::OnRejected => "on_rejected",
            Self::Steps => "steps",
        }
    }
}

impl Journey {
    /// Whether there are no steps at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all_steps().next().is_none()
    }

    /// The steps of one list.
    #[must_use]
    pub fn list(&self, list: StepList) -> &[Step] {
        match list {
            StepList::BeforeConnect => &self.before_connect,
            StepList::OnConnect => &self.on_connect,
            StepList::OnRejected => &self.on_rejected,
            StepList::Steps => &self.steps,
        }
    }

    /// All steps; an event refers to a step by its place here.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        StepList::ALL.into_iter().flat_map(|list| self.list(list))
    }

    /// The place in [`all_steps`](Self::all_steps) of the first step of a list.
    #[must_use]
    pub fn first_of(&self, list: StepList) -> usize {
        let before = StepList::ALL.into_iter().take_while(|other| *other != list);
        before.map(|other| self.list(other).len()).sum()
    }
}

/// The fate of an iteration whose connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDisconnect {
    /// It has failed; the next one begins once the client is ready again.
    #[default]
    Restart,
    /// It goes on with the step that was interrupted, once the client is ready again.
    Resume,
}

words! { OnDisconnect { Restart = "restart", Resume = "resume" } }

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// In metrics; nothing for a step that is not measured.
    pub name: Option<String>,
    /// On which connects it is done.
    pub when: When,
    /// What it does.
    pub action: StepAction,
    /// How long it may take; above zero.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// What the response of a request, or the event of a wait, has to satisfy.
    pub expect: Vec<Condition>,
    /// What is kept of the response of a request, or of the event of a wait.
    pub captures: Vec<Capture>,
    /// In [0, 1].
    pub chance: f64,
    /// At least one.
    pub repeat: u32,
    /// What its failure leads to.
    pub on_error: OnError,
    /// How often in a row `on_rejected` is tried; at least one.
    pub attempts: u32,
}

impl Step {
    /// Whether it is done each time, and then waits for an answer or a time.
    #[must_use]
    pub fn takes_time(&self) -> bool {
        let waits = match &self.action {
            StepAction::Request(_) | StepAction::Wait(_) | StepAction::Connect => true,
            StepAction::Emit { emit, wait } => emit.ack.is_some() || wait.is_some(),
            StepAction::Think { min, .. } => !min.is_zero(),
            StepAction::Disconnect(_) => false,
        };
        waits && self.chance >= 1.0
    }

    /// Whether what it captures is there once its list has gone on.
    #[must_use]
    pub fn surely_captures(&self) -> bool {
        self.chance >= 1.0 && self.on_error != OnError::Continue
    }
}

/// On which connects a step is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// On each.
    #[default]
    Always,
    /// On the first.
    First,
    /// On each but the first.
    Again,
    /// On each but the first whose session was not recovered.
    NotRecovered,
}

words! {
    When {
        Always = "always",
        First = "first",
        Again = "again",
        NotRecovered = "not_recovered",
    }
}

/// Before which engines a step of `before_connect` is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeforeWhen {
    /// The first.
    First,
    /// Each.
    Always,
}

words! { BeforeWhen { First = "first", Always = "always" } }

impl From<BeforeWhen> for When {
    fn from(when: BeforeWhen) -> Self {
        match when {
            BeforeWhen::First => Self::First,
            BeforeWhen::Always => Self::Always,
        }
    }
}

impl When {
    /// Whether it holds for a connect.
    #[must_use]
    pub fn holds(self, is_first: bool, is_recovered: bool) -> bool {
        match self {
            Self::Always => true,
            Self::First => is_first,
            Self::Again => !is_first,
            Self::NotRecovered => !is_first && !is_recovered,
        }
    }
}

/// What the failure of a step leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The iteration, or the list, ends.
    #[default]
    End,
    /// The next step follows.
    Continue,
    /// The client leaves.
    Leave,
}

words! { OnError { End = "end", Continue = "continue", Leave = "leave" } }

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StepAction {
    /// An HTTP request.
    Request(Box<StepRequest>),
    /// An event, with or without an ack, and with or without another one that it waits for.
    Emit {
        /// What is sent.
        emit: Box<StepEmit>,
        /// Waiting starts before the emit.
        wait: Option<Wait>,
    },
    /// Waits for an event.
    Wait(Wait),
    /// Does nothing for a time drawn evenly between the two.
    Think {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// Disconnects; the client stays away until a `connect` or the next iteration.
    Disconnect(StepDisconnect),
    /// Connects again.
    Connect,
}

/// How a step disconnects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepDisconnect {
    /// `socket.disconnect()` for every namespace.
    Namespace,
    /// `socket.io.engine.close()`, without coming back.
    Close,
}

words! { StepDisconnect { Namespace = "namespace", Close = "close" } }

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRequest {
    /// Upper case.
    pub method: String,
    /// Relative to the target's URL, or absolute.
    pub url: TextTemplate,
    /// Besides those of the profile.
    pub headers: Vec<(String, TextTemplate)>,
    /// What is sent.
    pub body: Body,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Body {
    /// None.
    Empty,
    /// JSON, as `application/json`.
    Json(JsonTemplate),
    /// Pairs, as `application/x-www-form-urlencoded`.
    Form(Vec<(String, TextTemplate)>),
    /// As it stands, as `text/plain` unless `headers` say otherwise.
    Text(TextTemplate),
}

/// An event that a step sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepEmit {
    /// The event's name.
    pub event: String,
    /// The arguments: a JSON array.
    pub data: JsonTemplate,
    /// Pads the JSON arguments, or is the size of the buffer with `binary`.
    pub size: Option<ByteSize>,
    /// One buffer of `size` as last argument.
    pub binary: bool,
    /// Index into the client's namespaces.
    pub namespace: usize,
    /// Dropped rather than buffered when the transport is not ready.
    pub volatile: bool,
    /// Whether an ack is asked for.
    pub ack: Option<Ack>,
    /// What the ack's arguments have to satisfy.
    pub expect: Vec<Condition>,
    /// What is kept of the ack's arguments.
    pub captures: Vec<Capture>,
}

/// An event that a step waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// The event's name.
    pub event: String,
    /// Index into the client's namespaces.
    pub namespace: usize,
    /// Which of the events with this name; all of these hold.
    pub conditions: Vec<Condition>,
}

/// What is looked at in a response or in arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// The HTTP status.
    Status,
    /// An HTTP header, by its lower-case name.
    Header(String),
    /// What a JSONPath (RFC 9535) finds; checked.
    Path(String),
}

impl Subject {
    /// As a scenario writes it.
    #[must_use]
    pub fn source(&self) -> String {
        match self {
            Self::Status => "status".to_owned(),
            Self::Header(name) => format!("header {name}"),
            Self::Path(path) => path.clone(),
        }
    }
}

/// A demand on a response or on arguments: it holds for every match, and there is at least one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// What is looked at.
    pub subject: Subject,
    /// All of them hold; at least one.
    pub tests: Vec<Test>,
}

/// A demand on one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Test {
    /// Equal to this value.
    Equals(JsonTemplate),
    /// There, or not there at all.
    Exists(bool),
    /// A string in which this regular expression finds something; checked.
    Matches(String),
    /// A number below this one.
    LessThan(f64),
    /// A number above this one.
    GreaterThan(f64),
}

/// A value to keep: the first match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// `{{capture.NAME}}`.
    pub name: String,
    /// Where it is found.
    pub from: Subject,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn again_and_not_recovered_exclude_the_first_connect() {
        for (when, first, recovered, unrecovered) in [
            (When::Always, true, true, true),
            (When::First, true, false, false),
            (When::Again, false, true, true),
            (When::NotRecovered, false, false, true),
        ] {
            assert_eq!(when.holds(true, false), first, "{when:?}");
            assert_eq!(when.holds(false, true), recovered, "{when:?}");
            assert_eq!(when.holds(false, false), unrecovered, "{when:?}");
        }
    }
}
