use std::os::unix::process::ExitStatusExt as _;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::children::{descendants, wait_until_gone, with_command};
use super::{LIMIT, STEADY, formats, number, wait_for_seconds};
use crate::harness::{Finished, RunningSioLoad, SioLoad, wait_for};

fn start(scenario: &str) -> RunningSioLoad {
    SioLoad::new(&["run", "s.toml"])
        .file("s.toml", scenario)
        .start()
}

/// That the run ended in order, before its time, with all that it had measured.
fn assert_interrupted(finished: &Finished) -> Value {
    assert_eq!(finished.code(), 105, "{finished:?}");
    let summary = finished.summary();
    assert_eq!(summary["verdict"], "interrupted");
    assert_eq!(summary["exit_code"], 105);
    assert!(
        finished.stdout.starts_with("INTERRUPTED"),
        "{}",
        finished.stdout
    );
    let notes = finished.result("events.jsonl");
    assert!(notes.contains("\"kind\":\"interrupted\""), "{notes}");
    formats::assert_consistent(finished);
    summary
}

#[test]
fn an_interrupt_ends_the_run_in_order_with_all_that_was_measured() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let running = start(STEADY);
        wait_for_seconds(&running, 2);
        let servers = descendants(&running);
        assert!(!servers.is_empty());
        running.signal(signal);
        let finished = running.wait(LIMIT);
        let summary = assert_interrupted(&finished);
        assert!(summary["duration_s"].as_f64() >= Some(1.9));
        assert_eq!(number(&summary, &["counters", "clients.connected_max"]), 6);
        assert_eq!(
            number(&summary, &["disconnects", "io client disconnect"]),
            6
        );
        let count = |counter| number(&summary, &["counters", counter]);
        assert!(count("emits") > 0);
        assert_eq!(count("emits"), count("acks"), "open acks are waited for");
        assert_eq!(
            number(&summary, &["metrics", "ack.time", "count"]),
            count("acks")
        );
        wait_until_gone(&servers);
    }
}

#[test]
fn an_interrupt_ends_all_that_a_servers_command_has_started() {
    let running = start(&with_command(STEADY));
    wait_for_seconds(&running, 1);
    let servers = descendants(&running);
    assert!(
        servers.len() >= 4,
        "a shell, its sleep, its node, and a companion: {servers:?}"
    );
    running.signal(Signal::SIGINT);
    assert_interrupted(&running.wait(LIMIT));
    wait_until_gone(&servers);
}

#[test]
fn a_second_interrupt_waits_for_nobody() {
    let running = start(STEADY);
    wait_for_seconds(&running, 1);
    let note = running.wait_for_note("server_started", LIMIT);
    let server = Pid::from_raw(i32::try_from(note["pid"].as_i64().unwrap()).unwrap());
    // Acks that are not answered any more: clients would wait for them.
    kill(server, Signal::SIGSTOP).unwrap();
    running.signal(Signal::SIGINT);
    running.wait_for_note("interrupted", LIMIT);
    running.signal(Signal::SIGINT);
    let finished = running.wait(LIMIT);
    let summary = assert_interrupted(&finished);
    assert_eq!(
        summary["disconnects"],
        serde_json::json!({}),
        "nobody said goodbye"
    );
    assert!(number(&summary, &["counters", "emits"]) > 0);
    wait_until_gone(&[server.as_raw().try_into().unwrap()]);
}

#[test]
fn an_interrupt_while_a_server_is_down_leaves_none_behind() {
    let restart = "[[chaos]]\nat = \"1s\"\nfault = \"server_restart\"\ndown = \"5m\"\n";
    let running = start(&format!("{STEADY}{restart}"));
    running.wait_for_note("fault_applied", LIMIT);
    running.wait_for_note("first_failure", LIMIT);
    let servers = descendants(&running);
    running.signal(Signal::SIGTERM);
    let summary = assert_interrupted(&running.wait(LIMIT));
    assert_eq!(summary["faults"][0]["affected"], 6);
    assert_eq!(summary["faults"][0]["never_back"], 6);
    wait_until_gone(&servers);
}

