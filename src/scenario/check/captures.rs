//! No template may need a captured value before anything has captured it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Context;
use crate::diagnostic::Place;
use crate::scenario::nearest;
use crate::scenario::plan::{Client, StepList};
use crate::scenario::problem::{Checked, Code, Reported};
use crate::scenario::raw::{Node, Raw, Table};
use crate::scenario::reader::{Reader, all};
use crate::scenario::template::JsonTemplate;

/// Names that are there for sure at some point of a client's life.
type Names = BTreeSet<String>;

/// Keys of a step or an emit table that hold no templates.
const PLAIN: [&str; 7] = ["capture", "name", "event", "emit", "wait", "when", "stamp"];

/// Follows a client through its life, and reports each template that comes too early.
pub(super) fn check(
    population: &Reader<'_>,
    client: Option<&Client>,
    context: &Context<'_>,
) -> Checked<()> {
    let walk = Walk {
        known: known(population),
        context,
    };
    let mut there = Names::new();
    let mut verdicts = vec![walk.list(population, StepList::BeforeConnect, &mut there)];
    for key in ["query", "headers", "auth"] {
        verdicts.push(walk.option(population, key, client, &there));
    }
    verdicts.push(walk.list(population, StepList::OnRejected, &mut there.clone()));
    verdicts.push(walk.list(population, StepList::OnConnect, &mut there));
    for table in tables(population, "emit") {
        verdicts.push(walk.table(table, &there));
    }
    for reply in tables(population, "listen").filter_map(|table| table.get("reply")) {
        verdicts.push(walk.node(reply, &there));
    }
    verdicts.push(walk.list(population, StepList::Steps, &mut there));
    all(verdicts).map(drop)
}

/// What the population captures at all.
fn known(population: &Reader<'_>) -> Names {
    let lists = StepList::ALL.map(StepList::key);
    let keys = lists.into_iter().chain(["emit", "listen"]);
    let tables = keys.flat_map(|key| tables(population, key));
    tables.flat_map(captured).collect()
}

fn tables<'a>(population: &Reader<'a>, key: &str) -> impl Iterator<Item = &'a Table> {
    let entry = population.entry(key);
    let elements = entry.and_then(|entry| entry.node.value.as_array());
    let nodes = elements.into_iter().flatten();
    nodes.filter_map(|node| node.value.as_table())
}

/// The names under `capture` and `ack.capture`.
fn captured(table: &Table) -> Vec<String> {
    let own = table.get("capture");
    let ack = table.get("ack").and_then(|ack| ack.value.as_table());
    let of_ack = ack.and_then(|ack| ack.get("capture"));
    let tables = [own, of_ack].into_iter().flatten();
    let entries = tables
        .filter_map(|node| node.value.as_table())
        .flat_map(|table| &table.entries);
    entries.map(|entry| entry.key.clone()).collect()
}

/// Whether a step is done on the first connect, and nothing goes on without it.
fn is_sure(table: &Table) -> bool {
    let text = |key: &str| table.get(key).and_then(|node| node.value.as_str());
    let when = matches!(text("when"), None | Some("always" | "first"));
    let chance = match table.get("chance").map(|node| &node.value) {
        None => true,
        Some(Raw::String(text)) => text.trim() == "100%",
        Some(Raw::Integer(number)) => *number == 1,
        Some(Raw::Float(number)) => *number >= 1.0,
        Some(Raw::Boolean(_) | Raw::Datetime(_) | Raw::Array(_) | Raw::Table(_)) => false,
    };
    when && chance && text("on_error") != Some("continue")
}

struct Walk<'a> {
    known: Names,
    context: &'a Context<'a>,
}

impl Walk<'_> {
    /// Adds what the list captures to what is there.
    fn list(&self, population: &Reader<'_>, list: StepList, there: &mut Names) -> Checked<()> {
        all(tables(population, list.key()).map(|table| {
            let verdict = self.table(table, there);
            if is_sure(table) {
                there.extend(captured(table));
            }
            verdict
        }))
        .map(drop)
    }

    fn table(&self, table: &Table, there: &Names) -> Checked<()> {
        let entries = table.entries.iter();
        let entries = entries.filter(|entry| !PLAIN.contains(&entry.key.as_str()));
        all(entries.map(|entry| self.node(&entry.node, there))).map(drop)
    }

    fn node(&self, node: &Node, there: &Names) -> Checked<()> {
        match &node.value {
            Raw::String(text) => {
                let template = JsonTemplate::new(Value::String(text.clone()), self.context.csv());
                // One that cannot be compiled is reported where it is compiled.
                template.map_or(Ok(()), |template| {
                    self.template(&template, node.place, there)
                })
            }
            Raw::Array(elements) => {
                all(elements.iter().map(|node| self.node(node, there))).map(drop)
            }
            Raw::Table(table) => self.table(table, there),
            Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) => Ok(()),
        }
    }

    /// An option of the population, or else of the target.
    fn option(
        &self,
        population: &Reader<'_>,
        key: &str,
        client: Option<&Client>,
        there: &Names,
    ) -> Checked<()> {
        if let Some(entry) = population.entry(key) {
            return self.node(&entry.node, there);
        }
        let Some(client) = client else { return Ok(()) };
        let place = population.place_of("name");
        let texts = match key {
            "query" => &client.query[..],
            "headers" => &client.headers[..],
            _ => &[],
        };
        let texts = texts.iter().flat_map(|(_, template)| template.references());
        let auth = client.auth.iter().filter(|_| key == "auth");
        let references = texts.chain(auth.flat_map(JsonTemplate::references));
        all(references.map(|found| self.reference(found.name, found.has_default, place, there)))
            .map(drop)
    }

    fn template(&self, template: &JsonTemplate, place: Place, there: &Names) -> Checked<()> {
        let references = template.references();
        all(references.map(|found| self.reference(found.name, found.has_default, place, there)))
            .map(drop)
    }

    fn reference(&self, name: &str, has_default: bool, place: Place, there: &Names) -> Checked<()> {
        if !self.known.contains(name) {
            return Err(self.unknown(name, place));
        }
        if has_default || there.contains(name) {
            return Ok(());
        }
        let message = format!("`{{{{capture.{name}}}}}` could be used before anything is captured");
        let problems = self.context.problems;
        Err(problems.report(Code::MissingCapture, place, message, |d| {
            d.label("may not be there yet").help(format!(
                "write {{{{capture.{name} | default(0)}}}}, or capture it in an earlier step that is always done"
            ))
        }))
    }

    fn unknown(&self, name: &str, place: Place) -> Reported {
        let message = format!("nothing in this population captures `{name}`");
        let problems = self.context.problems;
        problems.report(Code::MissingCapture, place, message, |d| {
            d.label("is never captured")
                .help(format!(
                    "add capture = {{ {name} = \"$.{name}\" }} to a step"
                ))
                .nearest(nearest(name, self.known.iter().map(String::as_str)))
        })
    }
}
