//! Axes and shapes of the charts, as SVG that needs no script.

use std::fmt::Write as _;
use std::ops::Range;

use maud::{Markup, html};

/// Of every chart, in units of its view box.
pub(super) const WIDTH: f64 = 960.0;
const LEFT: f64 = 68.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;

/// One of the colours of the style sheet, by its number.
pub(super) type Color = usize;

/// A vertical axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scale {
    /// From 0 to a round number.
    Linear {
        /// That number.
        max: f64,
    },
    /// Whole powers of ten.
    Logarithmic {
        /// The exponents.
        decades: Range<i32>,
    },
}

impl Scale {
    /// From 0 to the next round number above the greatest value.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let greatest = values.fold(0.0, f64::max);
        let max = round_up(greatest.max(1.0));
        Self::Linear { max }
    }

    /// From 0 to the next round number above the greatest value, however small it is.
    pub(super) fn linear_from(values: impl Iterator<Item = f64>) -> Self {
        let greatest = values.fold(0.0, f64::max);
        Self::Linear {
            max: round_up(if greatest > 0.0 { greatest } else { 1.0 }),
        }
    }

    /// From the power of ten below the least value to that above the greatest; zero counts as one.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        let (least, greatest) = values
            .map(|value| value.max(1.0).log10())
            .fold((f64::MAX, 0.0), |(least, greatest), value| {
                (value.min(least), value.max(greatest))
            });
        let low = least.min(greatest).floor() as i32;
        let high = (greatest.ceil() as i32).max(low + 1);
        Self::Logarithmic { decades: low..high }
    }

    /// Where a value stands, from 0 at the bottom to 1 at the top.
    fn place(&self, value: f64) -> f64 {
        let share = match self {
            Self::Linear { max } => value / max,
            Self::Logarithmic { decades } => {
                let (low, high) = (f64::from(decades.start), f64::from(decades.end));
                (value.max(1.0).log10() - low) / (high - low)
            }
        };
        share.clamp(0.0, 1.0)
    }

    /// The values that the axis names.
    fn ticks(&self) -> Vec<f64> {
        match self {
            Self::Linear { max } => {
                let step = round_up(max / 4.0);
                let count = (max / step + 1e-9) as u32;
                (0..=count).map(|n| f64::from(n) * step).collect()
            }
            Self::Logarithmic { decades } => (decades.start..=decades.end)
                .map(|exponent| 10_f64.powi(exponent))
                .collect(),
        }
    }
}

/// The next of 1, 2, 2.5, 5 and 10 times a power of ten.
fn round_up(value: f64) -> f64 {
    let magnitude = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let step = steps
        .iter()
        .find(|step| *step * magnitude >= value * (1.0 - 1e-9));
    step.unwrap_or(&10.0) * magnitude
}

/// A line of a chart.
pub(super) struct Series {
    /// What it is, for the legend.
    pub(super) name: String,
    /// Its colour.
    pub(super) color: Color,
    /// Whether the area below it is filled; such a line has no gaps.
    pub(super) filled: bool,
    /// From left to right, x from 0 to 1; nothing interrupts the line.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// A named place on the horizontal axis, x from 0 to 1.
pub(super) struct Tick {
    pub(super) x: f64,
    pub(super) label: String,
}

/// Something that lasted from one place of the horizontal axis to another, x from 0 to 1.
pub(super) struct Band {
    pub(super) from: f64,
    pub(super) to: f64,
    /// Written above it.
    pub(super) label: String,
    /// Shown to who points at it.
    pub(super) title: String,
}

/// A column of a chart that tells its values to who points at it, x from 0 to 1.
pub(super) struct Spot {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) title: String,
}

/// Everything that is drawn in one frame.
pub(super) struct Chart<'a> {
    /// What it shows, for those who do not see it.
    pub(super) about: &'a str,
    /// Of the view box.
    pub(super) height: f64,
    pub(super) scale: Scale,
    /// How a value of the vertical axis is written.
    pub(super) unit: fn(f64) -> String,
    pub(super) series: &'a [Series],
    pub(super) ticks: &'a [Tick],
    pub(super) bands: &'a [Band],
    pub(super) spots: &'a [Spot],
}

