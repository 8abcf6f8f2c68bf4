use serde::{Deserialize, Serialize};

use crate::fault::setting::{Setting, Source, quantity, word};
use crate::keys::Default::Is;
use crate::keys::{Checked, Key, Kind, key};
use crate::units::Share;
use crate::word::{Word as _, words};

pub(super) const TOXICITY: Key = key(
    "toxicity",
    Kind::Share,
    Is("\"100%\""),
    "The share of connections that it touches; the seed chooses which.",
);

pub(super) const DIRECTION: Key = key(
    "direction",
    Kind::Word(Direction::WORDS),
    Is("\"downstream\""),
    "`downstream`: from the server to the clients. `upstream`: from the clients to the server.",
);

pub(super) const DELAY: Key = key(
    "delay",
    Kind::Duration,
    Is("\"0s\""),
    "Of `slicer`: between two slices. Of `slow_close`: how much later a connection closes. Of `timeout`: how long nothing arrives until a connection is closed; zero leaves it open, and silent, until the fault is over. Of `reset_peer`: from the first data to the reset.",
);

/// The part of the traffic that a toxic touches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reach {
    /// The share of connections.
    pub toxicity: Share,
    /// The direction on these connections.
    pub direction: Direction,
}

/// The direction in which data travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Direction {
    /// From the server to the clients; Toxiproxy's own default.
    #[default]
    Downstream,
    /// From the clients to the server.
    Upstream,
    /// Both ways.
    Both,
}

impl Direction {
    /// Whether data from the clients to the server are touched.
    #[must_use]
    pub fn is_upstream(self) -> bool {
        match self {
            Self::Upstream | Self::Both => true,
            Self::Downstream => false,
        }
    }

    /// Whether data from the server to the clients are touched.
    #[must_use]
    pub fn is_downstream(self) -> bool {
        match self {
            Self::Downstream | Self::Both => true,
            Self::Upstream => false,
        }
    }
}

words! { Direction { Downstream = "downstream", Upstream = "upstream", Both = "both" } }

impl Reach {
    /// Reads `toxicity` and `direction`.
    pub(in crate::fault) fn read(source: &dyn Source) -> Checked<Self> {
        let toxicity = source.share("toxicity");
        let direction = source.word("direction")?;
        Ok(Self {
            toxicity: toxicity?,
            direction,
        })
    }

    pub(super) fn settings(self) -> [Setting; 2] {
        let toxicity = quantity("toxicity", self.toxicity);
        let direction = word("direction", self.direction);
        [
            toxicity.unsaid_if(self.toxicity.is_all()),
            direction.unsaid_if(self.direction == Direction::default()),
        ]
    }
}
