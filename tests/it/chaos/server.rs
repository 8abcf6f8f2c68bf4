//! Faults at processes, and commands as faults.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::story::{LIMIT, SOON, Story, servers, state, wait_note, wait_until_gone};
use crate::harness::{Kind, What, wait_for};

#[test]
fn a_server_that_is_killed_and_stays_away_is_missed_by_all() {
    for kind in [Kind::SocketIo4, Kind::Embedded] {
        let story =
            Story::new(kind, "5s", 8, "", "{}").fault("at = \"2s\"\nfault = \"server_kill\"");
        let finished = story.program().run(LIMIT);
        let summary = finished.summary();
        let fault = &summary["faults"][0];
        assert_eq!(fault["affected"], 8, "{summary:#}");
        assert_eq!(
            (&fault["restored"], &fault["never_back"]),
            (&0.into(), &8.into())
        );
        assert_eq!(fault["ended_s"], Value::Null, "it is never over");
        assert_eq!(summary["counters"]["clients.never_back"], 8);
        let refused = summary["errors"].as_array().expect("an array");
        assert!(
            refused
                .iter()
                .any(|error| error["cause"] == "connection_refused")
        );
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    }
}

#[test]
fn a_killed_server_that_another_fault_restarts_ends_the_first() {
    let story = Story::new(Kind::Embedded, "8s", 8, "", "{}")
        .fault("at = \"2s\"\nfault = \"server_kill\"")
        .fault("at = \"3s\"\nfault = \"server_restart\"\ndown = \"500ms\"");
    let summary = story.program().run(LIMIT).summary();
    let killed = &summary["faults"][0];
    assert_eq!(
        (&killed["affected"], &killed["never_back"]),
        (&8.into(), &0.into())
    );
    assert!(killed["ended_s"].as_f64() > Some(3.0), "{summary:#}");
}

#[test]
fn a_pause_below_the_ping_timeout_is_not_noticed() {
    let options = r#"{"pingInterval":500,"pingTimeout":60000}"#;
    let story = Story::new(Kind::SocketIo4, "5s", 8, "", options)
        .fault("at = \"2s\"\nfault = \"server_pause\"\nfor = \"1500ms\"");
    let finished = story.program().run(LIMIT);
    let summary = finished.summary();
    let fault = &summary["faults"][0];
    assert_eq!(
        (&fault["affected"], &fault["failed"]),
        (&0.into(), &Value::Null)
    );
    assert!(fault["ended_s"].is_f64());
    // A pause that was none would have let the pings come in time.
    let late = summary["metrics"]["heartbeat.lateness"]["max"].as_u64();
    assert!(late > Some(500_000), "{summary:#}");
    assert_eq!(summary["counters"]["reconnects"], 0);
}

#[test]
fn a_pause_above_the_ping_timeout_is_a_ping_timeout_and_then_a_reconnection() {
    let options = r#"{"pingInterval":500,"pingTimeout":2000}"#;
    let story = Story::new(Kind::SocketIo4, "14s", 8, "", options)
        .fault("at = \"2s\"\nfault = \"server_pause\"\nfor = \"4s\"");
    let summary = story.program().run(LIMIT).summary();
    let fault = &summary["faults"][0];
    assert_eq!(fault["affected"], 8, "{summary:#}");
    assert_eq!(
        fault["disconnects"],
        serde_json::json!({ "ping timeout": 8 })
    );
    assert_eq!(
        (&fault["restored"], &fault["never_back"]),
        (&8.into(), &0.into())
    );
    let [log] = &story.server_logs()[..] else {
        panic!("one server")
    };
    assert_eq!(log.count(What::Listening), 1, "it was never restarted");
    assert!(log.connects() >= 16, "each came twice");
}

#[test]
fn a_rolling_restart_takes_one_instance_at_a_time_and_drains_it_first() {
    let story = Story::new(Kind::SocketIo4, "14s", 12, "instances = 3", "{}").fault(
        "at = \"2s\"\nfault = \"rolling_restart\"\nsignal = \"SIGTERM\"\ndown = \"300ms\"\n\
         drain = \"600ms\"\npause = \"600ms\"",
    );
    let summary = story.program().run(LIMIT).summary();
    let fault = &summary["faults"][0];
    assert!(fault["ended_s"].is_f64(), "{summary:#}");
    assert_eq!(fault["failed"], Value::Null);
    // Every client was somewhere; some were found again at an instance whose turn came later.
    let affected = fault["affected"].as_u64().expect("a number");
    assert!((12..=36).contains(&affected), "{summary:#}");
    assert_eq!(
        (&fault["restored"], &fault["never_back"]),
        (&affected.into(), &0.into())
    );

    let logs = story.server_logs();
    assert_eq!(logs.len(), 3);
    let mut turns: Vec<(u64, u64)> = Vec::new();
    for log in &logs {
        let starts: Vec<u64> = log.of(What::Listening).map(|line| line.at_us).collect();
        let [_, again] = starts[..] else {
            panic!("{} starts", starts.len())
        };
        let ends = log.of(What::Close).map(|line| line.at_us);
        let ended = ends.filter(|at| *at < again).max().expect("it had clients");
        // Whoever was there before the drain was there until the end.
        let opens = log.of(What::Open).map(|line| line.at_us);
        let last_open = opens
            .filter(|at| *at < ended)
            .max()
            .expect("it had clients");
        assert!(
            ended - last_open >= 600_000,
            "a session was opened while it was drained"
        );
        turns.push((ended, again));
    }
    turns.sort_unstable();
    for pair in turns.windows(2) {
        assert!(
            pair[0].1 < pair[1].0,
            "the next one fell before the first was back: {turns:?}"
        );
    }
}

