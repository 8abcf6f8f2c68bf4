//! One request at a time, noted as evidence: the I/O of every check.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::evidence::Evidence;
use super::exchange::{Answer, Exchange, Times, ms, trimmed};
use super::http::{self, Reply, Trouble};
use super::open_sessions::OpenSessions;
use super::options::Options;
use super::request::{Outcome, Request};
use super::websocket::Socket;
use super::wire::Wire;
use crate::clock;
use crate::event::{Cause, Failure, Origin, Stage};
use crate::report::number;
use crate::trace::{Trace, Voice};
use crate::transport::{Timings, TransportError};

/// The longest time that a rate limit may ask for and is waited for.
const LONGEST_RETRY: Duration = Duration::from_secs(3);

const AGENT: &str = concat!("sio-load-doctor/", env!("CARGO_PKG_VERSION"));

/// What one check asks the server with. Probes share connections' settings, evidence and the
/// list of open sessions; each notes its exchanges under the name of its check.
#[derive(Clone)]
pub(super) struct Probe {
    check: &'static str,
    pub(super) options: Rc<Options>,
    /// The user's part of every query.
    query: Rc<str>,
    notify: Rc<dyn Fn(&str)>,
    pub(super) trace: Rc<Trace>,
    pub(super) wire: Rc<Wire>,
    pub(super) evidence: Rc<Evidence>,
    pub(super) sessions: Rc<OpenSessions>,
}

impl Probe {
    /// `notify` is told at once what a person who waits should know.
    pub(super) fn new(
        options: Options,
        trace: Trace,
        notify: Rc<dyn Fn(&str)>,
    ) -> Result<Self, TransportError> {
        Ok(Self {
            check: "",
            query: options.query().into(),
            notify,
            wire: Rc::new(Wire::new(&options)?),
            options: Rc::new(options),
            trace: Rc::new(trace),
            evidence: Rc::new(Evidence::new(clock::now())),
            sessions: Rc::default(),
        })
    }

    /// The probe of another check.
    pub(super) fn for_check(&self, check: &'static str) -> Self {
        Self {
            check,
            ..self.clone()
        }
    }

    /// Tells a person who waits why.
    pub(super) fn notify(&self, text: &str) {
        (self.notify)(text);
    }

    /// Sends a request and notes its outcome. Where a rate limit meets it, all further requests are
    /// spaced, and this one is sent once more.
    pub(super) async fn ask(&self, ask: Request) -> Outcome {
        self.wire.space().await;
        let outcome = self.ask_once(&ask).await;
        if !self.is_limited(&outcome).await {
            return outcome;
        }
        self.ask_once(&ask).await
    }

    /// Whether a rate limit met this request; after the time that it asks for.
    async fn is_limited(&self, outcome: &Outcome) -> bool {
        let Ok(reply) = &outcome.result else {
            return false;
        };
        let retry_after = reply.header("retry-after");
        let is_limit = reply.status == 429 || (reply.status == 503 && retry_after.is_some());
        if !is_limit || !self.evidence.has_answers() {
            return false;
        }
        let seconds = retry_after.and_then(|text| text.trim().parse().ok());
        let wait = Duration::from_secs(seconds.unwrap_or(1)).min(LONGEST_RETRY);
        self.wire.limited(outcome.id);
        tokio::time::sleep(wait).await;
        true
    }

    async fn ask_once(&self, ask: &Request) -> Outcome {
        let request = self.head_of(ask);
        let began = clock::now();
        let phases = Cell::new(None);
        let dialer = self.wire.dialer_from(ask.source);
        let asking = async {
            let dialer = dialer?;
            http::finish(http::begin(&dialer, &request, &phases).await?).await
        };
        let result = tokio::time::timeout(ask.limit, asking)
            .await
            .unwrap_or_else(|_| Err(late(ask.limit, phases.get()).into()));
        let id = self.note(ask, began, phases.get(), &result);
        let times = self.evidence.times_of(id);
        Outcome {
            result,
            id,
            began,
            times,
        }
    }

    /// Tries a WebSocket handshake and notes what came of it; what came in place of a 101 is the
    /// reply. A refusal's body is not waited for long: some servers never end it.
    pub(super) async fn open_websocket(&self, ask: Request) -> (Option<Socket>, Outcome) {
        self.wire.space().await;
        let (socket, outcome) = self.open_websocket_once(&ask).await;
        if socket.is_some() || !self.is_limited(&outcome).await {
            return (socket, outcome);
        }
        self.open_websocket_once(&ask).await
    }

    async fn open_websocket_once(&self, ask: &Request) -> (Option<Socket>, Outcome) {
        let (ask, key) = Socket::handshake(ask.clone());
        let request = self.head_of(&ask);
        let began = clock::now();
        let phases = Cell::new(None);
        let dialer = self.wire.dialer_from(ask.source);
        let asking = async {
            let dialer = dialer?;
            Socket::answer(http::begin(&dialer, &request, &phases).await?, &key).await
        };
        let (socket, result) = match tokio::time::timeout(ask.limit, asking).await {
            Ok(Ok((socket, reply))) => (socket, Ok(reply)),
            Ok(Err(trouble)) => (None, Err(trouble)),
            Err(_) => (None, Err(late(ask.limit, phases.get()).into())),
        };
        let id = self.note(&ask, began, phases.get(), &result);
        let times = self.evidence.times_of(id);
        let asked = Outcome {
            result,
            id,
            began,
            times,
        };
        (socket, asked)
    }

