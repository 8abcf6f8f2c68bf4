use std::time::Duration;

use super::text::{inline, json, plain_scalar, quoted};
use super::{Writer, size};
use crate::scenario::plan::{
    Ack, Body, Capture, Condition, Journey, Step, StepAction, StepEmit, StepList, StepRequest,
    Test, Wait,
};
use crate::units::{Share, format_duration};
use crate::word::Word as _;

impl Writer<'_> {
    pub(super) fn journey_keys(&mut self, journey: &Journey) {
        if journey.steps.is_empty() {
            return;
        }
        let pace = journey.pace.map(|pace| quoted(&format_duration(pace)));
        self.optional("pace", pace);
        self.optional("iterations", journey.iterations.map(|n| n.to_string()));
        self.pair("on_disconnect", &quoted(journey.on_disconnect.word()));
    }

    pub(super) fn journey(&mut self, journey: &Journey, namespaces: &[String]) {
        for list in StepList::ALL {
            for step in journey.list(list) {
                self.header(&format!("[[clients.{}]]", list.key()));
                self.step(step, list, namespaces);
            }
        }
    }

    fn step(&mut self, step: &Step, list: StepList, namespaces: &[String]) {
        let name = step.name.as_deref().filter(|name| is_name(name));
        self.optional("name", name.map(quoted));
        if matches!(list, StepList::BeforeConnect | StepList::OnConnect) {
            self.pair("when", &quoted(step.when.word()));
        }
        match &step.action {
            StepAction::Request(request) => self.step_request(request),
            StepAction::Emit { emit, wait } => {
                self.step_emit(emit, namespaces);
                if let Some(wait) = wait {
                    self.wait(wait);
                }
            }
            StepAction::Wait(wait) => {
                self.pair("namespace", &quoted(&namespaces[wait.namespace]));
                self.wait(wait);
            }
            StepAction::Think { min, max } => self.pair("think", &pause(*min, *max)),
            StepAction::Disconnect(how) => self.pair("disconnect", &quoted(how.word())),
            StepAction::Connect => self.pair("connect", "true"),
        }
        if !step.expect.is_empty() {
            self.pair("expect", &conditions(&step.expect));
        }
        if !step.captures.is_empty() {
            self.pair("capture", &captures(&step.captures));
        }
        self.pair("timeout", &quoted(&format_duration(step.timeout)));
        let chance = Share::new(step.chance).map(|chance| quoted(&chance.to_string()));
        self.optional("chance", chance.filter(|_| step.chance < 1.0));
        self.pair("repeat", &step.repeat.to_string());
        self.pair("on_error", &quoted(step.on_error.word()));
        if list == StepList::OnRejected {
            self.pair("attempts", &step.attempts.to_string());
        }
    }

    /// Bodies are secrets, and so is what headers carry.
    fn step_request(&mut self, request: &StepRequest) {
        let line = format!("{} {}", request.method, request.url.source());
        self.pair("request", &quoted(&line));
        let headers: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), self.header_value(name, value)))
            .collect();
        self.pair("headers", &inline(headers));
        match &request.body {
            Body::Empty => {}
            Body::Json(body) => {
                let body = json(body.source(), &mut |scalar| self.auth_value(scalar));
                self.pair("json", &body);
            }
            Body::Form(pairs) => {
                let pairs: Vec<_> = pairs
                    .iter()
                    .map(|(name, value)| (name.as_str(), quoted(&self.secret(value.source()))))
                    .collect();
                self.pair("form", &inline(pairs));
            }
            Body::Text(body) => {
                let body = self.secret(body.source());
                self.pair("body", &quoted(&body));
            }
        }
    }

    fn step_emit(&mut self, emit: &StepEmit, namespaces: &[String]) {
        self.pair("emit", &quoted(&emit.event));
        self.pair("data", &json(emit.data.source(), &mut plain_scalar));
        self.optional("size", emit.size.map(size));
        self.pair("binary", &emit.binary.to_string());
        self.pair("namespace", &quoted(&namespaces[emit.namespace]));
        self.pair("volatile", &emit.volatile.to_string());
        self.pair("ack", &ack(emit.ack, &emit.expect, &emit.captures));
    }

    fn wait(&mut self, wait: &Wait) {
        self.pair("wait", &quoted(&wait.event));
        if !wait.conditions.is_empty() {
            self.pair("where", &conditions(&wait.conditions));
        }
    }
}

/// Names that come from an event may hold what a written name may not.
fn is_name(name: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.chars().all(is_name) && !name.starts_with('.')
}

fn pause(min: Duration, max: Duration) -> String {
    if min == max {
        return quoted(&format_duration(min));
    }
    quoted(&format!(
        "{}..{}",
        format_duration(min),
        format_duration(max)
    ))
}

pub(super) fn ack(ack: Option<Ack>, expect: &[Condition], kept: &[Capture]) -> String {
    let Some(ack) = ack else {
        return "false".to_owned();
    };
    let timeout = ack.timeout.map(|timeout| quoted(&format_duration(timeout)));
    let mut pairs = vec![
        ("timeout", timeout.unwrap_or_else(|| "false".to_owned())),
        ("retries", ack.retries.to_string()),
    ];
    if !expect.is_empty() {
        pairs.push(("expect", conditions(expect)));
    }
    if !kept.is_empty() {
        pairs.push(("capture", captures(kept)));
    }
    inline(pairs)
}

fn conditions(conditions: &[Condition]) -> String {
    let sources: Vec<_> = conditions
        .iter()
        .map(|condition| (condition.subject.source(), tests(&condition.tests)))
        .collect();
    inline(
        sources
            .iter()
            .map(|(source, tests)| (source.as_str(), tests.clone())),
    )
}

fn tests(tests: &[Test]) -> String {
    if let [Test::Equals(value)] = tests {
        return json(value.source(), &mut plain_scalar);
    }
    inline(tests.iter().map(|test| match test {
        // Written alone; a condition has no other test beside it.
        Test::Equals(value) => ("equals", json(value.source(), &mut plain_scalar)),
        Test::Exists(exists) => ("exists", exists.to_string()),
        Test::Matches(pattern) => ("matches", quoted(pattern)),
        Test::LessThan(bound) => ("lt", number(*bound)),
        Test::GreaterThan(bound) => ("gt", number(*bound)),
    }))
}

/// TOML tells a float by its point.
fn number(number: f64) -> String {
    toml::Value::Float(number).to_string()
}

pub(super) fn captures(captures: &[Capture]) -> String {
    let sources: Vec<_> = captures
        .iter()
        .map(|capture| (capture.name.as_str(), quoted(&capture.from.source())))
        .collect();
    inline(sources)
}
