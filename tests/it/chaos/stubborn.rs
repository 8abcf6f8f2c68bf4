//! Servers that do not do as they are told: deaf to their signal, gone by themselves, or with
//! children that left their process group.

use serde_json::Value;

use super::story::{LIMIT, Story, notes, state};
use crate::harness::{Finished, Kind};

/// A run against a release 4 server with a script of its own before it.
fn run(script: &str, duration: &str, fault: &str) -> Finished {
    let script = format!("data:text/javascript,{script}");
    let story = Story::new(Kind::SocketIo4, duration, 4, "", "{}")
        .before_command(&["node", "--import", &script])
        .fault(fault);
    story.program().run(LIMIT)
}

/// Hears SIGTERM, does nothing, and lets nobody else hear it.
const DEAF: &str = "process.on('SIGTERM',()=>{});for(const m of['on','once']){\
const f=process[m].bind(process);process[m]=(e,...a)=>e==='SIGTERM'&&process||f(e,...a)}";

#[test]
fn a_server_that_ignores_its_signal_is_killed_after_its_grace_and_comes_back() {
    let fault = "at = \"2s\"\nfault = \"server_restart\"\nsignal = \"SIGTERM\"\ngrace = \"700ms\"";
    let finished = run(DEAF, "8s", fault);
    let summary = finished.summary();
    let outcome = &summary["faults"][0];
    assert_eq!(outcome["failed"], Value::Null, "{outcome:#}");
    assert_eq!(
        (&outcome["affected"], &outcome["restored"]),
        (&4.into(), &4.into())
    );
    let killed = notes(finished.directory(), "server_killed");
    assert_eq!(killed.len(), 1, "{killed:?}");
    assert_eq!(
        (&killed[0]["signal"], &killed[0]["after_s"]),
        (&"SIGTERM".into(), &0.7.into())
    );
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
}

#[test]
fn a_restart_that_a_deaf_server_delays_beyond_the_end_has_failed() {
    let fault = "at = \"2s\"\nfault = \"server_restart\"\nsignal = \"SIGTERM\"";
    let finished = run(DEAF, "4s", fault);
    let summary = finished.summary();
    let failed = summary["faults"][0]["failed"].as_str();
    let failed = failed.expect("a reason");
    assert!(failed.starts_with("server 0 had not ended"), "{failed}");
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
}

#[test]
fn a_fault_that_the_end_of_the_run_prevents_has_failed() {
    let fault = "at = \"2s\"\nfault = \"rolling_restart\"\ndrain = \"1h\"";
    let finished = run("0", "4s", fault);
    let outcome = &finished.summary()["faults"][0];
    assert_eq!(outcome["applied_s"], Value::Null, "{outcome:#}");
    assert_eq!(outcome["failed"], "it had not struck by the end of the run");
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
}

#[test]
fn a_server_that_dies_by_itself_fails_the_run() {
    let story = Story::new(Kind::SocketIo4, "6s", 4, "", "{}").before_command(&[
        "node",
        "--import",
        "data:text/javascript,setTimeout(()=>process.exit(3),3500)",
    ]);
    let finished = story.program().run(LIMIT);
    let summary = finished.summary();
    let exited = notes(finished.directory(), "server_exited");
    assert_eq!(exited[0]["expected"], false, "{exited:?}");
    assert_eq!(
        (&summary["verdict"], finished.status.code()),
        (&"failed".into(), Some(1)),
        "{}",
        finished.stderr
    );
}

#[test]
fn children_that_left_the_process_group_are_ended_and_named() {
    let script = "setsid sleep 86399 & echo $! >&2; exec \"$@\"";
    let story = Story::new(Kind::SocketIo4, "3s", 4, "", "{}")
        .before_command(&["sh", "-c", script, "sh", "node"]);
    let finished = story.program().run(LIMIT);
    let summary = finished.summary();
    let warnings = summary["warnings"].as_array().expect("an array");
    let warning = warnings
        .iter()
        .find(|warning| warning["code"] == "stray_processes")
        .expect("a warning");
    let message = warning["message"].as_str().expect("words");
    let pid = message.split("sleep (").nth(1).expect("its name");
    let pid = pid.trim_end_matches(')').parse().expect("its number");
    assert_eq!(state(pid), None, "{message}");
}
