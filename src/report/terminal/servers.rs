use std::collections::BTreeMap;

use super::page::{Ink, Page, Piece};
use crate::report::words;
use crate::results::watched::{RSS_PER_CLIENT, RSS_RETURNED, WatchedFigure};

/// Writes what watched servers took; nothing if none was watched.
pub(super) fn write(page: &mut Page, watched: &BTreeMap<String, WatchedFigure>) {
    // Instances one by one are in summary.json.
    let shown = watched
        .iter()
        .filter(|(name, figure)| !name.contains("{instance=") && figure.samples + figure.gaps > 0);
    let shown: Vec<_> = shown.collect();
    if shown.is_empty() {
        return;
    }
    page.heading("Servers");
    for (name, figure) in shown {
        page.facts(2, short(name), &facts(figure));
    }
}

fn short(name: &str) -> &str {
    match name {
        RSS_PER_CLIENT => "per client",
        RSS_RETURNED => "returned",
        name => name.strip_prefix("server.").unwrap_or(name),
    }
}

fn facts(figure: &WatchedFigure) -> Vec<Piece> {
    let value = |value: f64| words::watched(figure.unit, value);
    let mut facts = Vec::new();
    if let (Some(mean), Some(max)) = (figure.mean, figure.max) {
        facts.push((Ink::Plain, format!("{} on average", value(mean))));
        facts.push((Ink::Plain, format!("{} at most", value(max))));
    } else if let Some(own) = figure.value {
        let error = figure.error.map(|error| format!(" (± {})", value(error)));
        let text = format!("{}{}", value(own), error.unwrap_or_default());
        facts.push((Ink::Plain, text));
    }
    if figure.gaps > 0 {
        let gaps = crate::report::number::counted(figure.gaps, "gap");
        facts.push((Ink::Caution, gaps));
    }
    facts
}
