use super::*;
use crate::results::recorded::{RecordedDistribution, RecordedError, RecordedSummary};

fn summary() -> RecordedSummary {
    let distribution = |unit: &str| RecordedDistribution {
        unit: unit.to_owned(),
        count: 4,
        mean: 1_500.0,
        p50: Some(1_000.0),
        p99: Some(2_500.0),
        max: Some(3_000.0),
        ..RecordedDistribution::default()
    };
    RecordedSummary {
        scenario: "a \"chat\"".to_owned(),
        verdict: "failed".to_owned(),
        exit_code: 99,
        duration_s: 45.0,
        metrics: [
            ("ack.time{event=a|b}".to_owned(), distribution("us")),
            ("reconnect.attempts".to_owned(), distribution("count")),
        ]
        .into(),
        counters: [("acks".to_owned(), 4)].into(),
        rates: [
            ("handshake.error_rate".to_owned(), Some(0.25)),
            ("recovery.rate".to_owned(), None),
        ]
        .into(),
        errors: vec![RecordedError {
            stage: "tcp".to_owned(),
            cause: "connection_refused".to_owned(),
            origin: "server".to_owned(),
            count: 12,
        }],
        ..RecordedSummary::default()
    }
}

#[test]
fn other_programs_read_every_figure() {
    insta::assert_snapshot!("markdown", markdown(&summary()));
    insta::assert_snapshot!("prometheus", prometheus(&summary()));
    insta::assert_snapshot!("csv", String::from_utf8(csv(&summary())).unwrap());
}
