//! timeline.csv: one row for each second of the run.

use std::collections::BTreeMap;

use crate::event::Counter;
use crate::metrics::Second;

/// A column of timeline.csv.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its heading; for counts, the counter's own name.
    pub name: &'static str,
    /// What it holds, in one line.
    pub about: &'static str,
    value: Value,
}

#[derive(Debug, Clone, Copy)]
enum Value {
    Always(fn(&Second) -> u64),
    Timed(fn(&Second) -> Option<u64>),
    Counted(Counter),
}

impl Column {
    /// What stands in this column of a second's row; nothing leaves the field empty.
    #[must_use]
    pub fn value(&self, second: &Second) -> Option<u64> {
        match self.value {
            Value::Always(value) => Some(value(second)),
            Value::Timed(value) => value(second),
            Value::Counted(counter) => Some(second.counters.value(counter)),
        }
    }

    /// The counter whose total this column adds up to, if it does.
    #[must_use]
    pub fn counter(&self) -> Option<Counter> {
        match self.value {
            Value::Counted(counter) => Some(counter),
            Value::Always(_) | Value::Timed(_) => None,
        }
    }
}

const fn always(name: &'static str, about: &'static str, value: fn(&Second) -> u64) -> Column {
    Column {
        name,
        about,
        value: Value::Always(value),
    }
}

const fn timed(
    name: &'static str,
    about: &'static str,
    value: fn(&Second) -> Option<u64>,
) -> Column {
    Column {
        name,
        about,
        value: Value::Timed(value),
    }
}

/// The columns in their order: gauges first, then every counter, then percentiles.
#[must_use]
pub fn columns() -> Vec<Column> {
    // The greatest number of clients is no sum over seconds; names of the scenario are no columns.
    let counts = Counter::ALL
        .iter()
        .filter(|counter| **counter != Counter::ClientsConnectedMax && counter.has_total())
        .map(|counter| Column {
            name: counter.name(),
            about: counter.about(),
            value: Value::Counted(*counter),
        });
    GAUGES
        .into_iter()
        .chain(counts)
        .chain(PERCENTILES)
        .collect()
}

const GAUGES: [Column; 4] = [
    always(
        "t_s",
        "The second of the run, from 0: the row tells of t_s to t_s + 1.",
        |row| u64::from(row.second),
    ),
    always(
        "clients.connected",
        "Clients connected at the end of the second.",
        |row| row.connected,
    ),
    always(
        "handshake.in_flight",
        "Handshakes under way at the end of the second.",
        |row| row.in_flight,
    ),
    always("errors", "Failures of every stage in the second.", |row| {
        row.errors
    }),
];

const PERCENTILES: [Column; 5] = [
    timed(
        "connect.time.p99_us",
        "Percentile 99 of connect.time, in microseconds.",
        |row| row.p99_us.connect,
    ),
    timed(
        "reconnect.time.p99_us",
        "Percentile 99 of reconnect.time, in microseconds.",
        |row| row.p99_us.reconnect,
    ),
    timed(
        "ack.time.p99_us",
        "Percentile 99 of ack.time, in microseconds.",
        |row| row.p99_us.ack,
    ),
    timed(
        "event.time.p99_us",
        "Percentile 99 of event.time, in microseconds.",
        |row| row.p99_us.event,
    ),
    timed(
        "generator.lag.p99_us",
        "Percentile 99 of generator.lag, in microseconds.",
        |row| row.p99_us.lag,
    ),
];

/// The first line; series of watched servers stand last.
#[must_use]
pub fn header(watched: &[String]) -> String {
    let own = columns().into_iter().map(|column| column.name.to_owned());
    line(own.chain(watched.iter().map(|name| quoted(name))))
}

/// A second's line, with the reading of each watched series; an empty field is a gap.
#[must_use]
pub fn row(second: &Second, watched: &[Option<f64>]) -> String {
    let own = columns().into_iter().map(|column| {
        column
            .value(second)
            .map_or_else(String::new, |value| value.to_string())
    });
    let watched = watched.iter().map(|value| {
        // To a thousandth: finer than what is read.
        let value = value.map(|value| (value * 1e3).round() / 1e3);
        value.map_or_else(String::new, |value| value.to_string())
    });
    line(own.chain(watched))
}

