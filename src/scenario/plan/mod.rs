//! What a scenario means once every default is filled in and every name is checked.
//!
//! A [`Plan`] is all that a run needs to know; it serialises, so that it can travel to a worker.

mod capacity;
mod fault;
mod steps;
mod watch;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::environment::Substitution;
use super::template::{JsonTemplate, TextTemplate};
use super::threshold::{Threshold, WatchBound};
use crate::event::{EngineRevision, Label, Labels, Parser, PopulationId, TransportKind};
use crate::seed::Seed;
use crate::units::{self, ByteSize, Rate};
use crate::word::words;

pub use capacity::{Capacity, Vary};
pub use fault::Fault;
pub use steps::*;
pub use watch::{NotASeries, SeriesSelector, Watch, WatchSource};

/// A checked scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Names the results folder: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// How long clients are held under load; closing them comes after it.
    #[serde(with = "units::duration")]
    pub duration: Duration,
    /// Where all random choices come from.
    pub seed: Seed,
    /// What is tested. `None` in `url` means: the server that the run starts.
    pub target: Target,
    /// The server that the run starts, if it starts one.
    pub server: Option<Server>,
    /// At least one.
    pub populations: Vec<Population>,
    /// In the order of the file; `at` need not ascend.
    pub chaos: Vec<Fault>,
    /// What `sio-load storm` varies.
    #[serde(default)]
    pub sweep: Sweep,
    /// Servers to watch beside those that the run starts.
    #[serde(default)]
    pub watches: Vec<Watch>,
    /// Bounds on watched servers, in the order of the file.
    #[serde(default)]
    pub watch_bounds: Vec<WatchBound>,
    /// How `sio-load capacity` searches.
    #[serde(default)]
    pub capacity: Capacity,
    /// In the order of the file.
    pub thresholds: Vec<Threshold>,
    /// Rows for `{{csv.COLUMN}}`.
    pub csv: Option<CsvTable>,
    /// Strings in which the environment was filled in; of interest only where the plan was read.
    #[serde(skip)]
    pub substitutions: Vec<Substitution>,
    /// What is odd but not wrong, for people; each is a sentence without its full stop.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl Plan {
    /// The most clients that can be there at once, over all populations.
    #[must_use]
    pub fn peak_clients(&self) -> u64 {
        self.populations
            .iter()
            .map(|p| p.load.peak_clients(self.duration))
            .sum()
    }

    /// How many clients there are over the whole run, over all populations.
    #[must_use]
    pub fn all_clients(&self) -> u64 {
        let loads = self.populations.iter().map(|population| &population.load);
        loads.fold(0, |sum, load| {
            sum.saturating_add(load.all_clients(self.duration))
        })
    }
}

impl Plan {
    /// The name of a population of this plan.
    #[must_use]
    pub fn population_name(&self, id: PopulationId) -> &str {
        let population = self.populations.get(usize::from(id.0));
        population.map_or("", |population| &population.name)
    }

    /// The names by which metrics of a run are split: the same for whoever has the plan.
    #[must_use]
    pub fn labels(&self) -> Labels {
        self.populations
            .iter()
            .flat_map(Population::labels)
            .collect()
    }
}

/// What is tested, and the way there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// `http`, `https`, `ws` or `wss`; its path is the namespace, as in the JS client.
    pub url: Option<url::Url>,
    /// The HTTP proxy to go through (CONNECT).
    pub proxy: Option<url::Url>,
    /// Origins besides that of `url` that redirects may lead to.
    pub redirects: Vec<String>,
    /// curl's `--connect-to HOST1:PORT1:HOST2:PORT2`, in order; empty parts match or keep anything.
    pub connect_to: Vec<ConnectTo>,
    /// Only addresses of this family.
    pub ip_family: Option<IpFamily>,
    /// The HTTP API of a running Toxiproxy, to carry out faults on the way in place of the built-in
    /// proxy.
    pub toxiproxy: Option<url::Url>,
}

