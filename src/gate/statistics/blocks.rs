use crate::metrics::Histogram;

/// Fewer blocks say too little about how they spread.
const FEWEST_BLOCKS: usize = 8;

/// Blocks whose percentiles correlate more than this from one to the next are not independent.
const MOST_CORRELATION: f64 = 0.25;

/// Cuts one run's seconds into blocks of equal length that are as good as independent: the shortest
/// whose percentile does not tell the next one's.
///
/// Nothing if even the longest that leave enough of them do, or if there are too few seconds. This is
/// the method of batch means: the number of blocks is what the run is worth, not the number of its
/// values.
///
/// Source: Alexopoulos and Seila, "Output data analysis for simulations" (2001), and latte's
/// `effective sample size`.
pub(in crate::gate) fn independent_blocks(
    seconds: &[Histogram],
    percentile: f64,
) -> Option<Vec<Histogram>> {
    let mut length = 1;
    while seconds.len() / length >= FEWEST_BLOCKS {
        let blocks: Vec<Histogram> = seconds
            // A shorter rest would spread wider than the others.
            .chunks_exact(length)
            .map(|chunk| {
                let mut block = Histogram::new();
                for second in chunk {
                    block.merge(second);
                }
                block
            })
            .collect();
        let values: Vec<f64> = blocks
            .iter()
            .map(|block| (block.value_at_percentile(percentile) as f64).max(1.0).ln())
            .collect();
        if blocks.iter().all(|block| !block.is_empty())
            && correlation_with_next(&values) <= MOST_CORRELATION
        {
            return Some(blocks);
        }
        length *= 2;
    }
    None
}

/// The autocorrelation at lag one; 0 where all values are the same.
fn correlation_with_next(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let deviations: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let whole: f64 = deviations.iter().map(|d| d * d).sum();
    if whole <= 0.0 {
        return 0.0;
    }
    let next: f64 = deviations.windows(2).map(|pair| pair[0] * pair[1]).sum();
    next / whole
}
