use percent_encoding::percent_decode_str;
use url::Url;

use super::{Context, needs, templates};
use crate::event::Parser;
use crate::scenario::keys::{Kind, TARGET};
use crate::scenario::plan::{ConnectTo, IpFamily, Target, Tls};
use crate::scenario::problem::{Checked, Code};
use crate::scenario::raw::{Node, Raw, Table};
use crate::scenario::reader::{Reader, all};
use crate::scenario::secret::mask_url;
use crate::scenario::template::{JsonTemplate, TextTemplate};

/// `[target]` and what it gives to the populations.
pub(super) struct TargetTable {
    pub(super) target: Target,
    pub(super) shared: Shared,
    /// The query of the URL, which stands above every other one.
    pub(super) url_query: Option<Vec<(String, TextTemplate)>>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn is_tls(url: &Url) -> bool {
    matches!(url.scheme(), "https" | "wss")
}

impl TargetTable {
    /// Whether clients speak TLS.
    pub(super) fn is_tls(&self) -> bool {
        self.target.url.as_ref().is_some_and(is_tls)
    }

    /// Where a client without `namespaces` connects to.
    pub(super) fn namespace(&self) -> String {
        self.target
            .url
            .as_ref()
            .map_or_else(|| "/".to_owned(), |url| url.path().to_owned())
    }
}

/// What a population takes from `[target]` unless it has its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    pub(super) path: String,
    pub(super) headers: Vec<(String, TextTemplate)>,
    pub(super) query: Vec<(String, TextTemplate)>,
    pub(super) auth: Option<JsonTemplate>,
    pub(super) tls: Tls,
    pub(super) parser: Parser,
}

/// `[target]`; a scenario without one has all its defaults.
pub(super) fn read(top: &Reader<'_>, context: &Context<'_>) -> Checked<TargetTable> {
    let empty = Node {
        value: Raw::Table(Table::default()),
        place: top.place,
    };
    let reader = match top.child("target")? {
        Some(reader) => reader,
        None => Reader::new(&TARGET, &empty, "target".to_owned(), context.problems)?,
    };
    let url = url(&reader, "url", &["http", "https", "ws", "wss"]);
    let proxy = self::url(&reader, "proxy", &["http"]);
    let redirects = redirects(&reader);
    let connect_to = connect_to(&reader);
    let toxiproxy = self::url(&reader, "toxiproxy", &["http"]);
    let ip = reader.optional_integer("ip");
    let shared = shared(&reader, &Shared::default(), context);
    let mut url = url?;
    let shared = shared?;
    if url.as_ref().is_some_and(is_tls) {
        check_tls_files(&reader, &shared.tls)?;
    }
    let url_query = url.as_mut().and_then(take_query);
    let mut warnings = Vec::new();
    if url_query.is_some() && reader.has("query") {
        warnings
            .push("the query of the URL stands in place of `query`, as in the JS client".into());
    }
    Ok(TargetTable {
        target: Target {
            url,
            proxy: proxy?,
            redirects: redirects?,
            connect_to: connect_to?,
            toxiproxy: toxiproxy?,
            ip_family: ip?.map(|version| match version {
                6 => IpFamily::V6,
                _ => IpFamily::V4,
            }),
        },
        shared,
        url_query,
        warnings,
    })
}

/// Reports a scenario that names neither a server nor how to start one.
pub(super) fn check_reachable(top: &Reader<'_>) {
    if top.place_within("target", "url").is_none() && !top.has("server") {
        let place = top.place_of("target");
        let message = "nothing to connect to: neither [target] url nor [server]";
        top.report(Code::MissingKey, place, message, |d| {
            d.label("`url` is missing")
                .key("target.url")
                .help("add [target] url = \"http://127.0.0.1:3000/\", or [server] embedded = true")
        });
    }
}

