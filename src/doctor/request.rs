//! A request, and how it went.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::exchange::Times;
use super::http::{Reply, Trouble};

/// How long an answer may take, unless it is one that servers hold back.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A request.
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
}
