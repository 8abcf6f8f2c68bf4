//! The faults of a schedule: when, at whom, what.

mod client;
mod path;
mod server;
mod setting;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::event::PopulationId;
use crate::units::{self, Selection, format_duration};

pub(crate) use client::DisconnectWord;
pub use client::{ClientFault, DisconnectHow, UpgradeStage};
pub use path::{Blocked, Direction, PathFault, Toxic};
pub use server::{Exec, ServerFault, Signal};
pub use setting::{Setting, Value};

/// A fault of the schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// From the start of the run.
    #[serde(with = "units::duration")]
    pub at: Duration,
    /// Repeated until the end of the run.
    #[serde(with = "units::optional_duration")]
    pub every: Option<Duration>,
    /// The victims are spread evenly over this time.
    #[serde(with = "units::optional_duration")]
    pub over: Option<Duration>,
    /// `for`: how long it lasts; nothing means until the end of the run, where it lasts at all.
    #[serde(with = "units::optional_duration")]
    pub lasts: Option<Duration>,
    /// How many victims.
    pub clients: Selection,
    /// Victims of this population alone.
    pub population: Option<PopulationId>,
    /// What is done.
    pub kind: FaultKind,
}

/// What a fault does, by the place where it is carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FaultKind {
    /// At clients: each victim does it to its own connections.
    Client(ClientFault),
    /// On the way: a proxy between clients and server does it to what passes.
    Path(PathFault),
    /// At processes that the run started.
    Server(ServerFault),
    /// Anywhere: a command does it.
    Exec(Exec),
}

impl FaultKind {
    /// The word in scenarios and results.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Client(fault) => fault.name(),
            Self::Path(fault) => fault.toxic.name(),
            Self::Server(fault) => fault.name(),
            Self::Exec(_) => "exec",
        }
    }

    /// Its own keys, as a scenario would have them; none is left out for being at its default.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        match self {
            Self::Client(fault) => fault.settings(),
            Self::Path(fault) => fault.settings(),
            Self::Server(fault) => fault.settings(),
            Self::Exec(exec) => exec.settings(),
        }
    }

    /// Whether the end of the load undoes it for good: what it does is to last, not to come to an
    /// end of its own.
    #[must_use]
    pub fn ends_with_the_load(&self) -> bool {
        match self {
            Self::Client(_) | Self::Path(_) => true,
            Self::Server(ServerFault::Pause { .. }) => true,
            Self::Server(
                ServerFault::Restart { .. }
                | ServerFault::Kill { .. }
                | ServerFault::RollingRestart { .. },
            )
            | Self::Exec(_) => false,
        }
    }

    /// Whether its victims are clients that the seed chooses.
    #[must_use]
    pub fn has_victims(&self) -> bool {
        matches!(self, Self::Client(_))
    }
}

impl Fault {
    /// The times at which it is applied before `end`, from the start of the run.
    pub fn repeats(&self, end: Duration) -> impl Iterator<Item = Duration> + use<> {
        let (first, every) = (self.at, self.every);
        (0u32..)
            .map_while(move |n| match (n, every) {
                (0, _) => Some(first),
                (n, Some(every)) => Some(first + every * n),
                (_, None) => None,
            })
            .take_while(move |at| *at < end)
    }

    /// How long it is at work, as far as its keys say, in a run that ends at `end` with so many
    /// instances; zero for what lasts but a moment.
    #[must_use]
    pub fn length(&self, end: Duration, instances: u16) -> Duration {
        let own = match &self.kind {
            FaultKind::Server(ServerFault::Restart { down, .. }) => *down,
            FaultKind::Server(ServerFault::RollingRestart {
                down, drain, pause, ..
            }) => (*down + *drain + *pause) * instances.into(),
            FaultKind::Server(ServerFault::Kill { .. }) => end,
            FaultKind::Server(ServerFault::Pause { .. }) => self.lasts.unwrap_or(end),
            FaultKind::Client(kind) if kind.lasts() => self.lasts.unwrap_or(end),
            FaultKind::Path(path) if path.toxic != Toxic::Restart => self.lasts.unwrap_or(end),
            FaultKind::Client(_) | FaultKind::Path(_) => Duration::ZERO,
            FaultKind::Exec(_) => self.lasts.unwrap_or_default(),
        };
        self.over.unwrap_or_default() + own
    }

    /// What it was told, for people: `reset, 50% of the clients, over 2s`.
    #[must_use]
    pub fn detail(&self, plan: &Plan) -> String {
        let mut parts: Vec<String> = self
            .kind
            .settings()
            .iter()
            .filter_map(Setting::in_words)
            .collect();
        let whose = self.population.map(|id| plan.population_name(id));
        if self.kind.has_victims() {
            let whose = whose.unwrap_or("the clients");
            parts.push(match self.clients {
                Selection::All => format!("all of {whose}"),
                Selection::Count(_) | Selection::Share(_) => {
                    format!("{} of {whose}", self.clients)
                }
            });
        } else {
            parts.extend(whose.map(|whose| format!("on the way of {whose}")));
        }
        let time = |word: &str, time: Option<Duration>| {
            time.map(|time| format!("{word} {}", format_duration(time)))
        };
        parts.extend(time("over", self.over));
        parts.extend(time("for", self.lasts));
        parts.join(", ")
    }
}
