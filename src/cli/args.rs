//! The command line, as `--help` shows it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use crate::distributed::nats::NatsOptions;
use crate::gate::comparison::Wanted;
use crate::scenario::plan::Vary;
use crate::units::{ByteSize, Rate, Share, parse_duration};
use crate::word::Word as _;

/// As in [`crate::gate::exit_code`], for the reader of a CI job.
const EXIT_CODES: &str = "\
Exit codes:
    0  fine
    1  the run failed
    2  wrong command line
   90  a comparison found a regression
   91  a comparison could not tell
   92  the generator, not the server, was the bottleneck
   93  a worker was lost
   99  thresholds crossed
  104  invalid scenario
  105  interrupted (results so far are written)";

/// A load and chaos tester for Socket.IO: full clients, broken connections, truthful numbers.
#[derive(Debug, Parser)]
#[command(name = "sio-load", version, max_term_width = 100)]
#[command(after_help = EXIT_CODES)]
pub struct Cli {
    /// No colours (also by NO_COLOR).
    #[arg(long, global = true, hide_env_values = true, env = "SIO_LOAD_NO_COLOR", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_color: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What sio-load can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario, write results, judge thresholds.
    Run(Box<RunCommandArgs>),
    /// Repeat a scenario's fault over reconnection settings and compare the storms.
    Storm(Box<StormArgs>),
    /// Find the largest load that holds the thresholds.
    Capacity(Box<CapacityArgs>),
    /// Read a scenario and show every problem, or the plan and timeline that it means.
    Check(Box<CheckArgs>),
    /// Say why clients cannot connect, get disconnected, or stay in long-polling.
    Doctor(Box<DoctorArgs>),
    /// Say whether something got worse between runs.
    Compare(CompareArgs),
    /// Run two targets, or two settings, in turn and compare them.
    Ab(Box<AbArgs>),
    /// List runs over time, one row each, for change-point detection.
    History(HistoryArgs),
    /// Show the reports of a run again from its stored results.
    Report(ReportArgs),
    /// The embedded Socket.IO server.
    Serve(ServeArgs),
    /// Ends what a killed run leaves behind; started by runs, holds their pipe.
    #[command(hide = true)]
    Guard,
    /// Convert a scenario of another tool.
    Import {
        /// Which tool's.
        #[command(subcommand)]
        of: ImportOf,
    },
    /// Generate load for a run that another machine coordinates.
    Agent(AgentArgs),
    /// List the agents of a pool.
    Agents(AgentsArgs),
    /// A worker process of a run; started by runs, speaks over its pipes.
    #[command(hide = true)]
    Worker,
    /// Write a scenario to start from.
    Init(InitArgs),
    /// Print the JSON Schema of scenarios, summary.json or comparison.json.
    Schema(SchemaArgs),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

/// What changes a scenario from outside.
#[derive(Debug, Clone, Args)]
pub struct OverrideArgs {
    /// Target URL, in place of the scenario's; no server is started then.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_URL", value_hint = ValueHint::Url)]
    pub url: Option<String>,
    /// Number of clients in all; populations keep their proportions.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_CLIENTS")]
    pub clients: Option<u64>,
    /// Length of the run, such as 45s or 2m.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_DURATION")]
    pub duration: Option<String>,
    /// Any value of the scenario: path.to.key=value, as often as needed [env: SIO_LOAD_SET, one a
    /// line].
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed of all random choices.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_SEED")]
    pub seed: Option<u64>,
    /// PEM file of the authorities to trust, in place of the system's.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_CACERT", value_hint = ValueHint::FilePath)]
    pub cacert: Option<PathBuf>,
    /// PEM file of the client certificate.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_CERT", value_hint = ValueHint::FilePath)]
    pub cert: Option<PathBuf>,
    /// PEM file of the client certificate's key.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_KEY", value_hint = ValueHint::FilePath)]
    pub key: Option<PathBuf>,
    /// Accept any certificate.
    #[arg(short = 'k', long, hide_env_values = true, env = "SIO_LOAD_INSECURE", value_parser = clap::builder::FalseyValueParser::new())]
    pub insecure: bool,
    /// HTTP proxy to go through.
    #[arg(short = 'x', long, hide_env_values = true, env = "SIO_LOAD_PROXY", value_name = "URL", value_hint = ValueHint::Url)]
    pub proxy: Option<String>,
    /// Connect to HOST2:PORT2 where HOST1:PORT1 is meant.
    #[arg(
        long,
        hide_env_values = true,
        env = "SIO_LOAD_CONNECT_TO",
        value_name = "HOST1:PORT1:HOST2:PORT2",
        value_delimiter = '\n'
    )]
    pub connect_to: Vec<String>,
    /// Use IPv4 addresses only [env: SIO_LOAD_IPV4].
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Use IPv6 addresses only [env: SIO_LOAD_IPV6].
    #[arg(short = '6', long)]
    pub ipv6: bool,
}

