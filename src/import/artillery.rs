use serde_json::Value;

use super::flow::{Flow, duration};
use super::values::{Names, quoted, toml};
use super::yaml::{self, Node, YamlError};
use super::{Imported, Note};

/// Seconds that a client stays beyond its pauses.
const ANSWERS: f64 = 10.0;

/// Keys of `config` that are converted, or mean nothing to a scenario.
const KNOWN: [&str; 9] = [
    "target",
    "phases",
    "socketio",
    "socketio-v3",
    "payload",
    "variables",
    "tls",
    "engines",
    "name",
];

/// Converts an Artillery script whose scenarios use the `socketio` or `socketio-v3` engine.
///
/// # Errors
/// If the text is not YAML.
pub fn artillery(text: &str) -> Result<Imported, YamlError> {
    let root = yaml::parse(text)?;
    let empty = Node {
        line: 1,
        content: yaml::Content::Map(Vec::new()),
    };
    let config = root.get("config").unwrap_or(&empty);
    let mut notes = Vec::new();
    let mut names = Names::default();
    variables(config, &mut names, &mut notes);
    for (key, node) in config.members() {
        if !KNOWN.contains(&key.as_str()) {
            note(
                &mut notes,
                node.line,
                format!("`config.{key}` has no counterpart"),
            );
        }
    }
    let Phases { seconds, rate } = phases(config, &mut notes);
    let mut out = format!(
        "# Converted from an Artillery script.\nduration = {}\n",
        quoted(&duration(seconds))
    );
    target(config, &names, &mut out, &mut notes);
    payload(config, &mut out, &mut notes);
    let scenarios = root.get("scenarios").map_or(&[][..], Node::elements);
    let weight = |scenario: &Node| scenario.get("weight").and_then(Node::as_f64).unwrap_or(1.0);
    let weights: f64 = scenarios.iter().map(weight).sum();
    for (place, scenario) in scenarios.iter().enumerate() {
        let share = weight(scenario) / weights.max(f64::MIN_POSITIVE);
        let population = Population {
            name: population_name(scenario, place),
            rate: rate * share,
        };
        population.write(scenario, &names, &mut out, &mut notes);
    }
    if scenarios.is_empty() {
        note(&mut notes, root.line, "the script has no `scenarios`");
    }
    notes.sort();
    Ok(Imported {
        scenario: out,
        notes,
    })
}

fn note(notes: &mut Vec<Note>, line: usize, text: impl Into<String>) {
    notes.push(Note {
        line,
        text: text.into(),
    });
}

/// One value stays what it is; Artillery draws one of several, which a CSV file does here.
fn variables(config: &Node, names: &mut Names, notes: &mut Vec<Note>) {
    for (name, node) in config.get("variables").map_or(&[][..], Node::members) {
        match node.elements() {
            [single] => {
                let text = single.scalar().map(|value| {
                    let text = value.as_str().map(str::to_owned);
                    text.unwrap_or_else(|| value.to_string())
                });
                names
                    .constants
                    .insert(name.clone(), text.unwrap_or_default());
            }
            _ => note(
                notes,
                node.line,
                format!(
                    "`variables.{name}` has several values: put them into a CSV file, [data] csv"
                ),
            ),
        }
    }
    for payload in config.get("payload").map_or(&[][..], Node::elements) {
        for field in payload.get("fields").map_or(&[][..], Node::elements) {
            names.columns.extend(field.as_str().map(str::to_owned));
        }
    }
}

struct Phases {
    seconds: f64,
    /// Arrivals per second.
    rate: f64,
}

/// One rate for the whole run: that with which as many come as in all phases.
fn phases(config: &Node, notes: &mut Vec<Note>) -> Phases {
    let list = config.get("phases").map_or(&[][..], Node::elements);
    let (mut seconds, mut arrivals) = (0.0, 0.0);
    for phase in list {
        let number = |key: &str| {
            let node = phase.get(key)?;
            let text = node
                .as_str()
                .and_then(|text| crate::units::parse_duration(text).ok());
            node.as_f64()
                .or_else(|| text.map(|duration| duration.as_secs_f64()))
        };
        let length = number("duration")
            .or_else(|| number("pause"))
            .unwrap_or(0.0);
        let from = number("arrivalRate").unwrap_or(0.0);
        let to = number("rampTo").unwrap_or(from);
        let counted = number("arrivalCount");
        arrivals += counted.unwrap_or((from + to) / 2.0 * length);
        seconds += length;
        if phase.get("rampTo").is_some() || list.len() > 1 {
            note(
                notes,
                phase.line,
                "phases become one rate over the whole run; use `ramp` for a number of clients that changes",
            );
        }
        if let Some(most) = phase.get("maxVusers") {
            note(
                notes,
                most.line,
                "`maxVusers`: `arrivals` has no upper bound; use `count` or `ramp`",
            );
        }
    }
    if seconds <= 0.0 {
        return Phases {
            seconds: 60.0,
            rate: 1.0,
        };
    }
    Phases {
        seconds,
        rate: arrivals / seconds,
    }
}

