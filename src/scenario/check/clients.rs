use std::net::IpAddr;

use super::target::{self, Shared, TargetTable};
use super::{Context, addresses, captures, check_name, emit, journey, load};
use crate::event::{EngineRevision, TransportKind};
use crate::scenario::plan::{Client, Population, Profile, Reconnection};
use crate::scenario::problem::{Checked, Code};
use crate::scenario::raw::Table;
use crate::scenario::reader::{Reader, all};
use crate::scenario::template::TextTemplate;

/// The names of all populations, as far as they have one; others refer to them.
pub(super) fn names(top: &Reader<'_>) -> Vec<String> {
    tables(top)
        .map(|table| {
            let name = table.get("name").and_then(|node| node.value.as_str());
            name.unwrap_or("clients").to_owned()
        })
        .collect()
}

fn tables<'a>(top: &Reader<'a>) -> impl Iterator<Item = &'a Table> {
    let elements = top
        .entry("clients")
        .and_then(|entry| entry.node.value.as_array());
    elements
        .into_iter()
        .flatten()
        .filter_map(|node| node.value.as_table())
}

/// `[[clients]]`.
pub(super) fn read(
    top: &Reader<'_>,
    target: Option<&TargetTable>,
    context: &Context<'_>,
) -> Checked<Vec<Population>> {
    let tables = top.children("clients")?;
    if tables.is_empty() {
        let help = "add a population: [[clients]] with name = \"web\" and count = 100";
        return Err(top.missing("clients", help));
    }
    if tables.len() > usize::from(u16::MAX) {
        let message = "too many populations";
        return Err(
            top.report(Code::OutOfRange, top.place_of("clients"), message, |d| {
                d.label(format!("at most {} are possible", u16::MAX))
            }),
        );
    }
    let unique = unique_names(&tables);
    let populations = all(tables.iter().map(|table| {
        population(
            table.as_ref().map_err(|reported| *reported)?,
            target,
            context,
        )
    }));
    unique.and(populations)
}

fn unique_names(tables: &[Checked<Reader<'_>>]) -> Checked<()> {
    let mut seen: Vec<(String, &Reader<'_>)> = Vec::new();
    all(tables.iter().flatten().map(|table| {
        let name = match table.entry("name").map(|entry| entry.node.value.as_str()) {
            Some(Some(name)) => name.to_owned(),
            Some(None) => return Ok(()),
            None => "clients".to_owned(),
        };
        let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) else {
            seen.push((name, table));
            return Ok(());
        };
        let message = format!("there are two populations {name:?}");
        let related = first.place_of("name");
        Err(
            table.report(Code::DuplicateName, table.place_of("name"), message, |d| {
                d.label("the name is taken")
                    .key(table.path_of("name"))
                    .related(related, "by this one")
                    .help("give each population a name of its own")
            }),
        )
    }))
    .map(drop)
}

fn population(
    reader: &Reader<'_>,
    target: Option<&TargetTable>,
    context: &Context<'_>,
) -> Checked<Population> {
    let name = reader
        .text("name")
        .and_then(|name| check_name(reader, "name", name))
        .and_then(|name| check_not_a_number(reader, name));
    let load = load::read(reader);
    let client = client(reader, target, context);
    let namespaces = client
        .as_ref()
        .ok()
        .map(|client| client.namespaces.as_slice());
    let emits = emit::read(reader, namespaces, context);
    let listens = emit::read_listens(reader, context);
    let journey = journey::read(reader, namespaces, context);
    let uses = captures::check(reader, client.as_ref().ok(), context);
    Ok(Population {
        name: name?,
        load: load?,
        client: client?,
        emits: emits?,
        listens: listens?,
        journey: uses.and(journey)?,
    })
}

/// In `--set clients.0.count=1` the number is an index.
fn check_not_a_number(reader: &Reader<'_>, name: String) -> Checked<String> {
    if !name.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(name);
    }
    let message = format!("{name:?} cannot be a population's name");
    Err(
        reader.report(Code::BadValue, reader.place_of("name"), message, |d| {
            d.label("numbers are indices in --set")
                .key(reader.path_of("name"))
        }),
    )
}

