use super::population_named;
use crate::diagnostic::Place;
use crate::event::PopulationId;
use crate::scenario::nearest;
use crate::scenario::problem::{Checked, Code};
use crate::scenario::raw::{Entry, Node};
use crate::scenario::reader::{Reader, all};
use crate::scenario::threshold::{LATER_METRICS, Metric, Threshold};

/// `[thresholds]`.
pub(super) fn read(top: &Reader<'_>, names: &[String]) -> Checked<Vec<Threshold>> {
    let Some(entry) = top.entry("thresholds") else {
        return Ok(Vec::new());
    };
    let Some(table) = entry.node.value.as_table() else {
        return Err(top.wrong_type("thresholds", &entry.node));
    };
    let bounds = all(named(&table.entries, "")
        .iter()
        .map(|(name, entry)| metric(top, name, entry, names)))?;
    Ok(bounds.into_iter().flatten().collect())
}

/// Every metric with its whole name: without quotes, TOML reads `reconnect.time` as a table in a
/// table, and means the same.
fn named<'a>(entries: &'a [Entry], prefix: &str) -> Vec<(String, &'a Entry)> {
    let mut found = Vec::new();
    for entry in entries {
        let name = format!("{prefix}{}", entry.key);
        match entry.node.value.as_table() {
            Some(table) => found.extend(named(&table.entries, &format!("{name}."))),
            None => found.push((name, entry)),
        }
    }
    found
}

/// All bounds of one metric.
fn metric(
    top: &Reader<'_>,
    written: &str,
    entry: &Entry,
    names: &[String],
) -> Checked<Vec<Threshold>> {
    let key = format!("thresholds.\"{written}\"");
    let (name, population) = match written.split_once('{') {
        Some((name, rest)) => {
            let population = rest.trim_end().trim_end_matches('}').trim();
            (name.trim(), Some(population))
        }
        None => (written.trim(), None),
    };
    let metric = known(top, entry.key_place, &key, name);
    let population = population
        .map(|population| population_named(top, entry.key_place, key.clone(), population, names))
        .transpose();
    let expressions = expressions(top, &entry.node, &key);
    let (metric, population, expressions) = (metric?, population?, expressions?);
    all(expressions
        .into_iter()
        .map(|(text, place)| bound(top, metric, population, (text, place), &key)))
}

fn known(top: &Reader<'_>, place: Place, key: &str, name: &str) -> Checked<Metric> {
    if let Some(metric) = Metric::from_name(name) {
        return Ok(metric);
    }
    if LATER_METRICS.contains(&name) {
        let message = format!("the metric {name:?} is not in this version yet");
        return Err(top.report(Code::LaterVersion, place, message, |d| {
            d.label("known, but not measured yet").key(key)
        }));
    }
    let message = format!("there is no metric {name:?}");
    Err(top.report(Code::UnknownMetric, place, message, |d| {
        d.label("unknown metric")
            .key(key)
            .help("docs/scenario.md lists the metrics")
            .nearest(nearest(name, Metric::all().map(Metric::name)))
    }))
}

fn expressions(top: &Reader<'_>, node: &Node, key: &str) -> Checked<Vec<(String, Place)>> {
    let text = |node: &Node| {
        if let Some(text) = node.value.as_str() {
            return Ok((text.to_owned(), node.place));
        }
        let message = format!("`{key}` has {}", node.value.type_name());
        Err(top.report(Code::WrongType, node.place, message, |d| {
            d.label("expected a bound such as \"p(99) < 10s\"").key(key)
        }))
    };
    match node.value.as_array() {
        Some(elements) => all(elements.iter().map(text)),
        None => Ok(vec![text(node)?]),
    }
}

fn bound(
    top: &Reader<'_>,
    metric: Metric,
    population: Option<PopulationId>,
    (text, place): (String, Place),
    key: &str,
) -> Checked<Threshold> {
    Threshold::parse(metric, population, &text).map_err(|error| {
        top.report(Code::BadThreshold, place, error.to_string(), |d| {
            d.label("not a bound on this metric")
                .key(key)
                .help(error.help())
        })
    })
}