/// The keys that `[target]` and a population have in common.
pub(super) fn shared(
    reader: &Reader<'_>,
    inherited: &Shared,
    context: &Context<'_>,
) -> Checked<Shared> {
    let path = path(reader);
    let headers = if reader.has("headers") {
        headers(reader, context)
    } else {
        Ok(inherited.headers.clone())
    };
    let query = if reader.has("query") {
        templates::text_table(reader, "query", context)
    } else {
        Ok(inherited.query.clone())
    };
    let auth = if reader.has("auth") {
        templates::payload(reader, "auth", context)
    } else {
        Ok(inherited.auth.clone())
    };
    let tls = tls(reader, context);
    let parser = reader.optional_word("parser");
    Ok(Shared {
        path: path?.unwrap_or_else(|| inherited.path.clone()),
        headers: headers?,
        query: query?,
        auth: auth?,
        tls: tls?.unwrap_or_else(|| inherited.tls.clone()),
        parser: parser?.unwrap_or(inherited.parser),
    })
}

fn path(reader: &Reader<'_>) -> Checked<Option<String>> {
    let path = reader.optional_text("path")?;
    match (&path, reader.entry("path")) {
        (Some(text), Some(entry)) if !text.starts_with('/') || text.contains(['?', '#', ' ']) => {
            let message = format!("{text:?} is no path");
            Err(
                reader.report(Code::BadValue, entry.node.place, message, |d| {
                    d.label("expected a path such as \"/socket.io/\"")
                        .key(reader.path_of("path"))
                }),
            )
        }
        _ => Ok(path),
    }
}

fn headers(reader: &Reader<'_>, context: &Context<'_>) -> Checked<Vec<(String, TextTemplate)>> {
    let table = reader
        .entry("headers")
        .and_then(|entry| entry.node.value.as_table());
    let entries = table.map_or(&[][..], |table| &table.entries);
    let names = all(entries.iter().map(|entry| {
        if http::HeaderName::try_from(entry.key.as_str()).is_ok() {
            return Ok(());
        }
        let message = format!("{:?} is no header name", entry.key);
        Err(
            reader.report(Code::BadValue, entry.key_place, message, |d| {
                d.label("expected a name such as \"x-tenant\"").key(format!(
                    "{}.{}",
                    reader.path_of("headers"),
                    entry.key
                ))
            }),
        )
    }));
    let templates = templates::text_table(reader, "headers", context);
    names.and(templates)
}

fn tls(reader: &Reader<'_>, context: &Context<'_>) -> Checked<Option<Tls>> {
    let Some(tls) = reader.child("tls")? else {
        return Ok(None);
    };
    let ca = tls.optional_text("ca");
    let cert = tls.optional_text("cert");
    let key = tls.optional_text("key");
    let insecure = tls.boolean("insecure");
    let help = "name the certificate and its key together";
    match (tls.has("cert"), tls.has("key")) {
        (true, false) => return Err(needs(&tls, "cert", "key", help)),
        (false, true) => return Err(needs(&tls, "key", "cert", help)),
        (true, true) | (false, false) => {}
    }
    let resolve = |file: Option<String>| file.map(|file| context.resolve(&file));
    Ok(Some(Tls {
        ca: resolve(ca?),
        cert: resolve(cert?),
        key: resolve(key?),
        insecure: insecure?,
    }))
}

/// Reports certificate files that cannot be read; without TLS nobody will ask for them.
pub(super) fn check_tls_files(reader: &Reader<'_>, tls: &Tls) -> Checked<()> {
    let files = [("ca", &tls.ca), ("cert", &tls.cert), ("key", &tls.key)];
    let readable = files.into_iter().map(|(key, file)| {
        let Some(file) = file else { return Ok(()) };
        let Err(error) = std::fs::File::open(file) else {
            return Ok(());
        };
        let place = reader.place_within("tls", key).unwrap_or(reader.place);
        let message = format!("cannot read {}: {error}", file.display());
        Err(reader.report(Code::UnreadableFile, place, message, |d| {
            d.label("this file")
                .key(format!("{}.{key}", reader.path_of("tls")))
                .help("it is looked for beside the scenario, then in the working directory")
        }))
    });
    all(readable).map(drop)
}

