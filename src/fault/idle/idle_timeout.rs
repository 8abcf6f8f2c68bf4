use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, EVERY, FAULT, FOR, POPULATION};
use crate::fault::setting::{Setting, Source, duration};
use crate::keys::Default::Is;
use crate::keys::{Checked, Key, Kind, key};
use crate::units;

/// Connections that carry nothing for a time are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleTimeout {
    /// The time without data in either direction, above zero.
    #[serde(with = "units::duration")]
    pub after: Duration,
}

impl Definition for IdleTimeout {
    const NAME: &'static str = "idle_timeout";
    const ABOUT: &'static str = "Connections that carry nothing, in either direction, are closed. Time before the fault does not count.";
    const KEYS: &'static [Key] = &[
        AT,
        FAULT,
        EVERY,
        FOR,
        POPULATION,
        key(
            "after",
            Kind::Duration,
            Is("\"60s\""),
            "How long a connection carries nothing until it is closed. nginx has 60 s by default, HAProxy usually 30 s.",
        ),
    ];

    fn read(source: &dyn Source) -> Checked<Self> {
        let after = source.positive_duration("after")?;
        Ok(Self { after })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![duration("after", self.after)]
    }
}
