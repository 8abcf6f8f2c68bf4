use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, EVERY, FAULT, FOR, POPULATION};
use crate::fault::setting::{Setting, Source, number, quantity};
use crate::keys::Default::Is;
use crate::keys::{Checked, Key, Kind, key};
use crate::units::Share;

/// The proxy answers requests itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The HTTP status of the answer, from 400 to 599.
    pub status: u16,
    /// The share of requests that it answers.
    pub share: Share,
}

impl Definition for Status {
    const NAME: &'static str = "status";
    const ABOUT: &'static str = "The proxy answers requests with an HTTP status, as a load balancer without a healthy server does. HTTP only.";
    const KEYS: &'static [Key] = &[
        AT,
        FAULT,
        EVERY,
        FOR,
        POPULATION,
        key(
            "status",
            Kind::Integer { min: 400, max: 599 },
            Is("503"),
            "The HTTP status that the proxy answers with.",
        ),
        key(
            "share",
            Kind::Share,
            Is("\"100%\""),
            "Of `status`: the share of requests.",
        ),
    ];

    fn read(source: &dyn Source) -> Checked<Self> {
        let status = source.integer("status");
        let share = source.share("share")?;
        Ok(Self {
            status: status?,
            share,
        })
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            number("status", self.status).bare(),
            quantity("share", self.share).unsaid_if(self.share.is_all()),
        ]
    }
}
