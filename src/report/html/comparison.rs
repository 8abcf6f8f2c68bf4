//! The page of a comparison: both sides' runs laid over each other, below the verdict.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{Chart, Scale, Series, Tick, legend};
use super::{STYLE, tables};
use crate::report::comparison::figures;
use crate::report::number;
use crate::results::PercentileStep;
use crate::results::comparison::{ComparedMetric, Comparison, ComparisonVerdict, MetricVerdict};
use crate::results::recorded::{RecordedRun, merged_steps};

/// Colours of the sides in the style sheet.
const BASE: usize = 1;
const NEW: usize = 2;

/// Percentiles that the axis of curves names.
const NAMED: [f64; 5] = [0.0, 50.0, 90.0, 99.0, 99.9];

/// Columns of timeline.csv that are laid over each other.
const STRIPS: [(&str, &str); 4] = [
    ("clients.connected", "Clients connected"),
    ("handshake.attempts", "Handshakes begun per second"),
    ("errors", "Failures per second"),
    ("ack.time.p99_us", "Percentile 99 of ack.time per second"),
];

/// Renders a comparison with the runs that it rests on.
#[must_use]
pub fn render(comparison: &Comparison, base: &[RecordedRun], new: &[RecordedRun]) -> String {
    let title = figures::verdict(comparison.verdict);
    let sides = [(BASE, base), (NEW, new)];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Nothing that a server said can make the page load or run anything.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (title) " · " (comparison.scenario) " · sio-load" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(comparison))
                main {
                    (tables::warnings(&comparison.warnings))
                    (rows(comparison, true, "Deciding figures"))
                    (curves(comparison, sides))
                    (restoration(sides))
                    (timelines(sides))
                    (rows(comparison, false, "Other figures"))
                    (errors(comparison))
                    (differences(comparison))
                }
            }
        }
    };
    page.into_string()
}

fn head(comparison: &Comparison) -> Markup {
    let class = match comparison.verdict {
        ComparisonVerdict::NoRegression => "good",
        ComparisonVerdict::Regression => "bad",
        ComparisonVerdict::Inconclusive | ComparisonVerdict::GeneratorBound => "caution",
    };
    html! {
        header {
            h1 { (comparison.scenario) }
            p.verdict {
                strong class=(class) { (figures::verdict(comparison.verdict)) }
                " " (comparison.reason) " (exit " (comparison.exit_code) ")"
            }
            p.dim {
                "base: " (figures::runs(&comparison.base)) " · new: " (figures::runs(&comparison.new))
                " · " (figures::certainty(comparison))
            }
        }
    }
}

