//! A run with a population for each fault, and what both sides told of it.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Kind, RealServer, SioLoad, What};

/// Clients of each population.
pub(super) const CLIENTS: u64 = 4;

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

/// They strike half-way between two pings, and nine seconds
/// after the last one each side gives a silent other up.
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
    ("partition", r#"fault = "partition", for = "9s""#),
    ("partition-polling", r#"fault = "partition", for = "9s""#),
    ("short-partition", r#"fault = "partition", for = "500ms""#),
    (
        "loss",
        r#"fault = "packet_loss", share = "20%", for = "2s""#,
    ),
    ("network", r#"fault = "network_change""#),
    ("network-polling", r#"fault = "network_change""#),
    ("freeze", r#"fault = "freeze", for = "9s""#),
    ("freeze-polling", r#"fault = "freeze", for = "9s""#),
    ("short-freeze", r#"fault = "freeze", for = "500ms""#),
    ("mute", r#"fault = "mute", for = "9s""#),
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
pub(super) struct Run {
    pub(super) summary: Value,
    /// Whose each fault of the summary is.
    faults: Vec<String>,
    server: Vec<Session>,
}

/// A namespace's session, as the server tells it.
pub(super) struct Session {
    population: String,
    pub(super) address: String,
    pub(super) end: String,
    detail: String,
}

pub(super) static RUN: LazyLock<Run> =
    LazyLock::new(|| Run::play(Kind::SocketIo4, "", POPULATIONS, FAULTS));

/// The same with the heartbeat of revision 3, where it is the client that pings.
pub(super) static RELEASE_2: LazyLock<Run> = LazyLock::new(|| {
    let populations = [
        ("mute", WEBSOCKET, ""),
        ("mute-polling", POLLING, ""),
        ("garbage", WEBSOCKET, ""),
        ("garbage-polling", POLLING, ""),
    ];
    let faults = [
        ("mute", r#"fault = "mute", for = "9s""#),
        ("mute-polling", r#"fault = "mute", for = "9s""#),
        ("garbage", r#"fault = "garbage""#),
        ("garbage-polling", r#"fault = "garbage""#),
    ];
    Run::play(Kind::SocketIo2, "protocol = 3\n", &populations, &faults)
});

fn scenario(all: &str, populations: &[Population], faults: &[Fault]) -> String {
    let mut text = "name = \"faults\"\nduration = \"27s\"\nseed = 3\n".to_owned();
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
            "pingInterval": 4000, "pingTimeout": 5000, "upgradeTimeout": 5000,
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
    pub(super) fn fault(&self, population: &str) -> &Value {
        let place = self.faults.iter().rposition(|whose| whose == population);
        &self.summary["faults"][place.expect("a fault")]
    }

    pub(super) fn counter(&self, population: &str, name: &str) -> u64 {
        let counters = &self.summary["populations"][population]["counters"];
        counters[name].as_u64().expect("a counter")
    }

    pub(super) fn sessions(&self, population: &str) -> impl Iterator<Item = &Session> {
        let sessions = self.server.iter();
        sessions.filter(move |session| session.population == population)
    }

    /// How a population's sessions ended at the server, but for the goodbyes.
    pub(super) fn server_reasons(&self, population: &str) -> BTreeMap<&str, u64> {
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for session in self.sessions(population) {
            *reasons.entry(session.end.as_str()).or_default() += 1;
        }
        let last = reasons.get_mut("client namespace disconnect");
        let last = last.expect("clients say goodbye");
        *last = last.saturating_sub(CLIENTS);
        reasons.retain(|_, count| *count > 0);
        reasons
    }

    /// Everybody felt it, noticed by this reason and is back; the server tells that reason.
    pub(super) fn assert_noticed(&self, population: &str, client: &str, server: &str) {
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
    pub(super) fn assert_harmless(&self, population: &str, seconds: f64) {
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
    pub(super) fn errors(&self, population: &str) -> Vec<(String, u64)> {
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
