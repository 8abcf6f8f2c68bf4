//! Signs of life, and what their absence does.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sio_load::clock;

use super::agreement::{assert_agree, settled};
use super::outcome::counts;
use super::under_way::UnderWay;
use super::{TARGETS, Target, at_once, programs, run};
use crate::harness::{Kind, ServerLog, What, pace};

/// Pings in the words of each server's options.
fn pings(target: Target, interval: Duration, timeout: Duration) -> Value {
    if target.kind == Kind::PythonAiohttp {
        json!({ "ping_interval": interval.as_secs_f64(), "ping_timeout": timeout.as_secs_f64() })
    } else {
        let ms = |time: Duration| time.as_millis() as u64;
        json!({ "pingInterval": ms(interval), "pingTimeout": ms(timeout) })
    }
}

/// Often enough for a short test.
const INTERVAL: Duration = Duration::from_millis(300);

#[test]
fn clients_outlive_the_patience_of_every_server() {
    let prepare = |target: Target| target.start(pings(target, INTERVAL, pace() / 2));
    at_once(TARGETS, prepare, |target, server| {
        let scenario = format!(
            r#"
            duration = "{duration}ms"
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
            protocol = target.protocol,
            duration = (pace() + 2 * INTERVAL).as_millis(),
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
            let pings = outcome.values("heartbeat.lateness");
            assert!(pings >= 8, "two of each client at least: {pings}");
        }
    });
}

#[test]
fn a_server_that_falls_silent_is_a_ping_timeout_and_late_answers_make_zombies() {
    let prepare = |target: Target| {
        let mut options = pings(target, INTERVAL, pace() / 2);
        options["logArguments"] = json!(true);
        target.start(options)
    };
    at_once(programs(), prepare, |target, server| {
        let run = UnderWay::start(&server.url(), &talkative(target.protocol));
        server.wait_log("all", |log| {
            heard_since(log, 0).len() == 4 && log.speakers_on_websocket() == 2
        });
        server.signal(Signal::SIGSTOP);
        // All have noticed, and at least one has tried again in vain.
        run.wait_for_count("disconnects", 4);
        run.wait_for_count("handshake.errors", 1);
        let resumed = now_us();
        server.signal(Signal::SIGCONT);
        let log = server.wait_log("all again", |log| heard_since(log, resumed).len() == 4);
        let outcome = run.end();
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
        duration = "600s"
        seed = 52
        [[clients]]
        name = "polling"
        count = 2
        protocol = {protocol}
        transports = ["polling"]
        timeout = "{timeout}ms"
        reconnection = {{ delay = "50ms", delay_max = "100ms" }}
        emit = [{{ event = "note", data = ["{{{{client}}}}"], every = "100ms" }}]
        [[clients]]
        name = "both"
        count = 2
        protocol = {protocol}
        timeout = "{timeout}ms"
        reconnection = {{ delay = "50ms", delay_max = "100ms" }}
        emit = [{{ event = "note", data = ["{{{{client}}}}"], every = "100ms" }}]
        "#,
        timeout = pace().as_millis() / 4,
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
