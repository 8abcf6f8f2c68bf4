//! What watched servers took, below the clients.

use maud::{Markup, html};

use super::chart::{Band, Chart, Scale, Series, Spot};
use super::timeline::Axis;
use crate::report::{number, words};
use crate::results::StoredRun;
use crate::results::watched::WatchUnit;

/// Draws one series; nothing if the timeline has no reading of it.
pub(super) fn draw(
    run: &StoredRun,
    (name, unit): (&str, WatchUnit),
    axis: Axis,
    bands: &[Band],
) -> Markup {
    let values = axis.greatest(run.timeline.watched(name));
    if values.iter().flatten().count() < 2 {
        return html! {};
    }
    let points = values.iter().enumerate().flat_map(|(column, value)| {
        let (from, to) = axis.edges(column);
        [(from, *value), (to, *value)]
    });
    let series = [Series {
        name: name.to_owned(),
        color: 3,
        filled: false,
        points: points.collect(),
    }];
    let spots = values.iter().enumerate().filter_map(|(column, value)| {
        let (from, to) = axis.edges(column);
        let title = format!("{name} {}", words::watched(unit, (*value)?));
        Some(Spot { from, to, title })
    });
    let chart = Chart {
        about: name,
        height: 110.0,
        scale: Scale::linear_from(values.iter().flatten().copied()),
        unit: match unit {
            WatchUnit::Bytes => |bytes| number::bytes(bytes as u64),
            WatchUnit::Cores | WatchUnit::Share => number::percentage,
            WatchUnit::Count | WatchUnit::Unknown => number::rate,
        },
        series: &series,
        ticks: &axis.ticks(),
        bands,
        spots: &spots.collect::<Vec<_>>(),
    };
    html! { figure { figcaption { (name) } (chart.draw()) } }
}
