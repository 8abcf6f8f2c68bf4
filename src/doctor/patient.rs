//! The server under examination: how to ask it, and what is known about it so far.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::ask::{Ask, Asked};
use super::exchange::{Answer, Exchange, Times, trimmed};
use super::handle::Handle;
use super::http::{self, Reply, Trouble};
use super::options::Options;
use super::report::{CheckReport, Found, Report, Step};
use super::upgrade::Upgrade;
use super::websocket::Socket;
use crate::catalogue::Finding;
use crate::clock;
use crate::event::{Cause, EngineRevision, Failure, Origin, Stage};
use crate::protocol::engine_io::handshake::Handshake;
use crate::scenario::plan::{ConnectTo, Tls};
use crate::trace::{Trace, Voice};
use crate::transport::{ByteMeter, DialSettings, Dialer, Timings, TransportError};

const AGENT: &str = concat!("sio-load-doctor/", env!("CARGO_PKG_VERSION"));

/// What checks have found out for those after them.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The address that all requests go to, once one has answered.
    pub(super) address: Option<SocketAddr>,
    /// Why nothing more can be asked.
    pub(super) unreachable: Option<&'static str>,
    /// The revision that the server serves; nothing if no engine could be opened.
    pub(super) revision: Option<EngineRevision>,
    /// The exchange that opened the first engine.
    pub(super) opened_by: Option<usize>,
    /// What it said when an engine opened.
    pub(super) handshake: Option<Handshake>,
    /// Whether polling is refused while WebSocket is served.
    pub(super) polling_off: bool,
    /// Whether the namespace was connected.
    pub(super) is_connected: bool,
    /// Whether a WebSocket carried a session.
    pub(super) websocket: Option<bool>,
    /// What became of the first upgrade, its exchange, and how long it took.
    pub(super) upgrade: Option<(Upgrade, usize, Duration)>,
    /// Whether requests of one session reach several servers.
    pub(super) is_not_sticky: bool,
}

/// What the check under way has to say.
#[derive(Debug, Default)]
struct Notes {
    facts: Vec<String>,
    steps: Vec<Step>,
}

/// The server under examination.
pub(super) struct Patient {
    pub(super) options: Options,
    pub(super) trace: Trace,
    pub(super) known: RefCell<Known>,
    began: Instant,
    settings: RefCell<DialSettings>,
    dialer: RefCell<Rc<Dialer>>,
    check: Cell<&'static str>,
    notes: RefCell<Notes>,
    found: RefCell<Vec<Found>>,
    exchanges: RefCell<Vec<Exchange>>,
    sessions: RefCell<Vec<Handle>>,
    /// Whether requests go without the user's headers and query.
    is_bare: Cell<bool>,
}

impl Patient {
    pub(super) fn new(options: Options, trace: Trace) -> Result<Self, TransportError> {
        let settings = DialSettings {
            url: options.url.clone(),
            tls: options.tls.clone(),
            proxy: None,
            connect_to: Vec::new(),
            ip_family: None,
            source_addresses: Vec::new(),
        };
        Ok(Self {
            dialer: RefCell::new(Rc::new(Dialer::new(&settings, Rc::default())?)),
            settings: RefCell::new(settings),
            options,
            trace,
            known: RefCell::default(),
            began: clock::now(),
            check: Cell::new(""),
            notes: RefCell::default(),
            found: RefCell::default(),
            exchanges: RefCell::default(),
            sessions: RefCell::default(),
            is_bare: Cell::new(false),
        })
    }

    /// A dialer for another address or another trust than that of all requests.
    pub(super) fn other_dialer(
        &self,
        change: impl FnOnce(&mut DialSettings),
    ) -> Result<Dialer, TransportError> {
        let mut settings = self.settings.borrow().clone();
        change(&mut settings);
        Dialer::new(&settings, Rc::new(ByteMeter::default()))
    }

