//! A threshold that ends its run.

use super::{LIMIT, number};
use crate::harness::SioLoad;

const SCENARIO: &str = r#"
duration = "10m"
server = { embedded = true }

[[clients]]
count = 4
reconnection = { delay = "100ms", delay_max = "200ms" }

[[chaos]]
at = "1s"
fault = "server_kill"

[thresholds]
"handshake.error_rate" = [{ bound = "rate < 20%", abort = true, after = "2s" }]
"clients.started" = ["count == 4"]
"#;

#[test]
fn a_crossed_threshold_ends_the_run_and_everything_measured_is_kept() {
    let finished = SioLoad::new(&["run", "abort.toml"])
        .file("abort.toml", SCENARIO)
        .run(LIMIT);
    let summary = finished.summary();
    assert_eq!(
        summary["aborted_by"], "handshake.error_rate rate < 20%",
        "{summary:#}"
    );
    // 92 on a machine that is too busy to tell.
    assert!(matches!(finished.code(), 99 | 92), "{finished:?}");
    let seconds = summary["duration_s"].as_f64().unwrap();
    assert!((2.0..600.0).contains(&seconds), "{seconds}");
    assert_eq!(number(&summary, &["counters", "clients.started"]), 4);
    assert!(number(&summary, &["counters", "handshake.errors"]) > 0);
    let outcomes = summary["thresholds"].as_array().unwrap();
    assert_eq!(outcomes[0]["passed"], false);
    assert_eq!(outcomes[1]["passed"], true);
}