impl Chart<'_> {
    pub(super) fn draw(&self) -> Markup {
        let (floor, ceiling) = (self.height - BOTTOM, TOP);
        html! {
            svg viewBox=(format!("0 0 {WIDTH} {}", self.height)) role="img" aria-label=(self.about) {
                @for band in self.bands { (draw_band(band, floor)) }
                @for value in self.scale.ticks() {
                    @let y = number(self.y(value));
                    line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
                    text.value x=(LEFT - 8.0) y=(y) { ((self.unit)(value)) }
                }
                @for tick in self.ticks {
                    @let x = number(x(tick.x));
                    line.tick x1=(x) x2=(x) y1=(floor) y2=(floor + 4.0) {}
                    text.time x=(x) y=(floor + 16.0) { (tick.label) }
                }
                @for series in self.series {
                    @if series.filled {
                        path.area.(color(series.color)) d=(self.area(series)) {}
                    }
                    path.line.(color(series.color)) d=(self.path(series)) {}
                }
                @for spot in self.spots {
                    rect.spot x=(number(x(spot.from))) width=(number(x(spot.to) - x(spot.from)))
                        y=(ceiling) height=(floor - ceiling) { title { (spot.title) } }
                }
            }
        }
    }

    fn y(&self, value: f64) -> f64 {
        let room = self.height - TOP - BOTTOM;
        TOP + room * (1.0 - self.scale.place(value))
    }

    fn path(&self, series: &Series) -> String {
        let mut path = String::new();
        let mut is_drawing = false;
        for (place, value) in &series.points {
            let Some(value) = value else {
                is_drawing = false;
                continue;
            };
            let command = if is_drawing { 'L' } else { 'M' };
            let (x, y) = (number(x(*place)), number(self.y(*value)));
            write!(path, "{command}{x} {y}").expect("writing to a string does not fail");
            is_drawing = true;
        }
        path
    }

    /// The same, closed along the bottom.
    fn area(&self, series: &Series) -> String {
        let mut known = series
            .points
            .iter()
            .filter(|(_, value)| value.is_some())
            .map(|(x, _)| *x);
        let first = known.next();
        let last = known.next_back().or(first);
        let (Some(first), Some(last)) = (first, last) else {
            return String::new();
        };
        let floor = number(self.height - BOTTOM);
        let (first, last) = (number(x(first)), number(x(last)));
        format!("{}L{last} {floor}L{first} {floor}Z", self.path(series))
    }
}

fn draw_band(band: &Band, floor: f64) -> Markup {
    let from = x(band.from);
    // What lasted for a moment must be seen too.
    let width = (x(band.to) - from).max(1.5);
    html! {
        rect.band x=(number(from)) width=(number(width)) y=(TOP) height=(floor - TOP) {
            title { (band.title) }
        }
        text.band-label x=(number(from + 3.0)) y=(TOP + 8.0) { (band.label) }
    }
}

/// The names and colours of the lines, if there is more than one.
pub(super) fn legend(series: &[Series]) -> Markup {
    html! {
        @if series.len() > 1 {
            ul.legend {
                @for one in series {
                    li { span.swatch.(color(one.color)) {} (one.name) }
                }
            }
        }
    }
}

fn color(color: Color) -> String {
    format!("c{color}")
}

fn x(place: f64) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * place.clamp(0.0, 1.0)
}

/// To a tenth: more cannot be seen.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[(f64, Option<f64>)]) -> Series {
        Series {
            name: "line".to_owned(),
            color: 1,
            filled: true,
            points: points.to_vec(),
        }
    }

    fn chart(scale: Scale) -> Chart<'static> {
        Chart {
            about: "a chart",
            height: 134.0,
            scale,
            unit: |value| value.to_string(),
            series: &[],
            ticks: &[],
            bands: &[],
            spots: &[],
        }
    }

    #[test]
    fn an_axis_ends_at_a_round_number_and_names_round_steps() {
        for (greatest, max, ticks) in [
            (0.0, 1.0, vec![0.0, 0.25, 0.5, 0.75, 1.0]),
            (575.0, 1000.0, vec![0.0, 250.0, 500.0, 750.0, 1000.0]),
            (1000.0, 1000.0, vec![0.0, 250.0, 500.0, 750.0, 1000.0]),
            (1001.0, 2000.0, vec![0.0, 500.0, 1000.0, 1500.0, 2000.0]),
            (2400.0, 2500.0, vec![0.0, 1000.0, 2000.0]),
        ] {
            let scale = Scale::linear([greatest].into_iter());
            assert_eq!(scale, Scale::Linear { max });
            assert_eq!(scale.ticks(), ticks, "{greatest}");
        }
    }

    #[test]
    fn decades_take_in_all_values_even_zero_and_a_single_one() {
        let scale = |values: &[f64]| Scale::logarithmic(values.iter().copied());
        let decades = |range| Scale::Logarithmic { decades: range };
        assert_eq!(scale(&[0.0, 999.0]), decades(0..3));
        assert_eq!(scale(&[1_000.0]), decades(3..4));
        assert_eq!(scale(&[]), decades(0..1));
        assert_eq!(scale(&[80.0, 8_000_000.0]), decades(1..7));
    }

    #[test]
    fn a_line_stops_where_nothing_was_measured() {
        let chart = chart(Scale::Linear { max: 10.0 });
        let series = line(&[(0.0, Some(0.0)), (0.5, None), (1.0, Some(10.0))]);
        assert_eq!(chart.path(&series), "M68 110M946 10");
    }

    #[test]
    fn an_area_of_nothing_is_nothing() {
        let chart = chart(Scale::Linear { max: 1.0 });
        assert_eq!(chart.area(&line(&[(0.0, None)])), "");
    }
}