/// One rule of `connect_to`: for this host and port, connect to that host and port instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectTo {
    /// Matches any host if nothing.
    pub from_host: Option<String>,
    /// Matches any port if nothing.
    pub from_port: Option<u16>,
    /// Keeps the host if nothing.
    pub to_host: Option<String>,
    /// Keeps the port if nothing.
    pub to_port: Option<u16>,
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// TLS towards the target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tls {
    /// PEM file of the authorities to trust, in place of the system's.
    pub ca: Option<PathBuf>,
    /// PEM file of the client's certificate chain.
    pub cert: Option<PathBuf>,
    /// PEM file of the client's key.
    pub key: Option<PathBuf>,
    /// Accept any certificate, as `rejectUnauthorized: false` does.
    pub insecure: bool,
}

/// A server that the run starts, watches and ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// Which program.
    pub program: ServerProgram,
    /// How many; more than one stand behind the built-in balancer, unless `balance` is direct.
    pub instances: u16,
    /// How clients are spread over them.
    pub balance: Balance,
    /// How long an instance may take until it answers a handshake.
    #[serde(with = "units::duration")]
    pub ready: Duration,
    /// How long an instance is left alone after the last client has gone, before its memory is read.
    #[serde(default, with = "units::optional_duration")]
    pub linger: Option<Duration>,
}

/// The program behind `[server]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerProgram {
    /// `sio-load serve`, as a child process.
    Embedded,
    /// Any program; `{{port}}` in `argv` and `env` is the instance's port.
    Command {
        /// Program and arguments, at least one.
        argv: Vec<String>,
        /// Added to the run's own environment.
        env: Vec<(String, String)>,
        /// The working directory.
        cwd: Option<PathBuf>,
    },
}

/// How clients are spread over the instances of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// A session stays with the instance that opened it.
    #[default]
    Sticky,
    /// Each connection goes to the next instance, whatever session it belongs to.
    RoundRobin,
    /// Each client has an instance of its own choice, with nothing in between: client n connects to
    /// instance n modulo their number.
    Direct,
}

words! { Balance { Sticky = "sticky", RoundRobin = "round_robin", Direct = "direct" } }

/// A group of clients that are alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// Unique in its scenario.
    pub name: String,
    /// Who comes and goes when.
    pub load: Load,
    /// How a client connects.
    pub client: Client,
    /// What it sends.
    pub emits: Vec<Emit>,
    /// What it listens to.
    pub listens: Vec<Listen>,
    /// What it does step by step.
    #[serde(default)]
    pub journey: Journey,
}

impl Population {
    /// The names by which metrics of this population are split.
    pub fn labels(&self) -> impl Iterator<Item = Label> {
        let sent = self.emits.iter().map(|emit| &emit.event);
        let heard = self.listens.iter().map(|listen| &listen.event);
        let steps = || self.journey.all_steps();
        let stepped = steps().filter_map(|step| match &step.action {
            StepAction::Emit { emit, .. } => Some(&emit.event),
            StepAction::Request(_)
            | StepAction::Wait(_)
            | StepAction::Think { .. }
            | StepAction::Disconnect(_)
            | StepAction::Connect => None,
        });
        let events = sent.chain(heard).chain(stepped).cloned().map(Label::Event);
        let names = steps().filter_map(|step| step.name.clone());
        let expecting = self.listens.iter().filter(|l| l.expect.is_some());
        events
            .chain(names.map(Label::Step))
            .chain(expecting.map(Listen::label))
    }
}

/// Who comes and goes when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Load {
    /// A fixed number of clients.
    Arrive {
        /// How many.
        count: u64,
        /// How fast; all at once if nothing.
        rate: Option<Rate>,
    },
    /// The number of clients follows a line.
    Ramp(Vec<RampStage>),
    /// An open population: clients come at a rate, whatever became of those before them.
    Open {
        /// How fast they come.
        arrivals: Rate,
        /// How long each stays.
        #[serde(with = "units::duration")]
        stay: Duration,
    },
}

