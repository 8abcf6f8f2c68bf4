use std::fmt::Write as _;

use crate::metrics::Histogram;

/// Lines per halving of the distance to percentile 100: the Java tools' default.
const TICKS_PER_HALF: u32 = 5;

/// What three significant digits ask for: the power of two above 2 × 10³.
const SUB_BUCKETS: u32 = 2048;

/// A percentile distribution as HdrHistogram's plotter reads it, values in the histogram's own
/// unit: microseconds for times.
///
/// Source: `outputPercentileDistribution` of the Java HdrHistogram, which defines the columns.
#[must_use]
pub fn hgrm(histogram: &Histogram) -> String {
    let hdr = histogram.hdr();
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    for PercentileStep {
        value,
        percentile,
        seen,
    } in steps(histogram)
    {
        let (value, quantile) = (value as f64, percentile / 100.0);
        let line = if percentile < 100.0 {
            let inverse = 1.0 / (1.0 - quantile);
            writeln!(
                text,
                "{value:>12.3} {quantile:>14.12} {seen:>10} {inverse:>14.2}"
            )
        } else {
            writeln!(text, "{value:>12.3} {quantile:>14.12} {seen:>10}")
        };
        line.expect("writing to a string does not fail");
    }
    let (mean, stdev, max, count) = (hdr.mean(), hdr.stdev(), hdr.max() as f64, hdr.len());
    let buckets = hdr.buckets();
    write!(
        text,
        "#[Mean    = {mean:>12.3}, StdDeviation   = {stdev:>12.3}]\n\
         #[Max     = {max:>12.3}, Total count    = {count:>12}]\n\
         #[Buckets = {buckets:>12}, SubBuckets     = {SUB_BUCKETS:>12}]\n"
    )
    .expect("writing to a string does not fail");
    text
}

/// A step of a percentile distribution: a line of a .hgrm file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PercentileStep {
    /// In the histogram's own unit.
    pub value: u64,
    /// The percentile that the value stands at, from 0 to 100.
    pub percentile: f64,
    /// How many values are not greater.
    pub seen: u64,
}

/// The steps of the Java tools' iterator, which counts in percentiles where the crate's counts in
/// quantiles: the two round differently, and the plotter's users compare files.
pub(super) fn steps(histogram: &Histogram) -> Vec<PercentileStep> {
    let hdr = histogram.hdr();
    let total = hdr.len();
    let mut steps = Vec::new();
    let (mut percentile, mut seen) = (0.0, 0);
    for recorded in hdr.iter_recorded() {
        seen += recorded.count_at_value();
        let value = hdr.highest_equivalent(recorded.value_iterated_to());
        while 100.0 * seen as f64 / total as f64 >= percentile {
            steps.push(PercentileStep {
                value,
                percentile,
                seen,
            });
            if seen == total {
                let percentile = 100.0;
                steps.push(PercentileStep {
                    value,
                    percentile,
                    seen,
                });
                return steps;
            }
            percentile += 100.0 / ticks_at(percentile);
        }
    }
    steps
}

/// Steps that the whole distribution would have at the density of this percentile.
fn ticks_at(percentile: f64) -> f64 {
    let halvings = ((100.0 / (100.0 - percentile)).ln() / std::f64::consts::LN_2).trunc();
    f64::from(TICKS_PER_HALF) * (halvings + 1.0).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plotter_gets_the_columns_of_the_java_tools() {
        let mut histogram = Histogram::new();
        for value in [100, 200, 300, 400, 5000] {
            histogram.record_n(value, 20);
        }
        insta::assert_snapshot!(hgrm(&histogram));
    }
}
