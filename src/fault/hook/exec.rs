use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::keys::{AT, EVERY, FAULT};
use crate::fault::setting::{Setting, Source, command, duration};
use crate::fault::{Definition, Span};
use crate::keys::Default::{Is, Means, Required};
use crate::keys::{Checked, Key, Kind, key};
use crate::units;

/// A command that does what no built-in fault can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// Program and arguments, at least one.
    pub argv: Vec<String>,
    /// The longest that it may take, above zero; then it is killed.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
}

impl Definition for Exec {
    const NAME: &'static str = "exec";
    const ABOUT: &'static str =
        "A command does it: `kubectl rollout restart`, `docker restart`, `systemctl restart`.";
    const KEYS: &'static [Key] = &[
        AT,
        FAULT,
        EVERY,
        key(
            "for",
            Kind::Duration,
            Means("until the command ends"),
            "Of `exec`: how long its effect lasts, if that is longer than the command itself; connections lost meanwhile are attributed to it.",
        ),
        key(
            "command",
            Kind::Texts,
            Required,
            "Of `exec`: the program and its arguments.",
        ),
        key(
            "timeout",
            Kind::Duration,
            Is("\"60s\""),
            "Of `exec`: how long the command may take; then it is killed and the fault has failed.",
        ),
    ];
    const ENDS_WITH_THE_LOAD: bool = false;
    const NEEDS_GUARDIAN: bool = true;

    fn read(source: &dyn Source) -> Checked<Self> {
        let help = "name the program and its arguments: command = [\"kubectl\", \"rollout\", …]";
        let argv = source.command("command", help);
        let timeout = source.positive_duration("timeout")?;
        Ok(Self {
            argv: argv?,
            timeout,
        })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            command("command", &self.argv),
            duration("timeout", self.timeout).unsaid_if(true),
        ]
    }

    /// As long as its effect is said to last.
    fn length(&self, span: Span) -> Duration {
        span.lasts.unwrap_or_default()
    }
}
