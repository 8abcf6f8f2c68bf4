use super::{needs, population_named, watch_bounds};
use std::time::Duration;

use crate::diagnostic::Place;
use crate::event::{Label, PopulationId, Selector, SelectorError, Series};
use crate::scenario::keys::BOUND;
use crate::scenario::nearest;
use crate::scenario::plan::Population;
use crate::scenario::problem::{Checked, Code, Reported};
use crate::scenario::raw::{Entry, Node};
use crate::scenario::reader::{Reader, all};
use crate::scenario::threshold::{LATER_METRICS, Metric, Threshold};

/// The names that thresholds can refer to.
pub(super) struct Scope<'a> {
    names: &'a [String],
    populations: Option<&'a [Population]>,
}

impl<'a> Scope<'a> {
    /// The names of the populations, and the populations if all of them could be read.
    pub(super) fn new(names: &'a [String], populations: Option<&'a [Population]>) -> Self {
        Self { names, populations }
    }
}

/// `[thresholds]`.
pub(super) fn read(top: &Reader<'_>, scope: &Scope<'_>) -> Checked<Vec<Threshold>> {
    let Some(entry) = top.entry("thresholds") else {
        return Ok(Vec::new());
    };
    let Some(table) = entry.node.value.as_table() else {
        return Err(top.wrong_type("thresholds", &entry.node));
    };
    let bounds = all(named(&table.entries, "")
        .iter()
        .filter(|(name, _)| !watch_bounds::is_watched(name.trim()))
        .map(|(name, entry)| bounds_of(top, name, entry, scope)))?;
    Ok(bounds.into_iter().flatten().collect())
}

/// Every metric with its whole name: without quotes, TOML reads `reconnect.time` as a table in a
/// table, and means the same.
pub(super) fn named<'a>(entries: &'a [Entry], prefix: &str) -> Vec<(String, &'a Entry)> {
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

/// All bounds of one series.
fn bounds_of(
    top: &Reader<'_>,
    written: &str,
    entry: &Entry,
    scope: &Scope<'_>,
) -> Checked<Vec<Threshold>> {
    let key = format!("thresholds.\"{written}\"");
    let place = entry.key_place;
    let selector = Selector::<Metric>::parse(written)
        .map_err(|error| not_a_selector(top, place, &key, &error));
    let population = match &selector {
        Ok(Selector {
            population: Some(name),
            ..
        }) => population_named(top, place, key.clone(), name, scope.names).map(Some),
        Ok(_) | Err(_) => Ok(None),
    };
    let expressions = expressions(top, &entry.node, &key);
    let (selector, population, expressions) = (selector?, population?, expressions?);
    if let Some(label) = &selector.series.label {
        known_label(top, (place, &key), label, population, scope)?;
    }
    all(expressions
        .into_iter()
        .map(|expression| bound(top, &selector.series, population, expression, &key)))
}

fn not_a_selector(top: &Reader<'_>, place: Place, key: &str, error: &SelectorError) -> Reported {
    let message = error.to_string();
    let name = match error {
        SelectorError::UnknownMetric { name } => name,
        SelectorError::Syntax { .. }
        | SelectorError::NotSplit { .. }
        | SelectorError::Twice { .. } => {
            return top.report(Code::BadThreshold, place, message, |d| {
                d.label("does not select a metric").key(key).help(
                    "write METRIC, METRIC{POPULATION}, METRIC{event=NAME} or \
                     METRIC{POPULATION,event=NAME}; docs/scenario.md lists the metrics and what they \
                     are available per",
                )
            });
        }
    };
    if LATER_METRICS.contains(&name.as_str()) {
        let message = format!("the metric {name:?} is not in this version yet");
        return top.report(Code::LaterVersion, place, message, |d| {
            d.label("known, but not measured yet").key(key)
        });
    }
    top.report(Code::UnknownMetric, place, message, |d| {
        d.label("unknown metric")
            .key(key)
            .help("docs/scenario.md lists the metrics")
            .nearest(nearest(name, Metric::all().map(Metric::name)))
    })
}

/// Reports a label that nothing in the scenario has.
fn known_label(
    top: &Reader<'_>,
    (place, key): (Place, &str),
    label: &Label,
    population: Option<PopulationId>,
    scope: &Scope<'_>,
) -> Checked<()> {
    let Some(populations) = scope.populations else {
        // What is wrong with them has been reported.
        return Ok(());
    };
    let meant = match population {
        Some(PopulationId(place)) => &populations[usize::from(place)..=usize::from(place)],
        None => populations,
    };
    let known: Vec<Label> = meant.iter().flat_map(Population::labels).collect();
    if known.contains(label) {
        return Ok(());
    }
    let kind = label.kind();
    let mut names: Vec<&str> = known
        .iter()
        .filter(|known| known.kind() == kind)
        .map(Label::name)
        .collect();
    names.sort_unstable();
    names.dedup();
    let message = format!("there is no {kind} {:?}", label.name());
    Err(top.report(Code::UnknownLabel, place, message, |d| {
        let d = d.label(format!("unknown {kind}")).key(key);
        let d = if names.is_empty() {
            d.help(format!("these clients have no {kind} with a name"))
        } else {
            d.help(format!("the names are {}", names.join(", ")))
        };
        d.nearest(nearest(label.name(), names.iter().copied()))
    }))
}

/// A bound as it stands in the file.
pub(super) struct Expression {
    pub(super) text: String,
    pub(super) place: Place,
    pub(super) abort_after: Option<Duration>,
}

pub(super) fn expressions(top: &Reader<'_>, node: &Node, key: &str) -> Checked<Vec<Expression>> {
    match node.value.as_array() {
        Some(elements) => all(elements.iter().map(|node| expression(top, node, key))),
        None => Ok(vec![expression(top, node, key)?]),
    }
}

/// A text, or a table with `bound` and what a crossing leads to.
fn expression(top: &Reader<'_>, node: &Node, key: &str) -> Checked<Expression> {
    if let Some(text) = node.value.as_str() {
        return Ok(Expression {
            text: text.to_owned(),
            place: node.place,
            abort_after: None,
        });
    }
    if node.value.as_table().is_none() {
        let message = format!("`{key}` has {}", node.value.type_name());
        return Err(top.report(Code::WrongType, node.place, message, |d| {
            d.label("expected a bound such as \"p(99) < 10s\"").key(key)
        }));
    }
    let reader = Reader::new(&BOUND, node, key.to_owned(), top.problems)?;
    let text = reader.text("bound");
    let abort = reader.boolean("abort");
    let after = reader.duration("after");
    if reader.has("after") && abort == Ok(false) {
        let help = "add abort = true: the run ends when the bound is crossed";
        return Err(needs(&reader, "after", "abort", help));
    }
    let after = after?;
    Ok(Expression {
        text: text?,
        place: reader
            .entry("bound")
            .map_or(node.place, |entry| entry.node.place),
        abort_after: abort?.then_some(after),
    })
}

fn bound(
    top: &Reader<'_>,
    series: &Series<Metric>,
    population: Option<PopulationId>,
    expression: Expression,
    key: &str,
) -> Checked<Threshold> {
    let Expression {
        text,
        place,
        abort_after,
    } = expression;
    let threshold = Threshold::parse(series.clone(), population, &text).map_err(|error| {
        top.report(Code::BadThreshold, place, error.to_string(), |d| {
            d.label("not a bound on this metric")
                .key(key)
                .help(error.help())
        })
    })?;
    Ok(Threshold {
        abort_after,
        ..threshold
    })
}
