//! docs/scenario.md: every key, made from the same table that checks them.

use std::fmt::Write;

use super::keys::{BOUND, CHAOS, Default, Key, Kind, ROOT, TESTS, TableSpec, chaos_keys};
use super::problem::Code;
use super::template::{FILTERS, PLACEHOLDERS};
use super::threshold::{LATER_METRICS, Metric};
use crate::event::MetricName as _;
use crate::fault;

const INTRODUCTION: &str = "\
# Scenario files

<!-- Generated from src/scenario/keys/ and src/fault/ by a test: run `SIO_LOAD_BLESS=1 cargo test --test it scenario`. -->

A scenario is a TOML file. `sio-load init` writes one to start from, `sio-load check FILE` shows
every problem of one, or what it means as a timeline, and `sio-load schema` prints this page as a
JSON Schema for editors.

Times are written with their unit (`\"500ms\"`, `\"45s\"`, `\"1m 30s\"`), rates as `\"250/s\"`,
`\"90/min\"` or `\"1000/h\"`, sizes as `\"64B\"`, `\"1KB\"` or `\"2MiB\"`, shares as `\"50%\"`.
Unknown keys are errors.

Flags come before the environment (`SIO_LOAD_…`), and the environment before the file.
`--set path.to.key=value` changes any key: `--set clients.web.count=500` names a population by its
name, `--set chaos.0.at=5s` an element by its place. The value is read as TOML if it is TOML, else
as a string. `--clients N` scales all populations in proportion, so that they sum to exactly N;
rates of `arrive` stay as they are. When `--duration` shortens a run, faults of the file that would
come later are left out, with a warning.
";

const TEMPLATES: &str = "
## Templates

In `data`, `auth`, `query` and `headers`. Random values come from the seed, a stream per client.

A whole-string template stays a string: `\"{{n}}\"` is sent as `\"0\"`. In `data` and `auth`,
`\"{{n | number}}\"` is sent as `0`. `{{'{{'}}` writes the braces themselves.

| placeholder | what it stands for |
|---|---|
";

const THRESHOLDS: &str = "
## `[thresholds]`

A metric, and one bound or several: `\"reconnect.time\" = [\"p(99) < 10s\", \"max < 30s\"]`. A bound is
AGGREGATE OPERATOR VALUE; the operators are `<`, `<=`, `>`, `>=`, `==` and `!=`. Times take `p(N)`
(also `p99`, and `p999` for 99.9), `med`, `avg`, `min`, `max` and a value with a unit, and `count`;
numbers take the same with a bare number; counters take `count`; rates take `rate` and a share
(`60%` or `0.6`).

A selector narrows a metric down: `\"reconnect.time{web}\"` is that of the population `web` alone,
`\"ack.time{event=message}\"` that of one event, and `\"ack.time{web,event=message}\"` both. Where a
metric's name has `NAME` in it, the name of a step or listener stands there. `%XX` stands for a byte
of a name, as in URLs: `%`, `{`, `}`, `,`, `=` and `\"` have to be written so.

| metric | takes | what it is |
|---|---|---|
";

/// The reference as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut out = INTRODUCTION.to_owned();
    let mut tables = Vec::new();
    gather(&ROOT, &mut tables);
    tables.extend([&TESTS, &BOUND]);
    for spec in tables {
        table(spec, &mut out);
    }
    out.push_str(TEMPLATES);
    for (name, about) in PLACEHOLDERS {
        row(&mut out, &[&format!("`{{{{{name}}}}}`"), about]);
    }
    out.push_str("\n| filter | what it does |\n|---|---|\n");
    for (name, about) in FILTERS {
        row(&mut out, &[&format!("`{name}`"), about]);
    }
    out.push_str(THRESHOLDS);
    for metric in Metric::all() {
        let name = format!("`{}`", metric.name());
        let about = format!("{}{}", metric.about(), metric.labelling().remark());
        row(&mut out, &[&name, metric.takes(), &about]);
    }
    let later = LATER_METRICS.map(|name| format!("`{name}`")).join(", ");
    push(
        &mut out,
        format_args!("\nNot in this version yet: {later}.\n"),
    );
    problems(&mut out);
    out
}

