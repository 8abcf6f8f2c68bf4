use std::time::Duration;

use super::{Context, check_name, conditions, emit, exclude, needs, templates};
use crate::scenario::plan::{
    BeforeWhen, Body, OnError, Step, StepAction, StepDisconnect, StepEmit, StepList, StepRequest,
    Wait, When,
};
use crate::scenario::problem::{Checked, Code, Reported};
use crate::scenario::reader::Reader;
use crate::units;

/// The keys of which a step has one, or `emit` with `wait`.
const ACTIONS: [&str; 6] = ["request", "emit", "wait", "think", "disconnect", "connect"];

/// Keys that make sense beside one action alone.
const COMPANIONS: [(&str, &[&str]); 4] = [
    ("request", &["json", "form", "body", "headers"]),
    ("emit", &["data", "size", "binary", "volatile", "ack"]),
    ("wait", &["where"]),
    ("think", &[]),
];

/// The methods that a request may have.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// One step of a list.
pub(super) fn read(
    reader: &Reader<'_>,
    list: StepList,
    namespaces: Option<&[String]>,
    context: &Context<'_>,
) -> Checked<Step> {
    let action = action(reader, list, namespaces, context);
    let name = name(reader);
    let when = when(reader, list);
    let timeout = reader
        .duration("timeout")
        .and_then(|timeout| reader.not_zero("timeout", timeout));
    let expect = conditions::read(reader, "expect", context);
    let captures = conditions::captures(reader, "capture");
    let chance = reader.share("chance");
    let repeat = reader.integer("repeat");
    let on_error = reader.word::<OnError>("on_error");
    let attempts = match list {
        StepList::OnRejected => reader.integer("attempts"),
        StepList::BeforeConnect | StepList::OnConnect | StepList::Steps => Ok(1),
    };
    let action = action?;
    check_uses(reader, &action)?;
    Ok(Step {
        name: name?.or_else(|| default_name(&action)),
        when: when?,
        action,
        timeout: timeout?,
        expect: expect?,
        captures: captures?,
        chance: chance?.fraction(),
        repeat: repeat? as u32,
        on_error: on_error?,
        attempts: attempts? as u32,
    })
}

fn name(reader: &Reader<'_>) -> Checked<Option<String>> {
    let name = reader.optional_text("name")?;
    name.map(|name| check_name(reader, "name", name))
        .transpose()
}

/// The event, or the path with dots; steps that are not measured have none.
fn default_name(action: &StepAction) -> Option<String> {
    match action {
        StepAction::Request(request) => Some(path_name(request.url.source())),
        StepAction::Emit { emit, .. } => Some(emit.event.clone()),
        StepAction::Wait(wait) => Some(wait.event.clone()),
        StepAction::Think { .. } | StepAction::Disconnect(_) | StepAction::Connect => None,
    }
}

/// `/a/login?x=1` and `https://host/a/login` as `a.login`.
pub(super) fn path_name(url: &str) -> String {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => url,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.join(".") {
        name if name.is_empty() => "request".to_owned(),
        name => name,
    }
}

fn when(reader: &Reader<'_>, list: StepList) -> Checked<When> {
    match list {
        StepList::BeforeConnect => reader.word::<BeforeWhen>("when").map(When::from),
        StepList::OnConnect => reader.word("when"),
        StepList::OnRejected | StepList::Steps => Ok(When::Always),
    }
}

