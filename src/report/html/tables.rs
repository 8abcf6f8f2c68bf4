//! What is read as figures: thresholds, errors, disconnects, populations, the generator.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::event::Counter;
use crate::report::terminal::measured;
use crate::report::{number, words};
use crate::results::summary::{
    Distribution, ErrorGroup, Generator, PopulationSummary, Provenance, Summary, ThresholdOutcome,
    Warning,
};

pub(super) fn warnings(warnings: &[Warning]) -> Markup {
    html! {
        @for warning in warnings {
            p.warning { strong { (warning.code) } " " (warning.message) }
        }
    }
}

/// The figures that most readers come for.
pub(super) fn tiles(summary: &Summary) -> Markup {
    let count = |counter: Counter| summary.counters.get(counter.name()).copied().unwrap_or(0);
    let percentile = |metric: &str, name: &str, of: fn(&Distribution) -> u64| {
        let distribution = summary.metrics.get(metric)?;
        let figure = number::time(of(distribution) as f64);
        Some(words::percentile(distribution, name, &figure))
    };
    let rate = summary.rates.get("handshake.error_rate").copied().flatten();
    let tile = |label: &str, value: &str, is_bad: bool| {
        html! { div.tile { div.value.bad[is_bad] { (value) } div.label { (label) } } }
    };
    let never_back = count(Counter::ClientsNeverBack);
    let never_connected = count(Counter::ClientsNeverConnected);
    let timed = [
        (
            "connect.time p99",
            percentile("connect.time", "p99", |d| d.p99),
        ),
        (
            "reconnect.time p50",
            percentile("reconnect.time", "p50", |d| d.p50),
        ),
        (
            "reconnect.time p99",
            percentile("reconnect.time", "p99", |d| d.p99),
        ),
        ("ack.time p99", percentile("ack.time", "p99", |d| d.p99)),
    ];
    html! {
        div.tiles {
            (tile("clients", &number::count(count(Counter::ClientsStarted)), false))
            (tile("connected at once", &number::count(count(Counter::ClientsConnectedMax)), false))
            (tile("never connected", &number::count(never_connected), never_connected > 0))
            (tile("never back", &number::count(never_back), never_back > 0))
            (tile("reconnects", &number::count(count(Counter::Reconnects)), false))
            @if let Some(rate) = rate {
                (tile("of handshakes failed", &number::percentage(rate), rate > 0.0))
            }
            @for (label, value) in timed {
                @if let Some(value) = value { (tile(label, &value, false)) }
            }
        }
    }
}

pub(super) fn thresholds(thresholds: &[ThresholdOutcome]) -> Markup {
    if thresholds.is_empty() {
        return html! {};
    }
    html! {
        section {
            h2 { "Thresholds" }
            table.narrow {
                thead { tr { th {} th { "metric" } th { "expected" } th.n { "measured" } } }
                tbody {
                    @for threshold in thresholds {
                        @let class = if threshold.passed { "good" } else { "bad" };
                        tr {
                            td class=(class) { @if threshold.passed { "✓ held" } @else if threshold.explained_by_lag { "✗ crossed by the generator's lag" } @else { "✗ crossed" } }
                            th { code { (threshold.metric) } }
                            td { code { (threshold.expression) } }
                            td.n class=(class) { (measured(threshold)) }
                        }
                    }
                }
            }
        }
    }
}

/// The failures, each with what it means and what to do.
pub(super) fn errors(errors: &[ErrorGroup]) -> Markup {
    if errors.is_empty() {
        return html! {};
    }
    let (by_faults, others): (Vec<_>, Vec<_>) =
        errors.iter().partition(|error| error.fault.is_some());
    html! {
        section {
            h2 { "Errors" }
            table {
                thead {
                    tr { th.n { "count" } th { "cause" } th { "stage" } th { "by the" } th { "what to do" } }
                }
                tbody {
                    @for error in &others { (error_row(error)) }
                    @for (fault, count, causes) in words::by_fault(&by_faults) {
                        tr {
                            td.n { (number::count(count)) }
                            td colspan="4" { "by fault " (fault + 1) ": " (causes) }
                        }
                    }
                }
            }
        }
    }
}

