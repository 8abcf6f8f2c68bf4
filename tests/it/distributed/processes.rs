use std::collections::BTreeSet;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{LIMIT, Run, connected, names_loss, summary};
use crate::harness::{RunningSioLoad, SioLoad, wait_for};

#[test]
fn several_processes_are_the_same_clients_and_victims_and_agree_with_the_server() {
    let alone = Run::of_the_storm(&["--processes", "1"]);
    let shared = Run::of_the_storm(&["--processes", "3"]);
    assert_eq!(alone.connects, shared.connects);
    alone.assert_agrees_with_the_server();
    shared.assert_agrees_with_the_server();
    let workers = shared.summary["provenance"]["workers"].as_array();
    assert_eq!(workers.map(Vec::len), Some(3));
}

/// The worker processes of a run.
fn worker_processes(running: &RunningSioLoad) -> BTreeSet<i32> {
    let id = running.id();
    let path = format!("/proc/{id}/task/{id}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    let children = children.split_ascii_whitespace();
    children
        .filter(|child| {
            let words = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
            words.split(|byte| *byte == 0).nth(1) == Some(b"worker")
        })
        .map(|child| child.parse().expect("a process id"))
        .collect()
}

const HELD: &str = r#"
    name = "held"
    duration = "8s"
    [server]
    embedded = true
    instances = 2
    balance = "direct"
    [[clients]]
    name = "web"
    count = 30
    transports = ["websocket"]
    [[clients.emit]]
    event = "echo"
    every = "200ms"
"#;

const RESTARTED: &str = r#"
    name = "restarted"
    duration = "9s"
    [server]
    embedded = true
    [[clients]]
    name = "web"
    count = 30
    [[chaos]]
    at = "2s"
    fault = "server_restart"
    signal = "SIGKILL"
    down = "1s"
"#;

#[test]
fn losses_in_every_process_are_put_down_to_the_restart_that_caused_them() {
    let arguments = ["run", "a.toml", "--quiet", "--processes", "3"];
    let finished = SioLoad::new(&arguments)
        .file("a.toml", RESTARTED)
        .run(LIMIT);
    let summary = summary(&finished);
    let fault = &summary["faults"][0];
    assert_eq!(fault["affected"], 30, "{summary:#}");
    assert_eq!(fault["never_back"], 0, "{summary:#}");
    assert_eq!(summary["metrics"]["reconnect.outage"]["count"], 30);
}

#[test]
fn a_killed_worker_process_is_named_and_the_others_go_on() {
    let running = SioLoad::new(&["run", "a.toml", "--processes", "3"])
        .file("a.toml", HELD)
        .start();
    running.wait_for_note("phase", LIMIT);
    let processes = wait_for("three worker processes", LIMIT, || {
        let processes = worker_processes(&running);
        (processes.len() == 3).then_some(processes)
    });
    let under_load = || {
        let timeline = running.results()?.join("timeline.csv");
        let timeline = std::fs::read_to_string(timeline).ok()?;
        // Something of every process has been reported.
        (timeline.lines().count() > 2).then_some(())
    };
    wait_for("the first seconds", LIMIT, under_load);
    let victim = *processes.first().expect("three");
    kill(Pid::from_raw(victim), Signal::SIGKILL).expect("a process of ours");
    let finished = running.wait(LIMIT);
    assert_eq!(finished.status.code(), Some(93), "{}", finished.stderr);
    let summary = summary(&finished);
    assert_eq!(summary["verdict"], "failed");
    assert_eq!(summary["counters"]["clients.lost_with_agent"], 10);
    assert_eq!(summary["counters"]["clients.started"], 30);
    assert!(names_loss(&summary, "worker process", 10), "{summary:#}");
    // The clients that are left were there to the end of the load.
    assert_eq!(connected(&finished, 6), 20);
}

#[test]
fn a_worker_process_does_not_outlive_a_killed_run() {
    let running = SioLoad::new(&["run", "a.toml", "--processes", "2"])
        .file("a.toml", HELD)
        .start();
    running.wait_for_note("phase", LIMIT);
    let processes = wait_for("two worker processes", LIMIT, || {
        let processes = worker_processes(&running);
        (processes.len() == 2).then_some(processes)
    });
    running.signal(Signal::SIGKILL);
    wait_for("the end of the worker processes", LIMIT, || {
        let is_left = |process: &i32| {
            let words = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            !words.is_empty()
        };
        (!processes.iter().any(is_left)).then_some(())
    });
}
