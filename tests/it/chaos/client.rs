//! Faults at clients, against the reference server: the client's reason in the summary, the
//! server's in its log.
//!
//! One run has a population for each fault; each test looks at its own. The shipped scenarios that
//! show a disconnect reason are run as they are, but for the number of clients.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use sio_load::event::DisconnectReason;

use crate::harness::{Kind, RealServer, SioLoad, What};

/// Clients of each population.
const CLIENTS: u64 = 4;

/// Name, transports, and what else stands in its table.
type Population = (&'static str, &'static str, &'static str);

/// Population and keys.
type Fault = (&'static str, &'static str);

const POPULATIONS: &[Population] = &[
    ("close", BOTH, ""),
    ("namespace", BOTH, ""),
    ("fin", WEBSOCKET, ""),
    ("reset", WEBSOCKET, ""),
    ("reset-polling", POLLING, ""),
    ("close-frame", WEBSOCKET, ""),
    ("close-frame-polling", POLLING, ""),
    ("partition", WEBSOCKET, ""),
    ("partition-polling", POLLING, ""),
    ("short-partition", BOTH, ""),
    ("loss", BOTH, ""),
    ("network", BOTH, ""),
    ("network-polling", POLLING, ""),
    ("freeze", WEBSOCKET, ""),
    ("freeze-polling", POLLING, ""),
    ("short-freeze", BOTH, ""),
    ("mute", BOTH, ""),
    ("garbage", WEBSOCKET, ""),
    ("garbage-polling", POLLING, ""),
    ("oversize", WEBSOCKET, ""),
    ("oversize-polling", POLLING, ""),
    ("abandon", BOTH, ""),
    (
        "slow",
        WEBSOCKET,
        "emit = [{ event = \"big_reply\", data = [200000], every = \"3s\", ack = true }]",
    ),
    ("abort-handshake", BOTH, ""),
    ("abort-probe", BOTH, ""),
    ("abort-pong", BOTH, ""),
    ("abort-flush", BOTH, ""),
    (
        "kicked",
        BOTH,
        "emit = [{ event = \"kick\", every = \"3s\" }]",
    ),
    (
        "misled",
        BOTH,
        "emit = [{ event = \"garbage\", every = \"5s\" }]",
    ),
    ("away", WEBSOCKET, ""),
];

const BOTH: &str = r#"["polling", "websocket"]"#;
const POLLING: &str = r#"["polling"]"#;
const WEBSOCKET: &str = r#"["websocket"]"#;

/// They strike half-way between two pings, and six and a half
/// seconds after the last one each side gives a silent other up.
const FAULTS: &[Fault] = &[
    ("close", r#"fault = "disconnect""#),
    ("namespace", r#"fault = "disconnect", how = "namespace""#),
    ("fin", r#"fault = "disconnect", how = "fin""#),
    ("reset", r#"fault = "disconnect", how = "reset""#),
    ("reset-polling", r#"fault = "disconnect", how = "reset""#),
    (
        "close-frame",
        r#"fault = "disconnect", how = "websocket_close", code = 4001"#,
    ),
    (
        "close-frame-polling",
        r#"fault = "disconnect", how = "websocket_close""#,
    ),
    ("partition", r#"fault = "partition", for = "7s""#),
    ("partition-polling", r#"fault = "partition", for = "7s""#),
    ("short-partition", r#"fault = "partition", for = "500ms""#),
    (
        "loss",
        r#"fault = "packet_loss", share = "20%", for = "2s""#,
    ),
    ("network", r#"fault = "network_change""#),
    ("network-polling", r#"fault = "network_change""#),
    ("freeze", r#"fault = "freeze", for = "6500ms""#),
    ("freeze-polling", r#"fault = "freeze", for = "6500ms""#),
    ("short-freeze", r#"fault = "freeze", for = "500ms""#),
    ("mute", r#"fault = "mute", for = "6s""#),
    ("garbage", r#"fault = "garbage""#),
    ("garbage-polling", r#"fault = "garbage""#),
    ("oversize", r#"fault = "oversize""#),
    ("oversize-polling", r#"fault = "oversize""#),
    ("abandon", r#"fault = "abandon""#),
    (
        "slow",
        r#"fault = "slow_reader", rate = "200KB/s", for = "8s""#,
    ),
    (
        "abort-handshake",
        r#"fault = "upgrade_abort", stage = "handshake""#,
    ),
    ("abort-probe", r#"fault = "upgrade_abort", stage = "probe""#),
    ("abort-pong", r#"fault = "upgrade_abort", stage = "pong""#),
    ("abort-flush", r#"fault = "upgrade_abort", stage = "flush""#),
    // While they are still away from the first of these two.
    ("away", r#"fault = "disconnect", how = "close""#),
    ("away", r#"fault = "garbage""#),
];

/// A run and what both sides told of it.
struct Run {
    summary: Value,
    /// Whose each fault of the summary is.
    faults: Vec<String>,
    server: Vec<Session>,
}

/// A namespace's session, as the server tells it.
struct Session {
    population: String,
    address: String,
    end: String,
    detail: String,
}

static RUN: LazyLock<Run> = LazyLock::new(|| Run::play(Kind::SocketIo4, "", POPULATIONS, FAULTS));

/// The same with the heartbeat of revision 3, where it is the client that pings.
static RELEASE_2: LazyLock<Run> = LazyLock::new(|| {
    let populations = [
        ("mute", WEBSOCKET, ""),
        ("mute-polling", POLLING, ""),
        ("garbage", WEBSOCKET, ""),
        ("garbage-polling", POLLING, ""),
    ];
    let faults = [
        ("mute", r#"fault = "mute", for = "8s""#),
        ("mute-polling", r#"fault = "mute", for = "8s""#),
        ("garbage", r#"fault = "garbage""#),
        ("garbage-polling", r#"fault = "garbage""#),
    ];
    Run::play(Kind::SocketIo2, "protocol = 3\n", &populations, &faults)
});

fn scenario(all: &str, populations: &[Population], faults: &[Fault]) -> String {
    let mut text = "name = \"faults\"\nduration = \"22s\"\nseed = 3\n".to_owned();
    for (name, transports, more) in populations {
        let table = format!(
            "[[clients]]\nname = \"{name}\"\ncount = {CLIENTS}\ntransports = {transports}\n\
             query = {{ who = \"{name}\" }}\nreconnection = {{ delay = \"200ms\" }}\n{all}{more}\n"
        );
        text.push_str(&table);
    }
    for (population, keys) in faults {
        let keys = keys.replace(", ", "\n");
        let table = format!("[[chaos]]\nat = \"6s\"\npopulation = \"{population}\"\n{keys}\n");
        text.push_str(&table);
    }
    text
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Run {
    fn play(kind: Kind, all: &str, populations: &[Population], faults: &[Fault]) -> Self {
        let options = json!({
            "pingInterval": 4000, "pingTimeout": 2500, "upgradeTimeout": 5000,
            "maxHttpBufferSize": 100_000,
        });
        let server = RealServer::start(kind, options);
        let finished = SioLoad::new(&["run", "faults.toml", "--url", &server.url(), "--quiet"])
            .file("faults.toml", &scenario(all, populations, faults))
            .run(Duration::from_secs(90));
        assert!(finished.stderr.is_empty(), "{}", finished.stderr);
        let log = server.wait_log("a goodbye of every client", |log| {
            log.count(What::Disconnect) == log.count(What::Connect)
        });
        let ends: BTreeMap<_, _> = log
            .of(What::Disconnect)
            .map(|line| (line.sid.clone(), line))
            .collect();
        let sessions = log.of(What::Connect).map(|line| {
            let end = ends[&line.sid];
            Session {
                population: text(&line.more["query"]["who"]),
                address: text(&line.more["address"]),
                end: end.reason.clone().unwrap_or_default(),
                detail: text(&end.more["detail"]),
            }
        });
        Self {
            summary: finished.summary(),
            faults: faults
                .iter()
                .map(|(whose, _)| (*whose).to_owned())
                .collect(),
            server: sessions.collect(),
        }
    }

    /// What the fault of a population did, the last one if it has two.
    fn fault(&self, population: &str) -> &Value {
        let place = self.faults.iter().rposition(|whose| whose == population);
        &self.summary["faults"][place.expect("a fault")]
    }

    fn counter(&self, population: &str, name: &str) -> u64 {
        let counters = &self.summary["populations"][population]["counters"];
        counters[name].as_u64().expect("a counter")
    }

    fn sessions(&self, population: &str) -> impl Iterator<Item = &Session> {
        let sessions = self.server.iter();
        sessions.filter(move |session| session.population == population)
    }

    /// How a population's sessions ended at the server, but for the goodbyes.
    fn server_reasons(&self, population: &str) -> BTreeMap<&str, u64> {
        let mut reasons = BTreeMap::new();
        for session in self.sessions(population) {
            *reasons.entry(session.end.as_str()).or_default() += 1;
        }
        let last = reasons.get_mut("client namespace disconnect");
        *last.expect("clients say goodbye") -= CLIENTS;
        reasons.retain(|_, count| *count > 0);
        reasons
    }

    /// Everybody felt it, noticed by this reason and is back; the server tells that reason.
    fn assert_noticed(&self, population: &str, client: &str, server: &str) {
        let fault = self.fault(population);
        assert_eq!(fault["affected"], CLIENTS, "{fault:#}");
        assert_eq!(
            fault["disconnects"],
            json!({ client: CLIENTS }),
            "{fault:#}"
        );
        assert_eq!(fault["restored"], CLIENTS, "{fault:#}");
        assert_eq!(fault["detect"]["count"], CLIENTS, "{fault:#}");
        assert_eq!(self.counter(population, "reconnects"), CLIENTS);
        let expected = BTreeMap::from([(server, CLIENTS)]);
        let ours = self.sessions(population);
        let ends: Vec<_> = ours.map(|s| (&s.end, &s.detail)).collect();
        assert_eq!(self.server_reasons(population), expected, "{ends:#?}");
    }

    /// Everybody felt it for so long, and nobody lost a connection.
    fn assert_harmless(&self, population: &str, seconds: f64) {
        let fault = self.fault(population);
        assert_eq!(fault["affected"], CLIENTS, "{fault:#}");
        assert_eq!(fault["restored"], CLIENTS, "{fault:#}");
        assert_eq!(fault["disconnects"], json!({}), "{fault:#}");
        let felt = fault["outage"]["min"].as_f64().expect("an outage") / 1e6;
        assert!(felt >= seconds * 0.999, "{fault:#}");
        assert_eq!(self.counter(population, "reconnects"), 0);
        assert_eq!(self.server_reasons(population), BTreeMap::new());
    }

    /// The failures of a population: stage, cause, origin, and how many.
    fn errors(&self, population: &str) -> Vec<(String, u64)> {
        let errors = &self.summary["populations"][population]["errors"];
        let errors = errors.as_array().expect("a list").iter();
        errors
            .map(|error| {
                let kind = ["stage", "cause", "origin"].map(|key| text(&error[key]));
                (kind.join(" "), error["count"].as_u64().expect("a count"))
            })
            .collect()
    }
}

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
            back.expect("an outage") >= 7_000_000,
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
            .any(|(kind, count)| kind == "session payload_too_large server" && *count == CLIENTS)
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
    let server = RUN.server_reasons("misled");
    assert_eq!(server, BTreeMap::from([("transport close", noticed)]));
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

#[test]
fn the_shipped_scenarios_show_the_reasons_that_they_say() {
    let (_, directory) = Kind::SocketIo4.command().expect("a program");
    let cwd = format!("server.cwd={}", directory.display());
    let runs: Vec<_> = SHIPPED
        .iter()
        .map(|(name, reasons)| {
            let file = format!("{}/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
            let arguments = ["run", &file, "--clients", "10", "--set", &cwd, "--quiet"];
            (name, reasons, SioLoad::new(&arguments).start())
        })
        .collect();
    for (name, reasons, run) in runs {
        let finished = run.wait(Duration::from_secs(120));
        let summary = finished.summary();
        for reason in *reasons {
            let seen = summary["disconnects"][reason].as_u64();
            assert!(seen > Some(0), "{name}: no {reason}");
        }
    }
}