impl Load {
    /// The most clients that can be there at once within `duration`.
    #[must_use]
    pub fn peak_clients(&self, duration: Duration) -> u64 {
        match self {
            Self::Arrive { count, .. } => *count,
            Self::Ramp(stages) => stages
                .iter()
                .map(|stage| match stage {
                    RampStage::To { clients, .. } => *clients,
                    RampStage::Hold(_) => 0,
                })
                .max()
                .unwrap_or(0),
            Self::Open { arrivals, stay } => {
                (arrivals.per_second() * (*stay).min(duration).as_secs_f64()).ceil() as u64
            }
        }
    }

    /// How many clients come within `duration`, those that have left by its end included.
    #[must_use]
    pub fn all_clients(&self, duration: Duration) -> u64 {
        match self {
            Self::Arrive { count, .. } => *count,
            Self::Ramp(stages) => {
                let mut before = 0;
                let mut all = 0_u64;
                for stage in stages {
                    if let RampStage::To { clients, .. } = stage {
                        all = all.saturating_add(clients.saturating_sub(before));
                        before = *clients;
                    }
                }
                all
            }
            Self::Open { arrivals, .. } => {
                (arrivals.per_second() * duration.as_secs_f64()).ceil() as u64
            }
        }
    }
}

/// One stretch of a ramp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RampStage {
    /// In a straight line to so many clients.
    To {
        /// At the end of the stage.
        clients: u64,
        /// How long the stage is.
        #[serde(with = "units::duration")]
        over: Duration,
    },
    /// No change for so long.
    Hold(#[serde(with = "units::duration")] Duration),
}

impl RampStage {
    /// How long the stage is.
    #[must_use]
    pub fn duration(self) -> Duration {
        match self {
            Self::To { over, .. } => over,
            Self::Hold(hold) => hold,
        }
    }
}

/// How a client connects: the options of the JS client, with `[target]` already merged in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Client {
    /// The HTTP path, as the JS client would send it (`/socket.io/`).
    pub path: String,
    /// Extra headers, evaluated at each engine.
    pub headers: Vec<(String, TextTemplate)>,
    /// The handshake query, evaluated at each engine.
    pub query: Vec<(String, TextTemplate)>,
    /// The CONNECT payload, a JSON object, evaluated at each connect.
    pub auth: Option<JsonTemplate>,
    /// TLS towards the target.
    pub tls: Tls,
    /// In the order in which they are tried; at least one.
    pub transports: Vec<TransportKind>,
    /// Which platform the client imitates.
    pub profile: Profile,
    /// The Engine.IO revision.
    pub protocol: EngineRevision,
    /// How packets are written.
    #[serde(default)]
    pub parser: Parser,
    /// At least one; each starts with `/`. Empty means: the path of the URL.
    pub namespaces: Vec<String>,
    /// Whether polling sessions move to WebSocket.
    pub upgrade: bool,
    /// Whether a client that once was on WebSocket starts with it the next time.
    pub remember_upgrade: bool,
    /// Whether an error on one transport leads to the next.
    pub try_all_transports: bool,
    /// Whether cookies are kept, in a jar per engine.
    pub with_credentials: bool,
    /// Whether WebSockets offer permessage-deflate.
    pub compression: bool,
    /// How long an engine may take to open; nothing means for ever.
    #[serde(with = "units::optional_duration")]
    pub timeout: Option<Duration>,
    /// Binary as base64 on every transport.
    pub force_base64: bool,
    /// Whether the path ends in a slash.
    pub add_trailing_slash: bool,
    /// Whether `t` is sent: always, never, or (nothing) on polling alone.
    pub timestamp_requests: Option<bool>,
    /// Local addresses to connect from, dealt out client by client; empty: the system chooses.
    pub source_addresses: Vec<IpAddr>,
    /// Nothing: no reconnection.
    pub reconnection: Option<Reconnection>,
}

