//! How `sio-load capacity` searches.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{Rate, Share};
use crate::word::words;

/// `[capacity]`: what is left out has the default of the key table, or is found by the search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// What is varied.
    pub vary: Vary,
    /// The first level.
    pub from: Option<u64>,
    /// The greatest level that may be tried.
    pub to: Option<u64>,
    /// How close the least level that failed may lie to the answer.
    pub precision: Share,
    /// From a level that held to the next one, above 1.
    pub growth: f64,
    /// How long a level is held and judged.
    pub hold: Duration,
    /// The longest time to settle before that.
    pub settle: Duration,
    /// Runs at the answer that all have to hold.
    pub confirm: u32,
    /// How fast clients arrive; found by the search if nothing.
    pub arrive: Option<Rate>,
    /// Whether each level gets a fresh server; if nothing, where the run starts one.
    pub fresh_server: Option<bool>,
    /// The share of the capacity to keep free.
    pub headroom: Share,
    /// `for`: the load to plan nodes for.
    pub nodes_for: Option<u64>,
    /// Numbers of instances to search with, one after the other.
    pub instances: Vec<u16>,
    /// Whether to search once more without the scenario's faults.
    pub also_without_faults: bool,
    /// The time that the search may take.
    pub budget: Option<Duration>,
}

/// What a capacity search varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vary {
    /// Connected clients, all populations in proportion.
    #[default]
    Clients,
    /// Arrivals per second of open populations.
    Arrivals,
    /// Emits per second, with the scenario's clients.
    Emits,
}

words! { Vary { Clients = "clients", Arrivals = "arrivals", Emits = "emits" } }

impl Default for Capacity {
    fn default() -> Self {
        let share = |fraction| Share::new(fraction).expect("a fraction from 0 to 1");
        Self {
            vary: Vary::Clients,
            from: None,
            to: None,
            precision: share(0.05),
            growth: 2.0,
            hold: Duration::from_secs(30),
            settle: Duration::from_secs(15),
            confirm: 3,
            arrive: None,
            fresh_server: None,
            headroom: share(0.3),
            nodes_for: None,
            instances: Vec::new(),
            also_without_faults: false,
            budget: None,
        }
    }
}
