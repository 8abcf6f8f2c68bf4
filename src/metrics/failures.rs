use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{Cause, Failure, LabelId, Origin, Stage, StrikeId};

/// What failures are counted by: everything but their message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FailureKey {
    /// Where.
    pub stage: Stage,
    /// Why.
    pub cause: Cause,
    /// Who.
    pub origin: Origin,
    /// The HTTP status, or the WebSocket close code.
    pub status: Option<u16>,
    /// The Engine.IO error code.
    pub code: Option<i64>,
    /// The step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<LabelId>,
    /// The application of a fault that explains it.
    pub fault: Option<StrikeId>,
}

/// How often each kind of failure was met, with one message of each as an example.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct Failures(BTreeMap<FailureKey, Kind>);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Kind {
    count: u64,
    example: Option<Box<str>>,
}

/// How a kind is written: JSON has no keys but strings.
#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    key: FailureKey,
    count: u64,
    example: Option<Box<str>>,
}

impl Failures {
    /// Counts one; its message is kept if it is the first of its kind.
    pub fn record(&mut self, failure: Failure) {
        let key = FailureKey {
            stage: failure.stage,
            cause: failure.cause,
            origin: failure.origin,
            status: failure.status,
            code: failure.code,
            step: failure.step,
            fault: failure.fault,
        };
        let kind = self.0.entry(key).or_default();
        kind.count += 1;
        if kind.example.is_none() {
            kind.example = failure.message;
        }
    }

    /// Adds all of another one's.
    ///
    /// Of two examples the lesser text stays, so that the order of merging does not show.
    pub fn merge(&mut self, other: &Self) {
        for (key, theirs) in &other.0 {
            let ours = self.0.entry(*key).or_default();
            ours.count += theirs.count;
            let lesser = match (&ours.example, &theirs.example) {
                (Some(a), Some(b)) => b < a,
                (None, Some(_)) => true,
                (_, None) => false,
            };
            if lesser {
                ours.example.clone_from(&theirs.example);
            }
        }
    }

    /// Each kind with its count and its example, in the order of stages and causes.
    pub fn iter(&self) -> impl Iterator<Item = (&FailureKey, u64, Option<&str>)> {
        self.0
            .iter()
            .map(|(key, kind)| (key, kind.count, kind.example.as_deref()))
    }

    /// How many failures of all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().map(|kind| kind.count).sum()
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<Entry>> for Failures {
    fn from(entries: Vec<Entry>) -> Self {
        let mut failures = Self::default();
        for Entry {
            key,
            count,
            example,
        } in entries
        {
            failures.merge(&Self(BTreeMap::from([(key, Kind { count, example })])));
        }
        failures
    }
}

impl From<Failures> for Vec<Entry> {
    fn from(failures: Failures) -> Self {
        failures
            .0
            .into_iter()
            .map(|(key, Kind { count, example })| Entry {
                key,
                count,
                example,
            })
            .collect()
    }
}
