use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::summary::{Provenance, Warning};
use super::watched::WatchLog;
use crate::event::{Label, Labels, StrikeId};
use crate::metrics::host;

/// What a summary says that no recorder knows: the plan's names, the faults' fate, the origin.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFacts {
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's description.
    pub description: String,
    /// Where all random choices came from.
    pub seed: u64,
    /// The names by which metrics are split.
    pub labels: Labels,
    /// From the start of the load to its end, or to now.
    pub duration: Duration,
    /// In the order of the scenario.
    pub populations: Vec<PopulationFacts>,
    /// Every application, in order of time, also those that never came.
    pub faults: Vec<FaultFacts>,
    /// What others than the recorders have to say; the generator's own warnings are added.
    pub warnings: Vec<Warning>,
    /// What was read of watched servers.
    pub watched: WatchLog,
    /// What the process took.
    pub generator: GeneratorFacts,
    /// Where the numbers come from, secrets taken out.
    pub provenance: Provenance,
}

/// A population's names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PopulationFacts {
    /// Unique in its scenario.
    pub name: String,
    /// Its `[[clients.listen]]` tables in the order of the scenario.
    pub listens: Vec<ListenFacts>,
}

/// A `[[clients.listen]]` table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListenFacts {
    /// The event's name.
    pub event: String,
    /// The table's name in metrics, if it expects a number of events.
    pub label: Option<Label>,
    /// How many each client should get.
    pub expect_per_client: Option<u64>,
}

/// One application of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultFacts {
    /// Its number, from 0 in order of time.
    pub id: StrikeId,
    /// The word in the scenario.
    pub fault: String,
    /// What it was told, in the scenario's words, for people.
    pub detail: String,
    /// Planned, from the start of the run.
    pub at: Duration,
    /// When it was begun, from the start of the run.
    pub applied: Option<Duration>,
    /// When it was over and undone, from the start of the run.
    pub ended: Option<Duration>,
    /// `over`: so long after `applied` the last victim may feel it; zero if all feel it at once.
    pub spread: Duration,
    /// Why it could not be carried out.
    pub failed: Option<String>,
    /// Of a fault on the way: the connections that it touched, if whoever carried it out tells.
    pub connections: Option<u64>,
    /// Of a fault on the way that touches requests: how many.
    pub requests: Option<u64>,
}

/// What the generator's process took so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GeneratorFacts {
    /// CPU time of the whole process, without its children.
    pub cpu: Duration,
    /// The most memory that it held.
    pub rss_peak_bytes: u64,
    /// How often the run's own balancer and proxy were short of descriptors, ports or memory.
    pub shortages: u64,
}

impl GeneratorFacts {
    /// Asks the operating system.
    #[must_use]
    pub fn read() -> Self {
        Self {
            cpu: host::process_cpu(),
            rss_peak_bytes: host::peak_memory_bytes().unwrap_or(0),
            shortages: 0,
        }
    }
}

impl Provenance {
    /// Of a run by this version on this machine; command, scenario and server are still to come.
    #[must_use]
    pub fn of_this_machine(started: SystemTime) -> Self {
        Self {
            tool: concat!("sio-load ", env!("CARGO_PKG_VERSION")).to_owned(),
            started: rfc3339(started),
            host: host::describe(),
            ..Self::default()
        }
    }
}

/// UTC, in whole seconds: `2026-11-23T22:48:40Z`.
fn rfc3339(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