/// Tables in the order in which they are first mentioned.
fn gather(spec: &'static TableSpec, found: &mut Vec<&'static TableSpec>) {
    if found.iter().any(|known| std::ptr::eq(*known, spec)) {
        return;
    }
    found.push(spec);
    for key in spec.keys {
        if let Some(inner) = key.kind.table() {
            gather(inner, found);
        }
    }
}

fn table(spec: &TableSpec, out: &mut String) {
    let title = if std::ptr::eq(spec, &raw const ROOT) {
        "The top of the file".to_owned()
    } else {
        format!("`{}`", spec.title)
    };
    push(out, format_args!("\n## {title}\n\n{}\n\n", spec.about));
    out.push_str("| key | takes | if left out | what it is |\n|---|---|---|---|\n");
    let is_chaos = std::ptr::eq(spec, &raw const CHAOS);
    let keys = if is_chaos {
        chaos_keys()
    } else {
        spec.keys.iter().collect()
    };
    for key in keys {
        let name = format!("`{}`", key.name);
        row(out, &[&name, &takes(key), &default(key), key.about]);
    }
    if is_chaos {
        faults(out);
    }
}

fn takes(key: &Key) -> String {
    match key.kind {
        Kind::Table(spec) => format!("the table `{}`", spec.title),
        Kind::TableArray(spec) => format!("tables `{}`", spec.title),
        Kind::Tables(spec) => format!("an array of `{}` tables", spec.title),
        Kind::Switch(spec) => format!("true, false or the table `{}`", spec.title),
        Kind::Thresholds => "the table `[thresholds]`".to_owned(),
        Kind::Text
        | Kind::Name
        | Kind::Url(_)
        | Kind::File
        | Kind::Boolean
        | Kind::Integer { .. }
        | Kind::Factor
        | Kind::Counts
        | Kind::Fraction
        | Kind::Fractions
        | Kind::Share
        | Kind::Duration
        | Kind::Durations
        | Kind::DurationOrFalse
        | Kind::Rate
        | Kind::Size
        | Kind::ByteRate
        | Kind::Selection
        | Kind::Word(_)
        | Kind::Words(_)
        | Kind::Choice(_)
        | Kind::Texts
        | Kind::Stamp
        | Kind::TextTable
        | Kind::Templates
        | Kind::Payload
        | Kind::Json
        | Kind::Arguments
        | Kind::Conditions
        | Kind::Subjects
        | Kind::Number
        | Kind::DurationRange => key.kind.expected(),
    }
}

fn default(key: &Key) -> String {
    match key.default {
        Default::Required => "**required**".to_owned(),
        Default::Is(toml) => format!("`{toml}`"),
        Default::Means(words) => words.to_owned(),
    }
}

fn faults(out: &mut String) {
    out.push_str("\n| fault | keys beside `at` and `fault` | what it does |\n|---|---|---|\n");
    for fault in fault::all() {
        let keys: Vec<_> = fault.own_keys().map(|key| format!("`{key}`")).collect();
        let name = format!("`{}`", fault.name);
        row(out, &[&name, &keys.join(", "), fault.table.about]);
    }
}

fn problems(out: &mut String) {
    out.push_str("\n## Problems\n\nAll problems of a file are shown at once, each with a code that never changes; the exit code is 104.\n\n");
    out.push_str("| code | what it means |\n|---|---|\n");
    for code in Code::ALL {
        row(out, &[&format!("`{}`", code.name()), code.about()]);
    }
}

fn row(out: &mut String, cells: &[&str]) {
    for cell in cells {
        out.push_str("| ");
        out.push_str(&cell.replace('|', "\\|"));
        out.push(' ');
    }
    out.push_str("|\n");
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("writing to a String cannot fail");
}
