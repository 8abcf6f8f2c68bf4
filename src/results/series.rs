use std::collections::BTreeMap;

use crate::event::{HistogramMetric, Labels, Series};
use crate::metrics::{Sample, Tally, Totals};

/// The values of every metric of a run, and of every label's, that has any.
#[must_use]
pub fn samples(totals: &Totals, labels: &Labels) -> BTreeMap<Series<HistogramMetric>, Sample> {
    let total = totals.total();
    let lag = totals.sample(HistogramMetric::GeneratorLag);
    let lag = lag.map(|lag| (HistogramMetric::GeneratorLag.into(), lag));
    of(&total, labels)
        .map(|(series, sample)| (series, sample.clone()))
        .chain(lag)
        .collect()
}

/// The values of the metrics of a tally, those of its labels included.
pub(super) fn of<'a>(
    tally: &'a Tally,
    labels: &'a Labels,
) -> impl Iterator<Item = (Series<HistogramMetric>, &'a Sample)> {
    let whole = tally.histograms.iter();
    let whole = whole.map(|(metric, sample)| (metric.into(), sample));
    let known = tally.labelled.iter();
    let known = known.filter_map(|(id, labelled)| Some((labels.label(id)?, labelled)));
    whole.chain(known.flat_map(|(label, labelled)| {
        let histograms = labelled.histograms.iter();
        histograms.map(|(metric, sample)| (Series::of(metric, label.clone()), sample))
    }))
}
