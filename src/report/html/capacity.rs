//! capacity.html: a capacity search on one page that needs nothing else.

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::STYLE;
use super::chart::{Band, Chart, Scale, Series, Spot, Tick, legend};
use super::tables;
use crate::report::number;
use crate::results::capacity::{CapacityReport, Level, Outcome, SearchResult};

/// Renders a search.
#[must_use]
pub fn render(report: &CapacityReport) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "Capacity of " (report.scenario) " · sio-load" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Capacity of " (report.scenario) }
                    p.verdict { (report.sentence) }
                    @if !report.description.is_empty() { p.dim { (report.description) } }
                }
                main {
                    (tables::warnings(&report.warnings))
                    (tiles(report))
                    (nodes(report))
                    (charts(report))
                    (comparisons(report))
                    (levels(&report.answer))
                    (model(report))
                    (settings(report))
                    (tables::provenance(&report.provenance, report.seed, None))
                }
            }
        }
    };
    page.into_string()
}

fn tiles(report: &CapacityReport) -> Markup {
    let answer = &report.answer;
    let unit = report.vary.unit();
    let tile = |label: &str, value: String| {
        html! { div.tile { div.value { (value) } div.label { (label) } } }
    };
    html! {
        div.tiles {
            @if let Some(capacity) = answer.capacity {
                (tile(&format!("{unit} held"), number::count(capacity)))
            }
            @if let Some(fails) = answer.fails_at {
                (tile(&format!("{unit} failed"), number::count(fails)))
            }
            @if let Some(advice) = &report.recommendation {
                (tile(&format!("{unit} with {} headroom", number::share(advice.headroom)),
                    number::count(advice.load)))
                @if let Some(memory) = advice.memory_bytes {
                    (tile("memory for that", number::bytes(memory as u64)))
                }
            }
            @if let Some(memory) = answer.rss_per_client {
                (tile("memory for each client", format!("{} ± {}",
                    number::bytes(memory.value.max(0.0) as u64), number::bytes(memory.error as u64))))
            }
        }
        @if let Some(limit) = &answer.limit { p { strong { "The limit: " } (limit.evidence) } }
    }
}

fn nodes(report: &CapacityReport) -> Markup {
    let nodes = report
        .recommendation
        .as_ref()
        .and_then(|r| r.nodes.as_ref());
    html! {
        @if let Some(nodes) = nodes {
            p {
                strong { (number::counted(nodes.needed, "node")) } " for "
                (number::count(nodes.load)) " " (report.vary.unit()) "; "
                strong { (number::count(nodes.with_one_lost)) } " to lose one: " (nodes.storm) "."
            }
        }
    }
}

/// The levels by load; several of the same load are averaged.
struct Loads<'a> {
    levels: BTreeMap<u64, Vec<&'a Level>>,
    most: f64,
}

impl<'a> Loads<'a> {
    fn new(levels: &'a [Level]) -> Self {
        let mut by_load: BTreeMap<u64, Vec<&Level>> = BTreeMap::new();
        for level in levels {
            by_load.entry(level.load).or_default().push(level);
        }
        Self {
            most: by_load.keys().next_back().copied().unwrap_or(1) as f64,
            levels: by_load,
        }
    }

    fn x(&self, load: f64) -> f64 {
        load / self.most
    }

    fn series(
        &self,
        (name, color): (&str, usize),
        value: impl Fn(&Level) -> Option<f64>,
    ) -> Series {
        let points = self.levels.iter().filter_map(|(load, levels)| {
            let values: Vec<f64> = levels.iter().filter_map(|level| value(level)).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            (!values.is_empty()).then(|| (self.x(*load as f64), Some(mean)))
        });
        Series {
            name: name.to_owned(),
            color,
            filled: false,
            points: points.collect(),
        }
    }

    fn ticks(&self) -> Vec<Tick> {
        let step = self.most / 8.0;
        let tick = |n: u32| {
            let load = f64::from(n) * step;
            Tick {
                x: self.x(load),
                label: number::count(load.round() as u64),
            }
        };
        (0..=8).map(tick).collect()
    }

    fn spots(&self, series: &[Series], unit: fn(f64) -> String) -> Vec<Spot> {
        let width = 0.5 / self.levels.len().max(1) as f64;
        let spot = |load: &u64| {
            let place = self.x(*load as f64);
            let mut title = number::count(*load);
            for one in series {
                let value = one.points.iter().find(|(x, _)| (x - place).abs() < 1e-9);
                if let Some((_, Some(value))) = value {
                    title.extend([" · ", &one.name, " ", &unit(*value)]);
                }
            }
            Spot {
                from: (place - width / 2.0).max(0.0),
                to: (place + width / 2.0).min(1.0),
                title,
            }
        };
        self.levels.keys().map(spot).collect()
    }

