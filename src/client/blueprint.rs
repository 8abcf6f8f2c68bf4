//! What all clients of one population on one worker have in common.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

use super::connections::Connections;
use super::stamp::read_stamp;
use super::steps::{CompiledJourney, Surroundings};
use super::wire_log::{Follow, WireLog};
use crate::clock::Clock;
use crate::event::{ClientId, Event, Label, LabelId, PopulationId};
use crate::protocol::engine_io::query::append_pair;
use crate::protocol::{Config, Received, ReconnectionConfig, escape_name};
use crate::scenario::plan::{
    Client, ConnectTo, CsvTable, Emit, Listen, Plan, Population, Profile, Step, StepAction,
};
use crate::scenario::template::{JsonTemplate, Scope};
use crate::seed::{Purpose, Seed};
use crate::transport::{
    Budget, ByteMeter, DialSettings, Dialer, HttpConfig, Settings, TransportError,
};
use crate::units::ByteSize;

/// Built once per population and worker, shared by its clients.
pub struct Blueprint {
    pub(super) connection: Rc<Config>,
    /// One, or several among which clients are dealt out by their number.
    transports: Vec<Rc<Settings>>,
    path: Rc<str>,
    pub(super) client: Client,
    pub(super) emits: Vec<Emit>,
    /// The binary arguments of each emit table: none or one.
    pub(super) buffers: Vec<Vec<Bytes>>,
    /// By place in `client.headers`.
    pub(super) header_names: Vec<HeaderName>,
    /// The query of the URL, which wins whole over the `query` option.
    pub(super) url_query: Option<Box<str>>,
    /// Where the arguments of an event are rendered.
    pub(super) scratch: RefCell<String>,
    listens: Vec<(Vec<u8>, Listen)>,
    /// The event of each emit table.
    emit_labels: Vec<LabelId>,
    /// The event of each listen table.
    listen_labels: Vec<LabelId>,
    /// Nothing for a population without steps and captures.
    pub(super) journey: Option<Rc<CompiledJourney>>,
    /// By place in all steps: the event that it emits, and its buffers.
    step_emits: Vec<(Option<LabelId>, Vec<Bytes>)>,
    /// The name of each listen table that expects a number of events.
    listener_labels: Vec<Option<LabelId>>,
    seed: Seed,
    clock: Clock,
    csv: Option<Arc<CsvTable>>,
    meter: Rc<ByteMeter>,
    reported: Cell<(u64, u64)>,
    follow: Option<Follow>,
}

/// What the stamp of a received event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    /// None was asked for, or none was found.
    None,
    /// The time since it was made.
    Past(Duration),
    /// The clocks of sender and receiver disagree.
    Future,
}