/// `sio-load run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The scenario file.
    #[arg(hide_env_values = true, env = "SIO_LOAD_SCENARIO", value_hint = ValueHint::FilePath)]
    pub scenario: PathBuf,
    /// What changes the scenario.
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// Folder for results; each run gets a folder of its own below it.
    #[arg(short, long, hide_env_values = true, env = "SIO_LOAD_OUT", default_value = "results", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
    /// Nothing on the terminal but errors.
    #[arg(short, long, hide_env_values = true, env = "SIO_LOAD_QUIET", value_parser = clap::builder::FalseyValueParser::new())]
    pub quiet: bool,
    /// summary.json on standard output, in place of the summary for people.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_JSON", value_parser = clap::builder::FalseyValueParser::new())]
    pub json: bool,
    /// Worker threads; one for each core if left out.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Worker processes; as many as the clients' file descriptors demand if left out.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_PROCESSES", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub processes: Option<u16>,
    /// Agents that generate the load in place of this machine.
    #[arg(long, conflicts_with_all = ["processes", "workers", "debug_client"], hide_env_values = true, env = "SIO_LOAD_AGENTS", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub agents: Option<u16>,
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Log the wire of the client of this number, from 0, on standard error, as DEBUG=socket* does.
    #[arg(long, env = "SIO_LOAD_DEBUG_CLIENT", value_name = "N")]
    pub debug_client: Option<u64>,
    /// Write secrets into the results: values of auth and query, Authorization, Cookie, TLS keys.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_SHOW_SECRETS", value_parser = clap::builder::FalseyValueParser::new())]
    pub show_secrets: bool,
}

/// `sio-load run`, with what only a single run can do.
#[derive(Debug, Args)]
pub struct RunCommandArgs {
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
    /// What to compare the run with.
    #[command(flatten)]
    pub baseline: BaselineArgs,
}