fn error_row(error: &ErrorGroup) -> Markup {
    // What a scenario points to must not be more than a page that can be read.
    let docs = error
        .docs
        .as_deref()
        .filter(|docs| docs.starts_with("https://"));
    html! {
        tr {
            td.n { (number::count(error.count)) }
            th {
                code { (error.cause) }
                @if let Some(status) = error.status { div.dim { "status " (status) } }
                @if let Some(code) = error.code { div.dim { "code " (code) } }
            }
            td { (error.stage) }
            td { (error.origin) }
            td {
                @if let Some(message) = &error.message { div.dim { "“" (message) "”" } }
                (error.hint)
                div.dim {
                    (error.finding)
                    @if let Some(docs) = docs { " · " a href=(docs) rel="noreferrer" { "documentation" } }
                }
            }
        }
    }
}

pub(super) fn disconnects(disconnects: &BTreeMap<String, u64>) -> Markup {
    html! {
        @if disconnects.values().any(|count| *count > 0) {
            section {
                h2 { "Disconnects" }
                table.narrow {
                    tbody { @for (reason, count) in words::by_count(disconnects) { tr { th { (reason) } td.n { (count) } } } }
                }
            }
        }
    }
}

/// Each population beside the others, if there is more than one.
pub(super) fn populations(populations: &BTreeMap<String, PopulationSummary>) -> Markup {
    const COUNTERS: [(&str, Counter); 7] = [
        ("clients", Counter::ClientsStarted),
        ("at once", Counter::ClientsConnectedMax),
        ("never connected", Counter::ClientsNeverConnected),
        ("never back", Counter::ClientsNeverBack),
        ("reconnects", Counter::Reconnects),
        ("emits", Counter::Emits),
        ("acks", Counter::Acks),
    ];
    const TIMES: [&str; 3] = ["connect.time", "reconnect.time", "ack.time"];
    if populations.len() < 2 {
        return html! {};
    }
    html! {
        section {
            h2 { "Populations" }
            table {
                thead {
                    tr {
                        th {}
                        @for (title, _) in COUNTERS { th.n { (title) } }
                        @for metric in TIMES { th.n { (metric) " p99" } }
                    }
                }
                tbody {
                    @for (name, population) in populations {
                        tr {
                            th { (name) }
                            @for (_, counter) in COUNTERS {
                                td.n { (number::count(population.counters.get(counter.name()).copied().unwrap_or(0))) }
                            }
                            @for metric in TIMES {
                                td.n {
                                    @match population.metrics.get(metric) {
                                        Some(distribution) => (words::percentile(distribution, "p99", &number::time(distribution.p99 as f64))),
                                        None => "–",
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn counters(counters: &BTreeMap<String, u64>) -> Markup {
    html! {
        details {
            summary { "Every counter" }
            table.narrow {
                tbody { @for (name, count) in counters { tr { th { code { (name) } } td.n { (number::count(*count)) } } } }
            }
        }
    }
}

pub(super) fn generator(generator: &Generator) -> Markup {
    let facts = [
        (
            "CPU of the busiest worker",
            number::percentage(generator.cpu_busiest),
        ),
        ("workers", number::count(generator.workers.into())),
        (
            "timers late, p99",
            number::time(generator.lag_p99_us as f64),
        ),
        (
            "timers late, max",
            number::time(generator.lag_max_us as f64),
        ),
        ("clients started late", number::count(generator.late_starts)),
        ("memory at most", number::bytes(generator.rss_peak_bytes)),
    ];
    html! {
        section {
            h2 { "Generator" }
            table.narrow { tbody { @for (name, value) in facts { tr { th { (name) } td.n { (value) } } } } }
        }
    }
}

/// Where the numbers come from.
pub(super) fn provenance(provenance: &Provenance, seed: u64, scenario: Option<&str>) -> Markup {
    let known = provenance
        .host
        .iter()
        .map(|(name, value)| (format!("host {name}"), value));
    let known = known.chain(
        provenance
            .server
            .iter()
            .map(|(name, value)| (format!("server {name}"), value)),
    );
    let plain = |value: &serde_json::Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    html! {
        section {
            h2 { "Provenance" }
            table.narrow {
                tbody {
                    tr { th { "started" } td { (provenance.started) } }
                    tr { th { "tool" } td { (provenance.tool) } }
                    tr { th { "command" } td { code { (provenance.command.join(" ")) } } }
                    tr { th { "seed" } td { (seed) } }
                    @for (name, value) in known { tr { th { (name) } td { (plain(value)) } } }
                }
            }
            @if let Some(scenario) = scenario {
                details { summary { "The scenario as it ran" } pre { (scenario) } }
            }
        }
    }
}
