//! A request, and how it went.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::exchange::Times;
use super::http::{Reply, Trouble};
use crate::event::{Cause, Failure};

/// How long an answer to a side question may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long clients wait for a connection (`timeout` of the JS client).
pub(super) const CLIENT_PATIENCE: Duration = Duration::from_secs(20);

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    pub(super) limit: Duration,
    pub(super) source: Option<IpAddr>,
}

impl Request {
    pub(super) fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: None,
            limit: PATIENCE,
            source: None,
        }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn cookies(self, cookies: Option<String>) -> Self {
        match cookies {
            Some(cookies) => self.header("Cookie", &cookies),
            None => self,
        }
    }

    pub(super) fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(super) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    pub(super) fn from(mut self, source: Option<IpAddr>) -> Self {
        self.source = source;
        self
    }
}

/// How a request went.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) result: Result<Reply, Trouble>,
    /// The number of the exchange, to be named as evidence.
    pub(super) id: usize,
    pub(super) began: Instant,
    pub(super) times: Times,
}

impl Outcome {
    /// The status, if there is one.
    pub(super) fn status(&self) -> Option<u16> {
        self.result.as_ref().ok().map(|reply| reply.status)
    }

    /// Says why this outcome answers no question about the server: a limit, an outage or silence
    /// met the request, whatever it asked. `None` if it may be taken for an answer.
    pub(super) fn proves_nothing(&self) -> Option<String> {
        match &self.result {
            Ok(reply) => match reply.status {
                429 => Some("rate limited (429)".to_owned()),
                status @ (408 | 502..=504 | 520..=530) => {
                    Some(format!("answered with {status} by a proxy"))
                }
                _ => None,
            },
            Err(trouble) => proves_nothing(&trouble.failure),
        }
    }
}

/// The same for a failure below HTTP, or one that carries a status.
pub(super) fn proves_nothing(failure: &Failure) -> Option<String> {
    match failure.status {
        Some(429) => return Some("rate limited (429)".to_owned()),
        Some(status @ (408 | 502..=504 | 520..=530)) => {
            return Some(format!("answered with {status} by a proxy"));
        }
        Some(_) | None => {}
    }
    matches!(
        failure.cause,
        Cause::TimedOut | Cause::ConnectionRefused | Cause::ConnectionReset
    )
    .then(|| failure.cause.to_string())
}
