use super::*;
use crate::report::terminal::Layout;
use crate::results::comparison::*;
use crate::results::summary::Warning;

fn run(name: &str, used: bool) -> ComparedRun {
    ComparedRun {
        folder: format!("results/chat/{name}"),
        started: "2026-11-28T16:00:00Z".to_owned(),
        tool: "sio-load 0.1.0".to_owned(),
        verdict: if used { "passed" } else { "generator_bound" }.to_owned(),
        exit_code: if used { 0 } else { 92 },
        seed: 7,
        partial: false,
        used,
    }
}

fn row(metric: &str, aggregate: &str, values: [f64; 2], interval: [f64; 2]) -> ComparedMetric {
    ComparedMetric {
        metric: metric.to_owned(),
        aggregate: aggregate.to_owned(),
        unit: "us".to_owned(),
        base: Some(values[0]),
        new: Some(values[1]),
        ratio: Some(values[1] / values[0]),
        interval: Some(interval.map(|bound| Some(bound).filter(|b| b.is_finite()))),
        verdict: MetricVerdict::None,
        deciding: true,
        better: Better::Lower,
        method: Method::Runs,
        note: None,
    }
}

fn count(metric: &str, values: [f64; 2], verdict: MetricVerdict) -> ComparedMetric {
    ComparedMetric {
        unit: "count".to_owned(),
        ratio: None,
        interval: None,
        method: Method::Count,
        verdict,
        ..row(metric, "count", values, [0.0; 2])
    }
}

/// A comparison with a row of every kind.
fn regression() -> Comparison {
    let mut slower = row("ack.time", "p50", [20_500.0, 22_500.0], [1.071, 1.125]);
    slower.verdict = MetricVerdict::Regression;
    let mut unclear = row("ack.time", "p99", [24_000.0, 25_700.0], [0.93, 1.31]);
    unclear.verdict = MetricVerdict::Inconclusive;
    let mut open = row(
        "reconnect.time",
        "p99",
        [1.4e6, 1.6e6],
        [1.02, f64::INFINITY],
    );
    open.verdict = MetricVerdict::Inconclusive;
    open.note = Some("values were still open at the end: a side is a lower bound".to_owned());
    let fine = row("connect.time", "p50", [2_000.0, 1_990.0], [0.97, 1.02]);
    let mut faster = row("connect.tcp", "p50", [400.0, 200.0], [0.45, 0.55]);
    faster.verdict = MetricVerdict::Improvement;
    faster.deciding = false;
    let lost = count("clients.never_back", [0.0, 2.4], MetricVerdict::Regression);
    let kept = count("clients.never_connected", [0.0, 0.0], MetricVerdict::None);
    Comparison {
        schema: SCHEMA.to_owned(),
        scenario: "chat".to_owned(),
        verdict: ComparisonVerdict::Regression,
        exit_code: 90,
        reason: "worse: clients.never_back count, ack.time p50".to_owned(),
        min_effect: 0.05,
        alpha: 0.05,
        confidence: 0.9875,
        base: ComparedSide {
            runs: vec![run("a", true), run("b", true)],
        },
        new: ComparedSide {
            runs: vec![run("c", true), run("d", true), run("e", false)],
        },
        differences: vec![Difference {
            kind: DifferenceKind::Scenario,
            key: "clients.web.count".to_owned(),
            base: Some("200".to_owned()),
            new: None,
        }],
        metrics: vec![lost, slower, unclear, open, fine, kept, faster],
        errors: vec![ComparedError {
            stage: "tcp".to_owned(),
            cause: "connection_refused".to_owned(),
            origin: "server".to_owned(),
            base: 0.0,
            new: 12.5,
        }],
        warnings: vec![Warning {
            code: "generator_bound_run".to_owned(),
            message: "1 of 3 runs of the new side were limited by the generator and are left out"
                .to_owned(),
        }],
    }
}

fn on(width: usize) -> String {
    let layout = Layout {
        width,
        color: false,
        results: None,
    };
    terminal(&regression(), layout)
}

#[test]
fn people_read_the_verdict_first_and_the_worst_before_the_rest() {
    insta::assert_snapshot!("terminal", on(80));
    insta::assert_snapshot!("terminal_at_120", on(120));
}

#[test]
fn no_line_is_wider_than_the_page() {
    for width in [72, 80, 100, 120] {
        for line in on(width).lines() {
            assert!(
                unicode_width::UnicodeWidthStr::width(line) <= width,
                "{line}"
            );
        }
    }
}

#[test]
fn a_pull_request_gets_a_comment() {
    insta::assert_snapshot!("markdown", markdown(&regression()));
}

#[test]
fn text_of_others_is_no_markup() {
    let mut comparison = regression();
    comparison.scenario = "a|b<script>@all".to_owned();
    comparison.differences[0].base = Some("x|y\n**z**".to_owned());
    let text = markdown(&comparison);
    assert!(
        !text.contains("<script>") && !text.contains("@all"),
        "{text}"
    );
    assert!(!text.contains("**z**"), "{text}");
}

#[test]
fn deciding_figures_are_test_cases() {
    let xml = String::from_utf8(junit(&regression())).unwrap();
    insta::assert_snapshot!("junit", xml);
}

#[test]
fn comparison_json_keeps_what_it_is_made_of() {
    let comparison = regression();
    let json = comparison.to_json();
    let back: Comparison = serde_json::from_slice(&json).unwrap();
    assert_eq!(back, comparison);
    insta::assert_snapshot!("json", String::from_utf8(json).unwrap());
}