fn action(
    reader: &Reader<'_>,
    list: StepList,
    namespaces: Option<&[String]>,
    context: &Context<'_>,
) -> Checked<StepAction> {
    let written: Vec<_> = ACTIONS.into_iter().filter(|key| reader.has(key)).collect();
    match written[..] {
        [] => Err(no_action(reader, list)),
        ["request"] => request(reader, context),
        ["emit"] | ["emit", "wait"] => {
            let emit = emit_of(reader, namespaces, context);
            let wait = reader
                .has("wait")
                .then(|| wait(reader, namespaces, context))
                .transpose();
            Ok(StepAction::Emit {
                emit: Box::new(emit?),
                wait: wait?,
            })
        }
        ["wait"] => wait(reader, namespaces, context).map(StepAction::Wait),
        ["think"] => think(reader),
        ["disconnect"] => {
            let how = reader.optional_word("disconnect")?;
            Ok(StepAction::Disconnect(
                how.unwrap_or(StepDisconnect::Namespace),
            ))
        }
        [_] => match reader.optional_boolean("connect")? {
            Some(true) => Ok(StepAction::Connect),
            Some(false) | None => {
                let message = "`connect = false` does nothing";
                Err(
                    reader.report(Code::BadStep, reader.place_of("connect"), message, |d| {
                        d.label("not a step")
                            .key(reader.path_of("connect"))
                            .help("write connect = true, or leave the step out")
                    }),
                )
            }
        },
        [first, second, ..] => {
            let help = "make them two steps; only `emit` and `wait` go together";
            Err(exclude(reader, second, first, help))
        }
    }
}

fn no_action(reader: &Reader<'_>, list: StepList) -> Reported {
    let help = match list {
        StepList::BeforeConnect | StepList::OnRejected => {
            "write request = \"POST /login\", or think = \"1s\""
        }
        StepList::OnConnect | StepList::Steps => {
            "write emit = \"join\", wait = \"history\", request = \"POST /login\" or think = \"1s\""
        }
    };
    let message = "a step that does nothing";
    reader.report(Code::BadStep, reader.place, message, |d| {
        d.label("has no action").key(reader.path_of("")).help(help)
    })
}

/// Reports keys that have no meaning beside the step's action.
fn check_uses(reader: &Reader<'_>, action: &StepAction) -> Checked<()> {
    for (owner, keys) in COMPANIONS {
        if reader.has(owner) {
            continue;
        }
        if let Some(key) = keys.iter().find(|key| reader.has(key)) {
            let help = format!("leave it out, or make it a step with `{owner}`");
            return Err(needs(reader, key, owner, &help));
        }
    }
    let answers = match action {
        StepAction::Request(_) | StepAction::Wait(_) => true,
        StepAction::Emit { wait, .. } => wait.is_some(),
        StepAction::Think { .. } | StepAction::Disconnect(_) | StepAction::Connect => false,
    };
    let unused = ["expect", "capture"]
        .into_iter()
        .find(|key| reader.has(key));
    match unused {
        Some(key) if !answers => {
            let (other, help) = if reader.has("emit") {
                let help = "for the ack write ack = { expect = { \"$[0].ok\" = true } }";
                ("wait", help)
            } else {
                (
                    "request",
                    "only a request or an event has something to look at",
                )
            };
            Err(needs(reader, key, other, help))
        }
        Some(_) | None => Ok(()),
    }
}

fn request(reader: &Reader<'_>, context: &Context<'_>) -> Checked<StepAction> {
    let line = reader.text("request")?;
    let url = templates::text(reader, "request", context)?;
    let place = reader
        .entry("request")
        .map_or(reader.place, |entry| entry.node.place);
    let (method, url_text) = line.trim().split_once(' ').unwrap_or(("", ""));
    let is_sound = METHODS.contains(&method) && !url_text.trim().is_empty() && url.is_some();
    if !is_sound {
        let message = format!("{line:?} is not a request");
        return Err(reader.report(Code::BadValue, place, message, |d| {
            d.label("expected \"METHOD URL\"")
                .key(reader.path_of("request"))
                .help(format!(
                    "write \"POST /login\"; the methods are {}",
                    METHODS.join(", ")
                ))
        }));
    }
    let url = crate::scenario::template::TextTemplate::new(url_text.trim(), context.csv())
        .map_err(|_| Reported)?;
    let headers = templates::text_table(reader, "headers", context)
        .and_then(|headers| check_headers(reader, headers));
    let body = body(reader, context);
    Ok(StepAction::Request(Box::new(StepRequest {
        method: method.to_owned(),
        url,
        headers: headers?,
        body: body?,
    })))
}

type Headers = Vec<(String, crate::scenario::template::TextTemplate)>;

