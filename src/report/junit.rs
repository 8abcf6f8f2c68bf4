//! junit.xml: what CI systems show as tests.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::terminal::measured;
use crate::event::Counter;
use crate::results::summary::{FaultOutcome, Summary, ThresholdOutcome, Verdict};

/// Renders a run as one test suite.
///
/// `clients connected` is always a case, so that a run without thresholds has one; each threshold
/// is another, and `faults carried out` if the scenario has any. A run that was interrupted, or
/// whose generator was the bottleneck, has one more case that says so as an error, because its
/// thresholds prove nothing either way.
#[must_use]
pub fn render(summary: &Summary) -> Vec<u8> {
    let mut suite = TestSuite::new(summary.scenario.as_str());
    suite.set_time(duration(summary));
    suite.add_property(("seed", summary.seed.to_string().as_str()));
    suite.add_property(("exit_code", summary.exit_code.to_string().as_str()));
    suite.add_test_case(clients_connected(summary));
    suite.add_test_cases(run_in_order(summary));
    suite.add_test_cases(faults_carried_out(&summary.faults));
    suite.add_test_cases(summary.thresholds.iter().map(threshold));
    for case in &mut suite.test_cases {
        case.set_classname(format!("sio-load.{}", summary.scenario));
    }
    let mut report = Report::new("sio-load");
    report.set_time(duration(summary));
    report.add_test_suite(suite);
    let mut bytes = Vec::new();
    report
        .serialize(&mut bytes)
        .expect("memory takes every byte");
    bytes
}

fn duration(summary: &Summary) -> Duration {
    Duration::try_from_secs_f64(summary.duration_s).unwrap_or_default()
}

fn clients_connected(summary: &Summary) -> TestCase {
    let count = |counter: Counter| summary.counters.get(counter.name()).copied().unwrap_or(0);
    let status = if count(Counter::ClientsConnectedMax) > 0 {
        TestCaseStatus::success()
    } else {
        let mut message = format!(
            "none of {} started clients ever connected",
            count(Counter::ClientsStarted)
        );
        let error = summary.errors.first();
        message.extend(error.map(|error| format!(": {} ({})", error.cause, error.stage)));
        failure(NonSuccessKind::Failure, "never_connected", &message)
    };
    TestCase::new("clients connected", status)
}

/// A case for what keeps a run from proving anything; none if nothing does.
fn run_in_order(summary: &Summary) -> Option<TestCase> {
    let (name, kind, message) = match summary.verdict {
        Verdict::Passed | Verdict::Failed => return None,
        Verdict::Interrupted => (
            "run completed",
            "interrupted",
            "the run was ended before its time",
        ),
        Verdict::GeneratorBound => (
            "generator kept up",
            "generator_bound",
            "the generator, not the server, was the bottleneck",
        ),
    };
    let status = failure(NonSuccessKind::Error, kind, message);
    Some(TestCase::new(name, status))
}

/// A case for what the thresholds hold against; none in a scenario without faults.
fn faults_carried_out(faults: &[FaultOutcome]) -> Option<TestCase> {
    let failed: Vec<String> = faults
        .iter()
        .filter_map(|fault| Some(format!("{}: {}", fault.fault, fault.failed.as_ref()?)))
        .collect();
    let status = match failed.as_slice() {
        [] if faults.is_empty() => return None,
        [] => TestCaseStatus::success(),
        failed => failure(NonSuccessKind::Failure, "fault_failed", &failed.join("; ")),
    };
    Some(TestCase::new("faults carried out", status))
}

fn threshold(threshold: &ThresholdOutcome) -> TestCase {
    let status = if threshold.passed {
        TestCaseStatus::success()
    } else {
        let message = format!(
            "{}: expected {}, got {}",
            threshold.metric,
            threshold.expression,
            measured(threshold)
        );
        failure(NonSuccessKind::Failure, "threshold_crossed", &message)
    };
    let name = format!("{}: {}", threshold.metric, threshold.expression);
    let mut case = TestCase::new(name, status);
    let value = threshold.value.map(|value| value.to_string());
    case.add_property(("value", value.as_deref().unwrap_or("null")));
    case
}

fn failure(kind: NonSuccessKind, ty: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(ty).set_message(message);
    status.set_description(message);
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::summary::samples;

    fn rendered(summary: &Summary) -> String {
        String::from_utf8(render(summary)).expect("XML is UTF-8")
    }

    #[test]
    fn thresholds_are_test_cases() {
        insta::assert_snapshot!("healthy", rendered(&samples::healthy()));
        insta::assert_snapshot!("failing", rendered(&samples::failing()));
    }

    #[test]
    fn a_run_without_thresholds_has_a_case_all_the_same() {
        insta::assert_snapshot!("unreachable", rendered(&samples::unreachable()));
    }

    #[test]
    fn what_proves_nothing_is_an_error() {
        for summary in [samples::interrupted(), samples::generator_bound()] {
            let report = rendered(&summary);
            assert!(report.contains("errors=\"1\""), "{report}");
        }
    }

    #[test]
    fn text_of_others_is_escaped() {
        let mut summary = samples::unreachable();
        summary.scenario = "a<b>&\"\u{7}".to_owned();
        let report = rendered(&summary);
        assert!(report.contains("a&lt;b&gt;&amp;&quot;\""), "{report}");
    }
}