/// A name that holds a comma or a quote, as labels of a metrics endpoint do.
fn quoted(name: &str) -> String {
    if name.contains([',', '"']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}

/// The names of a first line.
fn names(line: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(line.as_bytes());
    let first = reader.records().next().and_then(Result::ok);
    first.map_or_else(Vec::new, |record| {
        record.iter().map(str::to_owned).collect()
    })
}

/// timeline.csv, read back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    columns: BTreeMap<String, Vec<Option<u64>>>,
    /// Series of watched servers, whose values need not be whole.
    watched: BTreeMap<String, Vec<Option<f64>>>,
    rows: usize,
}

impl Timeline {
    /// Reads a timeline of any version by the names of its columns.
    ///
    /// A last row that a crash cut off is left out, and so is whatever is no number.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut lines = whole.lines();
        let names = names(lines.next().unwrap_or_default());
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
        let is_watched = |name: &str| name.starts_with("server.") || name.starts_with("watch.");
        let (mut columns, mut watched) = (BTreeMap::new(), BTreeMap::new());
        for (place, name) in names.into_iter().enumerate() {
            if is_watched(&name) {
                watched.insert(name, column(&rows, place));
            } else {
                columns.insert(name, column(&rows, place));
            }
        }
        Self {
            columns,
            watched,
            rows: rows.len(),
        }
    }

    /// How many seconds it tells of.
    #[must_use]
    pub fn seconds(&self) -> usize {
        self.rows
    }

    /// A series of a watched server, second by second; empty if the file has none of that name.
    #[must_use]
    pub fn watched(&self, name: &str) -> &[Option<f64>] {
        self.watched.get(name).map_or(&[], Vec::as_slice)
    }

    /// The names of the series of watched servers.
    pub fn watched_names(&self) -> impl Iterator<Item = &str> {
        self.watched.keys().map(String::as_str)
    }

    /// A column, second by second; empty if the file has none of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> &[Option<u64>] {
        self.columns.get(name).map_or(&[], Vec::as_slice)
    }
}

fn column<T: std::str::FromStr>(rows: &[Vec<&str>], place: usize) -> Vec<Option<T>> {
    let value = |row: &Vec<&str>| row.get(place)?.parse().ok();
    rows.iter().map(value).collect()
}

/// Numbers need no quotes, and names have theirs.
fn line(fields: impl Iterator<Item = String>) -> String {
    let mut line = fields.collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_is_read_by_name_and_a_torn_row_is_left_out() {
        let timeline = Timeline::read("t_s,errors,p99\n0,3,\n1,0,250\n2,7");
        assert_eq!(timeline.seconds(), 2);
        assert_eq!(timeline.column("errors"), [Some(3), Some(0)]);
        assert_eq!(timeline.column("p99"), [None, Some(250)]);
        assert_eq!(timeline.column("not there"), []);
    }

    #[test]
    fn series_of_watched_servers_come_back_with_their_gaps_and_their_labels() {
        let names = ["server.cpu", "watch.chat.heap{a=\"b\",c=\"d\"}"].map(str::to_owned);
        let mut text = header(&names);
        let second = Second {
            second: 0,
            connected: 0,
            in_flight: 0,
            counters: crate::metrics::Counters::default(),
            errors: 0,
            p99_us: crate::metrics::SecondP99::default(),
        };
        text += &row(&second, &[Some(0.87), None]);
        text += &row(&second, &[None, Some(1.0)]);
        let timeline = Timeline::read(&text);
        assert_eq!(timeline.watched("server.cpu"), [Some(0.87), None]);
        assert_eq!(timeline.watched(&names[1]), [None, Some(1.0)]);
        assert_eq!(timeline.watched_names().count(), 2);
    }
}
