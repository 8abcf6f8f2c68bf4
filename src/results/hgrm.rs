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
    let mut seen = 0;
    for step in hdr.iter_quantiles(TICKS_PER_HALF) {
        seen += step.count_since_last_iteration();
        let value = hdr.highest_equivalent(step.value_iterated_to()) as f64;
        let quantile = step.quantile_iterated_to();
        let line = if quantile < 1.0 {
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
