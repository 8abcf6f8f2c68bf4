use std::os::unix::process::ExitStatusExt as _;

use nix::sys::signal::Signal;
use sio_load::event::HistogramMetric;
use sio_load::results::summary::Verdict;
use sio_load::results::{read, read_samples};

use super::children::{descendants, wait_until_gone, with_command};
use super::{LIMIT, STEADY, formats, wait_for_seconds};
use crate::harness::{Finished, SioLoad};

/// A run that is killed after three seconds, and all processes that it had.
fn killed(scenario: &str) -> (Finished, Vec<u32>) {
    let running = SioLoad::new(&["run", "s.toml"])
        .file("s.toml", scenario)
        .start();
    wait_for_seconds(&running, 3);
    let servers = descendants(&running);
    running.signal(Signal::SIGKILL);
    let finished = running.wait(LIMIT);
    assert_eq!(finished.status.signal(), Some(9));
    (finished, servers)
}

#[test]
fn a_killed_run_loses_its_last_interval_at_most() {
    let (finished, servers) = killed(STEADY);
    wait_until_gone(&servers);
    let results = finished.results();
    // Three seconds were there when it was killed, and maybe one more.
    let rows = formats::timeline(&finished);
    assert!(rows.len() >= 3, "{rows:?}");
    let summary = read(&results).unwrap();
    assert_eq!(summary.verdict, Verdict::Interrupted);
    assert_eq!(summary.exit_code, 105);
    let sum = |column: &str| rows.iter().map(|row| row[column]).sum::<u64>();
    assert!(summary.counters["emits"] > 0);
    let histograms = read_samples(&results).unwrap();
    assert_eq!(
        histograms[&HistogramMetric::AckTime.into()]
            .completed()
            .count(),
        sum("acks")
    );
    let report = SioLoad::new(&["report", results.to_str().unwrap()]).run(LIMIT);
    assert_eq!(report.code(), 0);
    assert!(
        report.stdout.starts_with("INTERRUPTED"),
        "{}",
        report.stdout
    );
}

#[test]
fn servers_of_a_killed_run_end_with_all_that_they_have_started() {
    let (_finished, servers) = killed(&with_command(STEADY));
    assert!(servers.len() >= 4, "{servers:?}");
    wait_until_gone(&servers);
}
