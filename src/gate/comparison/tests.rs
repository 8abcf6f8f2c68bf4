//! Verdicts on runs made up for them.

use std::path::PathBuf;

use super::*;
use crate::metrics::Histogram;
use crate::results::TaggedHistograms;
use crate::results::comparison::{ComparedMetric, Method};
use crate::results::recorded::{
    RecordedDistribution, RecordedFault, RecordedSummary, RecordedThreshold,
};

/// A run whose acks take about `ack_us`, and which has seconds enough to make blocks of.
fn run(seed: u64, ack_us: f64) -> RecordedRun {
    let mut rng = fastrand::Rng::with_seed(seed);
    // From run to run the level changes by one in a hundred.
    let level = ack_us * (0.99 + 0.02 * rng.f64());
    let mut tagged = TaggedHistograms::default();
    for second in 0..30 {
        let mut histogram = Histogram::new();
        for _ in 0..100 {
            histogram.record((level * (0.8 + 0.4 * rng.f64())) as u64);
        }
        tagged.whole.merge(&histogram);
        tagged.seconds.push((second, histogram));
    }
    let distribution = RecordedDistribution {
        unit: "us".to_owned(),
        count: tagged.whole.count(),
        ..RecordedDistribution::default()
    };
    RecordedRun {
        folder: PathBuf::from(format!("run-{seed}")),
        summary: RecordedSummary {
            scenario: "chat".to_owned(),
            verdict: "passed".to_owned(),
            duration_s: 30.0,
            metrics: [("ack.time".to_owned(), distribution)].into(),
            counters: [
                ("clients.never_back".to_owned(), 0),
                ("handshake.attempts".to_owned(), 100),
                ("handshake.errors".to_owned(), 0),
            ]
            .into(),
            rates: [("handshake.error_rate".to_owned(), Some(0.0))].into(),
            ..RecordedSummary::default()
        },
        histograms: [("ack.time".to_owned(), tagged)].into(),
        scenario: Some(
            "name = \"chat\"\nseed = 1\n[[clients]]\nname = \"web\"\ncount = 9\n".to_owned(),
        ),
        ..RecordedRun::default()
    }
}

fn side(seeds: std::ops::Range<u64>, ack_us: f64) -> Vec<RecordedRun> {
    seeds.map(|seed| run(seed, ack_us)).collect()
}

fn compared(base: &[RecordedRun], new: &[RecordedRun]) -> Comparison {
    compare(base, new, &[], &Options::default()).unwrap()
}

fn row<'a>(comparison: &'a Comparison, metric: &str, aggregate: &str) -> &'a ComparedMetric {
    let mut rows = comparison.metrics.iter();
    let found = rows.find(|row| row.metric == metric && row.aggregate == aggregate);
    found.unwrap_or_else(|| panic!("no {metric} {aggregate}: {comparison:#?}"))
}

fn outcome(comparison: &Comparison) -> (ComparisonVerdict, u8) {
    (comparison.verdict, comparison.exit_code)
}

#[test]
fn the_same_is_no_regression_and_ten_percent_more_is_one() {
    let base = side(0..5, 20_000.0);
    let same = compared(&base, &side(5..10, 20_000.0));
    assert_eq!(
        outcome(&same),
        (ComparisonVerdict::NoRegression, 0),
        "{same:#?}"
    );
    let slower = compared(&base, &side(5..10, 22_000.0));
    assert_eq!(outcome(&slower), (ComparisonVerdict::Regression, 90));
    let p50 = row(&slower, "ack.time", "p50");
    assert_eq!(
        (p50.verdict, p50.method),
        (MetricVerdict::Regression, Method::Runs)
    );
    assert!(p50.ratio.is_some_and(|ratio| (1.08..1.12).contains(&ratio)));
    let faster = compared(&base, &side(5..10, 16_000.0));
    assert_eq!(outcome(&faster), (ComparisonVerdict::NoRegression, 0));
    let p50 = row(&faster, "ack.time", "p50");
    assert_eq!(p50.verdict, MetricVerdict::Improvement);
}