/// What an engine takes along from its client.
pub(super) struct Handshake {
    /// Percent-encoded.
    pub(super) query: Box<str>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Blueprint {
    /// The blueprint of one population towards a server. With `ways`, clients connect to these
    /// addresses instead, dealt out by their number, and notice no other difference.
    ///
    /// # Errors
    /// If the certificates or keys that the population names cannot be used.
    pub fn new(
        plan: &Plan,
        population: PopulationId,
        (target, ways): (&Url, &[SocketAddr]),
        clock: Clock,
        budget: &Budget,
    ) -> Result<Self, TransportError> {
        let Population {
            client,
            emits,
            listens,
            ..
        } = &plan.populations[usize::from(population.0)];
        let meter = Rc::new(ByteMeter::default());
        let labels = plan.labels();
        let wanted = &plan.populations[usize::from(population.0)];
        let connection = connection_config(client, target);
        let journey = CompiledJourney::new(wanted, connection.reconnection, |name| {
            let label = labels.id(&Label::Step(name.to_owned()));
            label.expect("the names of all steps are labels of the plan")
        });
        let label = |event: &String| {
            let label = labels.id(&Label::Event(event.clone()));
            label.expect("the events of all tables are labels of the plan")
        };
        Ok(Self {
            connection: Rc::new(connection),
            transports: transports(plan, client, (target, ways), (&meter, budget))?,
            path: path(client),
            client: client.clone(),
            emits: emits.clone(),
            buffers: emits
                .iter()
                .map(|emit| buffers(emit.binary, emit.size))
                .collect(),
            header_names: header_names(client),
            url_query: url_query(target),
            scratch: RefCell::default(),
            listens: listens
                .iter()
                .map(|listen| {
                    (
                        escape_name(&listen.event).as_bytes().to_vec(),
                        listen.clone(),
                    )
                })
                .collect(),
            emit_labels: emits.iter().map(|emit| label(&emit.event)).collect(),
            listen_labels: listens.iter().map(|listen| label(&listen.event)).collect(),
            step_emits: wanted
                .journey
                .all_steps()
                .map(|step| step_emit(step, label))
                .collect(),
            journey: (!journey.is_empty()).then(|| Rc::new(journey)),
            listener_labels: listens.iter().map(|l| labels.id(&l.label())).collect(),
            seed: plan.seed,
            clock,
            csv: plan.csv.clone().map(Arc::new),
            meter,
            reported: Cell::default(),
            follow: None,
        })
    }

    /// With one client whose wire is logged, if it is of this population.
    #[must_use]
    pub fn following(mut self, follow: Option<Follow>) -> Self {
        self.follow = follow;
        self
    }

    /// The log of this client, if it is the one that is followed.
    pub(super) fn wire_log(&self, client: ClientId) -> Option<WireLog> {
        let follow = self.follow.filter(|follow| follow.client == client)?;
        Some(WireLog::new(follow))
    }

    /// How many namespaces each client has.
    #[must_use]
    pub fn namespaces(&self) -> u16 {
        self.connection.namespaces.len() as u16
    }

    /// Bytes written and read since the last call.
    pub fn take_traffic(&self) -> (u64, u64) {
        let now = (self.meter.sent(), self.meter.received());
        let before = self.reported.replace(now);
        (now.0 - before.0, now.1 - before.1)
    }

    /// The listen table that an event matches, and what its stamp says.
    pub(super) fn recognise(&self, now: Instant, received: &Received) -> (Option<u16>, Stamp) {
        let name = received.name();
        let found = self
            .listens
            .iter()
            .position(|(wanted, _)| wanted.as_slice() == name);
        let stamp = found
            .and_then(|place| self.listens[place].1.stamp.as_ref())
            .and_then(|path| read_stamp(received.args(), path));
        let stamp = stamp.map_or(Stamp::None, |stamp| {
            let now = Duration::from_micros(self.unix_us(now));
            now.checked_sub(stamp).map_or(Stamp::Future, Stamp::Past)
        });
        (found.map(|place| place as u16), stamp)
    }

    /// Counts of events by listen table, if a table expects any number.
    pub(super) fn expectations(&self) -> Box<[u64]> {
        if self
            .listens
            .iter()
            .any(|(_, listen)| listen.expect.is_some())
        {
            vec![0; self.listens.len()].into()
        } else {
            Box::default()
        }
    }

    /// The listen tables of which a client with these counts did not get what it expected.
    pub(super) fn mismatches(&self, received: &[u64]) -> impl Iterator<Item = Event> {
        let tables = self.listens.iter().zip(&self.listener_labels).zip(received);
        tables.filter_map(|(((_, listen), label), received)| {
            let (expected, listener) = (listen.expect?, (*label)?);
            (expected != *received).then(|| Event::ListenMismatch {
                listener,
                missing: expected.saturating_sub(*received),
                surplus: received.saturating_sub(expected),
            })
        })
    }

    /// The answer of a listen table to a server that asks for an ack.
    pub(super) fn reply(&self, table: u16) -> Option<&JsonTemplate> {
        self.listens[usize::from(table)].1.reply.as_ref()
    }

    /// The event of an emit table.
    pub(super) fn emit_label(&self, table: u32) -> LabelId {
        self.emit_labels[table as usize]
    }

    /// The event of a listen table.
    pub(super) fn listen_label(&self, table: u16) -> LabelId {
        self.listen_labels[usize::from(table)]
    }

    /// The event of a step.
    pub(super) fn step_label(&self, step: usize) -> LabelId {
        self.step_emits[step]
            .0
            .expect("only steps that emit have acks")
    }

    /// The binary arguments of a step's event: none or one.
    pub(super) fn step_buffers(&self, step: usize) -> &[Bytes] {
        &self.step_emits[step].1
    }

    /// What the templates of a client's steps may refer to.
    pub(super) fn surroundings(&self, client: u64, now: Instant) -> Surroundings<'_> {
        Surroundings {
            client,
            seed: self.seed,
            now_us: self.unix_us(now),
            row: self.row(client),
        }
    }

    /// The client's row of the CSV file.
    fn row(&self, client: u64) -> &[String] {
        self.csv.as_ref().map_or(&[][..], |csv| {
            let place = client % csv.rows.len() as u64;
            &csv.rows[place as usize]
        })
    }

    /// Microseconds since the Unix epoch.
    pub(super) fn unix_us(&self, at: Instant) -> u64 {
        let since_epoch = self.clock.wall(at).duration_since(SystemTime::UNIX_EPOCH);
        since_epoch.map_or(0, |since| since.as_micros() as u64)
    }

    /// What the templates of a client may refer to in its message number `n`, meant for `at`.
    pub(super) fn scope<'a>(
        &'a self,
        client: u64,
        n: u64,
        at: Instant,
        random: &'a mut fastrand::Rng,
    ) -> Scope<'a> {
        Scope {
            client,
            n,
            seed: self.seed,
            now_us: self.unix_us(at),
            row: self.row(client),
            captures: None,
            is_incomplete: false,
            random,
        }
    }

    /// The connections of a client, none of them open.
    pub(super) fn connections(&self, client: ClientId) -> Connections {
        let transport = &self.transports[client.0 as usize % self.transports.len()];
        Connections::new(client, Rc::clone(transport), Rc::clone(&self.path))
    }

    pub(super) fn random(&self, purpose: Purpose, client: u64) -> fastrand::Rng {
        self.seed.stream(purpose, client)
    }
}

