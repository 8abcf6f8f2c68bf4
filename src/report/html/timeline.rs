//! What happened when: second by second, over one another, with the faults behind.

use std::time::Duration;

use maud::{Markup, html};

use super::chart::{Band, Chart, Scale, Series, Spot, Tick, legend};
use super::servers;
use crate::report::number;
use crate::results::StoredRun;
use crate::results::summary::FaultOutcome;

/// More columns than this cannot be told apart; longer runs take several seconds together.
const COLUMNS: usize = 300;

/// More faults than this are read in the table.
const BANDS: usize = 60;

/// One chart of the timeline.
struct Strip {
    title: &'static str,
    /// Columns of timeline.csv with their names in the legend.
    columns: &'static [(&'static str, &'static str)],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A level at the end of each second.
    Level,
    /// What happened in each second.
    Count,
    /// Microseconds.
    Time,
}

const STRIPS: &[Strip] = &[
    Strip {
        title: "Clients connected",
        columns: &[("clients.connected", "connected")],
        kind: Kind::Level,
    },
    Strip {
        title: "Handshakes per second",
        columns: &[
            ("handshake.attempts", "begun"),
            ("handshake.errors", "failed"),
        ],
        kind: Kind::Count,
    },
    Strip {
        title: "Disconnects and reconnects per second",
        columns: &[("disconnects", "disconnects"), ("reconnects", "reconnects")],
        kind: Kind::Count,
    },
    Strip {
        title: "Events per second",
        columns: &[
            ("emits", "emits"),
            ("acks", "acks"),
            ("events", "events received"),
        ],
        kind: Kind::Count,
    },
    Strip {
        title: "Percentile 99 of each second",
        columns: &[
            ("connect.time.p99_us", "connect.time"),
            ("reconnect.time.p99_us", "reconnect.time"),
            ("ack.time.p99_us", "ack.time"),
            ("event.time.p99_us", "event.time"),
            ("generator.lag.p99_us", "generator.lag"),
        ],
        kind: Kind::Time,
    },
];

/// The charts over time; nothing if the run left no timeline.
pub(super) fn section(run: &StoredRun) -> Markup {
    let seconds = run.timeline.seconds();
    if seconds == 0 {
        return html! {};
    }
    let axis = Axis {
        seconds,
        step: seconds.div_ceil(COLUMNS),
    };
    let bands = bands(&run.summary.faults, axis);
    html! {
        section {
            h2 { "Timeline" }
            @if axis.step > 1 {
                p.note {
                    "Each column stands for " (axis.step) " seconds: the fewest clients connected, "
                    "and the most of everything else, in any one of them."
                }
            }
            @for strip in STRIPS { (draw(strip, run, axis, &bands)) }
            @for (name, figure) in &run.summary.watched {
                (servers::draw(run, (name, figure.unit), axis, &bands))
            }
            @if !bands.is_empty() {
                p.note {
                    "Shaded: the faults, by their number below."
                    @if run.summary.faults.len() > BANDS { " The first " (BANDS) " are shown." }
                }
            }
        }
    }
}

/// The horizontal axis: the seconds of the run, some of them taken together.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    seconds: usize,
    step: usize,
}

impl Axis {
    fn place(self, second: f64) -> f64 {
        second / self.seconds as f64
    }

    pub(super) fn ticks(self) -> Vec<Tick> {
        const STEPS: [usize; 14] = [
            1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600,
        ];
        let step = STEPS.into_iter().find(|step| self.seconds / step <= 12);
        let step = step.unwrap_or(self.seconds / 12);
        (0..=self.seconds)
            .step_by(step.max(1))
            .map(|second| Tick {
                x: self.place(second as f64),
                label: number::stopwatch(Duration::from_secs(second as u64)),
            })
            .collect()
    }

    /// One value for each column: the least or the greatest of its seconds.
    fn columns(self, values: &[Option<u64>], kind: Kind) -> Vec<Option<u64>> {
        let columns = values.chunks(self.step).map(|seconds| {
            let known = seconds.iter().flatten().copied();
            match kind {
                Kind::Level => known.min(),
                Kind::Count | Kind::Time => known.max(),
            }
        });
        columns.collect()
    }

    /// The greatest reading in each column.
    pub(super) fn greatest(self, values: &[Option<f64>]) -> Vec<Option<f64>> {
        let columns = values.chunks(self.step);
        columns
            .map(|seconds| seconds.iter().flatten().copied().reduce(f64::max))
            .collect()
    }

