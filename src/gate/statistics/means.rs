use super::interval::Interval;
use super::percentile::variance;
use super::student::{Level, Spread, welch};

/// The mean of a side's samples, and how they spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::gate) struct Means {
    /// The mean over the samples.
    pub(in crate::gate) mean: f64,
    samples: usize,
    /// Of a single sample; nothing with fewer than two.
    sample_variance: Option<f64>,
}

impl Means {
    /// Of one number for each sample; nothing without samples.
    pub(in crate::gate) fn of(samples: &[f64]) -> Option<Self> {
        if samples.is_empty() {
            return None;
        }
        Some(Self {
            mean: samples.iter().sum::<f64>() / samples.len() as f64,
            samples: samples.len(),
            sample_variance: variance(samples),
        })
    }
}

/// Fieller's interval for the ratio of two means, `new` ÷ `base`, with Welch's degrees of freedom.
///
/// For what can be zero in a sample, such as rates and counts, of which no logarithm can be taken. A
/// side of one sample is taken to spread as the other does, or as `earlier` samples did. Without
/// bounds if the base cannot be told from zero.
///
/// Source: Fieller, "Some problems in interval estimation", JRSS B 16 (1954).
pub(in crate::gate) fn ratio_of_means(
    base: Means,
    new: Means,
    earlier: Option<Means>,
    level: Level,
) -> Interval {
    let known = [base, new].into_iter().chain(earlier);
    let borrowed = known
        .filter(|side| side.sample_variance.is_some())
        .max_by_key(|side| side.samples);
    let spread = |side: Means| {
        let source = side.sample_variance.map_or(borrowed, |_| Some(side))?;
        Some(Spread {
            variance: source.sample_variance? / side.samples as f64,
            freedom: source.samples as f64 - 1.0,
        })
    };
    let (Some(of_base), Some(of_new)) = (spread(base), spread(new)) else {
        return Interval::UNBOUNDED;
    };
    if base.mean <= 0.0 {
        return Interval::UNBOUNDED;
    }
    let ratio = new.mean / base.mean;
    let scaled_base = Spread {
        variance: ratio * ratio * of_base.variance,
        ..of_base
    };
    let is_own = base.sample_variance.is_some() && new.sample_variance.is_some();
    let freedom = if is_own {
        welch(of_new, scaled_base).freedom
    } else {
        of_base.freedom.min(of_new.freedom)
    };
    let t = level.standard_errors(freedom);
    let g = t * t * of_base.variance / (base.mean * base.mean);
    if g.is_nan() || g >= 1.0 {
        return Interval::UNBOUNDED;
    }
    let under_root = of_new.variance * (1.0 - g) + scaled_base.variance;
    let reach = t * under_root.max(0.0).sqrt() / base.mean;
    Interval {
        low: ((ratio - reach) / (1.0 - g)).max(0.0),
        high: (ratio + reach) / (1.0 - g),
    }
}
