use super::{Context, conditions, needs, templates};
use crate::scenario::nearest;
use crate::scenario::plan::{Ack, Capture, Condition, Emit, Listen, StampPath};
use crate::scenario::problem::{Checked, Code};
use crate::scenario::reader::{Reader, all};
use crate::units::ByteSize;

/// Names that the reference client refuses to emit (socket.io-client, `RESERVED_EVENTS`).
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// Above what a WebSocket of the reference server takes by a tenfold, and what memory has room for.
const LARGEST: ByteSize = ByteSize(1 << 30);

/// `[[clients.emit]]`.
pub(super) fn read(
    population: &Reader<'_>,
    namespaces: Option<&[String]>,
    context: &Context<'_>,
) -> Checked<Vec<Emit>> {
    let tables = population.children("emit")?;
    all(tables
        .into_iter()
        .map(|table| emit(&table?, namespaces, context)))
}

fn emit(
    reader: &Reader<'_>,
    namespaces: Option<&[String]>,
    context: &Context<'_>,
) -> Checked<Emit> {
    let event = event(reader);
    let data = templates::arguments(reader, "data", context);
    let size = size(reader);
    let binary = reader.boolean("binary");
    if binary == Ok(true) && !reader.has("size") {
        needs(
            reader,
            "binary",
            "size",
            "add size = \"1KB\": the size of the buffer",
        );
    }
    let every = reader
        .duration("every")
        .and_then(|every| reader.not_zero("every", every));
    let burst = reader.integer("burst");
    let namespace = namespace(reader, namespaces);
    let volatile = reader.boolean("volatile");
    let ack = ack(reader, context);
    let Answer {
        ack,
        expect,
        captures,
    } = ack?;
    Ok(Emit {
        event: event?,
        data: data?,
        size: size?,
        binary: binary?,
        every: every?,
        burst: burst? as u32,
        namespace: namespace?,
        volatile: volatile?,
        ack,
        expect,
        captures,
    })
}

/// A size that memory has room for.
pub(super) fn size(reader: &Reader<'_>) -> Checked<Option<ByteSize>> {
    let size: Option<ByteSize> = reader.optional_quantity("size")?;
    match (size, reader.entry("size")) {
        (Some(size), Some(entry)) if size > LARGEST => {
            let message = format!("`size` cannot be {size}");
            Err(
                reader.report(Code::OutOfRange, entry.node.place, message, |d| {
                    d.label(format!("expected {LARGEST} at most"))
                        .key(reader.path_of("size"))
                }),
            )
        }
        _ => Ok(size),
    }
}

fn event(reader: &Reader<'_>) -> Checked<String> {
    let event = reader.text("event")?;
    check_event(reader, "event", event)
}

/// Refuses the names of events that only Socket.IO itself sends.
pub(super) fn check_event(reader: &Reader<'_>, key: &str, event: String) -> Checked<String> {
    if !RESERVED.contains(&event.as_str()) {
        return Ok(event);
    }
    let message = format!("{event:?} is an event of Socket.IO itself");
    let place = reader
        .entry(key)
        .map_or(reader.place, |entry| entry.node.place);
    Err(reader.report(Code::ReservedEvent, place, message, |d| {
        d.label("clients never send or receive it as an event")
            .key(reader.path_of(key))
            .help(format!("reserved are {}", RESERVED.join(", ")))
    }))
}

/// The server reads `chat` as `/chat`; we do so early, to compare names.
pub(super) fn canonical_namespace(name: &str) -> String {
    if name.starts_with('/') {
        name.to_owned()
    } else {
        format!("/{name}")
    }
}

pub(super) fn namespace(reader: &Reader<'_>, namespaces: Option<&[String]>) -> Checked<usize> {
    let (Some(written), Some(known)) = (reader.optional_text("namespace")?, namespaces) else {
        return Ok(0);
    };
    let name = canonical_namespace(&written);
    if let Some(index) = known.iter().position(|known| *known == name) {
        return Ok(index);
    }
    let message = format!("the population does not connect to {name:?}");
    let place = reader
        .entry("namespace")
        .map_or(reader.place, |entry| entry.node.place);
    Err(reader.report(Code::UnknownNamespace, place, message, |d| {
        d.label("unknown namespace")
            .key(reader.path_of("namespace"))
            .help(format!("its namespaces are {}", known.join(", ")))
            .nearest(nearest(&name, known.iter().map(String::as_str)))
    }))
}

/// An ack and what is made of its arguments.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) ack: Option<Ack>,
    pub(super) expect: Vec<Condition>,
    pub(super) captures: Vec<Capture>,
}

/// `ack` of an emit table or of a step.
pub(super) fn ack(reader: &Reader<'_>, context: &Context<'_>) -> Checked<Answer> {
    let answer = reader.switch("ack", |table| {
        let timeout = table.duration_or_false("timeout");
        let retries = table.integer("retries");
        let expect = conditions::read(table, "expect", context);
        let captures = conditions::captures(table, "capture");
        let ack = Ack {
            timeout: timeout?,
            retries: retries? as u32,
        };
        if ack.retries > 0 && ack.timeout.is_none() {
            let help = "add timeout = \"10s\": an ack is sent again when it is over";
            return Err(needs(table, "retries", "timeout", help));
        }
        if let Some(timeout) = ack.timeout {
            table.not_zero("timeout", timeout)?;
        }
        Ok(Answer {
            ack: Some(ack),
            expect: expect?,
            captures: captures?,
        })
    })?;
    Ok(answer.unwrap_or_default())
}

/// `[[clients.listen]]`.
pub(super) fn read_listens(population: &Reader<'_>, context: &Context<'_>) -> Checked<Vec<Listen>> {
    let tables = population.children("listen")?;
    all(tables.into_iter().map(|table| listen(&table?, context)))
}

fn listen(reader: &Reader<'_>, context: &Context<'_>) -> Checked<Listen> {
    let event = event(reader);
    let name = reader.optional_text("name");
    let expect = reader.optional_integer("expect");
    let stamp = stamp(reader);
    let reply = reader
        .has("reply")
        .then(|| templates::arguments(reader, "reply", context))
        .transpose();
    let captures = conditions::captures(reader, "capture");
    Ok(Listen {
        event: event?,
        name: name?.filter(|name| !name.is_empty()),
        expect: expect?,
        stamp: stamp?,
        reply: reply?,
        captures: captures?,
    })
}

fn stamp(reader: &Reader<'_>) -> Checked<Option<StampPath>> {
    reader.optional("stamp", |reader, node| {
        let path = match (node.value.as_integer(), node.value.as_str()) {
            (Some(index), _) => usize::try_from(index).ok().map(|argument| StampPath {
                argument,
                keys: Vec::new(),
            }),
            (None, Some(text)) => stamp_path(text),
            (None, None) => return Err(reader.wrong_type("stamp", node)),
        };
        path.ok_or_else(|| {
            let message = "`stamp` leads to no argument";
            reader.reject(Code::BadValue, "stamp", node, message.to_owned())
        })
    })
}

fn stamp_path(text: &str) -> Option<StampPath> {
    let mut parts = text.split('.');
    let argument = parts.next()?.parse().ok()?;
    let keys: Vec<String> = parts.map(str::to_owned).collect();
    let sound = keys.iter().all(|key| !key.is_empty());
    sound.then_some(StampPath { argument, keys })
}
