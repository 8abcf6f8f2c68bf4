use std::collections::BTreeMap;

use super::sides::{Side, Sides};
use crate::results::comparison::ComparedError;

/// The failures of both sides per run, those that grew the most first.
pub(super) fn compared(sides: &Sides<'_>) -> Vec<ComparedError> {
    let (base, new) = (per_run(&sides.base), per_run(&sides.new));
    let mut kinds: Vec<_> = base.keys().chain(new.keys()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut errors: Vec<ComparedError> = kinds
        .into_iter()
        .map(|kind| ComparedError {
            stage: kind.0.to_owned(),
            cause: kind.1.to_owned(),
            origin: kind.2.to_owned(),
            base: base.get(kind).copied().unwrap_or(0.0),
            new: new.get(kind).copied().unwrap_or(0.0),
        })
        .collect();
    errors.sort_by(|a, b| (b.new - b.base).total_cmp(&(a.new - a.base)));
    errors
}

type Kind<'a> = (&'a str, &'a str, &'a str);

fn per_run<'a>(side: &Side<'a>) -> BTreeMap<Kind<'a>, f64> {
    let mut counts = BTreeMap::new();
    let runs = side.used.len().max(1) as f64;
    for error in side.used.iter().flat_map(|run| &run.summary.errors) {
        let kind = (
            error.stage.as_str(),
            error.cause.as_str(),
            error.origin.as_str(),
        );
        *counts.entry(kind).or_insert(0.0) += error.count as f64 / runs;
    }
    counts
}
