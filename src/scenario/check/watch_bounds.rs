use super::thresholds::{Expression, expressions, named};
use crate::scenario::nearest;
use crate::scenario::plan::{Server, Watch, WatchSource};
use crate::scenario::problem::{Checked, Code};
use crate::scenario::raw::Entry;
use crate::scenario::reader::{Reader, all};
use crate::scenario::threshold::WatchBound;

/// What a watched process shows.
const OF_PROCESS: [&str; 5] = ["rss", "cpu", "fds", "threads", "pss"];

/// What the servers of a run show over all of it.
const OF_RUN: [&str; 2] = ["rss_per_client", "rss_returned"];

/// Whether a name in `[thresholds]` is one of a watched server.
pub(super) fn is_watched(name: &str) -> bool {
    name.starts_with("server.") || name.starts_with("watch.")
}

/// The bounds of `[thresholds]` on watched servers.
pub(super) fn read(
    top: &Reader<'_>,
    server: Option<&Server>,
    watches: &[Watch],
) -> Checked<Vec<WatchBound>> {
    let table = top.entry("thresholds").map(|entry| &entry.node.value);
    let Some(table) = table.and_then(|value| value.as_table()) else {
        return Ok(Vec::new());
    };
    let known = selectors(server, watches);
    let entries = named(&table.entries, "");
    let watched = entries.iter().filter(|(name, _)| is_watched(name.trim()));
    let bounds = all(watched.map(|(name, entry)| bounds(top, name.trim(), entry, &known)))?;
    Ok(bounds.into_iter().flatten().collect())
}

/// Every series that the run will have.
fn selectors(server: Option<&Server>, watches: &[Watch]) -> Vec<String> {
    let mut known = Vec::new();
    if let Some(server) = server {
        known.extend(OF_PROCESS.map(|what| format!("server.{what}")));
        known.extend(OF_RUN.map(|what| format!("server.{what}")));
        for instance in 0..server.instances {
            known.extend(OF_PROCESS.map(|what| format!("server.{what}{{instance={instance}}}")));
        }
    }
    for Watch { name, source } in watches {
        match source {
            WatchSource::Pid(_) => {
                known.extend(OF_PROCESS.map(|what| format!("watch.{name}.{what}")));
            }
            WatchSource::Prometheus { series, .. } => {
                known.extend(series.iter().map(|one| format!("watch.{name}.{one}")));
            }
        }
    }
    known
}

fn bounds(
    top: &Reader<'_>,
    name: &str,
    entry: &Entry,
    known: &[String],
) -> Checked<Vec<WatchBound>> {
    let key = format!("thresholds.\"{name}\"");
    if !known.iter().any(|selector| selector == name) {
        let message = format!("nothing that the run watches shows {name:?}");
        return Err(
            top.report(Code::UnknownMetric, entry.key_place, message, |d| {
                d.label("unknown series")
                    .key(&key)
                    .help("the servers of [server] show server.rss, .cpu, .fds and .threads; others need a [[watch]] table")
                    .nearest(nearest(name, known.iter().map(String::as_str)))
            }),
        );
    }
    all(expressions(top, &entry.node, &key)?
        .into_iter()
        .map(|expression| {
            let Expression {
                text,
                place,
                abort_after,
            } = expression;
            if abort_after.is_some() {
                let message = format!("`abort` is not for `{name}`");
                return Err(top.report(Code::Contradiction, place, message, |d| {
                    d.label("judged at the end of the run alone")
                        .key(&key)
                        .help("leave `abort` out, or bound a metric of the clients")
                }));
            }
            WatchBound::parse(name, &text).ok_or_else(|| {
                let message = format!("`{text}` is no bound on a watched server");
                top.report(Code::BadThreshold, place, message, |d| {
                    d.label("not a bound on this series")
                        .key(&key)
                        .help("write a bound such as \"max < 90%\", \"max < 512MB\" or \"avg < 100\"; there are min, max, avg and value")
                })
            })
        }))
}