#[test]
fn an_interrupt_before_the_load_ends_the_server_that_is_not_ready() {
    let never = "command = [\"sh\", \"-c\", \"echo starting; sleep 1000\"]\nready = \"10m\"\n";
    let running = start(&STEADY.replace("embedded = true\n", never));
    let servers = wait_for("a server", LIMIT, || {
        Some(descendants(&running)).filter(|servers| servers.len() >= 3)
    });
    running.signal(Signal::SIGINT);
    let finished = running.wait(LIMIT);
    assert_eq!(finished.code(), 105, "{finished:?}");
    assert!(
        finished
            .stderr
            .contains("interrupted before the load began")
    );
    wait_until_gone(&servers);
}

#[test]
fn a_server_that_never_becomes_ready_fails_the_run_with_its_last_words() {
    for (script, ready, expected) in [
        (
            "echo booting; echo no such module >&2; exit 3",
            "60s",
            "ended before it was ready: exit status: 3",
        ),
        (
            "echo booting; echo no such module >&2; sleep 1000",
            "2s",
            "was not ready within 2s",
        ),
    ] {
        let command = format!("command = [\"sh\", \"-c\", {script:?}]\nready = \"{ready}\"\n");
        let finished = SioLoad::new(&["run", "s.toml"])
            .file("s.toml", &STEADY.replace("embedded = true\n", &command))
            .run(LIMIT);
        assert_eq!(finished.code(), 1, "{finished:?}");
        assert!(finished.status.signal().is_none());
        assert_eq!(finished.stdout, "");
        assert!(finished.stderr.contains(expected), "{}", finished.stderr);
        assert!(
            finished.stderr.ends_with(":\nbooting\nno such module\n"),
            "{}",
            finished.stderr
        );
        // All of its output is where the message says.
        let (_, log) = finished.stderr.split_once("the last lines of ").unwrap();
        let (log, _) = log.split_once(":\n").unwrap();
        let log = std::fs::read_to_string(finished.directory().join(log)).unwrap();
        assert_eq!(log, "booting\nno such module\n");
    }
}

#[test]
fn a_run_that_never_began_leaves_the_latest_results_alone() {
    let first = SioLoad::new(&["run", "s.toml", "--duration=500ms"])
        .file("s.toml", STEADY)
        .run(LIMIT);
    assert_eq!(first.code(), 0, "{first:?}");
    let before = first.results().canonicalize().unwrap();
    let broken = STEADY.replace("embedded = true\n", "command = [\"no-such-program\"]\n");
    let second = SioLoad::new(&["run", "broken.toml"])
        .file("broken.toml", &broken)
        .run(LIMIT);
    assert_eq!(second.code(), 1);
    assert!(
        second
            .stderr
            .contains("cannot start the server \"no-such-program\": No such file"),
        "{}",
        second.stderr
    );
    let out = first.directory().join("results");
    let third = SioLoad::new(&["run", "broken.toml", "--out", out.to_str().unwrap()])
        .file("broken.toml", &broken)
        .run(LIMIT);
    assert_eq!(third.code(), 1);
    assert_eq!(first.results().canonicalize().unwrap(), before);
}

#[test]
fn a_server_that_ends_by_itself_does_not_end_the_run() {
    let back = "\"clients.never_back\" = [\"count == 0\"]\n";
    let running = start(&format!("{STEADY}{back}").replace("10m", "4s"));
    let note = running.wait_for_note("server_started", LIMIT);
    wait_for_seconds(&running, 1);
    let server = Pid::from_raw(i32::try_from(note["pid"].as_i64().unwrap()).unwrap());
    kill(server, Signal::SIGKILL).unwrap();
    let finished = running.wait(LIMIT);
    assert_eq!(finished.code(), 99, "{finished:?}");
    let summary = finished.summary();
    assert_eq!(number(&summary, &["counters", "clients.never_back"]), 6);
    let warnings = summary["warnings"].as_array().unwrap();
    let ended = warnings
        .iter()
        .find(|warning| warning["code"] == "server_ended");
    let message = ended.unwrap()["message"].as_str().unwrap();
    assert!(
        message.contains("signal: 9 (SIGKILL); see server-0.log"),
        "{message}"
    );
    assert!(
        finished.stderr.contains("server 0 ended by itself"),
        "{}",
        finished.stderr
    );
}