/// Which platform the client imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The JS client on Node: a TCP connection per HTTP request.
    #[default]
    Node,
    /// A browser: keep-alive, Origin, gzip, cookies.
    Browser,
}

words! { Profile { Node = "node", Browser = "browser" } }

/// The reconnection options of the JS client.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reconnection {
    /// Before the first attempt, without jitter.
    #[serde(with = "units::duration")]
    pub delay: Duration,
    /// The most before any attempt.
    #[serde(with = "units::duration")]
    pub delay_max: Duration,
    /// In [0, 1].
    pub randomization: f64,
    /// Nothing: for ever.
    pub attempts: Option<u32>,
}

/// Reconnection options with which a scenario is run, each combination once; an empty list leaves
/// each population as it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sweep {
    /// Values of [`Reconnection::delay`], above zero.
    pub delay: Vec<Duration>,
    /// Values of [`Reconnection::delay_max`], above zero.
    pub delay_max: Vec<Duration>,
    /// Values of [`Reconnection::randomization`].
    pub randomization: Vec<f64>,
}

impl Sweep {
    /// Whether there is nothing to vary.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.delay.is_empty() && self.delay_max.is_empty() && self.randomization.is_empty()
    }
}

/// An event that a client sends again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Emit {
    /// The event's name.
    pub event: String,
    /// The arguments: a JSON array.
    pub data: JsonTemplate,
    /// Pads the JSON arguments with one more string, or is the size of the buffer with `binary`.
    pub size: Option<ByteSize>,
    /// One buffer of `size` as last argument.
    pub binary: bool,
    /// Per client; the first comes within it after the first connect.
    #[serde(with = "units::duration")]
    pub every: Duration,
    /// So many at each tick, at least one.
    pub burst: u32,
    /// Index into the client's namespaces.
    pub namespace: usize,
    /// Dropped rather than buffered when the transport is not ready.
    pub volatile: bool,
    /// Whether an ack is asked for.
    pub ack: Option<Ack>,
    /// What the ack's arguments have to satisfy.
    #[serde(default)]
    pub expect: Vec<Condition>,
    /// What is kept of the ack's arguments.
    #[serde(default)]
    pub captures: Vec<Capture>,
}

/// An ack that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ack {
    /// Nothing: waits until the connection is lost.
    #[serde(with = "units::optional_duration")]
    pub timeout: Option<Duration>,
    /// How often the event is sent again; needs a timeout.
    pub retries: u32,
}

/// An event that a client counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listen {
    /// The event's name.
    pub event: String,
    /// Names the table in metrics; nothing means the event's name.
    #[serde(default)]
    pub name: Option<String>,
    /// How many each client should get in the run.
    pub expect: Option<u64>,
    /// Where the sender's time stands in the arguments.
    pub stamp: Option<StampPath>,
    /// The arguments of the ack, where the server asks for one.
    #[serde(default)]
    pub reply: Option<JsonTemplate>,
    /// What is kept of the arguments.
    #[serde(default)]
    pub captures: Vec<Capture>,
}

impl Listen {
    /// The table's name in metrics: `listen.NAME.missing`.
    #[must_use]
    pub fn label(&self) -> Label {
        Label::Listen(self.name.as_ref().unwrap_or(&self.event).clone())
    }
}

/// The way to a sender's time: an argument, and names inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StampPath {
    /// Which argument, from 0.
    pub argument: usize,
    /// Keys from there down.
    pub keys: Vec<String>,
}

/// The rows of `[data] csv`, read when the scenario was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvTable {
    /// As the scenario names the file.
    pub file: PathBuf,
    /// The header line.
    pub columns: Vec<String>,
    /// Client `n` gets row `n` modulo their number; at least one.
    pub rows: Vec<Vec<String>>,
}
