use super::student::Spread;
use super::{Interval, Level, welch};
use crate::metrics::Histogram;

/// A value within a histogram is known to one part in a thousand: uniform within its bucket.
const RESOLUTION: f64 = 1e-3;

/// The logarithm of a percentile over all samples of a side, and how it spreads from one sample to
/// the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::gate) struct PercentileEstimate {
    /// The percentile of the merged histogram.
    pub(in crate::gate) value: f64,
    /// How many samples.
    samples: usize,
    /// Variance of a single sample; nothing with fewer than two.
    sample_variance: Option<f64>,
}

/// The percentile of the merged histograms, with the delete-one jackknife over the samples.
///
/// The values within a sample depend on each other (one storm, one warm-up, one neighbour on the
/// machine), so that their number says nothing: the sample as a whole is left out, and what the
/// percentile does then is its influence. Nothing if all samples are empty.
///
/// Source: Efron and Tibshirani, "An Introduction to the Bootstrap", chapter 11; leaving out whole
/// clusters makes the merged quantile smooth enough for it.
pub(in crate::gate) fn percentile_of(
    samples: &[&Histogram],
    percentile: f64,
) -> Option<PercentileEstimate> {
    let samples: Vec<&Histogram> = samples.iter().copied().filter(|h| !h.is_empty()).collect();
    let mut merged = Histogram::new();
    for sample in &samples {
        merged.merge(sample);
    }
    if merged.is_empty() {
        return None;
    }
    let value = merged.value_at_percentile(percentile) as f64;
    let count = samples.len() as f64;
    let pseudo_values: Vec<f64> = samples
        .iter()
        .filter(|_| samples.len() > 1)
        .map(|sample| {
            let mut rest = merged.hdr().clone();
            rest.subtract(sample.hdr())
                .expect("what was merged can be taken out again");
            let without = rest.value_at_percentile(percentile) as f64;
            count * logarithm(value) - (count - 1.0) * logarithm(without)
        })
        .collect();
    Some(PercentileEstimate {
        value,
        samples: samples.len(),
        sample_variance: variance(&pseudo_values),
    })
}

impl PercentileEstimate {
    /// The interval for the ratio `new` ÷ `base`, as each side's own samples spread.
    ///
    /// A side of one sample is taken to spread as the other side does, or as `earlier` samples of
    /// the same kind did; without either nothing is known, and the interval has no bounds.
    pub(in crate::gate) fn ratio(
        base: Self,
        new: Self,
        earlier: Option<Self>,
        level: Level,
    ) -> Interval {
        let known = [base, new]
            .into_iter()
            .chain(earlier)
            .filter(|side| side.sample_variance.is_some());
        let borrowed = known.max_by_key(|side| side.samples);
        let (Some(of_base), Some(of_new)) = (base.spread(borrowed), new.spread(borrowed)) else {
            return Interval::UNBOUNDED;
        };
        let spread = match (base.sample_variance, new.sample_variance) {
            (Some(_), Some(_)) => welch(of_base, of_new),
            // Both rest on the same samples: their freedom must not be counted twice.
            (None, _) | (_, None) => Spread {
                variance: of_base.variance + of_new.variance,
                freedom: of_base.freedom.min(of_new.freedom),
            },
        };
        let ratio = logarithm(new.value) - logarithm(base.value);
        let reach = level.standard_errors(spread.freedom) * spread.variance.sqrt();
        Interval {
            low: (ratio - reach).exp(),
            high: (ratio + reach).exp(),
        }
    }

    fn spread(self, borrowed: Option<Self>) -> Option<Spread> {
        let source = if self.sample_variance.is_some() {
            self
        } else {
            borrowed?
        };
        // Whole microseconds, or one part in a thousand, whichever is coarser.
        let step = RESOLUTION.max(1.0 / self.value.max(1.0));
        Some(Spread {
            variance: source.sample_variance? / self.samples as f64 + step * step / 12.0,
            freedom: source.samples as f64 - 1.0,
        })
    }
}

/// Of a time in whole microseconds: nothing is told apart below one.
fn logarithm(value: f64) -> f64 {
    value.max(1.0).ln()
}

/// The sample variance; nothing for fewer than two values.
pub(super) fn variance(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean).powi(2));
    Some(squares.sum::<f64>() / (count - 1.0))
}