    fn draw(
        &self,
        title: &str,
        (scale, unit): (Scale, fn(f64) -> String),
        series: &[Series],
        bands: &[Band],
    ) -> Markup {
        if series.iter().all(|one| one.points.is_empty()) {
            return html! {};
        }
        let chart = Chart {
            about: title,
            height: 220.0,
            scale,
            unit,
            series,
            ticks: &self.ticks(),
            bands,
            spots: &self.spots(series, unit),
        };
        html! { figure { figcaption { (title) (legend(series)) } (chart.draw()) } }
    }
}

fn greatest(series: &[Series]) -> impl Iterator<Item = f64> {
    let points = series.iter().flat_map(|one| one.points.iter());
    points
        .filter_map(|(_, value)| *value)
        .collect::<Vec<_>>()
        .into_iter()
}

fn charts(report: &CapacityReport) -> Markup {
    let loads = Loads::new(&report.answer.levels);
    if loads.levels.is_empty() {
        return html! {};
    }
    let unit = report.vary.unit();
    let failing = failing_band(report, &loads);
    let errors = [loads.series(("errors", 2), |level| Some(level.errors as f64))];
    let gauge = |name: &'static str, color, shown: &str| {
        loads.series((shown, color), move |level| {
            Some(level.server.get(name)?.mean)
        })
    };
    let cpu = [gauge("server.cpu", 2, "server.cpu")];
    let memory = [gauge("server.rss", 3, "server.rss")];
    html! {
        section {
            h2 { "Over " (unit) }
            (times(report, &loads, &failing))
            (throughput(report, &loads, &failing))
            (loads.draw("Errors of a level", (Scale::linear(greatest(&errors)), number::rate), &errors, &failing))
            (loads.draw("Server CPU, 100 % is one core",
                (Scale::linear_from(greatest(&cpu)), number::percentage), &cpu, &failing))
            (loads.draw("Server memory", (Scale::linear(greatest(&memory)), |bytes| number::bytes(bytes as u64)),
                &memory, &failing))
            @if !failing.is_empty() { p.note { "Shaded: loads that failed; the knee of the latency curve is marked." } }
        }
    }
}

/// From the least load that failed on, and the knee.
fn failing_band(report: &CapacityReport, loads: &Loads<'_>) -> Vec<Band> {
    let mut bands = Vec::new();
    if let Some(fails) = report.answer.fails_at {
        bands.push(Band {
            from: loads.x(fails as f64),
            to: 1.0,
            label: "fails".to_owned(),
            title: format!("failed from {} on", number::count(fails)),
        });
    }
    if let Some(fit) = &report.answer.model.latency
        && fit.knee <= loads.most
    {
        bands.push(Band {
            from: loads.x(fit.knee),
            to: loads.x(fit.knee),
            label: "knee".to_owned(),
            title: format!("knee at {}", number::count(fit.knee as u64)),
        });
    }
    bands
}

fn times(report: &CapacityReport, loads: &Loads<'_>, bands: &[Band]) -> Markup {
    let mut metrics: Vec<&str> = report.bounds.iter().map(|b| b.metric.as_str()).collect();
    metrics.dedup();
    html! {
        @for metric in metrics {
            @let time = |of: fn(&crate::results::capacity::LevelTimes) -> u64| {
                move |level: &Level| Some(of(level.times.get(metric)?) as f64)
            };
            @let mut series = vec![
                loads.series(("p50", 1), time(|t| t.p50)),
                loads.series(("p95", 4), time(|t| t.p95)),
                loads.series(("p99", 2), time(|t| t.p99)),
            ];
            @if series.iter().any(|one| !one.points.is_empty()) {
                @for bound in report.bounds.iter().filter(|bound| bound.metric == metric) {
                    @let () = series.push(Series {
                        name: bound.expression.clone(),
                        color: 5,
                        filled: false,
                        points: vec![(0.0, Some(bound.bound_us)), (1.0, Some(bound.bound_us))],
                    });
                }
                (loads.draw(&format!("{metric} of the hold"),
                    (Scale::logarithmic(greatest(&series)), number::short_time), &series, bands))
            }
        }
    }
}

fn throughput(report: &CapacityReport, loads: &Loads<'_>, bands: &[Band]) -> Markup {
    let mut series = vec![loads.series(("measured", 1), |level| level.throughput_per_s)];
    if let Some(fit) = &report.answer.model.throughput {
        let line = |name: &str, color, side: f64| Series {
            name: name.to_owned(),
            color,
            filled: false,
            points: fit
                .curve
                .iter()
                .map(|point| {
                    (
                        loads.x(point.load),
                        Some((point.value + side * point.error).max(0.0)),
                    )
                })
                .collect(),
        };
        series.push(line("fitted", 3, 0.0));
        series.push(line("95 % band", 5, 1.0));
        series.push(line("", 5, -1.0));
    }
    loads.draw(
        "Throughput per second",
        (Scale::linear(greatest(&series)), number::rate),
        &series,
        bands,
    )
}

