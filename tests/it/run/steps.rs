//! Scenarios with steps, against real servers that keep a log of what clients did.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{LIMIT, number};
use crate::harness::{Finished, Kind, SioLoad};

/// How often each line stands in a server's log.
fn lines(log: &std::path::Path) -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(log).unwrap();
    let mut lines = BTreeMap::new();
    for line in text.lines() {
        *lines.entry(line.to_owned()).or_default() += 1;
    }
    lines
}

fn run(scenario: &str, arguments: &[String]) -> Finished {
    // The packages of the Node server.
    assert!(Kind::SocketIo4.command().is_some());
    let file = format!("scenarios/{scenario}.toml");
    let mut words = vec!["run", &file];
    words.extend(arguments.iter().map(String::as_str));
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    SioLoad::new(&words).within(repository).run(LIMIT)
}

fn counter(summary: &Value, name: &str) -> u64 {
    number(summary, &["counters", name])
}

/// How often a step was done.
fn done(summary: &Value, step: &str) -> u64 {
    let metric = format!("step.{step}.time");
    summary["metrics"][&metric]["count"].as_u64().unwrap_or(0)
}

/// How many failures there were at a stage.
fn failures(summary: &Value, stage: &str) -> u64 {
    let errors = summary["errors"].as_array().unwrap().iter();
    let errors = errors.filter(|error| error["stage"] == stage);
    errors.map(|error| number(error, &["count"])).sum()
}

#[test]
fn the_log_of_a_chat_whose_server_is_restarted_equals_the_summary() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let set = |assignment: String| format!("--set={assignment}");
    let finished = run(
        "chat",
        &[
            "--clients=12".to_owned(),
            "--duration=14s".to_owned(),
            set(format!("server.env.LOG={}", log.display())),
            set("server.env.TTL_MS=\"2000\"".to_owned()),
            set("clients.members.pace=3s".to_owned()),
            set("clients.members.steps.0.think=500ms..1s".to_owned()),
            set("clients.members.reconnection.delay=250ms".to_owned()),
            set("clients.members.reconnection.delay_max=500ms".to_owned()),
            set("chaos.0.at=6s".to_owned()),
            set("chaos.0.down=500ms".to_owned()),
        ],
    );
    let summary = finished.summary();
    let lines = lines(&log);
    let line = |what: &str| lines.get(what).copied().unwrap_or(0);
    assert_eq!(number(&summary["faults"][0], &["affected"]), 12);
    assert_eq!(counter(&summary, "clients.never_back"), 0, "{summary:#}");
    assert_eq!(done(&summary, "login"), line("login"));
    assert_eq!(done(&summary, "refresh"), line("refresh"));
    // Tokens have expired by the time of the restart.
    assert!(line("refresh") >= 12, "{lines:?}");
    assert_eq!(counter(&summary, "connects"), line("connect"));
    let sent = line("join") + line("sync") + line("message");
    // What a killed server had not read yet is in no log.
    let cut_off = failures(&summary, "step");
    let emits = counter(&summary, "emits");
    assert!(
        (sent..=sent + cut_off).contains(&emits),
        "{emits} {lines:?} {cut_off}"
    );
    if cut_off == 0 {
        assert_eq!(done(&summary, "join"), line("join"));
        assert_eq!(done(&summary, "sync"), line("sync"));
        assert_eq!(done(&summary, "post"), line("message"));
        assert_eq!(counter(&summary, "acks"), line("join") + line("message"));
    }
    // Every reconnection ends with a join; a client is back when it has rejoined and caught up.
    assert_eq!(number(&summary["faults"][0], &["restored"]), 12);
    assert!(line("join") >= 24 && line("sync") >= 12, "{lines:?}");
    let ready = number(&summary, &["metrics", "reconnect.ready_time", "p50"]);
    let connected = number(&summary, &["metrics", "reconnect.time", "p50"]);
    assert!(ready > connected);
    // What was sent and captured as a secret is in no file.
    let written = finished.summary().to_string();
    assert!(!written.contains("eyJ"), "a token in summary.json");
}

#[test]
fn a_login_that_is_refused_is_told_by_its_step() {
    let finished = run(
        "chat",
        &[
            "--clients=3".to_owned(),
            "--duration=3s".to_owned(),
            "--set=clients.members.before_connect.login.json.password=wrong".to_owned(),
            "--set=chaos=[]".to_owned(),
        ],
    );
    let summary = finished.summary();
    assert_eq!(counter(&summary, "clients.never_connected"), 3);
    assert_eq!(finished.code(), 1, "{finished:?}");
    let errors = summary["errors"].as_array().unwrap();
    let refused = errors
        .iter()
        .find(|error| error["step"] == "login")
        .unwrap();
    assert_eq!(refused["stage"], "step");
    assert_eq!(refused["cause"], "http_status");
    assert_eq!(refused["status"], 401);
    assert_eq!(refused["finding"], "SIO-233");
    let rate = summary["rates"]["step.login.error_rate"].as_f64();
    assert_eq!(rate, Some(1.0));
}

#[test]
fn the_load_of_the_official_documentation_is_answered_packet_by_packet() {
    let finished = run(
        "docs-load-test",
        &["--clients=20".to_owned(), "--duration=4s".to_owned()],
    );
    let summary = finished.summary();
    let emits = counter(&summary, "emits");
    assert!(emits >= 20, "{summary:#}");
    let polling = number(
        &summary,
        &["populations", "polling", "counters", "clients.started"],
    );
    assert_eq!(polling, 1);
    assert_eq!(counter(&summary, "upgrades"), 19);
    // What the server still had to answer when its client left is all that may be missing.
    let events = counter(&summary, "events");
    assert!(
        (emits - 20..=emits).contains(&events),
        "{events} of {emits}"
    );
}
