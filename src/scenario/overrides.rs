//! What flags change: the tree gets their values before it is checked, so that one set of rules
//! holds for both, and a problem in a value points to where the value came from.

use std::path::PathBuf;

use super::check;
use super::nearest;
use super::plan::IpFamily;
use super::problem::{Code, Problems};
use super::raw::{self, Node, Raw, Table};
use super::secret::{mask_setting, mask_url};
use crate::diagnostic::Place;

/// What the command line and the environment change in a scenario; the default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--url`: `[target] url`.
    pub url: Option<String>,
    /// `--clients`: so many clients in all, every population in proportion.
    pub clients: Option<u64>,
    /// `--duration`: faults of the file after it are left out, with a warning.
    pub duration: Option<String>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--set path.to.key=value`, in order; they come before all other flags.
    pub set: Vec<String>,
    /// `--cacert`, for `[target]` and for each population with TLS settings of its own.
    pub cacert: Option<PathBuf>,
    /// `--cert`, as `cacert`.
    pub cert: Option<PathBuf>,
    /// `--key`, as `cacert`.
    pub key: Option<PathBuf>,
    /// `--insecure`, as `cacert`.
    pub insecure: bool,
    /// `--proxy`.
    pub proxy: Option<String>,
    /// `--connect-to`, in place of all of the file's.
    pub connect_to: Vec<String>,
    /// `--ipv4` or `--ipv6`.
    pub ip_family: Option<IpFamily>,
}

/// The flags as written, for messages; a [`Place::Flag`] is a place in it.
#[derive(Debug, Default)]
pub(super) struct Flags {
    pub(super) texts: Vec<String>,
}

impl Flags {
    fn add(&mut self, text: String) -> Place {
        self.texts.push(text);
        Place::Flag(self.texts.len() - 1)
    }
}

impl Overrides {
    /// Changes the tree; gives back where `--clients` stands, which is applied to the plan.
    pub(super) fn apply(
        &self,
        root: &mut Node,
        flags: &mut Flags,
        problems: &Problems,
    ) -> Option<(u64, Place)> {
        for set in &self.set {
            let place = flags.add(format!("--set {}", mask_setting(set)));
            apply_set(root, set, place, problems);
        }
        for (key, flag, value) in [("url", "url", &self.url), ("proxy", "proxy", &self.proxy)] {
            if let Some(value) = value {
                let place = flags.add(format!("--{flag} {}", mask_url(value)));
                put(root, &["target", key], Node::string(value, place));
            }
        }
        if let Some(duration) = &self.duration {
            let place = flags.add(format!("--duration {duration}"));
            put(root, &["duration"], Node::string(duration, place));
        }
        if let Some(seed) = self.seed {
            let place = flags.add(format!("--seed {seed}"));
            put(root, &["seed"], integer(seed, place));
        }
        self.apply_network(root, flags);
        self.apply_tls(root, flags);
        self.clients
            .map(|clients| (clients, flags.add(format!("--clients {clients}"))))
    }

    fn apply_network(&self, root: &mut Node, flags: &mut Flags) {
        if !self.connect_to.is_empty() {
            let rules = self.connect_to.iter().map(|rule| {
                let place = flags.add(format!("--connect-to {rule}"));
                Node::string(rule, place)
            });
            let rules: Vec<_> = rules.collect();
            let place = rules[0].place;
            let value = Raw::Array(rules);
            put(root, &["target", "connect_to"], Node { value, place });
        }
        if let Some(family) = self.ip_family {
            let version = match family {
                IpFamily::V4 => 4,
                IpFamily::V6 => 6,
            };
            let place = flags.add(format!("--ipv{version}"));
            put(root, &["target", "ip"], integer(version, place));
        }
    }

    fn apply_tls(&self, root: &mut Node, flags: &mut Flags) {
        let files = [
            ("ca", "cacert", &self.cacert),
            ("cert", "cert", &self.cert),
            ("key", "key", &self.key),
        ];
        for (key, flag, file) in files {
            if let Some(file) = file {
                let file = file.display().to_string();
                let place = flags.add(format!("--{flag} {file}"));
                put_tls(root, key, &Node::string(file, place));
            }
        }
        if self.insecure {
            let place = flags.add("--insecure".to_owned());
            let value = Raw::Boolean(true);
            put_tls(root, "insecure", &Node { value, place });
        }
    }
}

fn integer(number: u64, place: Place) -> Node {
    Node {
        value: Raw::Integer(number.into()),
        place,
    }
}

/// In `[target]`, and in each population that would otherwise use its own in place of that.
fn put_tls(root: &mut Node, key: &str, value: &Node) {
    put(root, &["target", "tls", key], value.clone());
    let Raw::Table(top) = &mut root.value else {
        return;
    };
    let Some(Raw::Array(populations)) = top.get_mut("clients").map(|node| &mut node.value) else {
        return;
    };
    for population in populations {
        if let Raw::Table(table) = &population.value
            && table.get("tls").is_some()
        {
            put(population, &["tls", key], value.clone());
        }
    }
}

/// Puts a value at the end of a path of tables, which are made where they lack.
///
/// A table's place that is of another kind (say `tls = 3`) is left as it is: the check reports it.
fn put(node: &mut Node, path: &[&str], value: Node) {
    let (Some((key, rest)), Raw::Table(table)) = (path.split_first(), &mut node.value) else {
        return;
    };
    if rest.is_empty() {
        table.set(key, value);
        return;
    }
    if table.get(key).is_none() {
        let empty = Node {
            value: Raw::Table(Table::default()),
            place: value.place,
        };
        table.set(key, empty);
    }
    if let Some(inner) = table.get_mut(key) {
        put(inner, rest, value);
    }
}

fn apply_set(root: &mut Node, set: &str, place: Place, problems: &Problems) {
    let fail = |message: String, help: String| {
        problems.report(Code::BadOverride, place, message, |d| {
            d.label("in this flag").help(help)
        });
    };
    let parsed = set
        .split_once('=')
        .and_then(|(path, value)| Some((segments(path)?, value)));
    let Some((path, value)) = parsed else {
        let help = "write --set path.to.key=value, such as --set clients.web.count=500";
        fail(format!("{set:?} is no assignment"), help.to_owned());
        return;
    };
    let value = value.trim();
    let node = raw::parse_value(value, place).unwrap_or_else(|| Node::string(value, place));
    let path: Vec<_> = path.iter().map(String::as_str).collect();
    if let Err(Lost { below, known }) = assign(root, &path, node) {
        let lost = &path[..path.len() - below];
        let message = format!("the scenario has no `{}`", lost.join("."));
        let name = lost.last().filter(|name| name.parse::<usize>().is_err());
        let help = match name.and_then(|n| nearest(n, known.iter().map(String::as_str))) {
            Some(name) => format!("did you mean `{name}`?"),
            None if known.is_empty() => "set can change what is there, and add keys".to_owned(),
            None => format!("there are {}", known.join(", ")),
        };
        fail(message, help);
    }
}

/// The parts of a dotted key, quoted or not, as TOML reads them.
fn segments(path: &str) -> Option<Vec<String>> {
    let (root, errors) = raw::parse(&format!("{} = 0", path.trim()));
    let mut found = Vec::new();
    let mut node = &root;
    while let Raw::Table(table) = &node.value {
        let entry = table.entries.first()?;
        found.push(entry.key.clone());
        node = &entry.node;
    }
    errors.is_empty().then_some(found)
}

/// A path that leads nowhere.
struct Lost {
    /// How many of the path's last parts were not looked at any more.
    below: usize,
    /// What there is in place of the part that is not there.
    known: Vec<String>,
}

fn assign(node: &mut Node, path: &[&str], value: Node) -> Result<(), Lost> {
    let Some((key, rest)) = path.split_first() else {
        *node = value;
        return Ok(());
    };
    match &mut node.value {
        Raw::Array(elements) => {
            let Some(index) = element(elements, key) else {
                return Err(Lost {
                    below: rest.len(),
                    known: element_names(elements),
                });
            };
            assign(&mut elements[index], rest, value)
        }
        // `ack = true` and `reconnection = false` have a table behind them.
        Raw::Boolean(_) => {
            node.value = Raw::Table(Table::default());
            assign(node, path, value)
        }
        Raw::Table(table) if rest.is_empty() => {
            table.set(key, value);
            Ok(())
        }
        Raw::Table(table) => {
            if table.get(key).is_none() {
                // An array cannot be made up: what would stand in the other keys of its table?
                if TABLE_ARRAYS.contains(key) {
                    return Err(Lost {
                        below: rest.len() - 1,
                        known: Vec::new(),
                    });
                }
                let empty = Node {
                    value: Raw::Table(Table::default()),
                    place: value.place,
                };
                table.set(key, empty);
            }
            let inner = table.get_mut(key).expect("it was there or has been set");
            assign(inner, rest, value)
        }
        Raw::String(_) | Raw::Integer(_) | Raw::Float(_) | Raw::Datetime(_) => Err(Lost {
            below: rest.len(),
            known: Vec::new(),
        }),
    }
}

/// Keys of `[[…]]` tables.
const TABLE_ARRAYS: [&str; 8] = [
    "clients",
    "chaos",
    "emit",
    "listen",
    "before_connect",
    "on_connect",
    "on_rejected",
    "steps",
];

/// By index, or by what the element is called: a population's or a step's `name`, an event.
fn element(elements: &[Node], key: &str) -> Option<usize> {
    if let Ok(index) = key.parse::<usize>() {
        return (index < elements.len()).then_some(index);
    }
    elements
        .iter()
        .position(|node| called(node).as_deref() == Some(key))
}

fn called(node: &Node) -> Option<String> {
    let table = node.value.as_table()?;
    let text = |key: &str| table.get(key)?.value.as_str();
    let name = ["name", "event", "emit", "wait"].into_iter().find_map(text);
    let path = || Some(check::request_name(text("request")?));
    name.map(str::to_owned).or_else(path)
}

fn element_names(elements: &[Node]) -> Vec<String> {
    let name = |(i, node)| called(node).unwrap_or_else(|| format!("{i}"));
    elements.iter().enumerate().map(name).collect()
}
