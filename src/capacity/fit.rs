//! Least squares: a curve with bounded parameters through points, with the uncertainty of both.

use rmpfit::{MPFitter, MPPar, MPResult};

use crate::metrics::student_95;
use crate::results::capacity::Estimate;

/// A curve of `N` parameters.
pub(super) struct Curve<const N: usize> {
    /// Its value at a place.
    pub(super) value: fn(&[f64; N], f64) -> f64,
    /// Where the search for the parameters begins.
    pub(super) start: [f64; N],
    /// The least and the greatest value of each parameter.
    pub(super) bounds: [(f64, f64); N],
    /// Whether deviations are relative, as those of times are.
    pub(super) is_relative: bool,
}

/// The best parameters.
pub(super) struct Fitted<const N: usize> {
    value: fn(&[f64; N], f64) -> f64,
    /// With half the width of their 95 % intervals.
    pub(super) parameters: [Estimate; N],
    /// Coefficient of determination of the values themselves, 1 for a perfect fit.
    pub(super) r_squared: f64,
    /// Of the parameters, for deviations as large as those found; row by row.
    covariance: Vec<f64>,
    student: f64,
}

impl<const N: usize> Curve<N> {
    /// Fits it; nothing if there are not more points than parameters, or no best parameters.
    pub(super) fn fit(self, points: &[(f64, f64)]) -> Option<Fitted<N>> {
        let freedom = points.len().checked_sub(N).filter(|freedom| *freedom > 0)?;
        let limits = self.bounds.map(|(low, high)| MPPar {
            limited_low: true,
            limit_low: low,
            limited_up: true,
            limit_up: high,
            ..MPPar::default()
        });
        let (value, is_relative) = (self.value, self.is_relative);
        let mut problem = Problem {
            value,
            is_relative,
            points,
            limits: limits.into(),
        };
        let mut best = self.start;
        let status = problem.mpfit(&mut best).ok()?;
        let scale = status.best_norm / freedom as f64;
        let student = student_95(freedom);
        let mut parameters = best.map(|value| Estimate { value, error: 0.0 });
        for (parameter, sigma) in parameters.iter_mut().zip(&status.xerror) {
            parameter.error = student * sigma * scale.sqrt();
        }
        let mean = points.iter().map(|(_, y)| y).sum::<f64>() / points.len() as f64;
        let square = |x: f64| x * x;
        let left: f64 = points
            .iter()
            .map(|(x, y)| square(y - value(&best, *x)))
            .sum();
        let all: f64 = points.iter().map(|(_, y)| square(y - mean)).sum();
        Some(Fitted {
            value,
            parameters,
            r_squared: if all > 0.0 { 1.0 - left / all } else { 0.0 },
            covariance: status.covar.iter().map(|c| c * scale).collect(),
            student,
        })
    }
}

impl<const N: usize> Fitted<N> {
    fn best(&self) -> [f64; N] {
        self.parameters.map(|parameter| parameter.value)
    }

    /// The curve at a place, with half the width of its 95 % band there.
    pub(super) fn at(&self, x: f64) -> Estimate {
        let best = self.best();
        let value = (self.value)(&best, x);
        let slope = |place: usize| {
            let step = (best[place].abs() * 1e-6).max(1e-9);
            let mut near = best;
            near[place] += step;
            ((self.value)(&near, x) - value) / step
        };
        let slopes: Vec<f64> = (0..N).map(slope).collect();
        let variance: f64 = (0..N * N)
            .filter_map(|place| {
                let covariance = self.covariance.get(place)?;
                Some(slopes[place / N] * slopes[place % N] * covariance)
            })
            .sum();
        Estimate {
            value,
            error: self.student * variance.max(0.0).sqrt(),
        }
    }
}

struct Problem<'a, const N: usize> {
    value: fn(&[f64; N], f64) -> f64,
    is_relative: bool,
    points: &'a [(f64, f64)],
    limits: Vec<MPPar>,
}

impl<const N: usize> MPFitter for Problem<'_, N> {
    fn eval(&mut self, parameters: &[f64], deviates: &mut [f64]) -> MPResult<()> {
        let parameters = parameters
            .try_into()
            .expect("as many parameters as the fit began with");
        for (deviate, (x, y)) in deviates.iter_mut().zip(self.points) {
            let value = (self.value)(parameters, *x);
            *deviate = if self.is_relative {
                y.max(1e-9).ln() - value.max(1e-9).ln()
            } else {
                y - value
            };
        }
        Ok(())
    }

    fn number_of_points(&self) -> usize {
        self.points.len()
    }

    fn parameters(&self) -> &[MPPar] {
        &self.limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Curve<2> {
        Curve {
            value: |[a, b], x| a + b * x,
            start: [0.0, 1.0],
            bounds: [(-1e9, 1e9), (-1e9, 1e9)],
            is_relative: false,
        }
    }

    #[test]
    fn a_line_is_found_with_its_error_and_an_exact_one_without() {
        let noisy = [(0.0, 1.1), (1.0, 2.9), (2.0, 5.2), (3.0, 6.8), (4.0, 9.1)];
        let fitted = line().fit(&noisy).unwrap();
        let [a, b] = fitted.parameters;
        // As by the formulas of linear regression, with 3 degrees of freedom.
        assert!((a.value - 1.04).abs() < 1e-6 && (b.value - 1.99).abs() < 1e-6);
        assert!((b.error - 0.19).abs() < 1e-3, "{}", b.error);
        assert!(fitted.r_squared > 0.99);
        let middle = fitted.at(2.0);
        assert!((middle.value - 5.02).abs() < 1e-6, "{middle:?}");
        assert!(middle.error < fitted.at(8.0).error);
        let exact = [(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)];
        let [_, b] = line().fit(&exact).unwrap().parameters;
        assert!((b.value - 2.0).abs() < 1e-6 && b.error < 1e-6, "{b:?}");
    }

    #[test]
    fn too_few_points_are_refused() {
        assert!(line().fit(&[(0.0, 1.0), (1.0, 2.0)]).is_none());
        assert!(line().fit(&[]).is_none());
    }
}
