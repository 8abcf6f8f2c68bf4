use std::net::SocketAddr;
use std::process::{Command, Stdio};

use super::cost::settle_target;
use super::target::Target;
use super::{bare, official, ours};

/// Asks this program for one figure, which it prints: contender, measure and address follow.
const FLAG: &str = "--figure";

/// Emits at a time in [`Measure::EmitInBursts`].
pub(crate) const BURST: usize = 10;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    /// Figures of each kind.
    pub(crate) rounds: usize,
    /// Clients that connect at once, or idle.
    pub(crate) clients: usize,
    /// Clients that emit.
    pub(crate) emitting: usize,
    /// Emits of each of them.
    pub(crate) emits: usize,
    /// Emits of all of them together, in a second.
    pub(crate) emits_per_second: usize,
}

impl Scale {
    /// What figures are taken from.
    pub(crate) const FULL: Self = Self {
        rounds: 7,
        clients: 1_000,
        emitting: 100,
        emits: 200,
        emits_per_second: 20_000,
    };

    /// Enough to see that everything works.
    pub(crate) const SMOKE: Self = Self {
        rounds: 1,
        clients: 40,
        emitting: 10,
        emits: 10,
        emits_per_second: 1_000,
    };
}

/// What is measured of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// CPU of a connect over WebSocket alone, in microseconds.
    WebsocketConnect,
    /// CPU of a connect over long-polling and its upgrade, in microseconds.
    UpgradeConnect,
    /// CPU of an emit at its time and its ack, in microseconds.
    Emit,
    /// The same with [`BURST`] emits at a time, so that waking up counts for less.
    EmitInBursts,
    /// Heap of a connected client that waits on a WebSocket, in KiB.
    IdleWebsocket,
    /// Heap of a connected client that waits on a held poll, in KiB.
    IdlePolling,
}

impl Measure {
    pub(crate) const ALL: &[Self] = &[
        Self::WebsocketConnect,
        Self::UpgradeConnect,
        Self::Emit,
        Self::EmitInBursts,
        Self::IdleWebsocket,
        Self::IdlePolling,
    ];

    /// Emits that each client sends at a time.
    pub(crate) fn burst(self) -> usize {
        match self {
            Self::EmitInBursts => BURST,
            Self::Emit
            | Self::WebsocketConnect
            | Self::UpgradeConnect
            | Self::IdleWebsocket
            | Self::IdlePolling => 1,
        }
    }

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WebsocketConnect => "WebSocket connect",
            Self::UpgradeConnect => "polling→WebSocket connect",
            Self::Emit => "emit+ack",
            Self::EmitInBursts => "emit+ack, ten at a time",
            Self::IdleWebsocket => "idle WebSocket client",
            Self::IdlePolling => "idle polling client",
        }
    }

    /// What its figures count.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::WebsocketConnect | Self::UpgradeConnect | Self::Emit | Self::EmitInBursts => "µs",
            Self::IdleWebsocket | Self::IdlePolling => "KiB",
        }
    }
}

/// One way of being a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// What the others are compared with.
    Bare,
    Ours,
    Official,
}

impl Contender {
    pub(crate) const ALL: &[Self] = &[Self::Bare, Self::Ours, Self::Official];

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare loop",
            Self::Ours => "sio-load",
            Self::Official => "official JS client",
        }
    }

    /// Why it cannot be measured here, if it cannot.
    pub(crate) fn is_missing(self) -> Option<String> {
        match self {
            Self::Bare | Self::Ours => None,
            Self::Official => official::is_missing(),
        }
    }
}

/// Takes one figure in a process of its own.
pub(crate) fn in_fresh_process(
    contender: Contender,
    measure: Measure,
    target: &Target,
    scale: Scale,
) -> f64 {
    let mut command = match contender {
        Contender::Bare | Contender::Ours => own_process(contender, measure, target.address()),
        Contender::Official => official::process(measure, target.address(), scale),
    };
    if scale == Scale::SMOKE {
        command.arg("--smoke");
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("a process for the measure starts");
    assert!(output.status.success(), "{command:?}: {}", output.status);
    settle_target();
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .unwrap_or_else(|_| panic!("{command:?} printed no figure but {text:?}"))
}

fn own_process(contender: Contender, measure: Measure, address: SocketAddr) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command
        .arg(FLAG)
        .args([contender.name(), measure.name(), &address.to_string()]);
    command
}

/// The figure that the command line asks for, taken in this process.
pub(crate) fn figure_asked_for(arguments: &[String], scale: Scale) -> Option<f64> {
    let place = arguments.iter().position(|argument| argument == FLAG)?;
    let [contender, measure, address] = arguments.get(place + 1..place + 4)? else {
        return None;
    };
    let measure = *Measure::ALL.iter().find(|known| known.name() == measure)?;
    let address = address.parse().ok()?;
    let contender = *Contender::ALL
        .iter()
        .find(|known| known.name() == contender)?;
    match contender {
        Contender::Bare => Some(bare::figure(measure, address, scale)),
        Contender::Ours => Some(ours::figure(measure, address, scale)),
        Contender::Official => None,
    }
}
