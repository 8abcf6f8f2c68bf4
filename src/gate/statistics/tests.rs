//! The intervals on simulated runs, whose true ratio is known; every draw has a fixed seed.

use super::student::{Spread, welch};
use super::*;
use crate::metrics::Histogram;

/// Normal, by Box and Muller.
fn normal(rng: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// A run: values spread by a fifth around a level that is the run's own.
fn run(rng: &mut fastrand::Rng, level: f64, between_runs: f64) -> Histogram {
    let own = level * (between_runs * normal(rng)).exp();
    let mut histogram = Histogram::new();
    for _ in 0..100 {
        histogram.record((own * (0.2 * normal(rng)).exp()) as u64);
    }
    histogram
}

fn side(rng: &mut fastrand::Rng, runs: usize, level: f64) -> Vec<Histogram> {
    (0..runs).map(|_| run(rng, level, 0.04)).collect()
}

fn estimate(histograms: &[Histogram], percentile: f64) -> PercentileEstimate {
    percentile_of(&histograms.iter().collect::<Vec<_>>(), percentile).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-3 * b.abs().max(1.0)
}

#[test]
fn quantiles_and_degrees_of_freedom_are_those_of_the_tables() {
    let level = Level::corrected(0.05, 1);
    assert!(close(level.standard_errors(8.0), 2.306));
    assert!(close(level.standard_errors(4.0), 2.776));
    let corrected = Level::corrected(0.05, 5);
    assert!(close(corrected.standard_errors(8.0), 3.355), "as at 99 %");
    assert!(level.standard_errors(0.0).is_infinite());
    // Welch's own example: equal spreads have the freedom of both.
    let spread = |variance, freedom| Spread { variance, freedom };
    let both = welch(spread(1.0, 4.0), spread(1.0, 4.0));
    assert!(close(both.freedom, 8.0) && close(both.variance, 2.0));
    let uneven = welch(spread(1.0, 4.0), spread(1e-9, 4.0));
    assert!(close(uneven.freedom, 4.0));
}

#[test]
fn an_interval_holds_the_true_ratio_as_often_as_it_says() {
    let mut rng = fastrand::Rng::with_seed(7);
    let level = Level::corrected(0.05, 1);
    for percentile in [50.0, 99.0] {
        for truth in [1.0, 1.1] {
            let held = (0..200).filter(|_| {
                let base = estimate(&side(&mut rng, 5, 20_000.0), percentile);
                let new = estimate(&side(&mut rng, 5, 20_000.0 * truth), percentile);
                let interval = PercentileEstimate::ratio(base, new, None, level);
                (interval.low..=interval.high).contains(&truth)
            });
            let held = held.count();
            // 190 of 200 are expected; three standard deviations of that are 9.
            assert!(
                (181..=200).contains(&held),
                "p{percentile} ×{truth}: {held} of 200"
            );
        }
    }
}

#[test]
fn a_single_run_borrows_the_spread_of_the_other_side_or_of_earlier_runs() {
    let mut rng = fastrand::Rng::with_seed(11);
    let level = Level::corrected(0.05, 1);
    let held = (0..200).filter(|_| {
        let base = estimate(&side(&mut rng, 8, 20_000.0), 50.0);
        let new = estimate(&side(&mut rng, 1, 20_000.0), 50.0);
        let interval = PercentileEstimate::ratio(base, new, None, level);
        (interval.low..=interval.high).contains(&1.0)
    });
    let held = held.count();
    assert!((180..=200).contains(&held), "{held} of 200");

    let one = |rng: &mut fastrand::Rng| estimate(&side(rng, 1, 20_000.0), 50.0);
    let (base, new) = (one(&mut rng), one(&mut rng));
    let unknown = PercentileEstimate::ratio(base, new, None, level);
    assert_eq!(unknown, Interval::UNBOUNDED);
    let earlier = estimate(&side(&mut rng, 8, 20_000.0), 50.0);
    let known = PercentileEstimate::ratio(base, new, Some(earlier), level);
    assert!(known.low > 0.7 && known.high < 1.4, "{known:?}");
}

#[test]
fn runs_that_are_all_the_same_still_have_the_width_of_a_bucket() {
    let mut histogram = Histogram::new();
    histogram.record_n(20_000, 100);
    let same = estimate(&[histogram.clone(), histogram], 50.0);
    let interval = PercentileEstimate::ratio(same, same, None, Level::corrected(0.05, 1));
    assert!(interval.low < 1.0 && interval.high > 1.0, "{interval:?}");
    assert!(interval.high < 1.01, "{interval:?}");
}

#[test]
fn the_percentile_is_that_of_all_values_together() {
    let mut few = Histogram::new();
    few.record_n(1_000, 10);
    let mut many = Histogram::new();
    many.record_n(9_000, 990);
    let together = estimate(&[few, many], 50.0);
    assert!(
        close(together.value, 9_000.0),
        "never an average: {together:?}"
    );
    assert_eq!(percentile_of(&[&Histogram::new()], 50.0), None);
}

#[test]
fn fieller_bounds_a_ratio_of_means_and_gives_up_on_a_base_near_zero() {
    let level = Level::corrected(0.05, 1);
    let of = |samples: &[f64]| Means::of(samples).unwrap();
    let base = of(&[0.10, 0.11, 0.09, 0.10, 0.10]);
    let new = of(&[0.20, 0.21, 0.19, 0.20, 0.20]);
    let interval = ratio_of_means(base, new, None, level);
    assert!(interval.low > 1.8 && interval.high < 2.2, "{interval:?}");
    let near_zero = of(&[0.0, 0.3, 0.0, 0.0, 0.0]);
    let unknown = ratio_of_means(near_zero, new, None, level);
    assert_eq!(unknown, Interval::UNBOUNDED);
    let single = ratio_of_means(of(&[0.1]), of(&[0.2]), None, level);
    assert_eq!(single, Interval::UNBOUNDED);
    let with_history = ratio_of_means(of(&[0.1]), of(&[0.2]), Some(base), level);
    assert!(with_history.low > 1.3, "{with_history:?}");
}

#[test]
fn seconds_that_follow_each_other_are_taken_together_until_they_do_not() {
    let mut rng = fastrand::Rng::with_seed(3);
    let independent: Vec<Histogram> = (0..40).map(|_| run(&mut rng, 20_000.0, 0.05)).collect();
    let blocks = independent_blocks(&independent, 50.0).unwrap();
    assert_eq!(blocks.len(), 40);
    // A level that wanders: each second begins where the last one ended.
    let mut level = 0.0;
    let wandering: Vec<Histogram> = (0..64)
        .map(|_| {
            level = 0.8 * level + 0.05 * normal(&mut rng);
            run(&mut rng, 20_000.0 * f64::exp(level), 0.0)
        })
        .collect();
    let blocks = independent_blocks(&wandering, 50.0);
    assert!(
        blocks.is_none_or(|blocks| blocks.len() < 40),
        "seconds are not independent"
    );
    assert!(
        independent_blocks(&independent[..7], 50.0).is_none(),
        "too few"
    );
}