#[test]
fn what_lies_at_the_tolerance_cannot_be_told() {
    let near = compared(&side(0..5, 20_000.0), &side(5..10, 21_000.0));
    assert_eq!(outcome(&near), (ComparisonVerdict::Inconclusive, 91));
    let passing = Options {
        inconclusive_passes: true,
        ..Options::default()
    };
    let near = compare(&side(0..5, 20_000.0), &side(5..10, 21_000.0), &[], &passing).unwrap();
    assert_eq!(outcome(&near), (ComparisonVerdict::Inconclusive, 0));
}

#[test]
fn what_never_happened_must_not_happen_once() {
    let base = side(0..5, 20_000.0);
    let mut new = side(5..10, 20_000.0);
    new[3]
        .summary
        .counters
        .insert("clients.never_back".to_owned(), 1);
    let lost = compared(&base, &new);
    assert_eq!(outcome(&lost), (ComparisonVerdict::Regression, 90));
    let count = row(&lost, "clients.never_back", "count");
    assert_eq!(
        (count.verdict, count.method),
        (MetricVerdict::Regression, Method::Count)
    );

    let mut new = side(5..10, 20_000.0);
    new[0]
        .summary
        .rates
        .insert("handshake.error_rate".to_owned(), Some(0.01));
    new[0]
        .summary
        .counters
        .insert("handshake.errors".to_owned(), 1);
    assert_eq!(
        outcome(&compared(&base, &new)),
        (ComparisonVerdict::Regression, 90)
    );
}

#[test]
fn one_run_on_each_side_knows_what_is_steady_and_nothing_else() {
    let (base, new) = (side(0..1, 20_000.0), side(1..2, 26_000.0));
    let steady = compared(&base, &new);
    let p50 = row(&steady, "ack.time", "p50");
    assert_eq!(
        (p50.verdict, p50.method),
        (MetricVerdict::Regression, Method::Blocks)
    );

    // A fault makes it a thing that happens once.
    let with_fault = |mut runs: Vec<RecordedRun>| {
        runs[0].summary.faults.push(RecordedFault::default());
        runs
    };
    let (base, new) = (with_fault(base), with_fault(new));
    let once = compared(&base, &new);
    assert_eq!(outcome(&once), (ComparisonVerdict::Inconclusive, 91));
    assert_eq!(row(&once, "ack.time", "p50").interval, None);

    let history = side(10..18, 20_000.0);
    let known = compare(&base, &new, &history, &Options::default()).unwrap();
    assert_eq!(outcome(&known), (ComparisonVerdict::Regression, 90));
    assert_eq!(row(&known, "ack.time", "p50").method, Method::Runs);
}

#[test]
fn a_generator_that_was_the_bottleneck_decides_unless_the_run_can_be_spared() {
    let base = side(0..5, 20_000.0);
    let mut new = side(5..10, 20_000.0);
    new[0].summary.verdict = "generator_bound".to_owned();
    let spared = compared(&base, &new);
    assert_eq!(outcome(&spared), (ComparisonVerdict::NoRegression, 0));
    assert_eq!((spared.new.used(), spared.new.runs.len()), (4, 5));
    assert_eq!(spared.warnings[0].code, "generator_bound_run");
    for run in &mut new[1..3] {
        run.summary.verdict = "generator_bound".to_owned();
    }
    let needed = compared(&base, &new);
    assert_eq!(outcome(&needed), (ComparisonVerdict::GeneratorBound, 92));
}

#[test]
fn a_run_that_was_cut_off_is_compared_with_a_warning_and_its_counts_are_not() {
    let base = side(0..5, 20_000.0);
    let mut new = side(5..10, 20_000.0);
    new[0].summary.verdict = "interrupted".to_owned();
    new[0]
        .summary
        .counters
        .insert("clients.never_back".to_owned(), 7);
    let partial = compared(&base, &new);
    assert_eq!(outcome(&partial), (ComparisonVerdict::NoRegression, 0));
    assert_eq!(partial.warnings[0].code, "partial_run");
    assert!(partial.new.runs[0].partial);
}

