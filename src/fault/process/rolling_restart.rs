use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DOWN, GRACE, SIGNAL, Signal, grace, in_hand};
use crate::fault::keys::{AT, EVERY, FAULT};
use crate::fault::setting::{Setting, Source, duration, word};
use crate::fault::{Clash, Conflict, Definition, FaultKind, Span};
use crate::keys::Default::Is;
use crate::keys::{Checked, Key, Kind, key};
use crate::units;

/// One instance after the other is restarted, as a deployment does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollingRestart {
    /// The signal that ends them.
    pub signal: Signal,
    /// The time that they may take to end by it; then they get SIGKILL.
    #[serde(with = "units::duration")]
    pub grace: Duration,
    /// The time from the end of an instance to its next start.
    #[serde(with = "units::duration")]
    pub down: Duration,
    /// The time before its end in which an instance gets no new sessions.
    #[serde(with = "units::duration")]
    pub drain: Duration,
    /// The time from one instance being ready again to the next one's turn.
    #[serde(with = "units::duration")]
    pub pause: Duration,
}

impl Definition for RollingRestart {
    const NAME: &'static str = "rolling_restart";
    const ABOUT: &'static str =
        "One instance after the other is restarted, as a deployment does it. Needs `[server]`.";
    const KEYS: &'static [Key] = &[
        AT,
        FAULT,
        EVERY,
        SIGNAL,
        GRACE,
        DOWN,
        key(
            "drain",
            Kind::Duration,
            Is("\"0s\""),
            "How long an instance gets no new sessions before its end.",
        ),
        key(
            "pause",
            Kind::Duration,
            Is("\"0s\""),
            "From one instance being ready again to the next one's turn.",
        ),
    ];
    const ENDS_WITH_THE_LOAD: bool = false;

    fn read(source: &dyn Source) -> Checked<Self> {
        let signal = source.word("signal");
        let grace = source.duration("grace");
        let (down, drain) = (source.duration("down"), source.duration("drain"));
        let pause = source.duration("pause")?;
        Ok(Self {
            signal: signal?,
            grace: grace?,
            down: down?,
            drain: drain?,
            pause,
        })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            word("signal", self.signal),
            grace(self.signal, self.grace),
            duration("down", self.down),
            duration("drain", self.drain),
            duration("pause", self.pause),
        ]
    }

    fn length(&self, span: Span) -> Duration {
        (self.down + self.drain + self.pause) * span.instances.into()
    }

    fn conflict(&self, other: &FaultKind) -> Option<Conflict> {
        in_hand(None, other, Clash::Meeting)
    }
}