    /// The headers that the user gave.
    fn user_headers(&self) -> &[(String, String)] {
        if self.wire.is_bare() {
            return &[];
        }
        &self.options.headers
    }

    /// The query that the user gave.
    pub(super) fn user_query(&self) -> &str {
        if self.wire.is_bare() {
            return "";
        }
        &self.query
    }

    /// Writes a request out.
    pub(super) fn head_of(&self, ask: &Request) -> Vec<u8> {
        let own = |name: &str| {
            let named = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
            ask.headers.iter().any(|header| named(&header))
        };
        let mut lines = vec![format!("{} {} HTTP/1.1", ask.method, ask.target)];
        let is_user = |name: &str| {
            let mut user = self.user_headers().iter();
            user.any(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        let defaults = [
            ("Host", self.options.authority()),
            ("User-Agent", AGENT.to_owned()),
            ("Accept", "*/*".to_owned()),
            ("Connection", "close".to_owned()),
        ];
        for (name, value) in defaults {
            if !is_user(name) && !own(name) {
                lines.push(format!("{name}: {value}"));
            }
        }
        let user = self.user_headers().iter().filter(|(name, _)| !own(name));
        lines.extend(user.chain(&ask.headers).map(|(n, v)| format!("{n}: {v}")));
        if let Some(body) = &ask.body {
            lines.push("Content-Type: text/plain;charset=UTF-8".to_owned());
            lines.push(format!("Content-Length: {}", body.len()));
        }
        let mut request = lines.join("\r\n");
        request.push_str("\r\n\r\n");
        request.push_str(ask.body.as_deref().unwrap_or_default());
        request.into_bytes()
    }

    fn note(
        &self,
        ask: &Request,
        began: Instant,
        phases: Option<Timings>,
        result: &Result<Reply, Trouble>,
    ) -> usize {
        let took = clock::now().saturating_duration_since(began);
        let is_upgrade = ask.headers.iter().any(|(name, _)| name == "Upgrade");
        let method = if is_upgrade { "WebSocket" } else { ask.method };
        let shown = self.masked(&ask.target);
        self.trace_exchange(method, &shown, result);
        let (answer, failure) = match result {
            Ok(reply) => {
                let show = self.options.show_secrets;
                let answer = Answer::new(reply.status, &reply.headers, &reply.body, show);
                (Some(answer), None)
            }
            Err(Trouble { failure, received }) if received.is_empty() => {
                (None, Some(failure.to_string()))
            }
            Err(Trouble { received, .. }) => {
                (None, Some(format!("no HTTP: {}", trimmed(received))))
            }
        };
        self.evidence.add(Exchange {
            check: self.check,
            at_ms: ms(began.saturating_duration_since(self.evidence.began)),
            request: format!("{method} {shown}"),
            sent: ask.body.as_deref().map(|body| self.masked_body(body)),
            answer,
            failure,
            times: Times::new(phases, took),
        })
    }

    fn trace_exchange(&self, method: &str, target: &str, result: &Result<Reply, Trouble>) {
        let voice = if method == "WebSocket" {
            Voice::WebSocket
        } else {
            Voice::Polling
        };
        let base = self.options.base();
        self.trace.say(voice, || match result {
            Ok(reply) => {
                let body = trimmed(&reply.body);
                format!("{method} {base}{target}: {} {body}", reply.status)
            }
            Err(trouble) => format!("{method} {base}{target}: {}", trouble.failure),
        });
    }

    /// Notes something that was done without a request.
    pub(super) fn note_dial(
        &self,
        what: String,
        began: Instant,
        result: &Result<Timings, Failure>,
    ) -> usize {
        let took = clock::now().saturating_duration_since(began);
        self.evidence.add(Exchange {
            check: self.check,
            at_ms: ms(began.saturating_duration_since(self.evidence.began)),
            request: what,
            sent: None,
            answer: None,
            failure: result.as_ref().err().map(ToString::to_string),
            times: Times::new(result.as_ref().ok().copied(), took),
        })
    }

    /// Without the values of the user's query.
    pub(super) fn masked(&self, target: &str) -> String {
        let query = self.user_query();
        if query.is_empty() || self.options.show_secrets {
            return target.to_owned();
        }
        let masked: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, _)) => format!("{name}=***"),
                None => pair.to_owned(),
            })
            .collect();
        target.replacen(query, &masked.join("&"), 1)
    }

    /// What is sent, without what a CONNECT carries.
    pub(super) fn masked_body(&self, body: &str) -> String {
        let is_secret = self.options.auth.is_some() && !self.options.show_secrets;
        match body.find('{') {
            Some(at) if is_secret && body.starts_with("40") => {
                trimmed(format!("{}{{***}}", &body[..at]).as_bytes())
            }
            Some(_) | None => trimmed(body.as_bytes()),
        }
    }

    /// Returns the number of the last exchange of this probe's check.
    pub(super) fn last_exchange(&self) -> Option<usize> {
        self.evidence.last_of(self.check)
    }

    /// Closes what checks have left open; returns how many could not be.
    pub(super) async fn close_sessions(&self) -> usize {
        let mut left = 0;
        for session in self.sessions.take() {
            left += usize::from(!session.close(self).await);
        }
        left
    }
}

/// Without phases there was no connection.
fn late(limit: Duration, phases: Option<Timings>) -> Failure {
    let stage = match phases {
        Some(_) => Stage::Open,
        None => Stage::Tcp,
    };
    let limit = number::time(ms(limit) * 1e3);
    Failure::new(stage, Cause::TimedOut, Origin::Server)
        .with_message(&format!("no answer within {limit}"))
}