    /// From now on all requests go to this address.
    pub(super) fn settle_on(&self, address: SocketAddr) -> Result<(), TransportError> {
        let rule = reroute(address);
        self.settings.borrow_mut().connect_to = vec![rule];
        self.known.borrow_mut().address = Some(address);
        self.redial()
    }

    /// From now on any certificate will do, and so requests go without what may be secret.
    pub(super) fn trust_anyone(&self) -> Result<(), TransportError> {
        self.settings.borrow_mut().tls = Tls {
            insecure: true,
            ..self.options.tls.clone()
        };
        self.is_bare.set(true);
        self.redial()
    }

    fn redial(&self) -> Result<(), TransportError> {
        let dialer = self.other_dialer(|_| {})?;
        *self.dialer.borrow_mut() = Rc::new(dialer);
        Ok(())
    }

    /// Sends a request and notes what came of it.
    pub(super) async fn ask(&self, ask: Ask) -> Asked {
        let request = self.request(&ask);
        let began = clock::now();
        let phases = Cell::new(None);
        let dialer = self.dialer_from(ask.source);
        let asking = async {
            let dialer = dialer?;
            http::finish(http::begin(&dialer, &request, &phases).await?).await
        };
        let result = tokio::time::timeout(ask.limit, asking)
            .await
            .unwrap_or_else(|_| Err(late(ask.limit, phases.get()).into()));
        let id = self.note(&ask, began, phases.get(), &result);
        let times = self.exchanges.borrow()[id].times;
        Asked {
            result,
            id,
            began,
            times,
        }
    }

    /// Tries a WebSocket handshake and notes what came of it; what came in place of a 101 is the
    /// reply. A refusal's body is not waited for long: some servers never end it.
    pub(super) async fn open_websocket(&self, ask: Ask) -> (Option<Socket>, Asked) {
        let (ask, key) = Socket::handshake(ask);
        let request = self.request(&ask);
        let began = clock::now();
        let phases = Cell::new(None);
        let dialer = self.dialer_from(ask.source);
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
        let times = self.exchanges.borrow()[id].times;
        let asked = Asked {
            result,
            id,
            began,
            times,
        };
        (socket, asked)
    }

    fn dialer_from(&self, source: Option<IpAddr>) -> Result<Rc<Dialer>, Failure> {
        let Some(source) = source else {
            return Ok(Rc::clone(&self.dialer.borrow()));
        };
        self.other_dialer(|settings| settings.source_addresses = vec![source])
            .map(Rc::new)
            .map_err(|error| {
                Failure::new(Stage::Tcp, Cause::OtherOs, Origin::Generator)
                    .with_message(&error.to_string())
            })
    }

    /// The headers that the user gave.
    fn user_headers(&self) -> &[(String, String)] {
        if self.is_bare.get() {
            return &[];
        }
        &self.options.headers
    }

    /// The query that the user gave.
    pub(super) fn user_query(&self) -> &str {
        if self.is_bare.get() {
            return "";
        }
        self.options.url.query().unwrap_or_default()
    }