fn connection_config(client: &Client, target: &Url) -> Config {
    let mut namespaces: Vec<Box<str>> = client
        .namespaces
        .iter()
        .map(|n| n.as_str().into())
        .collect();
    if namespaces.is_empty() {
        namespaces.push(target.path().into());
    }
    Config {
        revision: client.protocol,
        transports: client.transports.clone(),
        upgrade: client.upgrade,
        remember_upgrade: client.remember_upgrade,
        try_all_transports: client.try_all_transports,
        timeout: client.timeout,
        force_base64: client.force_base64,
        timestamp_requests: client.timestamp_requests,
        binary_polling: client.profile == Profile::Browser,
        parser: client.parser,
        namespaces,
        reconnection: client.reconnection.map(|reconnection| ReconnectionConfig {
            delay: reconnection.delay,
            delay_max: reconnection.delay_max,
            randomization: reconnection.randomization,
            attempts: reconnection.attempts,
        }),
    }
}

fn transports(
    plan: &Plan,
    client: &Client,
    (target, ways): (&Url, &[SocketAddr]),
    (meter, budget): (&Rc<ByteMeter>, &Budget),
) -> Result<Vec<Rc<Settings>>, TransportError> {
    let settings =
        |way| transport_settings(plan, client, (target, way), meter, budget).map(Rc::new);
    if ways.is_empty() {
        return Ok(vec![settings(None)?]);
    }
    ways.iter().map(|way| settings(Some(*way))).collect()
}

fn transport_settings(
    plan: &Plan,
    client: &Client,
    (target, way): (&Url, Option<SocketAddr>),
    meter: &Rc<ByteMeter>,
    budget: &Budget,
) -> Result<Settings, TransportError> {
    let dialer = DialSettings {
        url: target.clone(),
        tls: client.tls.clone(),
        proxy: plan.target.proxy.clone(),
        connect_to: way
            .map(|way| by_way_of(target, way))
            .into_iter()
            .chain(plan.target.connect_to.iter().cloned())
            .collect(),
        ip_family: plan.target.ip_family,
        source_addresses: client.source_addresses.clone(),
    };
    let dialer = Rc::new(Dialer::new(&dialer, Rc::clone(meter))?);
    let names: Vec<String> = client
        .headers
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let config = HttpConfig {
        profile: client.profile,
        revision: client.protocol,
        with_credentials: client.with_credentials,
        compression: client.compression,
        budget,
        redirects: &plan.target.redirects,
        header_names: &names,
    };
    Settings::new(dialer, config)
}

/// The rule that leads connections to a server past something else. What the scenario's own rules
/// say is followed from there.
fn by_way_of(target: &Url, way: SocketAddr) -> ConnectTo {
    ConnectTo {
        from_host: target.host_str().map(str::to_owned),
        from_port: target.port_or_known_default(),
        to_host: Some(way.ip().to_string()),
        to_port: Some(way.port()),
    }
}

/// One trailing slash is stripped, and put back unless it is not wanted.
fn path(client: &Client) -> Rc<str> {
    let path = client.path.strip_suffix('/').unwrap_or(&client.path);
    let slash = if client.add_trailing_slash { "/" } else { "" };
    format!("{path}{slash}").into()
}

/// One buffer of `size` bytes for each binary table, shared by all that is sent.
fn buffers(binary: bool, size: Option<ByteSize>) -> Vec<Bytes> {
    let size = size.unwrap_or_default().0 as usize;
    let content = || (0..size).map(|n| n as u8).collect::<Vec<u8>>();
    if binary {
        vec![Bytes::from(content())]
    } else {
        Vec::new()
    }
}

/// The event of a step and its buffers.
fn step_emit(step: &Step, label: impl Fn(&String) -> LabelId) -> (Option<LabelId>, Vec<Bytes>) {
    match &step.action {
        StepAction::Emit { emit, .. } => {
            (Some(label(&emit.event)), buffers(emit.binary, emit.size))
        }
        StepAction::Request(_)
        | StepAction::Wait(_)
        | StepAction::Think { .. }
        | StepAction::Disconnect(_)
        | StepAction::Connect => (None, Vec::new()),
    }
}

/// The scenario has checked the names.
fn header_names(client: &Client) -> Vec<HeaderName> {
    let names = client.headers.iter();
    names
        .map(|(name, _)| HeaderName::try_from(name.as_str()).expect("a checked header name"))
        .collect()
}

/// As the JS client reads and writes it again.
fn url_query(target: &Url) -> Option<Box<str>> {
    let text = target.query().filter(|query| !query.is_empty())?;
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let mut query = String::new();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        append_pair(&mut query, &decode(name), &decode(value));
    }
    Some(query.into_boxed_str())
}
