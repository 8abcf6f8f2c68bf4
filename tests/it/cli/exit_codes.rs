use nix::sys::signal::Signal;

use super::{ELSEWHERE, LIMIT, SMALL};
use crate::harness::{Finished, SioLoad};

fn run(scenario: &str) -> Finished {
    SioLoad::new(&["run", "s.toml"])
        .file("s.toml", scenario)
        .run(LIMIT)
}

/// That the exit code of the process is the one in summary.json, beside this verdict.
fn assert_verdict(finished: &Finished, code: i32, verdict: &str) {
    assert_eq!(finished.code(), code, "{finished:?}");
    let summary = finished.summary();
    assert_eq!(summary["exit_code"], code);
    assert_eq!(summary["verdict"], verdict);
}

#[test]
fn a_run_that_holds_its_thresholds_exits_with_0() {
    let thresholds = "[thresholds]\n\"clients.never_connected\" = [\"count == 0\"]\n";
    assert_verdict(&run(&format!("{SMALL}{thresholds}")), 0, "passed");
}

#[test]
fn a_run_in_which_nobody_connects_goes_on_to_its_end_and_exits_with_1() {
    let impatient = "reconnection = { delay = \"50ms\", delay_max = \"50ms\" }\n";
    let finished = run(&format!("{ELSEWHERE}{impatient}"));
    assert_verdict(&finished, 1, "failed");
    assert!(finished.stdout.contains("no client ever connected"));
    let summary = finished.summary();
    assert_eq!(summary["duration_s"], 1.0);
    let attempts = summary["counters"]["handshake.attempts"].as_u64();
    assert!(attempts > Some(3), "clients try again: {attempts:?}");
    // Those under way at the end have neither failed nor succeeded.
    let failed = summary["errors"][0]["count"].as_u64();
    assert!(failed > Some(0) && failed <= attempts, "{failed:?}");
    let kinds = ["stage", "cause", "origin"].map(|key| summary["errors"][0][key].as_str().unwrap());
    assert_eq!(kinds, ["tcp", "connection_refused", "server"]);
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for arguments in [
        &["run"][..],
        &["run", "s.toml", "--no-such-flag"],
        &["run", "s.toml", "--clients", "many"],
        &["run", "s.toml", "--ipv4", "--ipv6"],
        &["rnu", "s.toml"],
        &[],
    ] {
        let finished = SioLoad::new(arguments).file("s.toml", SMALL).run(LIMIT);
        assert_eq!(finished.code(), 2, "{arguments:?}: {finished:?}");
        assert_eq!(finished.stdout, "", "{arguments:?}");
        assert!(!finished.directory().join("results").exists());
    }
}

#[test]
fn a_generator_that_is_the_bottleneck_exits_with_92() {
    // Far more text than any machine can draw; all but the first event of a burst are dropped.
    let flood = r#"
        name = "flood"
        duration = "4s"
        server.embedded = true
        [[clients]]
        count = 40
        transports = ["websocket"]
        [[clients.emit]]
        event = "noise"
        data = ["{{random.string(4000)}}"]
        every = "10ms"
        burst = 1000
        volatile = true
    "#;
    let finished = run(flood);
    assert_verdict(&finished, 92, "generator_bound");
    // Which of the two depends on what else this machine does.
    let warnings = ["generator_saturated", "generator_lag"];
    let is_warned = |code: &&str| finished.stdout.contains(&format!("! {code}: "));
    assert!(warnings.iter().any(is_warned), "{}", finished.stdout);
}

#[test]
fn a_crossed_threshold_exits_with_99() {
    let thresholds = "[thresholds]\n\"clients.started\" = [\"count > 3\"]\n";
    let finished = run(&format!("{SMALL}{thresholds}"));
    assert_verdict(&finished, 99, "failed");
    let threshold = &finished.summary()["thresholds"][0];
    assert_eq!(threshold["passed"], false);
    assert_eq!(threshold["value"], 3.0);
}

#[test]
fn an_invalid_scenario_exits_with_104_and_nothing_was_started() {
    let finished = run(&SMALL.replace("count", "cuont"));
    assert_eq!(finished.code(), 104, "{finished:?}");
    assert_eq!(finished.stdout, "");
    assert!(
        finished.stderr.ends_with("nothing was started\n"),
        "{}",
        finished.stderr
    );
    assert!(!finished.directory().join("results").exists());
}

#[test]
fn an_interrupted_run_exits_with_105() {
    let running = SioLoad::new(&["run", "s.toml", "--duration", "10m"])
        .file("s.toml", SMALL)
        .start();
    running.wait_for_note("run_started", LIMIT);
    running.signal(Signal::SIGINT);
    assert_verdict(&running.wait(LIMIT), 105, "interrupted");
}