fn target(config: &Node, names: &Names, out: &mut String, notes: &mut Vec<Note>) {
    out.push_str("\n[target]\n");
    let mut pair = |key: &str, value: String| out.push_str(&[key, " = ", &value, "\n"].concat());
    if let Some(target) = config.get("target") {
        let converted = names.convert(target.as_str().unwrap_or_default());
        pair("url", quoted(&converted.text));
    }
    let engines = ["socketio", "socketio-v3"];
    for options in engines.iter().filter_map(|engine| config.get(engine)) {
        for (key, node) in options.members() {
            let mut unknown = Vec::new();
            let value = names.convert_value(&node.json(), &mut unknown);
            match (key.as_str(), &value) {
                ("path", Value::String(path)) => pair("path", quoted(path)),
                ("query", Value::Object(_)) => pair("query", toml(&strings(&value))),
                ("query", Value::String(text)) => {
                    let pairs = url::form_urlencoded::parse(text.as_bytes());
                    let pairs = pairs.map(|(key, value)| (key.into_owned(), Value::from(value)));
                    pair("query", toml(&Value::Object(pairs.collect())));
                }
                ("extraHeaders", Value::Object(_)) => pair("headers", toml(&strings(&value))),
                ("auth", Value::Object(_)) => pair("auth", toml(&value)),
                ("transports", _) => {}
                _ => note(
                    notes,
                    node.line,
                    format!(
                        "`{key}` of the engine has no counterpart here; see the keys of [[clients]]"
                    ),
                ),
            }
        }
    }
    let rejects = config
        .get("tls")
        .and_then(|tls| tls.get("rejectUnauthorized"));
    if rejects.and_then(Node::scalar) == Some(&Value::Bool(false)) {
        pair("tls", "{ insecure = true }".to_owned());
    }
}

/// Every value as a string.
fn strings(value: &Value) -> Value {
    let members = value.as_object().into_iter().flatten();
    let members = members.map(|(key, value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (key.clone(), Value::from(text))
    });
    Value::Object(members.collect())
}

fn payload(config: &Node, out: &mut String, notes: &mut Vec<Note>) {
    let files = config.get("payload").map_or(&[][..], Node::elements);
    for (place, payload) in files.iter().enumerate() {
        let Some(path) = payload.get("path").and_then(Node::as_str) else {
            continue;
        };
        if place > 0 {
            note(
                notes,
                payload.line,
                "a second payload file: a scenario has one CSV file",
            );
            continue;
        }
        out.push_str(&["\n[data]\ncsv = ", &quoted(path), "\n"].concat());
        note(
            notes,
            payload.line,
            format!(
                "{path} needs a header line with the names of `fields`; clients take rows in order"
            ),
        );
    }
}

fn population_name(scenario: &Node, place: usize) -> String {
    let name = scenario
        .get("name")
        .and_then(Node::as_str)
        .unwrap_or_default();
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
                c
            } else {
                '-'
            }
        })
        .collect();
    let plain = plain.trim_matches('-').to_lowercase();
    if plain.is_empty() || plain.bytes().all(|b| b.is_ascii_digit()) {
        return format!("scenario-{}", place + 1);
    }
    // Two scenarios may have one name.
    if place == 0 {
        plain
    } else {
        format!("{plain}-{}", place + 1)
    }
}

struct Population {
    name: String,
    rate: f64,
}

