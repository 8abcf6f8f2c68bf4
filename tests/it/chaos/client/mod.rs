//! Faults at clients, against the reference server: the client's reason in the summary, the
//! server's in its log.
//!
//! One run has a population for each fault; each test looks at its own. The shipped scenarios that
//! show a disconnect reason are run as they are, but for the number of clients.

mod run;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use sio_load::event::DisconnectReason;

use crate::harness::{Kind, RealServer, RunningSioLoad, SioLoad, What};
use run::{CLIENTS, RELEASE_2, RUN};

#[test]
fn an_engine_that_is_closed() {
    RUN.assert_noticed("close", "forced close", "transport close");
}

#[test]
fn a_namespace_that_is_left_and_joined_again() {
    let name = "io client disconnect";
    RUN.assert_noticed("namespace", name, "client namespace disconnect");
}

#[test]
fn fin_on_every_connection() {
    RUN.assert_noticed("fin", "transport close", "transport close");
}

#[test]
fn rst_on_every_connection() {
    RUN.assert_noticed("reset", "transport close", "transport close");
    RUN.assert_noticed("reset-polling", "transport error", "transport error");
}

#[test]
fn a_close_frame_with_a_code_where_there_is_a_websocket() {
    RUN.assert_noticed("close-frame", "transport close", "transport close");
    let errors = RUN.errors("close-frame");
    let ours = ("session connection_closed scenario".to_owned(), CLIENTS);
    assert_eq!(errors, [ours]);
    let fault = RUN.fault("close-frame-polling");
    assert_eq!(
        (&fault["affected"], &fault["not_applicable"]),
        (&json!(0), &json!(CLIENTS))
    );
    assert_eq!(RUN.counter("close-frame-polling", "reconnects"), 0);
}

#[test]
fn a_partition_that_outlasts_the_heartbeat_is_a_ping_timeout_on_both_sides() {
    for population in ["partition", "partition-polling"] {
        RUN.assert_noticed(population, "ping timeout", "ping timeout");
        let back = RUN.fault(population)["outage"]["min"].as_u64();
        assert!(
            back.expect("an outage") >= 9_000_000,
            "nobody is back before it heals"
        );
    }
}

#[test]
fn a_short_partition_is_survived() {
    RUN.assert_harmless("short-partition", 0.5);
}

#[test]
fn lost_packets_cost_time_alone() {
    RUN.assert_harmless("loss", 2.0);
}

#[test]
fn a_change_of_network_leaves_the_old_session_to_its_ping_timeout() {
    for population in ["network", "network-polling"] {
        RUN.assert_noticed(population, "transport close", "ping timeout");
        assert_eq!(RUN.counter(population, "handshake.zombies"), CLIENTS);
        let ours = RUN.sessions(population);
        let mut addresses: Vec<_> = ours.map(|session| session.address.clone()).collect();
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), 2, "{addresses:?}");
    }
}

#[test]
fn a_freeze_that_outlasts_the_heartbeat_is_a_ping_timeout_on_both_sides() {
    RUN.assert_noticed("freeze", "ping timeout", "ping timeout");
    RUN.assert_noticed("freeze-polling", "ping timeout", "ping timeout");
}

#[test]
fn a_short_freeze_is_survived() {
    RUN.assert_harmless("short-freeze", 0.5);
}

#[test]
fn a_mute_client_is_given_up_by_the_server() {
    RUN.assert_noticed("mute", "transport close", "ping timeout");
}

#[test]
fn a_mute_client_of_revision_3_is_given_up_by_the_server() {
    RELEASE_2.assert_noticed("mute", "transport close", "ping timeout");
    RELEASE_2.assert_noticed("mute-polling", "transport close", "ping timeout");
}

#[test]
fn garbage_is_a_parse_error_of_a_release_2_server() {
    RELEASE_2.assert_noticed("garbage", "transport close", "parse error");
    RELEASE_2.assert_noticed("garbage-polling", "transport close", "parse error");
}

#[test]
fn garbage_is_a_parse_error_of_the_server() {
    RUN.assert_noticed("garbage", "transport close", "parse error");
    RUN.assert_noticed("garbage-polling", "transport close", "parse error");
}

#[test]
fn a_message_beyond_max_payload_ends_the_connection() {
    RUN.assert_noticed("oversize", "transport close", "transport error");
    RUN.assert_noticed("oversize-polling", "transport error", "transport close");
    let too_large = |population| {
        let errors = RUN.errors(population);
        errors
            .iter()
            .any(|(kind, count)| kind == "session payload_too_large scenario" && *count == CLIENTS)
    };
    assert!(too_large("oversize") && too_large("oversize-polling"));
}

#[test]
fn an_abandoned_session_is_a_zombie_and_harms_nobody() {
    RUN.assert_harmless("abandon", 0.0);
    assert_eq!(RUN.counter("abandon", "handshake.zombies"), CLIENTS);
}

#[test]
fn a_slow_reader_waits_for_its_answers() {
    RUN.assert_harmless("slow", 8.0);
    let acks = &RUN.summary["populations"]["slow"]["metrics"]["ack.service_time"];
    // 200 KB at 200 KB/s.
    assert!(acks["max"].as_u64().expect("acks") >= 900_000, "{acks:#}");
}

#[test]
fn an_upgrade_that_is_broken_off_leaves_the_session_on_polling() {
    for population in ["abort-handshake", "abort-probe", "abort-pong"] {
        RUN.assert_noticed(population, "forced close", "transport close");
        assert_eq!(
            RUN.counter(population, "upgrade.errors"),
            CLIENTS,
            "{population}"
        );
        let errors = RUN.errors(population);
        let upgrade = errors
            .iter()
            .filter(|(kind, _)| kind.starts_with("upgrade"));
        assert!(
            upgrade.clone().all(|(kind, _)| kind.ends_with("scenario")),
            "{errors:?}"
        );
        assert_eq!(
            RUN.counter(population, "upgrades"),
            CLIENTS,
            "the first one"
        );
    }
}

