use std::time::Duration;

use nix::sys::signal::Signal;

use super::{LIMIT, Run, connected, names_loss, summary};
use crate::harness::{NatsServer, PATIENCE, RunningSioLoad, SioLoad, wait_for};

/// An agent that waits in the pool.
fn agent(nats: &str, name: &str) -> RunningSioLoad {
    let agent = SioLoad::new(&["agent", "--nats", nats, "--name", name]).start();
    let waits = || agent.shown().contains("waits for a run").then_some(());
    wait_for("an agent that waits", PATIENCE, waits);
    agent
}

const HELD: &str = r#"
    name = "held"
    duration = "10s"
    [server]
    embedded = true
    [[clients]]
    name = "web"
    count = 40
    transports = ["websocket"]
    [[clients.emit]]
    event = "echo"
    every = "200ms"
"#;

#[test]
fn agents_are_the_same_clients_and_victims_and_are_free_again_afterwards() {
    let nats = NatsServer::start(&["-js"]);
    let url = nats.url();
    let agents = [agent(&url, "one"), agent(&url, "two")];
    let alone = Run::of_the_storm(&["--processes", "1"]);
    // Twice: agents go back to their pool.
    for _ in 0..2 {
        let shared = Run::of_the_storm(&["--agents", "2", "--nats", &url]);
        assert_eq!(alone.connects, shared.connects);
        shared.assert_agrees_with_the_server();
        let workers = &shared.summary["provenance"]["workers"];
        for worker in workers.as_array().expect("an array") {
            assert!(worker["error_us"].as_f64().expect("a number") >= 0.0);
        }
    }
    let listed = SioLoad::new(&["agents", "--nats", &url]).run(LIMIT);
    assert_eq!(listed.status.code(), Some(0), "{}", listed.stderr);
    let lines: Vec<&str> = listed.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("one") && lines[0].contains("free"),
        "{lines:?}"
    );
    for agent in agents {
        agent.signal(Signal::SIGTERM);
        assert_eq!(agent.wait(LIMIT).status.code(), Some(0));
    }
}

#[test]
fn a_pool_without_enough_agents_is_told_with_the_remedy() {
    let nats = NatsServer::start(&["-js"]);
    let url = nats.url();
    let _agent = agent(&url, "alone");
    let finished = SioLoad::new(&["run", "a.toml", "--nats", &url, "--agents", "3"])
        .file("a.toml", HELD)
        .run(LIMIT);
    assert_eq!(finished.status.code(), Some(93), "{}", finished.stderr);
    let told = "3 agents are wanted, and of 1 in the pool 1 could be taken on";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("sio-load agent --nats"),
        "{}",
        finished.stderr
    );
}

/// A run of [`HELD`] at four agents, under load.
fn running(url: &str) -> (Vec<RunningSioLoad>, RunningSioLoad) {
    let names = ["a", "b", "c", "d"];
    let agents = names.map(|name| agent(url, name)).into_iter().collect();
    let run = SioLoad::new(&["run", "a.toml", "--nats", url, "--agents", "4"])
        .file("a.toml", HELD)
        .start();
    let under_load = || {
        let timeline = run.results()?.join("timeline.csv");
        let timeline = std::fs::read_to_string(timeline).ok()?;
        (timeline.lines().count() > 2).then_some(())
    };
    wait_for("the first seconds", PATIENCE, under_load);
    (agents, run)
}

#[test]
fn an_agent_that_is_stopped_ends_its_clients_and_is_named() {
    let nats = NatsServer::start(&["-js"]);
    let (mut agents, run) = running(&nats.url());
    let stopped = agents.pop().expect("four");
    stopped.signal(Signal::SIGINT);
    assert_eq!(stopped.wait(LIMIT).status.code(), Some(0));
    let finished = run.wait(LIMIT);
    assert_eq!(finished.status.code(), Some(93), "{}", finished.stderr);
    let summary = summary(&finished);
    assert!(names_loss(&summary, "agent d", 10), "{summary:#}");
    assert_eq!(connected(&finished, 8), 30);
}

#[test]
fn a_restart_of_nats_in_the_middle_of_a_run_loses_nothing() {
    let mut nats = NatsServer::start(&["-js"]);
    let (_agents, run) = running(&nats.url());
    nats.kill();
    std::thread::sleep(Duration::from_secs(2));
    nats.restart();
    let finished = run.wait(LIMIT);
    let code = finished.status.code();
    assert!(
        matches!(code, Some(0 | 92)),
        "{code:?}: {}",
        finished.stderr
    );
    let counters = &summary(&finished)["counters"];
    assert_eq!(counters["clients.started"], 40);
    assert_eq!(counters["clients.never_back"], 0);
    assert_eq!(connected(&finished, 8), 40);
}

#[test]
fn agents_whose_coordinator_was_killed_are_free_again() {
    let nats = NatsServer::start(&["-js"]);
    let url = nats.url();
    let (_agents, run) = running(&url);
    run.signal(Signal::SIGKILL);
    let free = || {
        let listed = SioLoad::new(&["agents", "--nats", &url]).run(LIMIT);
        (listed.stdout.matches("free").count() == 4).then_some(())
    };
    wait_for("four free agents", PATIENCE, free);
}