fn check_headers(reader: &Reader<'_>, headers: Headers) -> Checked<Headers> {
    for (name, _) in &headers {
        if http::HeaderName::try_from(name.as_str()).is_err() {
            let message = format!("{name:?} cannot be the name of a header");
            return Err(
                reader.report(Code::BadValue, reader.place_of("headers"), message, |d| {
                    d.label("HTTP does not allow it")
                        .key(reader.path_of("headers"))
                }),
            );
        }
    }
    Ok(headers)
}

fn body(reader: &Reader<'_>, context: &Context<'_>) -> Checked<Body> {
    let written: Vec<_> = ["json", "form", "body"]
        .into_iter()
        .filter(|key| reader.has(key))
        .collect();
    match written[..] {
        [] => Ok(Body::Empty),
        ["json"] => {
            let path = reader.path_of("json");
            let value = reader.optional("json", |reader, node| {
                if node.value.as_table().is_none() && node.value.as_array().is_none() {
                    return Err(reader.wrong_type("json", node));
                }
                templates::value(node, &path, context)
            })?;
            Ok(value.map_or(Body::Empty, Body::Json))
        }
        ["form"] => templates::text_table(reader, "form", context).map(Body::Form),
        [_] => Ok(templates::text(reader, "body", context)?.map_or(Body::Empty, Body::Text)),
        [first, second, ..] => {
            let help = "a request has one body: json, form or body";
            Err(exclude(reader, second, first, help))
        }
    }
}

fn emit_of(
    reader: &Reader<'_>,
    namespaces: Option<&[String]>,
    context: &Context<'_>,
) -> Checked<StepEmit> {
    let event = reader
        .text("emit")
        .and_then(|event| emit::check_event(reader, "emit", event));
    let data = templates::arguments(reader, "data", context);
    let size = emit::size(reader);
    let binary = reader.boolean("binary");
    if binary == Ok(true) && !reader.has("size") {
        let help = "add size = \"1KB\": the size of the buffer";
        return Err(needs(reader, "binary", "size", help));
    }
    let namespace = emit::namespace(reader, namespaces);
    let volatile = reader.boolean("volatile");
    let answer = emit::ack(reader, context);
    let answer = answer?;
    if let Some(ack) = answer.ack
        && ack.retries > 0
    {
        let message = "`retries` makes no sense in a step";
        return Err(
            reader.report(Code::Contradiction, reader.place_of("ack"), message, |d| {
                d.label("a step fails when its ack does not come")
                    .key(reader.path_of("ack"))
                    .help("leave `retries` out; `repeat` and `on_error` say what follows")
            }),
        );
    }
    Ok(StepEmit {
        event: event?,
        data: data?,
        size: size?,
        binary: binary?,
        namespace: namespace?,
        volatile: volatile?,
        ack: answer.ack,
        expect: answer.expect,
        captures: answer.captures,
    })
}

fn wait(
    reader: &Reader<'_>,
    namespaces: Option<&[String]>,
    context: &Context<'_>,
) -> Checked<Wait> {
    let event = reader
        .text("wait")
        .and_then(|event| emit::check_event(reader, "wait", event));
    let namespace = emit::namespace(reader, namespaces);
    let conditions = conditions::read(reader, "where", context);
    Ok(Wait {
        event: event?,
        namespace: namespace?,
        conditions: conditions?,
    })
}

fn think(reader: &Reader<'_>) -> Checked<StepAction> {
    let text = reader.text("think")?;
    let (min, max) = text.split_once("..").unwrap_or((&text, &text));
    let parsed = units::parse_duration(min.trim())
        .and_then(|min| Ok((min, units::parse_duration(max.trim())?)));
    let sound = parsed
        .ok()
        .filter(|(min, max)| min <= max && *max <= LONGEST);
    let Some((min, max)) = sound else {
        let place = reader
            .entry("think")
            .map_or(reader.place, |entry| entry.node.place);
        let message = format!("{text:?} is not a pause");
        return Err(reader.report(Code::BadUnit, place, message, |d| {
            d.label("expected a duration such as \"2s\", or a range such as \"1s..5s\"")
                .key(reader.path_of("think"))
        }));
    };
    Ok(StepAction::Think { min, max })
}

/// Longer than any run.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
