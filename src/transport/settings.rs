use std::cell::Cell;
use std::rc::Rc;

use http::{HeaderName, HeaderValue};

use super::budget::Budget;
use super::dialer::{Dialer, TransportError};
use crate::event::EngineRevision;
use crate::scenario::plan::Profile;

/// What all clients of a population have in common beyond how to connect.
#[derive(Debug, Clone, Copy)]
pub struct HttpConfig<'a> {
    /// Which platform the clients imitate.
    pub profile: Profile,
    /// Which release of the client they imitate.
    pub revision: EngineRevision,
    /// Whether the `node` profile keeps cookies, in a jar per engine. Browsers always do.
    pub with_credentials: bool,
    /// Whether WebSockets offer permessage-deflate.
    pub compression: bool,
    /// What the buffers of all connections draw from.
    pub budget: &'a Budget,
    /// Origins besides the target's that redirects may lead to: `https://host[:port]`.
    pub redirects: &'a [String],
    /// The names of the user's headers as the scenario spells them: they go out in this spelling.
    pub header_names: &'a [String],
}

/// Everything about requests that is worked out once per population.
pub struct Settings {
    pub(super) dialer: Rc<Dialer>,
    pub(super) profile: Profile,
    pub(super) revision: EngineRevision,
    pub(super) with_credentials: bool,
    pub(super) compression: bool,
    pub(super) budget: Budget,
    pub(super) redirects: Box<[String]>,
    /// Whether cookies outlive their engine in the `node` profile.
    pub(super) shares_cookies: Cell<bool>,
    pub(super) host: HeaderValue,
    pub(super) origin: HeaderValue,
    spelled: Box<[(HeaderName, Box<str>)]>,
}

impl Settings {
    /// Prepares the requests of a population.
    ///
    /// # Errors
    /// If a header's name breaks HTTP.
    pub fn new(dialer: Rc<Dialer>, config: HttpConfig<'_>) -> Result<Self, TransportError> {
        let value = |text: String| {
            HeaderValue::try_from(text).map_err(|_| TransportError::Url {
                url: dialer.target().origin(),
            })
        };
        let spelled = config
            .header_names
            .iter()
            .map(|name| match HeaderName::try_from(name.as_str()) {
                Ok(parsed) => Ok((parsed, name.as_str().into())),
                Err(_) => Err(TransportError::HeaderName { name: name.clone() }),
            })
            .collect::<Result<Box<[_]>, _>>()?;
        Ok(Self {
            host: value(dialer.target().authority())?,
            origin: value(dialer.target().origin())?,
            revision: config.revision,
            profile: config.profile,
            with_credentials: config.with_credentials,
            compression: config.compression,
            budget: config.budget.clone(),
            redirects: config.redirects.into(),
            shares_cookies: Cell::default(),
            dialer,
            spelled,
        })
    }

    /// The dialer below, with its byte meter.
    #[must_use]
    pub fn dialer(&self) -> &Rc<Dialer> {
        &self.dialer
    }

    /// A user header's name as the scenario spells it; nothing for a header that the user does not
    /// set.
    pub(super) fn spelled(&self, name: &HeaderName) -> Option<&str> {
        self.spelled
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, spelled)| &**spelled)
    }
}
