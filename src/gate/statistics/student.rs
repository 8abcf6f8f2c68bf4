use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// How sure an interval has to be: two-sided, after correction for the number of intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::gate) struct Level {
    alpha: f64,
}

impl Level {
    /// The level of each of `intervals` intervals, so that all of them together miss with
    /// probability `alpha` at most (Bonferroni: valid however the metrics depend on each other).
    pub(in crate::gate) fn corrected(alpha: f64, intervals: usize) -> Self {
        Self {
            alpha: alpha / intervals.max(1) as f64,
        }
    }

    /// The confidence of one interval, in [0, 1].
    pub(in crate::gate) fn confidence(self) -> f64 {
        1.0 - self.alpha
    }

    /// How many standard errors the interval extends to each side.
    ///
    /// Infinite without a degree of freedom: nothing is known about the spread then.
    pub(super) fn standard_errors(self, freedom: f64) -> f64 {
        // Below one, WS degrees of freedom come from rounding alone.
        if freedom.is_nan() || freedom < 0.5 {
            return f64::INFINITY;
        }
        StudentsT::new(0.0, 1.0, freedom)
            .map_or(f64::INFINITY, |t| t.inverse_cdf(1.0 - self.alpha / 2.0))
    }
}

/// The variance of an estimate, and on how many independent differences it rests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    /// Of the estimate itself, not of a single sample.
    pub(super) variance: f64,
    /// Degrees of freedom of that variance.
    pub(super) freedom: f64,
}

/// Welch's combination of two independent spreads, with Satterthwaite's degrees of freedom.
///
/// Source: Welch, "The generalization of Student's problem", Biometrika 34 (1947).
pub(super) fn welch(a: Spread, b: Spread) -> Spread {
    let variance = a.variance + b.variance;
    let part = |spread: Spread| spread.variance * spread.variance / spread.freedom;
    let parts = part(a) + part(b);
    let freedom = if parts > 0.0 {
        variance * variance / parts
    } else {
        a.freedom + b.freedom
    };
    Spread { variance, freedom }
}
