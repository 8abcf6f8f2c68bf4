//! A straight line through points, with its uncertainty.

/// A slope with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// Change of y for each unit of x.
    pub value: f64,
    /// Half the width of its 95 % interval.
    pub error: f64,
}

/// The slope of the line of least squares; nothing without three points of two different x.
#[must_use]
pub fn slope(points: &[(f64, f64)]) -> Option<Slope> {
    let freedom = points.len().checked_sub(2).filter(|freedom| *freedom > 0)?;
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x_mean, y_mean) = (mean(|(x, _)| *x), mean(|(_, y)| *y));
    let x_spread: f64 = points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    if x_spread <= 0.0 {
        return None;
    }
    let together: f64 = points
        .iter()
        .map(|(x, y)| (x - x_mean) * (y - y_mean))
        .sum();
    let value = together / x_spread;
    let residual = |(x, y): &(f64, f64)| (y - y_mean - value * (x - x_mean)).powi(2);
    let left: f64 = points.iter().map(residual).sum();
    let deviation = (left / freedom as f64 / x_spread).sqrt();
    Some(Slope {
        value,
        error: student_95(freedom) * deviation,
    })
}

/// The factor of Student's distribution for a two-sided interval of 95 %.
#[must_use]
pub fn student_95(freedom: usize) -> f64 {
    const TABLE: [f64; 10] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    ];
    match freedom {
        0 => f64::INFINITY,
        1..=10 => TABLE[freedom - 1],
        // Within half a percent of the true value.
        more => 1.96 + 2.55 / more as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_formulas_of_linear_regression() {
        let points = [(0.0, 1.1), (1.0, 2.9), (2.0, 5.2), (3.0, 6.8), (4.0, 9.1)];
        let slope = slope(&points).unwrap();
        assert!((slope.value - 1.99).abs() < 1e-9);
        // 3.182 standard errors of 0.0597.
        assert!((slope.error - 0.19).abs() < 1e-3, "{}", slope.error);
    }

    #[test]
    fn a_line_needs_three_points_and_two_places() {
        assert_eq!(slope(&[(0.0, 0.0), (1.0, 1.0)]), None);
        assert_eq!(slope(&[(1.0, 0.0), (1.0, 1.0), (1.0, 2.0)]), None);
        let exact = slope(&[(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]).unwrap();
        assert_eq!((exact.value, exact.error), (1.0, 0.0));
    }
}
