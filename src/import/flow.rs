//! The flow of one Artillery scenario as steps.

use serde_json::Value;

use super::Note;
use super::values::{Names, quoted, toml};
use super::yaml::{Content, Node};

/// Requests come before the connect as long as nothing of the socket has come.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// `[[clients.before_connect]]` and `[[clients.steps]]` tables.
    pub(super) tables: String,
    pub(super) notes: Vec<Note>,
    /// In seconds, without what is waited for.
    pub(super) thinking: f64,
    pub(super) namespaces: Vec<String>,
    has_spoken: bool,
    has_steps: bool,
    names: u32,
}

impl Flow {
    pub(super) fn note(&mut self, line: usize, text: impl Into<String>) {
        self.notes.push(Note {
            line,
            text: text.into(),
        });
    }

    pub(super) fn has_steps(&self) -> bool {
        self.has_steps
    }

    pub(super) fn steps(&mut self, flow: &Node, names: &mut Names, repeat: u64) {
        for step in flow.elements() {
            for (key, body) in step.members() {
                self.step(key, body, names, repeat);
            }
        }
    }

    fn step(&mut self, key: &str, body: &Node, names: &mut Names, repeat: u64) {
        match key {
            "think" => self.think(body),
            "emit" => self.emit(body, names, repeat),
            "get" | "post" | "put" | "patch" | "delete" => self.request(key, body, names),
            "loop" | "count" | "whileTrue" | "over" | "loopValue" => {}
            "log" => {}
            "namespace" => {}
            "function" => {
                let name = body.as_str().unwrap_or("a function");
                self.note(
                    body.line,
                    format!("`function: {name}` is JavaScript: write what it does as steps"),
                );
            }
            "connect" | "disconnect" => {
                self.table("steps");
                let line = if key == "connect" {
                    "connect = true"
                } else {
                    "disconnect = \"namespace\""
                };
                self.line(line);
            }
            other => self.note(body.line, format!("`{other}` has no counterpart")),
        }
        if key == "loop" {
            self.repeat(body, names, repeat);
        }
    }

    /// A loop of one step is its `repeat`; the steps of a longer one follow each other once.
    fn repeat(&mut self, body: &Node, names: &mut Names, repeat: u64) {
        let is_single = body.elements().len() == 1;
        if is_single {
            self.steps(body, names, repeat);
        } else {
            self.note(body.line, "a loop over several steps: they are written once; give the population `iterations` for more");
            self.steps(body, names, 1);
        }
    }

    fn table(&mut self, list: &str) {
        self.tables
            .push_str(&["\n[[clients.", list, "]]\n"].concat());
        self.has_steps |= list == "steps";
    }

    fn line(&mut self, line: &str) {
        self.tables.push_str(line);
        self.tables.push('\n');
    }

    fn pair(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {value}"));
    }

    fn think(&mut self, body: &Node) {
        let text = body.as_str().unwrap_or_default().trim();
        let seconds = body.as_f64().or_else(|| seconds(text));
        match seconds {
            Some(seconds) if seconds >= 0.0 => {
                self.thinking += seconds;
                self.table("steps");
                self.pair("think", &quoted(&duration(seconds)));
            }
            Some(_) | None => self.note(
                body.line,
                format!("`think: {text}` is no number of seconds"),
            ),
        }
    }

    fn text(&mut self, node: &Node, names: &Names) -> String {
        let text = match node.scalar() {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => node.json().to_string(),
        };
        let converted = names.convert(&text);
        self.unknown(node.line, converted.unknown);
        converted.text
    }

    fn value(&mut self, node: &Node, names: &Names) -> Value {
        let mut unknown = Vec::new();
        let value = names.convert_value(&node.json(), &mut unknown);
        self.unknown(node.line, unknown);
        value
    }

    fn unknown(&mut self, line: usize, names: Vec<String>) {
        for name in names {
            self.note(
                line,
                format!("`{{{{ {name} }}}}` stands for nothing here: it is sent as it is"),
            );
        }
    }

