use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::figures;
use crate::results::comparison::{ComparedMetric, Comparison, ComparisonVerdict, MetricVerdict};

/// Renders a comparison as one test suite with a case for each deciding figure.
///
/// A regression is a failure; what cannot be told is skipped, which CI systems show without failing
/// the job; a generator that was the bottleneck is an error, because no figure proves anything then.
#[must_use]
pub fn render(comparison: &Comparison) -> Vec<u8> {
    let mut suite = TestSuite::new(format!("compare {}", comparison.scenario));
    let properties = [
        ("verdict", figures::verdict(comparison.verdict).to_owned()),
        ("exit_code", comparison.exit_code.to_string()),
        ("min_effect", comparison.min_effect.to_string()),
        ("alpha", comparison.alpha.to_string()),
        ("base_runs", comparison.base.used().to_string()),
        ("new_runs", comparison.new.used().to_string()),
    ];
    for (name, value) in &properties {
        suite.add_property((*name, value.as_str()));
    }
    if comparison.verdict == ComparisonVerdict::GeneratorBound {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status
            .set_type("generator_bound")
            .set_message(&comparison.reason);
        suite.add_test_case(TestCase::new("generator kept up", status));
    }
    let deciding = comparison.metrics.iter().filter(|row| row.deciding);
    suite.add_test_cases(deciding.map(case));
    for case in &mut suite.test_cases {
        case.set_classname(format!("sio-load.compare.{}", comparison.scenario));
    }
    let mut report = Report::new("sio-load compare");
    report.add_test_suite(suite);
    let mut bytes = Vec::new();
    report
        .serialize(&mut bytes)
        .expect("memory takes every byte");
    bytes
}

fn case(row: &ComparedMetric) -> TestCase {
    let message = message(row);
    let status = match row.verdict {
        MetricVerdict::Regression => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("regression").set_message(&message);
            status.set_description(&message);
            status
        }
        MetricVerdict::Inconclusive | MetricVerdict::NotComparable => {
            let mut status = TestCaseStatus::skipped();
            status.set_type("inconclusive").set_message(&message);
            status
        }
        MetricVerdict::None | MetricVerdict::Improvement => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(figures::name(row), status);
    for (name, value) in [("base", row.base), ("new", row.new), ("ratio", row.ratio)] {
        let value = value.map_or_else(|| "null".to_owned(), |value| value.to_string());
        case.add_property((name, value.as_str()));
    }
    case
}

/// The figures of a row in one line.
fn message(row: &ComparedMetric) -> String {
    let mut message = format!(
        "{}: {} → {} ({}, interval {})",
        figures::name(row),
        figures::value(row, row.base),
        figures::value(row, row.new),
        figures::row_change(row),
        figures::interval(row),
    );
    if let Some(note) = &row.note {
        message.push_str("; ");
        message.push_str(note);
    }
    message
}