fn comparisons(report: &CapacityReport) -> Markup {
    let mut rows: Vec<&SearchResult> = report.without_faults.iter().collect();
    rows.extend(&report.instances);
    if rows.is_empty() {
        return html! {};
    }
    rows.insert(0, &report.answer);
    html! {
        section {
            h2 { "Compared" }
            table.narrow {
                thead { tr { th { "instances" } th { "faults" } th.n { "held" } th.n { "failed" } th { "" } } }
                tbody {
                    @for row in rows {
                        tr {
                            td { (row.server_instances.map_or_else(|| "–".to_owned(), |n| n.to_string())) }
                            td { @if row.with_faults { "strike" } @else { "none" } }
                            td.n { (row.capacity.map_or_else(|| "–".to_owned(), number::count)) }
                            td.n { (row.fails_at.map_or_else(|| "–".to_owned(), number::count)) }
                            td { @if let Some(limit) = &row.limit { (limit.evidence) } }
                        }
                    }
                }
            }
        }
    }
}

fn levels(answer: &SearchResult) -> Markup {
    html! {
        section {
            h2 { "Levels" }
            table {
                thead { tr {
                    th.n { "" } th { "for" } th.n { "load" } th { "outcome" } th.n { "per second" }
                    th { "why" } th { "run" }
                } }
                tbody {
                    @for level in &answer.levels {
                        @let (class, word) = match level.outcome {
                            Outcome::Held => ("good", "held"),
                            Outcome::Failed => ("bad", "failed"),
                            Outcome::GeneratorBound => ("caution", "generator-bound"),
                        };
                        tr {
                            td.n { (level.number) }
                            td { (format!("{:?}", level.purpose).to_lowercase()) }
                            td.n { (number::count(level.load)) }
                            td class=(class) { (word) }
                            td.n { (level.throughput_per_s.map_or_else(|| "–".to_owned(), number::decimal)) }
                            td {
                                @for reason in &level.reasons { p { (reason) } }
                                @if let Some(why) = &level.stopped_early { p.dim { "ended early: " (why) } }
                            }
                            td { a href=(format!("{}/report.html", level.folder)) { (level.folder) } }
                        }
                    }
                }
            }
        }
    }
}

fn model(report: &CapacityReport) -> Markup {
    let model = &report.answer.model;
    html! {
        section {
            h2 { "Model" }
            @if let Some(fit) = &model.throughput {
                p {
                    "Throughput by the Universal Scalability Law: peak " (number::decimal(fit.peak_throughput_per_s))
                    " ± " (number::decimal(fit.peak_error)) " per second"
                    @if let Some(load) = fit.peak_load { " at " (number::count(load as u64)) " " (report.vary.unit()) }
                    ", contention " (format!("{:.2e} ± {:.1e}", fit.sigma.value, fit.sigma.error))
                    ", coherency " (format!("{:.2e} ± {:.1e}", fit.kappa.value, fit.kappa.error))
                    ", R² " (format!("{:.3}", fit.r_squared)) "."
                }
            }
            @if let Some(fit) = &model.latency {
                p {
                    (fit.metric) " p99 saturates at " (number::count(fit.saturation.value as u64)) " ± "
                    (number::count(fit.saturation.error as u64)) " " (report.vary.unit())
                    ", with its knee at " (number::count(fit.knee as u64)) "."
                }
            }
            @for refused in &model.refused { p.dim { (refused) } }
        }
    }
}

fn settings(report: &CapacityReport) -> Markup {
    let settings = &report.settings;
    html! {
        section {
            h2 { "How it was found" }
            p {
                "From " (number::count(settings.from)) " to " (number::count(settings.to)) " at most, each level times "
                (settings.growth) ", then bisected to " (number::share(settings.precision)) "; "
                (number::seconds(settings.hold_s)) " held after at most " (number::seconds(settings.settle_s))
                " of settling, confirmed " (settings.confirm) " times, "
                @if settings.fresh_server { "a fresh server for each level" } @else { "the server kept between levels" }
                "; took " (number::seconds(settings.took_s)) "."
            }
            @for limit in &report.generator_limits {
                p.note { "This generator has " (limit.what) " for " (number::count(limit.clients)) " clients: " (limit.advice) "." }
            }
        }
    }
}