    /// A column's edges.
    pub(super) fn edges(self, column: usize) -> (f64, f64) {
        let from = column * self.step;
        let to = (from + self.step).min(self.seconds);
        (self.place(from as f64), self.place(to as f64))
    }
}

fn draw(strip: &Strip, run: &StoredRun, axis: Axis, bands: &[Band]) -> Markup {
    let lines: Vec<(usize, &str, Vec<Option<u64>>)> = strip
        .columns
        .iter()
        .enumerate()
        .map(|(place, (column, name))| {
            let values = axis.columns(run.timeline.column(column), strip.kind);
            (place + 1, *name, values)
        })
        .filter(|(_, _, values)| values.iter().flatten().any(|value| *value > 0))
        .collect();
    if lines.is_empty() {
        return html! {};
    }
    let all = || {
        lines
            .iter()
            .flat_map(|(_, _, values)| values.iter().flatten())
    };
    let (scale, unit): (Scale, fn(f64) -> String) = match strip.kind {
        Kind::Level | Kind::Count => (
            Scale::linear(all().map(|value| *value as f64)),
            number::rate,
        ),
        Kind::Time => (
            Scale::logarithmic(all().map(|value| *value as f64)),
            number::short_time,
        ),
    };
    let series: Vec<Series> = lines
        .iter()
        .map(|(color, name, values)| Series {
            name: (*name).to_owned(),
            color: *color,
            filled: strip.kind == Kind::Level,
            points: steps(values, axis),
        })
        .collect();
    let chart = Chart {
        about: strip.title,
        height: 150.0,
        scale,
        unit,
        series: &series,
        ticks: &axis.ticks(),
        bands,
        spots: &spots(&lines, strip.kind, axis),
    };
    html! {
        figure {
            figcaption { (strip.title) (legend(&series)) }
            (chart.draw())
        }
    }
}

/// A value holds for its whole column.
fn steps(values: &[Option<u64>], axis: Axis) -> Vec<(f64, Option<f64>)> {
    let points = values.iter().enumerate().flat_map(|(column, value)| {
        let (from, to) = axis.edges(column);
        let value = value.map(|value| value as f64);
        [(from, value), (to, value)]
    });
    points.collect()
}

fn spots(lines: &[(usize, &str, Vec<Option<u64>>)], kind: Kind, axis: Axis) -> Vec<Spot> {
    let columns = lines.iter().map(|(_, _, values)| values.len()).max();
    let spot = |column: usize| {
        let (from, to) = axis.edges(column);
        let from_s = column * axis.step;
        let mut title = number::stopwatch(Duration::from_secs(from_s as u64));
        for (_, name, values) in lines {
            let Some(value) = values.get(column).copied().flatten() else {
                continue;
            };
            let value = match kind {
                Kind::Level | Kind::Count => number::count(value),
                Kind::Time => number::time(value as f64),
            };
            title.extend([" · ", name, " ", &value]);
        }
        Spot { from, to, title }
    };
    (0..columns.unwrap_or(0)).map(spot).collect()
}

fn bands(faults: &[FaultOutcome], axis: Axis) -> Vec<Band> {
    let band = |fault: &FaultOutcome| {
        let from = fault.applied_s?;
        let to = fault.ended_s.unwrap_or(axis.seconds as f64);
        let number = fault.id + 1;
        Some(Band {
            from: axis.place(from),
            to: axis.place(to.max(from)),
            label: number.to_string(),
            title: format!("{number}. {} ({})", fault.fault, fault.detail),
        })
    };
    faults.iter().take(BANDS).filter_map(band).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_keep_their_dips_and_peaks() {
        let axis = Axis {
            seconds: 5,
            step: 2,
        };
        let values = [Some(9), Some(1), Some(7), None, Some(4)];
        let least = axis.columns(&values, Kind::Level);
        assert_eq!(least, [Some(1), Some(7), Some(4)]);
        let greatest = axis.columns(&values, Kind::Count);
        assert_eq!(greatest, [Some(9), Some(7), Some(4)]);
        assert_eq!(axis.edges(2), (0.8, 1.0));
    }

    #[test]
    fn the_axis_names_a_dozen_times_at_most() {
        for seconds in [1, 12, 13, 45, 3_600, 100_000] {
            let ticks = Axis { seconds, step: 1 }.ticks();
            assert!((2..=14).contains(&ticks.len()), "{seconds}");
        }
    }
}