/// What a run is compared with when it is over.
#[derive(Debug, Args)]
pub struct BaselineArgs {
    /// Runs to compare this one with when it is over: a run folder, or a folder of them.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_BASELINE", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub baseline: Option<PathBuf>,
    /// How to judge.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// `sio-load storm`.
#[derive(Debug, Args)]
pub struct StormArgs {
    /// As for a run; `--json` prints sweep.json.
    #[command(flatten)]
    pub run: RunArgs,
    /// Values of `reconnection.delay` to try, in place of the scenario's own.
    #[arg(long, env = "SIO_LOAD_DELAY", value_name = "TIMES", value_delimiter = ',', value_parser = above_zero)]
    pub delay: Vec<Duration>,
    /// Values of `reconnection.delay_max` to try.
    #[arg(long, env = "SIO_LOAD_DELAY_MAX", value_name = "TIMES", value_delimiter = ',', value_parser = above_zero)]
    pub delay_max: Vec<Duration>,
    /// Values of `reconnection.randomization` to try, from 0 to 1.
    #[arg(long, env = "SIO_LOAD_RANDOMIZATION", value_name = "NUMBERS", value_delimiter = ',', value_parser = fraction)]
    pub randomization: Vec<f64>,
}

/// `sio-load capacity`.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// As for a run; `--json` prints capacity.json.
    #[command(flatten)]
    pub run: RunArgs,
    /// What to vary, populations in proportion [default: clients].
    #[arg(long, env = "SIO_LOAD_VARY", hide_env_values = true, value_parser = vary, value_name = "clients|arrivals|emits")]
    pub vary: Option<Vary>,
    /// The first level [default: an eighth of the scenario's own load].
    #[arg(long, env = "SIO_LOAD_FROM", hide_env_values = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub from: Option<u64>,
    /// The greatest level that may be tried [default: what this machine allows].
    #[arg(long, env = "SIO_LOAD_TO", hide_env_values = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub to: Option<u64>,
    /// How far the least level that failed may lie above the answer [default: 5%].
    #[arg(
        long,
        env = "SIO_LOAD_PRECISION",
        hide_env_values = true,
        value_name = "SHARE"
    )]
    pub precision: Option<Share>,
    /// From a level that held to the next one [default: 2].
    #[arg(long, env = "SIO_LOAD_GROWTH", hide_env_values = true, value_name = "FACTOR", value_parser = above_one)]
    pub growth: Option<f64>,
    /// How long each level is held and judged [default: 30s].
    #[arg(long, env = "SIO_LOAD_HOLD", hide_env_values = true, value_name = "DURATION", value_parser = above_zero)]
    pub hold: Option<Duration>,
    /// The longest time to settle before that [default: 15s].
    #[arg(long, env = "SIO_LOAD_SETTLE", hide_env_values = true, value_name = "DURATION", value_parser = parse_duration)]
    pub settle: Option<Duration>,
    /// Runs at the answer that all have to hold [default: 3].
    #[arg(long, env = "SIO_LOAD_CONFIRM", hide_env_values = true, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub confirm: Option<u32>,
    /// How fast clients arrive at each level, such as 200/s [default: found by the search].
    #[arg(
        long,
        env = "SIO_LOAD_ARRIVE",
        hide_env_values = true,
        value_name = "RATE"
    )]
    pub arrive: Option<Rate>,
    /// Whether each level gets a fresh server [default: true where the run starts it].
    #[arg(
        long,
        env = "SIO_LOAD_FRESH_SERVER",
        hide_env_values = true,
        value_name = "BOOL"
    )]
    pub fresh_server: Option<bool>,
    /// The share of the capacity to keep free [default: 30%].
    #[arg(long, env = "SIO_LOAD_HEADROOM", hide_env_values = true, value_name = "SHARE", value_parser = less_than_all)]
    pub headroom: Option<Share>,
    /// Plan nodes for this load, also with one of them lost.
    #[arg(long = "for", env = "SIO_LOAD_FOR", hide_env_values = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub nodes_for: Option<u64>,
    /// Numbers of instances to search with as well, such as 1,2,4.
    #[arg(long, env = "SIO_LOAD_INSTANCES", hide_env_values = true, value_name = "NUMBERS", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub instances: Vec<u16>,
    /// Search once more without the scenario's faults.
    #[arg(long, env = "SIO_LOAD_ALSO_WITHOUT_FAULTS", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub also_without_faults: bool,
    /// The time that the whole search may take.
    #[arg(long, env = "SIO_LOAD_BUDGET", hide_env_values = true, value_name = "DURATION", value_parser = above_zero)]
    pub budget: Option<Duration>,
}

fn vary(word: &str) -> Result<Vary, String> {
    Vary::from_word(word).ok_or_else(|| format!("expected {}", Vary::WORDS.join(", ")))
}

fn above_one(text: &str) -> Result<f64, String> {
    let number = text.trim().parse().ok();
    number
        .filter(|number: &f64| *number > 1.0 && number.is_finite())
        .ok_or_else(|| "expected a number above 1".to_owned())
}

fn less_than_all(text: &str) -> Result<Share, String> {
    let share: Share = text.parse().map_err(|_| "expected a share such as 30%")?;
    if share.is_all() {
        return Err("keeps all of the capacity free".to_owned());
    }
    Ok(share)
}

fn above_zero(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() {
        // As to the JS client, which then takes its default.
        return Err("has to be above zero".to_owned());
    }
    Ok(duration)
}

fn fraction(text: &str) -> Result<f64, String> {
    let number = text.trim().parse().ok();
    number
        .filter(|number| (0.0..=1.0).contains(number))
        .ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// `sio-load check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The scenario file.
    #[arg(hide_env_values = true, env = "SIO_LOAD_SCENARIO", value_hint = ValueHint::FilePath)]
    pub scenario: PathBuf,
    /// What changes the scenario.
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// Problems, or the plan, as JSON on standard output.
    #[arg(long)]
    pub json: bool,
}