pub(super) fn url(
    reader: &Reader<'_>,
    key: &str,
    schemes: &'static [&'static str],
) -> Checked<Option<Url>> {
    let Some(text) = reader.optional_text(key)? else {
        return Ok(None);
    };
    let place = reader
        .entry(key)
        .map_or(reader.place, |entry| entry.node.place);
    let reason = match Url::parse(&text) {
        Ok(url) if schemes.contains(&url.scheme()) && url.has_host() => return Ok(Some(url)),
        Ok(url) if !url.has_host() => "it has no scheme".to_owned(),
        Ok(url) => format!("its scheme is {:?}", url.scheme()),
        Err(url::ParseError::RelativeUrlWithoutBase) => "it has no scheme".to_owned(),
        Err(error) => error.to_string(),
    };
    let shown = mask_url(&text);
    let message = format!("{shown:?} is not a URL that `{key}` takes: {reason}");
    Err(reader.report(Code::BadValue, place, message, |d| {
        let d = d.key(reader.path_of(key));
        let expected = Kind::Url(schemes).expected();
        let d = d.label(format!("expected {expected}"));
        if reason == "it has no scheme" {
            d.help(format!("write \"http://{shown}\""))
        } else {
            d
        }
    }))
}

/// Takes the query out of the URL, decoded as the JS client does it (`parseqs`): `+` is a plus, and
/// of two equal names the last value counts, in the place of the first.
fn take_query(url: &mut Url) -> Option<Vec<(String, TextTemplate)>> {
    let query = url.query().filter(|query| !query.is_empty())?.to_owned();
    url.set_query(None);
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut pairs: Vec<(String, TextTemplate)> = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), TextTemplate::literal(&decode(value)));
        match pairs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => pairs.push((name, value)),
        }
    }
    Some(pairs)
}

/// Origins as the `Origin` header has them, however they are written.
fn redirects(reader: &Reader<'_>) -> Checked<Vec<String>> {
    let origins = reader.optional_texts("redirects")?.unwrap_or_default();
    all(origins.into_iter().map(|(text, place)| {
        origin(&text).ok_or_else(|| {
            let message = format!("{text:?} is not what `redirects` takes");
            reader.report(Code::BadValue, place, message, |d| {
                d.label("expected an origin: \"https://host\" or \"https://host:port\"")
                    .key(reader.path_of("redirects"))
            })
        })
    }))
}

fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_origin = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.username().is_empty();
    is_origin.then(|| url.origin().ascii_serialization())
}

fn connect_to(reader: &Reader<'_>) -> Checked<Vec<ConnectTo>> {
    let rules = reader.optional_texts("connect_to")?.unwrap_or_default();
    all(rules.into_iter().map(|(text, place)| {
        parse_connect_to(&text).ok_or_else(|| {
            let message = format!("{text:?} is not what `connect_to` takes");
            reader.report(Code::BadValue, place, message, |d| {
                d.label("expected \"HOST1:PORT1:HOST2:PORT2\", each part may be empty")
                    .key(reader.path_of("connect_to"))
            })
        })
    }))
}

/// IPv6 addresses stand in brackets, as with curl.
fn parse_connect_to(text: &str) -> Option<ConnectTo> {
    let (from_host, rest) = host(text)?;
    let (from_port, rest) = rest.split_once(':')?;
    let (to_host, rest) = host(rest)?;
    let port = |text: &str| match text {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    };
    let some = |host: &str| Some(host.to_owned()).filter(|host| !host.is_empty());
    Some(ConnectTo {
        from_host: some(from_host),
        from_port: port(from_port)?,
        to_host: some(to_host),
        to_port: port(rest)?,
    })
}

fn host(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']')?;
            Some((host, rest.strip_prefix(':')?))
        }
        None => text.split_once(':'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_to_reads_what_curl_reads() {
        let rule = parse_connect_to("example.com:443:[::1]:8443").unwrap();
        assert_eq!(rule.from_host.as_deref(), Some("example.com"));
        assert_eq!(rule.to_host.as_deref(), Some("::1"));
        assert_eq!((rule.from_port, rule.to_port), (Some(443), Some(8443)));
        let any = parse_connect_to("::127.0.0.1:").unwrap();
        assert_eq!((any.from_host, any.to_port), (None, None));
        assert!(parse_connect_to("example.com:443").is_none());
    }

    #[test]
    fn the_query_of_the_url_is_taken_out_and_decoded() {
        let mut url = Url::parse("http://h/ns?a=1%202&b&c=d=e&a=3+4").unwrap();
        let query = take_query(&mut url).unwrap();
        assert_eq!(url.as_str(), "http://h/ns");
        let literal = |name: &str, value| (name.to_owned(), TextTemplate::literal(value));
        let expected = [literal("a", "3+4"), literal("b", ""), literal("c", "d=e")];
        assert_eq!(query, expected);
    }
}
