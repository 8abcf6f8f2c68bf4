//! Signs of life, and what their absence does.

use std::collections::BTreeSet;
use std::time::UNIX_EPOCH;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sio_load::clock;

use super::agreement::{assert_agree, settled};
use super::faults::counts;
use super::outcome::first_failures;
use super::{LIMIT, Outcome, TARGETS, Target, at_once, program, run};
use crate::harness::{Kind, ServerLog, What, wait_for};

/// Pings in the words of each server's options.
fn pings(target: Target, interval_ms: u64, timeout_ms: u64) -> Value {
    if target.kind == Kind::PythonAiohttp {
        let seconds = |ms: u64| ms as f64 / 1000.0;
        json!({ "ping_interval": seconds(interval_ms), "ping_timeout": seconds(timeout_ms) })
    } else {
        json!({ "pingInterval": interval_ms, "pingTimeout": timeout_ms })
    }
}

#[test]
fn clients_outlive_the_patience_of_every_server() {
    at_once(TARGETS, |target| {
        let server = target.start(pings(target, 200, 1500));
        let scenario = format!(
            r#"
            duration = "4s"
            seed = 51
            [[clients]]
            count = 2
            protocol = {protocol}
            transports = ["polling"]
            [[clients]]
            name = "both"
            count = 2
            protocol = {protocol}
            "#,
            protocol = target.protocol
        );
        let outcome = run(&server.url(), &scenario);
        let log = settled(&server);
        assert_agree(&outcome, &log);
        assert_eq!(log.connects(), 4);
        assert_eq!(
            log.disconnects(),
            [("client namespace disconnect".to_owned(), 4)].into()
        );
        if target.protocol == 4 {
            // One per 200 ms at most; a busy machine may bring fewer.
            let pings = outcome.values("heartbeat.lateness");
            assert!((8..=84).contains(&pings), "{pings}");
        }
    });
}

#[test]
fn a_server_that_falls_silent_is_a_ping_timeout_and_late_answers_make_zombies() {
    let targets = TARGETS
        .into_iter()
        .filter(|target| target.kind != Kind::Embedded);
    at_once(targets, |target| {
        let mut options = pings(target, 300, 1200);
        options["logArguments"] = json!(true);
        let server = target.start(options);
        let running = program(&server.url(), &talkative(target.protocol)).start();
        server.wait_log("all", |log| heard_since(log, 0).len() == 4);
        server.signal(Signal::SIGSTOP);
        // The second failure: an attempt at the silent server has timed out, too.
        wait_for("ping timeouts", LIMIT, || {
            (first_failures(running.directory()).len() >= 2).then_some(())
        });
        let resumed = now_us();
        server.signal(Signal::SIGCONT);
        let log = server.wait_log("all again", |log| heard_since(log, resumed).len() == 4);
        running.signal(Signal::SIGINT);
        let outcome = Outcome::of(running.wait(LIMIT));
        let reasons = [("ping timeout", 4), ("io client disconnect", 4)];
        assert_eq!(outcome.summary.disconnects, counts(&reasons));
        assert_eq!(outcome.count("reconnects"), 4);
        let errors = outcome.errors();
        let timeouts = errors[&("open", "timed_out", "server", None, None)];
        assert_eq!(errors[&("session", "timed_out", "network", None, None)], 4);
        assert_eq!(errors.len(), 2, "{errors:?}");
        // Whoever waited no longer was served all the same.
        assert_eq!(outcome.count("handshake.errors"), timeouts);
        assert_eq!(outcome.count("handshake.zombies"), timeouts);
        assert_eq!(outcome.count("handshake.attempts"), log.count(What::Open));
    });
}

fn talkative(protocol: u8) -> String {
    format!(
        r#"
        duration = "60s"
        seed = 52
        [[clients]]
        name = "polling"
        count = 2
        protocol = {protocol}
        transports = ["polling"]
        timeout = "400ms"
        reconnection = {{ delay = "50ms", delay_max = "100ms" }}
        emit = [{{ event = "note", data = ["{{{{client}}}}"], every = "100ms" }}]
        [[clients]]
        name = "both"
        count = 2
        protocol = {protocol}
        timeout = "400ms"
        reconnection = {{ delay = "50ms", delay_max = "100ms" }}
        emit = [{{ event = "note", data = ["{{{{client}}}}"], every = "100ms" }}]
        "#
    )
}

/// The clients that sent something on a namespace that was connected after this time.
fn heard_since(log: &ServerLog, at_us: u64) -> BTreeSet<String> {
    let fresh: BTreeSet<_> = log
        .of(What::Connect)
        .filter(|line| line.at_us > at_us)
        .map(|line| line.sid.as_deref())
        .collect();
    log.of(What::Event)
        .filter(|line| fresh.contains(&line.sid.as_deref()))
        .map(|line| line.more["args"][0].to_string())
        .collect()
}

fn now_us() -> u64 {
    let since_epoch = clock::wall_now().duration_since(UNIX_EPOCH);
    since_epoch.expect("a clock after 1970").as_micros() as u64
}
