use super::interval::Interval;
use super::student::{Level, Spread, welch};
use crate::metrics::Histogram;

/// A value within a histogram is known to one part in a thousand: uniform within its bucket.
const RESOLUTION: f64 = 1e-3;

/// A percentile of a side, and how it spreads from one sample to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::gate) struct PercentileEstimate {
    /// Of all values together: the percentile of the merged histogram.
    pub(in crate::gate) value: f64,
    /// How many samples.
    samples: usize,
    /// Mean logarithm of the samples' own percentiles.
    mean: f64,
    /// Variance of that logarithm from sample to sample; nothing with fewer than two.
    sample_variance: Option<f64>,
}

/// The percentile of the merged histograms, and its spread over the samples.
///
/// The values within a sample depend on each other (one storm, one warm-up, one neighbour on the
/// machine), so their number says nothing: each sample counts as one, with the logarithm of its own
/// percentile, which spreads about as a normal distribution where the percentile itself has a long
/// tail. Nothing if all samples are empty.
pub(in crate::gate) fn percentile_of(
    samples: &[&Histogram],
    percentile: f64,
) -> Option<PercentileEstimate> {
    let mut merged = Histogram::new();
    let mut logarithms = Vec::new();
    for sample in samples.iter().filter(|sample| !sample.is_empty()) {
        merged.merge(sample);
        logarithms.push(logarithm(sample.value_at_percentile(percentile) as f64));
    }
    if logarithms.is_empty() {
        return None;
    }
    Some(PercentileEstimate {
        value: merged.value_at_percentile(percentile) as f64,
        samples: logarithms.len(),
        mean: logarithms.iter().sum::<f64>() / logarithms.len() as f64,
        sample_variance: variance(&logarithms),
    })
}

impl PercentileEstimate {
    /// The interval for the ratio `new` ÷ `base` of typical samples, as each side's own spread.
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
        let ratio = new.mean - base.mean;
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
