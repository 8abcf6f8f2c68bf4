//! Faults on the way, against the reference server: what clients report, and what the server does.
//!
//! Three runs have a population for each fault; each test looks at its own.

mod run;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use run::{CLIENTS, ENDS, REQUESTS, TOXICS};

fn set(errors: &[&str]) -> BTreeSet<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn who_is_not_on_the_way_is_not_touched() {
    assert_eq!(TOXICS.counter("direct", "reconnects"), 0);
    assert_eq!(TOXICS.counter("direct", "upgrades"), CLIENTS);
    assert_eq!(TOXICS.errors("direct"), set(&[]));
    assert_eq!(TOXICS.server_reasons("direct"), BTreeMap::new());
}

#[test]
fn the_server_is_asked_by_its_own_name() {
    assert_eq!(TOXICS.hosts, BTreeSet::from([TOXICS.server_host.clone()]));
}

#[test]
fn latency_costs_time_alone_and_adds_up() {
    TOXICS.assert_harmless("latency");
    assert!(TOXICS.slowest_ack("latency") >= 300);
    TOXICS.assert_harmless("layers");
    assert!(TOXICS.slowest_ack("layers") >= 170);
}

#[test]
fn bandwidth_and_slices_take_their_time() {
    TOXICS.assert_harmless("bandwidth");
    // 20 kB at 40 kB/s.
    assert!(TOXICS.slowest_ack("bandwidth") >= 500);
    TOXICS.assert_harmless("slicer");
    // 64 slices, and 5 ms between them.
    assert!(TOXICS.slowest_ack("slicer") >= 315);
}

#[test]
fn a_slow_close_keeps_nobody_from_its_answer() {
    TOXICS.assert_harmless("slow-close");
}

#[test]
fn silence_ends_with_the_fault_or_with_its_delay() {
    let fault = TOXICS.fault("timeout");
    TOXICS.assert_noticed("timeout", fault, "transport close", "transport close");
    assert!(
        fault["detect"]["min"].as_u64() >= Some(1_990_000),
        "{fault:#}"
    );
    let fault = TOXICS.fault("short-timeout");
    TOXICS.assert_noticed("short-timeout", fault, "transport close", "transport close");
    assert!(
        fault["detect"]["min"].as_u64() >= Some(699_000),
        "{fault:#}"
    );
}

#[test]
fn resets_are_resets() {
    // A RST that meets a server while it writes is an error to it.
    let told = "transport close or transport error";
    let fault = ENDS.fault("reset");
    ENDS.assert_noticed("reset", fault, "transport close", told);
    let fault = ENDS.fault("reset-polling");
    ENDS.assert_noticed("reset-polling", fault, "transport error", told);
    for population in ["reset", "reset-polling"] {
        let errors = ENDS.errors(population);
        let met = ["session", "open"].map(|stage| format!("{stage} connection_reset scenario"));
        assert!(errors.contains(&met[0]), "{errors:?}");
        assert!(errors.iter().all(|error| met.contains(error)), "{errors:?}");
    }
}

#[test]
fn connections_end_after_so_many_bytes() {
    let fault = ENDS.fault("limit");
    let told = "transport close or transport error";
    ENDS.assert_noticed("limit", fault, "transport close", told);
}

#[test]
fn while_the_proxy_is_down_connections_are_refused() {
    let fault = ENDS.fault("down");
    ENDS.assert_noticed("down", fault, "transport close", "transport close");
    let fault = ENDS.fault("down-polling");
    // Between two polls there is nothing to break off: that session is missed by its pings.
    let missed = "transport error or ping timeout";
    ENDS.assert_noticed("down-polling", fault, "transport error", missed);
    for population in ["down", "down-polling"] {
        let errors = ENDS.errors(population);
        let met = [
            "session connection_closed scenario",
            "tcp connection_refused scenario",
        ];
        assert_eq!(errors, set(&met));
        let outage = &ENDS.fault(population)["outage"]["min"];
        assert!(outage.as_u64() >= Some(1_990_000), "{outage}");
    }
}

