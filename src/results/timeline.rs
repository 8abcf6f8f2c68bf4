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

/// The first line.
#[must_use]
pub fn header() -> String {
    line(columns().iter().map(|column| column.name.to_owned()))
}

/// A second's line.
#[must_use]
pub fn row(second: &Second) -> String {
    line(columns().iter().map(|column| {
        column
            .value(second)
            .map_or_else(String::new, |value| value.to_string())
    }))
}

/// timeline.csv, read back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    columns: BTreeMap<String, Vec<Option<u64>>>,
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
        let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let rows: Vec<Vec<Option<u64>>> = lines
            .map(|line| line.split(',').map(|field| field.parse().ok()).collect())
            .collect();
        let columns = names.iter().enumerate().map(|(place, name)| {
            let values = rows.iter().map(|row| row.get(place).copied().flatten());
            ((*name).to_owned(), values.collect())
        });
        Self {
            columns: columns.collect(),
            rows: rows.len(),
        }
    }

    /// How many seconds it tells of.
    #[must_use]
    pub fn seconds(&self) -> usize {
        self.rows
    }

    /// A column, second by second; empty if the file has none of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> &[Option<u64>] {
        self.columns.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Names and numbers need no quotes.
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
}