impl Population {
    fn write(self, scenario: &Node, names: &Names, out: &mut String, notes: &mut Vec<Note>) {
        let mut names = Names {
            columns: names.columns.clone(),
            constants: names.constants.clone(),
            captured: Vec::new(),
        };
        let mut flow = Flow::default();
        for (key, node) in scenario.members() {
            match key.as_str() {
                "name" | "engine" | "weight" | "flow" => {}
                other => flow.note(
                    node.line,
                    format!("`{other}` of a scenario has no counterpart"),
                ),
            }
        }
        match scenario.get("engine") {
            Some(engine) if !matches!(engine.as_str(), Some("socketio" | "socketio-v3")) => {
                flow.note(engine.line, "the engine is not Socket.IO");
            }
            Some(_) => {}
            None => flow.note(scenario.line, "the scenario has no `engine: socketio`"),
        }
        if let Some(steps) = scenario.get("flow") {
            self.flow(steps, &mut names, &mut flow);
        }
        let stay = flow.thinking + ANSWERS;
        out.push_str(&["\n[[clients]]\nname = ", &quoted(&self.name), "\n"].concat());
        let per_hour = (self.rate * 3600.0).round().max(1.0);
        let mut pair = |key: &str, value: &str| {
            out.push_str(&[key, " = ", value, "\n"].concat());
        };
        pair("arrivals", &quoted(&format!("{per_hour}/h")));
        pair("stay", &quoted(&duration(stay)));
        if !flow.namespaces.is_empty() {
            let namespaces = flow.namespaces.iter().map(|name| quoted(name));
            let namespaces: Vec<_> = std::iter::once(quoted("/")).chain(namespaces).collect();
            pair("namespaces", &format!("[{}]", namespaces.join(", ")));
        }
        if flow.has_steps() {
            pair("iterations", "1");
        }
        out.push_str(&flow.tables);
        notes.extend(flow.notes);
    }

    /// `loop` stands beside its `count` in one table.
    fn flow(&self, steps: &Node, names: &mut Names, flow: &mut Flow) {
        for step in steps.elements() {
            let count = step.get("count").and_then(Node::as_f64).unwrap_or(1.0);
            let one = std::slice::from_ref(step);
            let list = Node {
                line: step.line,
                content: yaml::Content::List(one.to_vec()),
            };
            flow.steps(&list, names, count.max(1.0) as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{self, Overrides};

    const SCRIPT: &str = r#"
config:
  target: "http://localhost:3000"
  phases:
    - duration: 60
      arrivalRate: 10
  socketio:
    query: "room=a"
    extraHeaders:
      x-tenant: "t"
  processor: "./functions.js"
  variables:
    greeting: "hello"
scenarios:
  - name: "Join and chat"
    engine: socketio
    flow:
      - post:
          url: "/login"
          json:
            user: "u-{{ $randomString() }}"
          capture:
            json: "$.token"
            as: "token"
      - emit:
          channel: "join"
          data:
            room: "lobby"
            token: "{{ token }}"
          acknowledge:
            match:
              json: "$.ok"
              value: true
      - think: 2
      - loop:
          - emit:
              channel: "message"
              data: "{{ greeting }} {{ nothing }}"
              response:
                channel: "message"
        count: 3
      - function: "logIt"
"#;

    #[test]
    fn a_script_becomes_a_sound_scenario_and_its_rest_is_listed_line_by_line() {
        let imported = artillery(SCRIPT).unwrap();
        let plan = scenario::parse(&imported.scenario, "chat.toml", &Overrides::default());
        let plan = plan.unwrap_or_else(|problems| panic!("{problems}\n{}", imported.scenario));
        let population = &plan.populations[0];
        assert_eq!(population.name, "join-and-chat");
        let journey = &population.journey;
        assert_eq!((journey.before_connect.len(), journey.steps.len()), (1, 3));
        assert_eq!(journey.steps[2].repeat, 3);
        assert!(
            imported.scenario.contains("token = \"{{capture.token}}\"")
                || imported
                    .scenario
                    .contains("\"token\" = \"{{capture.token}}\"")
        );
        let lines: Vec<usize> = imported.notes.iter().map(|note| note.line).collect();
        let text = |part: &str| SCRIPT.lines().position(|line| line.contains(part)).unwrap() + 1;
        assert_eq!(lines, [text("processor"), text("nothing"), text("logIt")]);
    }

    #[test]
    fn what_is_not_yaml_is_told_by_its_line() {
        let error = artillery("config:\n  target: [\n").unwrap_err();
        assert!(error.line >= 2, "{error}");
    }
}