/// `sio-load doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The server, as a client's `io()` takes it: its path is the namespace.
    #[arg(value_hint = ValueHint::Url)]
    pub url: String,
    /// HTTP path.
    #[arg(long, default_value = "/socket.io/")]
    pub path: String,
    /// Ask for the path without a slash at its end, as with `addTrailingSlash: false`.
    #[arg(long)]
    pub no_trailing_slash: bool,
    /// Namespace to connect to, in place of the URL's path.
    #[arg(long)]
    pub namespace: Option<String>,
    /// JSON object that the CONNECT carries.
    #[arg(
        long,
        value_name = "JSON",
        env = "SIO_LOAD_AUTH",
        hide_env_values = true
    )]
    pub auth: Option<String>,
    /// Origin of the page, to check CORS for.
    #[arg(long)]
    pub origin: Option<String>,
    /// Header of every request, as often as needed.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// PEM file of the authorities to trust, in place of the system's.
    #[arg(long, env = "SIO_LOAD_CACERT", value_hint = ValueHint::FilePath)]
    pub cacert: Option<PathBuf>,
    /// Accept any certificate.
    #[arg(short = 'k', long, env = "SIO_LOAD_INSECURE", value_parser = clap::builder::FalseyValueParser::new())]
    pub insecure: bool,
    /// Also hold connections for so long, such as 90s, and say why they end.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub watch: Option<Duration>,
    /// Event that the server answers with another, to try connection state recovery.
    #[arg(long, value_name = "NAME")]
    pub recovery_event: Option<String>,
    /// Show passed checks, timings and every request too.
    #[arg(short, long)]
    pub verbose: bool,
    /// The report as JSON on standard output.
    #[arg(long)]
    pub json: bool,
    /// The wire log on standard error, as DEBUG=socket* writes it.
    #[arg(long)]
    pub debug: bool,
    /// Show values of auth, cookies and headers.
    #[arg(long, env = "SIO_LOAD_SHOW_SECRETS", value_parser = clap::builder::FalseyValueParser::new())]
    pub show_secrets: bool,
}

/// How a comparison judges.
#[derive(Debug, Args)]
pub struct JudgeArgs {
    /// Smallest change that counts, such as 5%.
    #[arg(
        long,
        hide_env_values = true,
        env = "SIO_LOAD_MIN_EFFECT",
        value_name = "SHARE",
        default_value = "5%"
    )]
    pub min_effect: Share,
    /// Probability of a wrong interval, over all deciding metrics together.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_ALPHA", value_name = "NUMBER", default_value = "0.05", value_parser = probability)]
    pub alpha: f64,
    /// Metrics that decide, in place of those with thresholds: ack.time, ack.time:p95, …
    #[arg(
        long,
        hide_env_values = true,
        env = "SIO_LOAD_METRICS",
        value_name = "METRICS",
        value_delimiter = ','
    )]
    pub metrics: Vec<Wanted>,
    /// Earlier runs that tell how much runs differ anyway, where a side is a single run.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_HISTORY", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub history: Option<PathBuf>,
    /// Exit with 0, not 91, where the comparison cannot tell.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_INCONCLUSIVE_PASSES", value_parser = clap::builder::FalseyValueParser::new())]
    pub inconclusive_passes: bool,
    /// Refuse to compare runs of different scenarios.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_STRICT", value_parser = clap::builder::FalseyValueParser::new())]
    pub strict: bool,
}

fn probability(text: &str) -> Result<f64, String> {
    let number = text.trim().parse().ok();
    number
        .filter(|number| *number > 0.0 && *number < 1.0)
        .ok_or_else(|| "expected a number between 0 and 1".to_owned())
}

/// `sio-load compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Runs to compare with: a run folder, or a folder of them.
    #[arg(value_hint = ValueHint::DirPath)]
    pub base: PathBuf,
    /// Runs to judge: a run folder, or a folder of them.
    #[arg(value_hint = ValueHint::DirPath)]
    pub new: PathBuf,
    /// More runs of the base, as often as needed.
    #[arg(long = "base", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub more_base: Vec<PathBuf>,
    /// More runs of what is new, as often as needed.
    #[arg(long = "new", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub more_new: Vec<PathBuf>,
    /// How to judge.
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// Which report.
    #[arg(long, value_enum, default_value_t = CompareFormat::Text)]
    pub format: CompareFormat,
}

