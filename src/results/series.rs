use std::collections::BTreeMap;

use crate::event::{HistogramMetric, Labels, Series};
use crate::metrics::{Histogram, Tally, Totals};

/// The distribution of every metric of a run, and of every label's, that has a value.
#[must_use]
pub fn histograms(
    totals: &Totals,
    labels: &Labels,
) -> BTreeMap<Series<HistogramMetric>, Histogram> {
    let total = totals.total();
    let lag = totals.histogram(HistogramMetric::GeneratorLag);
    let lag = lag.map(|lag| (HistogramMetric::GeneratorLag.into(), lag));
    of(&total, labels)
        .map(|(series, histogram)| (series, histogram.clone()))
        .chain(lag)
        .collect()
}

/// The distributions of a tally, those of its labels included.
pub(super) fn of<'a>(
    tally: &'a Tally,
    labels: &'a Labels,
) -> impl Iterator<Item = (Series<HistogramMetric>, &'a Histogram)> {
    let whole = tally.histograms.iter();
    let whole = whole.map(|(metric, histogram)| (metric.into(), histogram));
    let known = tally.labelled.iter();
    let known = known.filter_map(|(id, labelled)| Some((labels.label(id)?, labelled)));
    whole.chain(known.flat_map(|(label, labelled)| {
        let histograms = labelled.histograms.iter();
        histograms.map(|(metric, histogram)| (Series::of(metric, label.clone()), histogram))
    }))
}
