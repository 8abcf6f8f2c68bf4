use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::event::PopulationId;
use crate::fault::{FaultKind, Setting, Span};
use crate::units::{self, Selection, format_duration};

/// A fault of the schedule: when it strikes, whom, and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// When it first strikes, from the start of the run.
    #[serde(with = "units::duration")]
    pub at: Duration,
    /// The time between its repeats, which go on until the end of the run.
    #[serde(with = "units::optional_duration")]
    pub every: Option<Duration>,
    /// The time over which the victims are spread evenly.
    #[serde(with = "units::optional_duration")]
    pub over: Option<Duration>,
    /// `for`: how long it lasts; nothing means until the end of the run, where it lasts at all.
    #[serde(with = "units::optional_duration")]
    pub lasts: Option<Duration>,
    /// The number or share of victims.
    pub clients: Selection,
    /// The only population that it can strike.
    pub population: Option<PopulationId>,
    /// The fault itself, with its settings.
    pub kind: FaultKind,
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
    /// instances; zero for what is over at once.
    #[must_use]
    pub fn length(&self, end: Duration, instances: u16) -> Duration {
        let span = Span {
            lasts: self.lasts,
            run: end,
            instances,
        };
        self.over.unwrap_or_default() + self.kind.length(span)
    }

    /// Whether its victims are clients that the seed chooses.
    #[must_use]
    pub fn has_victims(&self) -> bool {
        matches!(self.kind, FaultKind::Client(_))
    }

    /// Its settings in words: `reset, 50% of the clients, over 2s`.
    #[must_use]
    pub fn detail(&self, plan: &Plan) -> String {
        let settings = self.kind.settings();
        let mut parts: Vec<String> = settings.iter().filter_map(Setting::in_words).collect();
        let whose = self.population.map(|id| plan.population_name(id));
        if self.has_victims() {
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