fn client(
    reader: &Reader<'_>,
    target: Option<&TargetTable>,
    context: &Context<'_>,
) -> Checked<Client> {
    let nothing = Shared::default();
    let shared = target::shared(reader, target.map_or(&nothing, |t| &t.shared), context);
    let transports = transports(reader);
    let profile = reader.word::<Profile>("profile");
    let protocol = reader.integer("protocol");
    let namespaces = namespaces(reader, target);
    let upgrade = reader.boolean("upgrade");
    let remember_upgrade = reader.boolean("remember_upgrade");
    let try_all_transports = reader.boolean("try_all_transports");
    let with_credentials = reader.boolean("with_credentials");
    let compression = reader.boolean("compression");
    let timeout = reader.duration_or_false("timeout");
    let force_base64 = reader.boolean("force_base64");
    let add_trailing_slash = reader.boolean("add_trailing_slash");
    let timestamp_requests = reader.optional_boolean("timestamp_requests");
    let source_addresses = source_addresses(reader);
    let reconnection = reconnection(reader);
    let shared = shared?;
    if reader.has("tls") && target.is_some_and(TargetTable::is_tls) {
        target::check_tls_files(reader, &shared.tls)?;
    }
    let add_trailing_slash = add_trailing_slash?;
    Ok(Client {
        path: http_path(&shared.path, add_trailing_slash),
        headers: shared.headers,
        query: url_query(target).unwrap_or(shared.query),
        auth: shared.auth,
        tls: shared.tls,
        transports: transports?,
        profile: profile?,
        parser: shared.parser,
        protocol: EngineRevision::try_from(protocol? as u8).expect("the key table allows 3 and 4"),
        namespaces: namespaces?,
        upgrade: upgrade?,
        remember_upgrade: remember_upgrade?,
        try_all_transports: try_all_transports?,
        with_credentials: with_credentials?,
        compression: compression?,
        timeout: timeout?,
        force_base64: force_base64?,
        add_trailing_slash,
        timestamp_requests: timestamp_requests?,
        source_addresses: source_addresses?,
        reconnection: reconnection?,
    })
}

/// The query of the URL wins whole over every option `query`, as in the JS client.
fn url_query(target: Option<&TargetTable>) -> Option<Vec<(String, TextTemplate)>> {
    target.and_then(|target| target.url_query.clone())
}

/// `opts.path.replace(/\/$/, "")`, and a slash unless it is switched off.
fn http_path(path: &str, add_trailing_slash: bool) -> String {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let slash = if add_trailing_slash { "/" } else { "" };
    format!("{bare}{slash}")
}

fn transports(reader: &Reader<'_>) -> Checked<Vec<TransportKind>> {
    let words = reader.words::<TransportKind>("transports")?;
    if words.is_empty() {
        let place = reader.place_of("transports");
        let message = "`transports` is empty";
        return Err(reader.report(Code::OutOfRange, place, message, |d| {
            d.label("a client needs at least one")
                .key(reader.path_of("transports"))
        }));
    }
    let mut transports = Vec::new();
    for (transport, place) in words {
        if transports.contains(&transport) {
            let message = format!("{:?} stands twice in `transports`", transport.name());
            return Err(reader.report(Code::DuplicateName, place, message, |d| {
                d.label("once is enough").key(reader.path_of("transports"))
            }));
        }
        transports.push(transport);
    }
    Ok(transports)
}

fn namespaces(reader: &Reader<'_>, target: Option<&TargetTable>) -> Checked<Vec<String>> {
    let Some(written) = reader.optional_texts("namespaces")? else {
        return Ok(vec![
            target.map_or_else(|| "/".to_owned(), TargetTable::namespace),
        ]);
    };
    let key = reader.path_of("namespaces");
    if written.is_empty() {
        let place = reader.place_of("namespaces");
        let message = "`namespaces` is empty";
        return Err(reader.report(Code::OutOfRange, place, message, |d| {
            d.label("a client needs at least one")
                .key(key)
                .help("leave the key out for the path of the URL, or write namespaces = [\"/\"]")
        }));
    }
    let mut names: Vec<String> = Vec::new();
    for (name, place) in written {
        let name = emit::canonical_namespace(&name);
        if names.contains(&name) {
            let message = format!("{name:?} stands twice in `namespaces`");
            return Err(reader.report(Code::DuplicateName, place, message, |d| {
                d.label("once is enough").key(key)
            }));
        }
        names.push(name);
    }
    Ok(names)
}

fn source_addresses(reader: &Reader<'_>) -> Checked<Vec<IpAddr>> {
    let texts = reader
        .optional_texts("source_addresses")?
        .unwrap_or_default();
    let lists = all(texts.into_iter().map(|(text, place)| {
        addresses::parse(&text).ok_or_else(|| {
            let message = format!("{text:?} is no address and no range of addresses");
            reader.report(Code::BadValue, place, message, |d| {
                d.label("expected \"127.0.1.1\", \"127.0.1.1-127.0.1.20\" or \"10.0.0.0/28\"")
                    .key(reader.path_of("source_addresses"))
            })
        })
    }));
    lists.map(|lists| lists.into_iter().flatten().collect())
}

fn reconnection(reader: &Reader<'_>) -> Checked<Option<Reconnection>> {
    reader.switch("reconnection", |table| {
        let delay = table.duration("delay");
        let delay_max = table.duration("delay_max");
        let randomization = table.fraction("randomization");
        let attempts = table.optional_integer("attempts");
        let default = table.defaults();
        // `opts.reconnectionDelay || 1000`: in JS zero is as good as nothing.
        let or_default = |duration: std::time::Duration, key| {
            if duration.is_zero() {
                default.duration(key)
            } else {
                Ok(duration)
            }
        };
        Ok(Reconnection {
            delay: or_default(delay?, "delay")?,
            delay_max: or_default(delay_max?, "delay_max")?,
            randomization: randomization?,
            attempts: attempts?
                .filter(|attempts| *attempts > 0)
                .map(|attempts| attempts as u32),
        })
    })
}