    fn request(&self, ask: &Ask) -> Vec<u8> {
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
        ask: &Ask,
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
        self.add(Exchange {
            check: self.check.get(),
            at_ms: super::exchange::ms(began.saturating_duration_since(self.began)),
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
        self.add(Exchange {
            check: self.check.get(),
            at_ms: super::exchange::ms(began.saturating_duration_since(self.began)),
            request: what,
            sent: None,
            answer: None,
            failure: result.as_ref().err().map(ToString::to_string),
            times: Times::new(result.as_ref().ok().copied(), took),
        })
    }

    fn add(&self, exchange: Exchange) -> usize {
        let mut exchanges = self.exchanges.borrow_mut();
        exchanges.push(exchange);
        exchanges.len() - 1
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

    /// A check begins.
    pub(super) fn begin(&self, check: &'static str) {
        self.check.set(check);
    }

    /// Says what was seen.
    pub(super) fn fact(&self, fact: impl Into<String>) {
        self.notes.borrow_mut().facts.push(fact.into());
    }

    /// Adds a step of a connection.
    pub(super) fn step(&self, step: Step) {
        self.notes.borrow_mut().steps.push(step);
    }

    /// Points to a finding.
    pub(super) fn find(&self, finding: &'static Finding, seen: impl Into<String>, from: &[usize]) {
        self.found.borrow_mut().push(Found {
            finding,
            check: self.check.get(),
            seen: seen.into(),
            evidence: from.to_vec(),
        });
    }

    /// Points to the finding of a failure.
    pub(super) fn find_failure(&self, failure: &Failure, what: &str, from: &[usize]) {
        let finding = crate::catalogue::of(failure.cause);
        self.find(finding, format!("{what}: {failure}."), from);
    }

    /// The evidence of what a check found, for findings of these codes.
    pub(super) fn found_by(&self, check: &str, is_one: impl Fn(&str) -> bool) -> Vec<usize> {
        let found = self.found.borrow();
        let theirs = found.iter().filter(|found| found.check == check);
        theirs
            .filter(|found| is_one(found.finding.code))
            .flat_map(|found| found.evidence.iter().copied())
            .collect()
    }

    /// The last exchange of the check under way.
    pub(super) fn last_exchange(&self) -> Option<usize> {
        let exchanges = self.exchanges.borrow();
        let last = exchanges.len().checked_sub(1)?;
        (exchanges[last].check == self.check.get()).then_some(last)
    }

    /// What an exchange was.
    pub(super) fn request_of(&self, id: usize) -> String {
        self.exchanges.borrow()[id].request.clone()
    }

    /// The report of the check that has ended.
    pub(super) fn end(
        &self,
        name: &'static str,
        took: Duration,
        skipped: Option<String>,
    ) -> CheckReport {
        let Notes { facts, steps } = self.notes.take();
        let found = self.found.borrow();
        let of_check = found.iter().filter(|found| found.check == name);
        CheckReport {
            name,
            took_ms: super::exchange::ms(took),
            worst: of_check.map(|found| found.finding.severity).max(),
            skipped,
            facts,
            steps,
        }
    }

    /// A session is open and will have to be closed.
    pub(super) fn opened(&self, session: Handle) {
        self.sessions.borrow_mut().push(session);
    }

    /// A session is no more.
    pub(super) fn closed(&self, sid: &str) {
        let mut sessions = self.sessions.borrow_mut();
        sessions.retain(|session| session.sid() != sid);
    }

    /// Closes what checks have left open; returns how many could not be.
    pub(super) async fn close_sessions(&self) -> usize {
        let open: Vec<Handle> = self.sessions.take();
        let mut left = 0;
        for session in open {
            left += usize::from(!session.close(self).await);
        }
        left
    }

    /// Everything that was seen.
    pub(super) fn report(
        &self,
        checks: Vec<CheckReport>,
        left_open: usize,
        began: Instant,
    ) -> Report {
        let mut findings = self.found.take();
        findings.sort_by_key(|found| std::cmp::Reverse(found.finding.severity));
        let well = findings
            .iter()
            .all(|found| found.finding.severity == crate::catalogue::Severity::Info);
        Report {
            schema: Report::SCHEMA,
            url: self.options.base(),
            path: self.options.path.clone(),
            namespace: self.options.namespace().to_owned(),
            well,
            took_ms: super::exchange::ms(clock::now().saturating_duration_since(began)),
            checks,
            findings,
            exchanges: self.exchanges.take(),
            left_open,
        }
    }
}

/// The rule that leads everything to one address.
pub(super) fn reroute(address: SocketAddr) -> ConnectTo {
    ConnectTo {
        from_host: None,
        from_port: None,
        to_host: Some(address.ip().to_string()),
        to_port: Some(address.port()),
    }
}

/// Without phases there was no connection.
fn late(limit: Duration, phases: Option<Timings>) -> Failure {
    let stage = match phases {
        Some(_) => Stage::Open,
        None => Stage::Tcp,
    };
    Failure::new(stage, Cause::TimedOut, Origin::Server)
        .with_message(&format!("nothing within {} s", limit.as_secs_f64()))
}