/// `sio-load ab`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("sides").args(["base_url", "new_url", "base_set", "new_set"]).multiple(true).required(true))]
pub struct AbArgs {
    /// As for a run; `--json` prints comparison.json.
    #[command(flatten)]
    pub run: RunArgs,
    /// Target URL of the base.
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub base_url: Option<String>,
    /// Target URL of what is new.
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub new_url: Option<String>,
    /// Any value of the base's scenario, as often as needed.
    #[arg(long, value_name = "KEY=VALUE")]
    pub base_set: Vec<String>,
    /// Any value of the new side's scenario, as often as needed.
    #[arg(long, value_name = "KEY=VALUE")]
    pub new_set: Vec<String>,
    /// Rounds of one run on each side.
    #[arg(long, env = "SIO_LOAD_ROUNDS", hide_env_values = true, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Go on after `--rounds` until the answer is clear, for so many rounds at most.
    #[arg(long, env = "SIO_LOAD_MAX_ROUNDS", hide_env_values = true, value_name = "ROUNDS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub max_rounds: Option<u32>,
    /// Runs of each side before the first round that do not count.
    #[arg(
        long,
        env = "SIO_LOAD_WARM_UP",
        hide_env_values = true,
        value_name = "RUNS",
        default_value_t = 1
    )]
    pub warm_up: u32,
    /// How to judge.
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// Which report.
    #[arg(long, value_enum, default_value_t = CompareFormat::Text)]
    pub format: CompareFormat,
}

/// `sio-load history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// A folder of runs.
    #[arg(value_hint = ValueHint::DirPath)]
    pub runs: PathBuf,
    /// Which format.
    #[arg(long, value_enum, default_value_t = HistoryFormat::OtavaCsv)]
    pub format: HistoryFormat,
}

/// A format of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum HistoryFormat {
    /// CSV that Apache Otava imports.
    OtavaCsv,
    /// One JSON object for each run.
    Json,
}

/// A report of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CompareFormat {
    /// For people.
    Text,
    /// Markdown, for a comment on a pull request.
    Md,
    /// comparison.json.
    Json,
    /// Deciding figures as JUnit test cases.
    Junit,
    /// A page that lays the runs over each other and needs nothing else.
    Html,
}

/// `sio-load report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A results folder, `…/latest`, or a summary.json.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub run: PathBuf,
    /// Which report.
    #[arg(long, value_enum, default_value_t = ReportFormat::Terminal)]
    pub format: ReportFormat,
}

/// A report that can be made from stored results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// The summary for people.
    Terminal,
    /// summary.json.
    Json,
    /// Thresholds as JUnit test cases.
    Junit,
    /// report.html, a page that needs nothing else.
    Html,
    /// Markdown, for a comment.
    Md,
    /// Prometheus's text format, times in seconds.
    Prometheus,
    /// One figure a row.
    Csv,
}

/// `sio-load serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes a free one.
    #[arg(
        long,
        hide_env_values = true,
        env = "SIO_LOAD_LISTEN",
        default_value = "127.0.0.1:3000"
    )]
    pub listen: SocketAddr,
    /// HTTP path.
    #[arg(long, default_value = "/socket.io/")]
    pub path: String,
    /// Time between the server's pings.
    #[arg(long, default_value = "25s", value_parser = parse_duration)]
    pub ping_interval: Duration,
    /// Time within which a ping must be answered.
    #[arg(long, default_value = "20s", value_parser = parse_duration)]
    pub ping_timeout: Duration,
    /// Largest payload taken, in bytes.
    #[arg(long, default_value_t = 1_000_000)]
    pub max_payload: u64,
    /// A fault on the way that clients meet for as long as the server runs, in the words of
    /// `[[chaos]]`, as often as needed: 'status status=503 share=20%',
    /// 'websocket_blocked how=swallowed', 'latency latency=200ms jitter=50ms', …
    #[arg(long, value_name = "FAULT KEY=VALUE …")]
    pub misbehave: Vec<String>,
    /// Time that each event waits for its answer, such as 20ms: a known service time.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    pub ack_delay: Duration,
    /// Makes each answer take this share longer, such as 10%, `--ack-delay` included: a known
    /// regression.
    #[arg(long, value_name = "SHARE")]
    pub slow: Option<Share>,
    /// One JSON line per connection, disconnection and event, to this file (`-`: standard output).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub log: Option<PathBuf>,
    /// Block the server's single thread for so long at each event: 2ms make 500 events per second.
    #[arg(long, value_name = "DURATION", value_parser = above_zero)]
    pub work: Option<Duration>,
    /// Refuse clients beyond so many at once.
    #[arg(long, value_name = "N")]
    pub max_clients: Option<u64>,
    /// Hold so much resident memory for each connected client, such as 40KB.
    #[arg(long, value_name = "SIZE")]
    pub rss_per_client: Option<ByteSize>,
    /// End when standard input is closed, so that no server outlives the run that started it.
    #[arg(long, hide = true)]
    pub exit_with_stdin: bool,
}