#[test]
fn a_restart_of_the_proxy_is_a_herd_and_nothing_more() {
    let fault = ENDS.fault("restart");
    ENDS.assert_noticed("restart", fault, "transport close", "transport close");
    assert_eq!(ENDS.counter("restart", "handshake.errors"), 0);
}

#[test]
fn an_idle_timeout_below_the_ping_interval_cuts_everybody_off() {
    let fault = ENDS.fault("idle");
    ENDS.assert_noticed("idle", fault, "transport close", "transport close");
    assert!(
        fault["detect"]["min"].as_u64() >= Some(399_000),
        "{fault:#}"
    );
    let errors = ENDS.errors("idle");
    // On a busy machine a handshake may be quiet for as long.
    let met = ["session", "open"].map(|stage| format!("{stage} connection_closed scenario"));
    assert!(errors.contains(&met[0]), "{errors:?}");
    assert!(errors.iter().all(|error| met.contains(error)), "{errors:?}");
}

#[test]
fn a_status_ends_polling_and_the_server_is_left_with_silent_sessions() {
    let fault = REQUESTS.fault("status");
    REQUESTS.assert_noticed("status", fault, "transport error", "ping timeout");
    assert!(fault["requests"].as_u64() >= Some(CLIENTS), "{fault:#}");
    let errors = REQUESTS.errors("status");
    assert!(
        errors.contains("session http_status scenario 503"),
        "{errors:?}"
    );
    assert!(
        errors
            .iter()
            .all(|error| error.ends_with(" http_status scenario 503")),
        "{errors:?}"
    );
}

#[test]
fn a_share_of_requests_is_a_share() {
    let fault = REQUESTS.fault("status-share");
    let answered = fault["requests"].as_u64().expect("a count");
    let failed = REQUESTS.counter("status-share", "session.errors")
        + REQUESTS.counter("status-share", "handshake.errors");
    assert!(answered > 0 && failed <= answered, "{failed} of {answered}");
    let errors = REQUESTS.errors("status-share");
    assert!(
        errors
            .iter()
            .all(|error| error.ends_with(" http_status scenario 429")),
        "{errors:?}"
    );
    // Every other request went on: acks came all the time.
    let acks = REQUESTS.counter("status-share", "acks");
    assert!(acks > answered, "{acks} acks");
}

#[test]
fn websockets_that_come_again_are_blocked_and_back_after_it() {
    let expected = [
        ("refused", "open websocket_refused scenario 403"),
        ("swallowed", "open timed_out scenario"),
        ("stripped", "open bad_request server 400"),
    ];
    for (population, error) in expected {
        let restart = REQUESTS.restart(population);
        REQUESTS.assert_noticed(population, restart, "transport close", "transport close");
        let errors = REQUESTS.errors(population);
        assert!(errors.contains(error), "{errors:?}");
        let blocked = REQUESTS.fault(population);
        assert!(blocked["requests"].as_u64() >= Some(CLIENTS), "{blocked:#}");
        // They were open when it began.
        assert_eq!(blocked["affected"], 0, "{blocked:#}");
    }
    // The server took the stripped ones for requests, and refused them itself.
    let stripped = REQUESTS.fault("stripped")["requests"].as_u64();
    assert_eq!(stripped, Some(REQUESTS.refusals));
}

#[test]
fn clients_that_may_poll_live_without_their_upgrade() {
    let restart = REQUESTS.restart("refused-upgrade");
    REQUESTS.assert_noticed(
        "refused-upgrade",
        restart,
        "transport close",
        "transport close",
    );
    let errors = REQUESTS.errors("refused-upgrade");
    assert!(
        errors.contains("upgrade websocket_refused scenario 403"),
        "{errors:?}"
    );
    assert_eq!(
        restart["transports"],
        json!({ "polling": CLIENTS }),
        "{restart:#}"
    );
    assert_eq!(REQUESTS.counter("refused-upgrade", "handshake.errors"), 0);
}
