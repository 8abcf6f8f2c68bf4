use super::{exclude, needs, target};
use crate::scenario::plan::{SeriesSelector, Watch, WatchSource};
use crate::scenario::problem::{Checked, Code};
use crate::scenario::reader::{Reader, all};

/// `[[watch]]`.
pub(super) fn read(top: &Reader<'_>) -> Checked<Vec<Watch>> {
    let mut names: Vec<String> = Vec::new();
    all(top.children("watch")?.into_iter().map(|table| {
        let table = table?;
        let name = table
            .text("name")
            .and_then(|name| super::check_name(&table, "name", name));
        let source = source(&table);
        let name = name?;
        if names.contains(&name) {
            let message = format!("two [[watch]] tables are named {name:?}");
            return Err(
                table.report(Code::Contradiction, table.place_of("name"), message, |d| {
                    d.label("this name is taken").key(table.path_of("name"))
                }),
            );
        }
        names.push(name.clone());
        Ok(Watch {
            name,
            source: source?,
        })
    }))
}

fn source(table: &Reader<'_>) -> Checked<WatchSource> {
    let (pid, url) = (
        table.optional_integer("pid"),
        target::url(table, "prometheus", &["http", "https"]),
    );
    let metrics = table.optional_texts("metrics");
    match (pid?, url?, metrics?) {
        (Some(_), Some(_), _) => {
            let help = "watch one in a [[watch]] table, the other in another";
            Err(exclude(table, "prometheus", "pid", help))
        }
        (Some(_), None, Some(_)) => {
            let help = "a process is watched by rss, cpu, fds, threads and pss";
            Err(needs(table, "metrics", "prometheus", help))
        }
        (Some(pid), None, None) => u32::try_from(pid).map(WatchSource::Pid).map_err(|_| {
            let message = format!("no process has the number {pid}");
            table.report(Code::OutOfRange, table.place_of("pid"), message, |d| {
                d.label("no process id").key(table.path_of("pid"))
            })
        }),
        (None, Some(url), Some(metrics)) if !metrics.is_empty() => {
            let series = all(metrics.into_iter().map(|(text, place)| {
                SeriesSelector::parse(&text).map_err(|error| {
                    table.report(Code::BadValue, place, error.to_string(), |d| {
                        d.label("expected NAME or NAME{label=\"value\"}")
                            .key(table.path_of("metrics"))
                    })
                })
            }))?;
            Ok(WatchSource::Prometheus { url, series })
        }
        (None, Some(_), _) => {
            let help = "name the series to keep: metrics = [\"process_resident_memory_bytes\"]";
            Err(table.missing("metrics", help))
        }
        (None, None, _) => {
            let help = "add pid = 4711, or prometheus = \"http://127.0.0.1:9100/metrics\"";
            Err(table.missing("pid", help))
        }
    }
}
