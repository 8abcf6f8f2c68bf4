use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use toml::Value as Toml;

use super::sides::{Side, Sides};
use crate::results::comparison::{Difference, DifferenceKind};
use crate::results::recorded::RecordedRun;
use crate::results::summary::Warning;

/// Keys of a scenario that differ from run to run without making it another scenario.
const UNESSENTIAL: [&str; 2] = ["seed", "description"];

/// What of the server may be another each time: the ports that the system chose.
const PASSING: [&str; 3] = ["url", "pid", "pids"];

/// Everything in which the sides differ besides what they measured, scenarios first.
pub(super) fn all(sides: &Sides<'_>) -> Vec<Difference> {
    let scenario = between(sides, DifferenceKind::Scenario, scenario_keys);
    let environment = between(sides, DifferenceKind::Environment, environment_keys);
    scenario.into_iter().chain(environment).collect()
}

/// A warning if the sides did not run the same.
pub(super) fn warning(differences: &[Difference]) -> Option<Warning> {
    let count = |kind| differences.iter().filter(|d| d.kind == kind).count();
    let (scenario, environment) = (
        count(DifferenceKind::Scenario),
        count(DifferenceKind::Environment),
    );
    let message = match (scenario, environment) {
        (0, 0) => return None,
        (0, keys) => format!(
            "the runs differ in machine, version or server (keys: {keys}): what is compared may be that"
        ),
        (keys, _) => format!(
            "the scenarios differ (keys: {keys}): what is compared may be that; --strict refuses it"
        ),
    };
    Some(Warning {
        code: "different_runs".to_owned(),
        message,
    })
}

fn between(
    sides: &Sides<'_>,
    kind: DifferenceKind,
    keys: fn(&RecordedRun) -> Option<BTreeMap<String, String>>,
) -> Vec<Difference> {
    let (base, new) = (values(&sides.base, keys), values(&sides.new, keys));
    let names: BTreeSet<&String> = base.keys().chain(new.keys()).collect();
    let text = |values: Option<&BTreeSet<String>>| {
        let values: Vec<&str> = values?.iter().map(String::as_str).collect();
        Some(values.join(" | "))
    };
    names
        .into_iter()
        .filter(|name| {
            let (base, new) = (base.get(*name), new.get(*name));
            base != new || base.is_some_and(|values| values.len() > 1)
        })
        .map(|name| Difference {
            kind,
            key: name.clone(),
            base: text(base.get(name)),
            new: text(new.get(name)),
        })
        .collect()
}

/// Every value that a key has in any run of a side.
fn values(
    side: &Side<'_>,
    keys: fn(&RecordedRun) -> Option<BTreeMap<String, String>>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, value) in side.used.iter().filter_map(|run| keys(run)).flatten() {
        values.entry(key).or_default().insert(value);
    }
    values
}

/// The scenario as it ran, key by key; nothing if it is not there or no TOML.
fn scenario_keys(run: &RecordedRun) -> Option<BTreeMap<String, String>> {
    let scenario: toml::Table = run.scenario.as_ref()?.parse().ok()?;
    let mut keys = BTreeMap::new();
    for (key, value) in &scenario {
        if !UNESSENTIAL.contains(&key.as_str()) {
            flatten(key, value, &mut keys);
        }
    }
    Some(keys)
}

fn flatten(path: &str, value: &Toml, keys: &mut BTreeMap<String, String>) {
    match value {
        Toml::Table(table) => {
            for (key, value) in table {
                flatten(&format!("{path}.{key}"), value, keys);
            }
        }
        Toml::Array(elements) if elements.iter().any(Toml::is_table) => {
            for (place, element) in elements.iter().enumerate() {
                let named = ["name", "event"]
                    .iter()
                    .find_map(|key| element.get(key)?.as_str());
                let name = named.map_or_else(|| place.to_string(), str::to_owned);
                flatten(&format!("{path}.{name}"), element, keys);
            }
        }
        Toml::String(text) => {
            keys.insert(path.to_owned(), text.clone());
        }
        Toml::Array(_)
        | Toml::Integer(_)
        | Toml::Float(_)
        | Toml::Boolean(_)
        | Toml::Datetime(_) => {
            keys.insert(path.to_owned(), value.to_string());
        }
    }
}

fn environment_keys(run: &RecordedRun) -> Option<BTreeMap<String, String>> {
    let provenance = &run.summary.provenance;
    if provenance.tool.is_empty() {
        return None;
    }
    let text = |value: &Json| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let host = provenance.host.iter();
    let host = host.map(|(key, value)| (format!("host.{key}"), text(value)));
    let server = provenance
        .server
        .iter()
        .filter(|(key, value)| !PASSING.contains(&key.as_str()) && !value.is_object());
    let server = server.map(|(key, value)| (format!("server.{key}"), text(value)));
    let tool = [("tool".to_owned(), provenance.tool.clone())];
    Some(host.chain(server).chain(tool).collect())
}