/// The reference client neither polls nor writes any more after that.
#[test]
fn an_upgrade_that_is_cut_before_its_last_packet_ends_with_a_ping_timeout() {
    let fault = RUN.fault("abort-flush");
    assert_eq!(fault["disconnects"], json!({ "forced close": CLIENTS }));
    let disconnects = &RUN.summary["populations"]["abort-flush"]["disconnects"];
    assert_eq!(disconnects["ping timeout"], CLIENTS, "{disconnects:#}");
    assert_eq!(RUN.counter("abort-flush", "upgrade.errors"), CLIENTS);
    let server = RUN.server_reasons("abort-flush");
    assert_eq!(server["ping timeout"], CLIENTS, "{server:?}");
}

#[test]
fn a_kick_is_a_disconnect_of_the_server_and_the_client_stays_away() {
    let population = &RUN.summary["populations"]["kicked"];
    assert_eq!(
        population["disconnects"],
        json!({ "io server disconnect": CLIENTS })
    );
    assert_eq!(RUN.counter("kicked", "clients.kicked"), CLIENTS);
    let ours = RUN.sessions("kicked");
    let ends: Vec<_> = ours.map(|session| session.end.as_str()).collect();
    assert_eq!(ends, ["server namespace disconnect"; CLIENTS as usize]);
}

#[test]
fn a_packet_of_the_server_that_cannot_be_decoded_is_a_parse_error_of_the_client() {
    let population = &RUN.summary["populations"]["misled"];
    let noticed = population["disconnects"]["parse error"].as_u64();
    let noticed = noticed.expect("parse errors");
    assert!(noticed >= CLIENTS, "{population:#}");
    // The client closes its engine; the server knows no more than that.
    let closed = RUN
        .sessions("misled")
        .filter(|s| s.end == "transport close");
    assert_eq!(closed.count() as u64, noticed);
}

/// The seven reasons of the client's API, each on purpose.
#[test]
fn each_reason_of_the_client_was_seen() {
    let disconnects = RUN.summary["disconnects"].as_object().expect("a table");
    for reason in DisconnectReason::ALL {
        assert!(disconnects.contains_key(reason.name()), "no {reason}");
    }
}

#[test]
fn victims_that_are_not_there_are_counted() {
    let fault = RUN.fault("away");
    assert_eq!(fault["affected"], 0, "{fault:#}");
    assert_eq!(fault["not_connected"], CLIENTS, "{fault:#}");
}

/// Shipped scenarios and the reasons that they are there to show.
const SHIPPED: &[(&str, &[&str])] = &[
    ("kicked", &["io server disconnect"]),
    ("sign-out-and-in", &["io client disconnect", "forced close"]),
    ("frozen-tabs", &["ping timeout"]),
    ("tunnel", &["ping timeout"]),
    ("wifi-to-4g", &["transport close"]),
    ("polling-cut-off", &["transport error"]),
    ("garbled-packet", &["parse error"]),
    ("bad-clients", &["transport close"]),
    ("upgrades-that-fail", &["forced close"]),
];

/// Starts a shipped scenario on the installed server.
fn start(name: &str) -> RunningSioLoad {
    let (_, directory) = Kind::SocketIo4.command().expect("a program");
    let cwd = format!("server.cwd={}", directory.display());
    let file = format!("{}/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let small = ["run", &file, "--clients", "10", "--quiet"];
    let here = ["--set", &cwd, "--set", "server.ready=60s"];
    SioLoad::new(&[&small[..], &here].concat()).start()
}

#[test]
fn the_shipped_scenarios_show_the_reasons_that_they_say() {
    for at_once in SHIPPED.chunks(5) {
        let runs: Vec<_> = at_once.iter().map(|(name, _)| start(name)).collect();
        for ((name, reasons), run) in at_once.iter().zip(runs) {
            let summary = run.wait(Duration::from_secs(150)).summary();
            for reason in *reasons {
                let seen = summary["disconnects"][reason].as_u64();
                assert!(seen > Some(0), "{name}: no {reason}");
            }
        }
    }
}

/// What has no end of its own ends when the clients leave, and does not keep them from saying so.
#[test]
fn what_lasts_to_the_end_of_the_run_is_undone() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let faults = [
        "freeze",
        "partition",
        "packet_loss",
        "slow_reader\"\nrate = \"1KB/s",
        "mute",
    ];
    let chaos = faults
        .map(|fault| format!("[[chaos]]\nat = \"8s\"\nfault = \"{fault}\"\nclients = \"20%\"\n"));
    let scenario = format!(
        "name = \"endless\"\nduration = \"10s\"\nseed = 5\n\
         [[clients]]\nname = \"web\"\ncount = 20\n{}",
        chaos.concat()
    );
    let finished = SioLoad::new(&["run", "endless.toml", "--url", &server.url(), "--quiet"])
        .file("endless.toml", &scenario)
        .run(Duration::from_secs(60));
    let summary = finished.summary();
    for fault in summary["faults"].as_array().expect("a list") {
        assert_eq!(fault["affected"], 4, "{fault:#}");
        assert_eq!(fault["restored"], 4, "{fault:#}");
    }
    let log = server.wait_log("a goodbye of every client", |log| {
        log.count(What::Disconnect) == 20
    });
    let goodbye = "client namespace disconnect".to_owned();
    assert_eq!(log.disconnects(), BTreeMap::from([(goodbye, 20)]));
}