/// The tools whose scenarios can be converted.
#[derive(Debug, Subcommand)]
pub enum ImportOf {
    /// Convert an Artillery script with the socketio or socketio-v3 engine; the scenario goes to
    /// standard output, and each line that has no counterpart to standard error.
    Artillery {
        /// The script, in YAML.
        file: PathBuf,
    },
}

/// How to reach NATS.
#[derive(Debug, Args)]
#[command(next_help_heading = "NATS")]
pub struct NatsArgs {
    /// NATS, where agents wait: nats://HOST:4222 or tls://HOST:4222, several separated by commas.
    #[arg(
        id = "nats",
        long = "nats",
        value_name = "URL",
        hide_env_values = true,
        env = "SIO_LOAD_NATS",
        default_value = "nats://127.0.0.1:4222"
    )]
    pub url: String,
    /// The pool that agents wait in.
    #[arg(
        long,
        value_name = "NAME",
        hide_env_values = true,
        env = "SIO_LOAD_POOL",
        default_value = "default"
    )]
    pub pool: String,
    /// Credentials file of NATS (JWT and seed).
    #[arg(long, value_name = "FILE", hide_env_values = true, env = "SIO_LOAD_NATS_CREDS", value_hint = ValueHint::FilePath)]
    pub nats_creds: Option<PathBuf>,
    /// Certificates of the authorities that NATS is trusted by, in PEM.
    #[arg(long, value_name = "FILE", hide_env_values = true, env = "SIO_LOAD_NATS_CACERT", value_hint = ValueHint::FilePath)]
    pub nats_cacert: Option<PathBuf>,
    /// Client certificate for NATS, in PEM.
    #[arg(long, value_name = "FILE", requires = "nats_key", hide_env_values = true, env = "SIO_LOAD_NATS_CERT", value_hint = ValueHint::FilePath)]
    pub nats_cert: Option<PathBuf>,
    /// Key of the client certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "nats_cert", hide_env_values = true, env = "SIO_LOAD_NATS_KEY", value_hint = ValueHint::FilePath)]
    pub nats_key: Option<PathBuf>,
}

impl NatsArgs {
    /// The same for the library.
    pub(super) fn options(&self) -> NatsOptions {
        NatsOptions {
            url: self.url.clone(),
            pool: self.pool.clone(),
            credentials: self.nats_creds.clone(),
            ca: self.nats_cacert.clone(),
            client_certificate: self.nats_cert.clone().zip(self.nats_key.clone()),
        }
    }
}

/// `sio-load agent`.
#[derive(Debug, Args)]
pub struct AgentArgs {
    #[command(flatten)]
    pub nats: NatsArgs,
    /// The agent's name in lists and results; the machine's name if left out.
    #[arg(long, hide_env_values = true, env = "SIO_LOAD_AGENT_NAME")]
    pub name: Option<String>,
}

/// `sio-load agents`.
#[derive(Debug, Args)]
pub struct AgentsArgs {
    #[command(flatten)]
    pub nats: NatsArgs,
}

/// `sio-load init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The file to write; never overwritten.
    #[arg(default_value = "scenario.toml", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// `sio-load schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Of what.
    #[arg(value_enum, default_value_t = SchemaOf::Scenario)]
    pub of: SchemaOf,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SchemaOf {
    /// Scenario files.
    Scenario,
    /// summary.json.
    Summary,
    /// comparison.json.
    Comparison,
    /// capacity.json.
    Capacity,
    /// The reference of scenario keys, as Markdown.
    Reference,
}