    /// Names repeat in a flow and must not in a population.
    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        let plain: String = what
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '_' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        format!("{}-{}", plain.trim_matches('-'), self.names)
    }

    fn emit(&mut self, body: &Node, names: &mut Names, repeat: u64) {
        self.has_spoken = true;
        let (channel, data) = match &body.content {
            // engine-socketio-v3 also takes the event and its arguments as a list.
            Content::List(elements) => {
                let channel = elements
                    .first()
                    .map_or_else(String::new, |e| self.text(e, names));
                let data: Vec<_> = elements
                    .iter()
                    .skip(1)
                    .map(|e| self.value(e, names))
                    .collect();
                (channel, data)
            }
            Content::Map(_) | Content::Scalar(_) => {
                let channel = body.get("channel").or_else(|| body.get("event"));
                let channel = channel.map_or_else(String::new, |node| self.text(node, names));
                let data = body.get("data").or_else(|| body.get("args"));
                let data = data.map(|node| self.value(node, names));
                let data = match (data, body.get("args").is_some()) {
                    (Some(Value::Array(arguments)), true) => arguments,
                    (Some(value), _) => vec![value],
                    (None, _) => Vec::new(),
                };
                (channel, data)
            }
        };
        self.table("steps");
        let name = self.name(&channel);
        self.pair("name", &quoted(&name));
        self.pair("emit", &quoted(&channel));
        if !data.is_empty() {
            self.pair("data", &toml(&Value::Array(data)));
        }
        if let Some(namespace) = body.get("namespace").and_then(Node::as_str) {
            let namespace = format!("/{}", namespace.trim_start_matches('/'));
            self.pair("namespace", &quoted(&namespace));
            if !self.namespaces.contains(&namespace) {
                self.namespaces.push(namespace);
            }
        }
        if let Some(acknowledge) = body.get("acknowledge") {
            self.acknowledge(acknowledge, names);
        }
        if let Some(response) = body.get("response") {
            self.response(response, names);
        }
        if repeat > 1 {
            self.pair("repeat", &repeat.to_string());
        }
    }

    fn acknowledge(&mut self, body: &Node, names: &mut Names) {
        let mut parts = vec!["timeout = \"10s\"".to_owned()];
        let conditions = self.conditions(body, names);
        if !conditions.is_empty() {
            parts.push(format!("expect = {{ {} }}", conditions.join(", ")));
        }
        if let Some(captures) = self.captures(body, names) {
            parts.push(format!("capture = {captures}"));
        }
        let ack = format!("{{ {} }}", parts.join(", "));
        self.pair("ack", &ack);
    }

    fn response(&mut self, body: &Node, names: &mut Names) {
        let channel = body.get("channel").or_else(|| body.get("on"));
        let Some(channel) = channel else {
            self.note(body.line, "a `response` without `channel`");
            return;
        };
        let channel = self.text(channel, names);
        self.pair("wait", &quoted(&channel));
        let conditions = self.conditions(body, names);
        if !conditions.is_empty() {
            let conditions = format!("{{ {} }}", conditions.join(", "));
            self.pair("expect", &conditions);
        }
        if let Some(captures) = self.captures(body, names) {
            self.pair("capture", &captures);
        }
    }

    /// `data` is the first argument as a whole, `match` one value within it.
    fn conditions(&mut self, body: &Node, names: &Names) -> Vec<String> {
        let mut conditions = Vec::new();
        if let Some(data) = body.get("data").or_else(|| body.get("args")) {
            let value = self.value(data, names);
            match value.as_object() {
                Some(members) => {
                    for (key, value) in members {
                        let path = format!("$[0][{}]", Value::from(key.as_str()));
                        conditions.push(format!("{} = {}", quoted(&path), toml(value)));
                    }
                }
                None => conditions.push(format!("\"$[0]\" = {}", toml(&value))),
            }
        }
        for matched in body.get("match").map_or(&[][..], Node::elements) {
            let path = matched.get("json").and_then(Node::as_str);
            let (Some(path), Some(value)) = (path, matched.get("value")) else {
                self.note(matched.line, "a `match` other than by `json` and `value`");
                continue;
            };
            let value = self.value(value, names);
            conditions.push(format!("{} = {}", quoted(&argument(path)), toml(&value)));
        }
        conditions
    }

    fn captures(&mut self, body: &Node, names: &mut Names) -> Option<String> {
        let mut captures = Vec::new();
        for capture in body.get("capture").map_or(&[][..], Node::elements) {
            let source = capture.get("json").and_then(Node::as_str);
            let name = capture.get("as").and_then(Node::as_str);
            let (Some(source), Some(name)) = (source, name) else {
                self.note(capture.line, "a `capture` other than by `json` and `as`");
                continue;
            };
            captures.push(format!("{} = {}", quoted(name), quoted(&argument(source))));
            names.captured.push(name.to_owned());
        }
        (!captures.is_empty()).then(|| format!("{{ {} }}", captures.join(", ")))
    }

    fn request(&mut self, method: &str, body: &Node, names: &mut Names) {
        let list = if self.has_spoken {
            "steps"
        } else {
            "before_connect"
        };
        let url = body.get("url").unwrap_or(body);
        let url_text = self.text(url, names);
        self.table(list);
        let name = self.name(&url_text);
        self.pair("name", &quoted(&name));
        self.pair(
            "request",
            &quoted(&format!("{} {url_text}", method.to_uppercase())),
        );
        for (key, node) in body.members() {
            match key.as_str() {
                "url" | "name" | "capture" => {}
                "json" | "form" | "headers" => {
                    let value = self.value(node, names);
                    self.pair(key, &toml(&value));
                }
                "body" => {
                    let text = self.text(node, names);
                    self.pair("body", &quoted(&text));
                }
                other => self.note(
                    node.line,
                    format!("`{other}` of a request has no counterpart"),
                ),
            }
        }
        let mut captures = Vec::new();
        for capture in body.get("capture").map_or(&[][..], Node::elements) {
            let name = capture.get("as").and_then(Node::as_str);
            let header = capture.get("header").and_then(Node::as_str);
            let source = capture
                .get("json")
                .and_then(Node::as_str)
                .map(str::to_owned);
            let source = source.or_else(|| Some(format!("header {}", header?)));
            let (Some(name), Some(source)) = (name, source) else {
                self.note(capture.line, "a `capture` other than by `json` or `header`");
                continue;
            };
            captures.push(format!("{} = {}", quoted(name), quoted(&source)));
            names.captured.push(name.to_owned());
        }
        if !captures.is_empty() {
            let captures = format!("{{ {} }}", captures.join(", "));
            self.pair("capture", &captures);
        }
    }
}

/// Artillery's paths look into the first argument, ours into the list of all.
fn argument(path: &str) -> String {
    match path.strip_prefix('$') {
        // engine-socketio-v3 looks into the list already.
        Some(rest) if rest.starts_with("[0]") || rest.starts_with(".0") => {
            format!("${}", rest.replacen(".0", "[0]", 1))
        }
        Some(rest) => format!("$[0]{rest}"),
        None => format!("$[0].{path}"),
    }
}

/// `1.5`, `"2s"` or `"500ms"`.
fn seconds(text: &str) -> Option<f64> {
    let parsed = crate::units::parse_duration(text).ok()?;
    Some(parsed.as_secs_f64())
}

pub(super) fn duration(seconds: f64) -> String {
    crate::units::format_duration(std::time::Duration::from_secs_f64(seconds))
}