fn rows(comparison: &Comparison, deciding: bool, title: &str) -> Markup {
    let rows: Vec<&ComparedMetric> = comparison
        .metrics
        .iter()
        .filter(|row| row.deciding == deciding)
        .collect();
    if rows.is_empty() {
        return html! {};
    }
    html! {
        section {
            h2 { (title) }
            table {
                thead { tr {
                    th { "figure" } th.n { "base" } th.n { "new" } th.n { "change" }
                    th.n { "interval" } th { "verdict" }
                } }
                tbody {
                    @for row in rows {
                        @let class = class(row.verdict);
                        tr {
                            th { code { (figures::name(row)) } }
                            td.n { (figures::value(row, row.base)) }
                            td.n { (figures::value(row, row.new)) }
                            td.n class=(class) { (figures::row_change(row)) }
                            td.n { (figures::interval(row)) }
                            td class=(class) {
                                (figures::row_verdict(row.verdict))
                                @if let Some(note) = &row.note { div.dim { (note) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn class(verdict: MetricVerdict) -> &'static str {
    match verdict {
        MetricVerdict::Regression => "bad",
        MetricVerdict::Improvement | MetricVerdict::None => "good",
        MetricVerdict::Inconclusive | MetricVerdict::NotComparable => "caution",
    }
}

type Sides<'a> = [(usize, &'a [RecordedRun]); 2];

fn side_name(color: usize) -> &'static str {
    if color == BASE { "base" } else { "new" }
}

/// The percentile curves of each time that decides, of all runs of a side together.
fn curves(comparison: &Comparison, sides: Sides<'_>) -> Markup {
    let mut names: Vec<&str> = Vec::new();
    for row in comparison
        .metrics
        .iter()
        .filter(|row| row.deciding && row.unit == "us")
    {
        if !names.contains(&row.metric.as_str()) {
            names.push(&row.metric);
        }
    }
    let charts: Vec<Markup> = names.iter().filter_map(|name| curve(name, sides)).collect();
    if charts.is_empty() {
        return html! {};
    }
    html! { section { h2 { "Times" } @for chart in charts { (chart) } } }
}

fn curve(metric: &str, sides: Sides<'_>) -> Option<Markup> {
    let steps = sides.map(|(color, runs)| (color, merged_steps(runs, metric)));
    let all = || steps.iter().flat_map(|(_, steps)| steps);
    let most = all().map(|step| step.seen).max()?;
    let decades = (most as f64).log10().clamp(1.0, 5.0);
    let place = |percentile: f64| {
        let left = 1.0 - percentile / 100.0;
        if left > 0.0 {
            (-left.log10() / decades).min(1.0)
        } else {
            1.0
        }
    };
    let points = |steps: &[PercentileStep]| {
        let points = steps
            .iter()
            .map(|step| (place(step.percentile), Some(step.value as f64)));
        points.collect()
    };
    let series = steps
        .each_ref()
        .map(|(color, steps)| series(*color, points(steps)));
    let ticks: Vec<Tick> = NAMED
        .into_iter()
        .map(|percentile| Tick {
            x: place(percentile),
            label: format!("{percentile} %"),
        })
        .filter(|tick| tick.x < 1.0)
        .collect();
    let title = format!("{metric}, by percentile");
    let scale = Scale::logarithmic(all().map(|step| step.value as f64));
    Some(figure(&title, scale, number::short_time, &series, &ticks))
}

/// How long it took until a share of a fault's victims was back, run by run.
fn restoration(sides: Sides<'_>) -> Markup {
    let runs = || {
        sides
            .into_iter()
            .flat_map(|(color, runs)| runs.iter().map(move |run| (color, run)))
    };
    let has_faults = runs().any(|(_, run)| !run.summary.faults.is_empty());
    if !has_faults {
        return html! {};
    }
    let seconds = |value: Option<f64>| value.map_or_else(|| "never".to_owned(), number::seconds);
    html! {
        section {
            h2 { "Restoration" }
            table {
                thead { tr {
                    th { "side" } th { "run" } th { "fault" } th.n { "at" }
                    th.n { "50 %" } th.n { "95 %" } th.n { "99 %" } th.n { "all" }
                } }
                tbody {
                    @for (color, run) in runs() {
                        @for fault in &run.summary.faults {
                            tr {
                                td { (side_name(color)) }
                                td { (run.folder.file_name().unwrap_or_default().display()) }
                                td { (fault.fault) " " span.dim { (fault.detail) } }
                                td.n { (fault.applied_s.map_or_else(|| "–".to_owned(), number::seconds)) }
                                @for share in ["p50", "p95", "p99", "p100"] {
                                    td.n { (seconds(fault.restored_s.get(share).copied().flatten())) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn timelines(sides: Sides<'_>) -> Markup {
    let charts: Vec<Markup> = STRIPS
        .iter()
        .filter_map(|(column, title)| timeline(column, title, sides))
        .collect();
    if charts.is_empty() {
        return html! {};
    }
    html! { section { h2 { "Timelines, one line for each run" } @for chart in charts { (chart) } } }
}

fn timeline(column: &str, title: &str, sides: Sides<'_>) -> Option<Markup> {
    let seconds = sides
        .iter()
        .flat_map(|(_, runs)| runs.iter().map(|run| run.timeline.seconds()))
        .max()
        .filter(|seconds| *seconds > 1)?;
    let mut lines = Vec::new();
    for (color, runs) in sides {
        for run in runs {
            let values = run.timeline.column(column).iter().enumerate();
            let points = values.map(|(second, value)| {
                let x = (second as f64 + 0.5) / seconds as f64;
                (x, value.map(|value| value as f64))
            });
            lines.push(series(color, points.collect()));
        }
    }
    let all = || {
        lines
            .iter()
            .flat_map(|line| line.points.iter().filter_map(|(_, y)| *y))
    };
    all().find(|value| *value > 0.0)?;
    let is_time = column.ends_with("_us");
    let (scale, unit): (Scale, fn(f64) -> String) = if is_time {
        (Scale::logarithmic(all()), number::short_time)
    } else {
        (Scale::linear(all()), number::rate)
    };
    let step = seconds.div_ceil(12);
    let ticks: Vec<Tick> = (0..=seconds)
        .step_by(step)
        .map(|second| Tick {
            x: second as f64 / seconds as f64,
            label: format!("{second} s"),
        })
        .collect();
    Some(figure(title, scale, unit, &lines, &ticks))
}

fn series(color: usize, points: Vec<(f64, Option<f64>)>) -> Series {
    Series {
        name: side_name(color).to_owned(),
        color,
        filled: false,
        points,
    }
}

fn figure(
    title: &str,
    scale: Scale,
    unit: fn(f64) -> String,
    series: &[Series],
    ticks: &[Tick],
) -> Markup {
    let chart = Chart {
        about: title,
        height: 200.0,
        scale,
        unit,
        series,
        ticks,
        bands: &[],
        spots: &[],
    };
    let names = [BASE, NEW].map(|color| self::series(color, Vec::new()));
    html! {
        figure {
            figcaption { (title) (legend(&names)) }
            (chart.draw())
        }
    }
}

fn errors(comparison: &Comparison) -> Markup {
    if comparison.errors.is_empty() {
        return html! {};
    }
    html! {
        section {
            h2 { "Errors per run" }
            table.narrow {
                thead { tr { th { "stage" } th { "cause" } th { "origin" } th.n { "base" } th.n { "new" } } }
                tbody {
                    @for error in &comparison.errors {
                        tr {
                            td { (error.stage) } td { (error.cause) } td { (error.origin) }
                            td.n { (number::rate(error.base)) } td.n { (number::rate(error.new)) }
                        }
                    }
                }
            }
        }
    }
}

fn differences(comparison: &Comparison) -> Markup {
    if comparison.differences.is_empty() {
        return html! {};
    }
    html! {
        section {
            h2 { "In what the runs differ" }
            table {
                thead { tr { th {} th { "key" } th { "base" } th { "new" } } }
                tbody {
                    @for difference in &comparison.differences {
                        @let (base, new) = figures::difference(difference);
                        tr {
                            td { (figures::difference_kind(difference.kind)) }
                            th { code { (difference.key) } }
                            td { (base) } td { (new) }
                        }
                    }
                }
            }
        }
    }
}