#[test]
fn a_fault_at_a_server_that_is_lost_fails_and_spoils_nothing() {
    let story = Story::new(Kind::SocketIo4, "8s", 4, "", "{}")
        .fault("at = \"6s\"\nfault = \"server_pause\"\nfor = \"1s\"");
    let run = story.program().start();
    let pid = servers(&run, 1)[0];
    // Somebody else's doing.
    kill(Pid::from_raw(pid as i32), Signal::SIGKILL).expect("a process of ours");
    let finished = run.wait(LIMIT);
    let summary = finished.summary();
    let fault = &summary["faults"][0];
    assert_eq!(fault["failed"], "server 0 is not running", "{summary:#}");
    let warnings = summary["warnings"].as_array().expect("an array");
    assert!(
        warnings
            .iter()
            .any(|warning| warning["code"] == "server_ended")
    );
    assert_eq!(
        (&summary["verdict"], finished.status.code()),
        (&"failed".into(), Some(1))
    );
}

#[test]
fn a_command_is_a_fault_and_what_became_of_it_is_told() {
    let story = Story::new(Kind::Embedded, "6s", 2, "", "{}")
        .fault(
            "at = \"1s\"\nfault = \"exec\"\ncommand = [\"sh\", \"-c\", \"echo done; echo hm >&2\"]",
        )
        .fault("at = \"2s\"\nfault = \"exec\"\ncommand = [\"sh\", \"-c\", \"echo half; exit 3\"]")
        .fault("at = \"3s\"\nfault = \"exec\"\ncommand = [\"no-such-program\"]")
        .fault(
            "at = \"4s\"\nfault = \"exec\"\ntimeout = \"500ms\"\n\
             command = [\"sh\", \"-c\", \"echo $$; sleep 1000 & echo $!; wait\"]",
        );
    let finished = story.program().run(LIMIT);
    let summary = finished.summary();
    let failed = |n: usize| {
        summary["faults"][n]["failed"]
            .as_str()
            .unwrap_or("-")
            .to_owned()
    };
    assert_eq!(failed(0), "-");
    assert_eq!(failed(1), "the command failed: exit status: 3");
    assert!(
        failed(2).starts_with("cannot start \"no-such-program\": "),
        "{}",
        failed(2)
    );
    assert_eq!(failed(3), "the command was killed after 500ms");
    assert_eq!(
        finished.status.code(),
        Some(1),
        "a run whose faults fail has failed"
    );
    assert_eq!(summary["verdict"], "failed");

    let events = std::fs::read_to_string(finished.results().join("events.jsonl")).expect("events");
    let output = |id: u64| {
        let lines = events
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let mut outputs = lines.filter(|note| note["kind"] == "fault_output" && note["id"] == id);
        outputs
            .next()
            .and_then(|note| note["output"].as_str().map(str::to_owned))
    };
    assert_eq!(output(0).as_deref(), Some("done\nhm"));
    assert_eq!(output(1).as_deref(), Some("half"));
    assert_eq!(output(2), None);
    let pids = output(3).expect("its process ids");
    let pids: Vec<u64> = pids
        .lines()
        .map(|pid| pid.parse().expect("a number"))
        .collect();
    assert_eq!(pids.len(), 2);
    pids.into_iter().for_each(wait_until_gone);
}

#[test]
fn an_interrupted_run_lets_go_of_a_server_that_it_has_paused() {
    for kind in [Kind::SocketIo4, Kind::Embedded] {
        let story = Story::new(kind, "60s", 4, "", "{}")
            .fault("at = \"1s\"\nfault = \"server_pause\"\nfor = \"50s\"");
        let run = story.program().start();
        let pid = servers(&run, 1)[0];
        wait_note(&run, "fault_applied");
        wait_for("pause", SOON, || (state(pid) == Some('T')).then_some(()));
        run.signal(Signal::SIGINT);
        let finished = run.wait(LIMIT);
        assert_eq!(finished.status.code(), Some(105), "{}", finished.stderr);
        wait_until_gone(pid);
        let summary = finished.summary();
        assert_eq!(summary["verdict"], "interrupted");
        assert!(summary["faults"][0]["ended_s"].is_f64(), "it was undone");
        if kind == Kind::SocketIo4 {
            // Continued before it was ended: it could take its leave of its clients.
            let log = &story.server_logs()[0];
            assert_eq!(log.count(What::Close), 4);
        }
    }
}

#[test]
fn nothing_outlives_a_run_that_is_killed() {
    let paused = "at = \"1s\"\nfault = \"server_pause\"\ninstance = 0\nfor = \"50s\"";
    for kind in [Kind::SocketIo4, Kind::Embedded] {
        let story = Story::new(kind, "60s", 4, "instances = 2", "{}")
            .fault(paused)
            .fault(
                "at = \"1s\"\nfault = \"exec\"\ntimeout = \"50s\"\n\
             command = [\"sh\", \"-c\", \"echo $$ > hook.pid; sleep 1000\"]",
            );
        let run = story.program().start();
        let servers = servers(&run, 2);
        wait_for("pause", LIMIT, || {
            (state(servers[0]) == Some('T')).then_some(())
        });
        let hook_pid = run.directory().join("hook.pid");
        let hook = wait_for("hook", LIMIT, || {
            std::fs::read_to_string(&hook_pid)
                .ok()?
                .trim()
                .parse::<u64>()
                .ok()
        });
        run.signal(Signal::SIGKILL);
        for pid in [servers[0], servers[1], hook] {
            wait_until_gone(pid);
        }
        drop(run);
    }
}