#[test]
fn scenarios_are_compared_key_by_key_and_a_seed_is_no_difference() {
    let base = side(0..5, 20_000.0);
    let mut new = side(5..10, 20_000.0);
    for run in &mut new {
        let scenario = run.scenario.as_mut().unwrap();
        *scenario = scenario
            .replace("seed = 1", "seed = 2")
            .replace("count = 9", "count = 10");
    }
    let comparison = compared(&base, &new);
    assert!(scenarios_differ(&comparison));
    let [difference] = &comparison.differences[..] else {
        panic!("one difference, not {:?}", comparison.differences)
    };
    assert_eq!(difference.key, "clients.web.count");
    assert_eq!(
        (difference.base.as_deref(), difference.new.as_deref()),
        (Some("9"), Some("10"))
    );
    assert_eq!(comparison.warnings[0].code, "different_runs");
}

#[test]
fn thresholds_say_what_decides_and_metrics_say_it_over_them() {
    let bounded = |mut runs: Vec<RecordedRun>| {
        for run in &mut runs {
            run.summary.thresholds.push(RecordedThreshold {
                metric: "ack.time".to_owned(),
                expression: "p(95) < 1s".to_owned(),
            });
        }
        runs
    };
    let (base, new) = (
        bounded(side(0..5, 20_000.0)),
        bounded(side(5..10, 20_000.0)),
    );
    let deciding = |options: &Options| -> Vec<String> {
        let comparison = compare(&base, &new, &[], options).unwrap();
        let rows = comparison.metrics.iter().filter(|row| row.deciding);
        rows.map(|row| format!("{} {}", row.metric, row.aggregate))
            .collect()
    };
    assert_eq!(deciding(&Options::default()), ["ack.time p95"]);
    let asked = |metric: &str| Options {
        metrics: vec![metric.parse().unwrap()],
        ..Options::default()
    };
    assert_eq!(deciding(&asked("ack.time:p90")), ["ack.time p90"]);
    let unknown = compare(&base, &new, &[], &asked("ack.tme")).unwrap_err();
    assert!(unknown.to_string().contains("ack.time"), "{unknown}");
}

#[test]
fn a_metric_that_means_something_else_now_is_not_compared() {
    let base = side(0..5, 20_000.0);
    let mut new = side(5..10, 40_000.0);
    for run in &mut new {
        run.summary.definitions.insert("ack.time".to_owned(), 2);
    }
    let comparison = compared(&base, &new);
    assert_eq!(outcome(&comparison), (ComparisonVerdict::Inconclusive, 91));
    let p50 = row(&comparison, "ack.time", "p50");
    assert_eq!(p50.verdict, MetricVerdict::NotComparable);
}

#[test]
fn a_percentile_that_is_a_lower_bound_has_no_upper_one() {
    let base = side(0..5, 20_000.0);
    let mut new = side(5..10, 20_000.0);
    let distribution = new[0].summary.metrics.get_mut("ack.time").unwrap();
    distribution.at_least = vec!["p99".to_owned()];
    let comparison = compared(&base, &new);
    let p99 = row(&comparison, "ack.time", "p99");
    assert_eq!(p99.verdict, MetricVerdict::Inconclusive);
    assert!(matches!(p99.interval, Some([Some(_), None])));
    assert_eq!(
        row(&comparison, "ack.time", "p50").verdict,
        MetricVerdict::None
    );
}

#[test]
fn what_only_one_side_measured_cannot_be_judged() {
    let base = side(0..5, 20_000.0);
    let mut new = side(5..10, 20_000.0);
    for run in &mut new {
        run.summary.metrics.clear();
        run.histograms.clear();
    }
    let comparison = compared(&base, &new);
    assert_eq!(outcome(&comparison), (ComparisonVerdict::Inconclusive, 91));
    let note = row(&comparison, "ack.time", "p50").note.as_deref();
    assert_eq!(note, Some("measured on the base side alone"));
}
