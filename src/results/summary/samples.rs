//! Summaries for the tests of everything that reads one.

use std::collections::BTreeMap;

use super::{
    Aftermath, DelayStripe, Distribution, ErrorGroup, FaultOutcome, Generator, Levels,
    ListenOutcome, PopulationSummary, Provenance, Restored, SCHEMA, Storm, Summary,
    ThresholdOutcome, Verdict, Warning,
};
use crate::event::{Counter, RateMetric, TimeMetric, Unit};

/// A run that ended before anything began.
pub(crate) fn empty() -> Summary {
    Summary {
        schema: SCHEMA.to_owned(),
        scenario: "empty".to_owned(),
        description: String::new(),
        verdict: Verdict::Failed,
        exit_code: 1,
        seed: 1,
        duration_s: 0.0,
        metrics: BTreeMap::new(),
        counters: counters(&[]),
        rates: rates(&[]),
        errors: Vec::new(),
        disconnects: BTreeMap::new(),
        faults: Vec::new(),
        populations: BTreeMap::new(),
        thresholds: Vec::new(),
        warnings: Vec::new(),
        generator: Generator::default(),
        provenance: Provenance::default(),
    }
}

/// A restart and a reset, from which everybody came back.
pub(crate) fn healthy() -> Summary {
    let totals = [
        ("clients.started", 1_000),
        ("clients.connected_max", 1_000),
        ("handshake.attempts", 3_652),
        ("handshake.errors", 1_152),
        ("namespace.attempts", 2_500),
        ("connects", 2_500),
        ("disconnects", 1_500),
        ("reconnects", 1_500),
        ("upgrades", 2_491),
        ("upgrade.errors", 2),
        ("emits", 7_431),
        ("acks", 7_409),
        ("ack.lost", 22),
        ("events", 0),
        ("bytes.sent", 6_412_873),
        ("bytes.received", 9_120_554),
    ];
    Summary {
        scenario: "reconnect".to_owned(),
        description: "1,000 clients; the server is killed under them and comes back.".to_owned(),
        verdict: Verdict::Passed,
        exit_code: 0,
        seed: 7,
        duration_s: 45.0,
        metrics: healthy_metrics(),
        counters: counters(&totals),
        rates: rates(&[("handshake.error_rate", 1_152.0 / 3_652.0)]),
        errors: vec![refused(1_150, "tcp"), probe_failed()],
        disconnects: reasons(&[("transport close", 1_004), ("transport error", 496)]),
        faults: vec![restart(), reset()],
        populations: BTreeMap::from([
            ("mobile".to_owned(), population(200)),
            ("web".to_owned(), population(800)),
        ]),
        thresholds: vec![
            held("reconnect.time", "p(99) < 10s", Some(6_884_351.0)),
            held("handshake.error_rate", "rate < 60%", Some(0.315_443)),
            held("clients.never_back", "count == 0", Some(0.0)),
        ],
        generator: Generator {
            cpu_s: 4.82,
            cpu_busiest: 0.118,
            rss_peak_bytes: 47_448_064,
            lag_p99_us: 1_260,
            lag_max_us: 8_410,
            late_starts: 0,
            workers: 2,
            shortages: 0,
        },
        provenance: provenance(),
        ..empty()
    }
}

/// A server behind a balancer that does not stick, and clients that are lost for good.
pub(crate) fn failing() -> Summary {
    let mut summary = healthy();
    summary.scenario = "non-sticky".to_owned();
    summary.description = String::new();
    summary.verdict = Verdict::Failed;
    summary.exit_code = 99;
    summary.errors = vec![session_id_unknown(), refused(310, "tcp"), rejected()];
    summary.counters.extend(
        counters(&[
            ("clients.never_back", 14),
            ("clients.never_connected", 3),
            ("clients.rejected", 12),
            ("clients.kicked", 5),
            ("clients.gave_up", 9),
            ("handshake.zombies", 31),
            ("ack.timeouts", 118),
            ("emits.dropped", 40),
            ("emits.retried", 77),
            ("session.errors", 6),
        ])
        .into_iter()
        .filter(|(_, value)| *value > 0),
    );
    summary.faults[0].restored = 986;
    summary.faults[0].never_back = 14;
    summary.faults[0].restored_s.p99 = None;
    summary.faults[0].restored_s.p100 = None;
    summary.faults[0].recovered = Some(412);
    let storm = summary.faults[0].storm.as_mut().expect("made above");
    storm.duration_s = 30.0;
    storm.handshakes_per_s = levels(0.0, 84.0);
    storm.errors_per_s = levels(0.0, 84.0);
    storm.aftermath = Aftermath::Metastable;
    summary.faults[1].storm = None;
    summary.faults[1].applied_s = None;
    summary.faults[1].failed =
        Some("the server did not answer a handshake within 10s of its restart".to_owned());
    summary.thresholds = vec![
        crossed("reconnect.time", "p(99) < 5s", Some(6_884_351.0)),
        held("handshake.error_rate", "rate < 60%", Some(0.315_443)),
        crossed("recovery.rate", "rate >= 90%", None),
        crossed("clients.never_back{web}", "count == 0", Some(14.0)),
    ];
    let web = summary.populations.get_mut("web").expect("made above");
    web.listens = vec![ListenOutcome {
        event: "price".to_owned(),
        received: 39_412,
        expected: Some(40_000),
    }];
    summary
}

/// Ended by Ctrl-C between two faults.
pub(crate) fn interrupted() -> Summary {
    let mut summary = healthy();
    summary.verdict = Verdict::Interrupted;
    summary.exit_code = 105;
    summary.duration_s = 21.4;
    summary.faults[1].applied_s = None;
    summary.faults[1].ended_s = None;
    summary.faults[1].affected = 0;
    summary.faults[1].restored = 0;
    summary.faults[1].restored_s = Restored::default();
    summary.faults[1].detect = None;
    summary.faults[1].outage = None;
    summary.faults[1].attempts = None;
    summary.faults[1].disconnects.clear();
    summary.faults[1].transports.clear();
    summary.faults[1].storm = None;
    let storm = summary.faults[0].storm.as_mut().expect("made above");
    storm.handshakes_per_s.after = None;
    storm.errors_per_s.after = None;
    storm.aftermath = Aftermath::TooShortToTell;
    summary
}

/// Too much for one machine.
pub(crate) fn generator_bound() -> Summary {
    let mut summary = healthy();
    summary.verdict = Verdict::GeneratorBound;
    summary.exit_code = 92;
    summary.generator.cpu_busiest = 0.984;
    summary.generator.lag_p99_us = 412_000;
    summary.generator.lag_max_us = 1_830_000;
    summary.generator.late_starts = 733;
    summary.warnings = vec![
        warning(
            "generator_saturated",
            "the busiest of 2 worker(s) used 98 % of a core over the whole load: the generator \
             was the bottleneck; use fewer clients, or a machine with more cores",
        ),
        warning(
            "single_source_address",
            "30,000 connections to one address from one source address: above 14,000 the \
             kernel's search for a port makes each connect 4 to 9 times dearer; set \
             source_addresses",
        ),
    ];
    summary
}

/// Nobody answers at the target's address.
pub(crate) fn unreachable() -> Summary {
    let totals = [
        ("clients.started", 1_000),
        ("clients.never_connected", 1_000),
        ("handshake.attempts", 9_120),
        ("handshake.errors", 9_120),
    ];
    Summary {
        scenario: "reconnect".to_owned(),
        seed: 5_577_006_791_947_779,
        duration_s: 45.0,
        counters: counters(&totals),
        rates: rates(&[("handshake.error_rate", 1.0)]),
        errors: vec![refused(9_120, "tcp")],
        populations: BTreeMap::from([("web".to_owned(), population(1_000))]),
        generator: Generator {
            workers: 2,
            cpu_busiest: 0.02,
            cpu_s: 0.9,
            rss_peak_bytes: 21_000_000,
            ..Generator::default()
        },
        provenance: provenance(),
        ..empty()
    }
}

fn counters(known: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let mut all: BTreeMap<String, u64> = Counter::ALL
        .iter()
        .map(|counter| (counter.name().to_owned(), 0))
        .collect();
    all.extend(
        known
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value)),
    );
    all
}

fn rates(known: &[(&str, f64)]) -> BTreeMap<String, Option<f64>> {
    let mut all: BTreeMap<String, Option<f64>> = RateMetric::ALL
        .iter()
        .map(|rate| (rate.name().to_owned(), None))
        .collect();
    all.extend(
        known
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Some(*value))),
    );
    all
}

fn reasons(known: &[(&str, u64)]) -> BTreeMap<String, u64> {
    known
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect()
}

fn healthy_metrics() -> BTreeMap<String, Distribution> {
    [
        (
            TimeMetric::ConnectTime,
            1_000,
            [3_112, 5_204, 12_340, 41_210],
        ),
        (TimeMetric::ConnectTcp, 6_143, [48, 81, 412, 2_210]),
        (TimeMetric::ConnectOpen, 2_500, [812, 1_904, 6_010, 18_204]),
        (
            TimeMetric::ConnectNamespace,
            2_500,
            [604, 1_210, 4_204, 12_004],
        ),
        (
            TimeMetric::UpgradeTime,
            2_491,
            [1_204, 2_404, 8_004, 31_002],
        ),
        (
            TimeMetric::ReconnectDetect,
            1_500,
            [1_404, 88_012, 911_204, 2_011_135],
        ),
        (
            TimeMetric::ReconnectTime,
            1_500,
            [1_240_064, 4_912_127, 6_884_351, 7_208_959],
        ),
        (
            TimeMetric::ReconnectOutage,
            1_500,
            [1_241_087, 4_913_151, 6_885_375, 7_210_111],
        ),
        (TimeMetric::ReconnectAttempts, 1_500, [1, 3, 3, 4]),
        (TimeMetric::AckTime, 7_409, [412, 1_204, 5_208, 1_204_223]),
        (
            TimeMetric::AckServiceTime,
            7_409,
            [402, 1_190, 4_104, 20_112],
        ),
        (TimeMetric::HeartbeatLateness, 0, [0, 0, 0, 0]),
        (TimeMetric::GeneratorLag, 4_498, [210, 880, 1_260, 8_410]),
    ]
    .into_iter()
    .filter(|(_, count, _)| *count > 0)
    .map(|(metric, count, points)| {
        let mut distribution = distribution(count, points);
        if metric.unit() == Unit::Count {
            distribution.unit = "count".to_owned();
        }
        (metric.name().to_owned(), distribution)
    })
    .collect()
}

/// A distribution through p50, p95, p99 and the maximum.
fn distribution(count: u64, [p50, p95, p99, max]: [u64; 4]) -> Distribution {
    Distribution {
        unit: "us".to_owned(),
        count,
        min: p50 / 2,
        mean: p50 as f64 * 1.25,
        stdev: p50 as f64 * 0.75,
        p50,
        p75: (p50 * 2 + p95) / 3,
        p90: (p50 + p95 * 3) / 4,
        p95,
        p99,
        p999: (p99 + max) / 2,
        max,
    }
}

fn population(clients: u64) -> PopulationSummary {
    PopulationSummary {
        metrics: healthy_metrics(),
        counters: counters(&[
            ("clients.started", clients),
            ("clients.connected_max", clients),
            ("reconnects", clients * 3 / 2),
        ]),
        rates: rates(&[]),
        errors: Vec::new(),
        disconnects: BTreeMap::new(),
        listens: Vec::new(),
    }
}

fn restart() -> FaultOutcome {
    FaultOutcome {
        id: 0,
        fault: "server_restart".to_owned(),
        detail: "SIGKILL, down 3s".to_owned(),
        at_s: 15.0,
        applied_s: Some(15.000_4),
        ended_s: Some(18.214),
        failed: None,
        connections: None,
        requests: None,
        affected: 1_000,
        restored: 1_000,
        not_connected: 0,
        not_applicable: 0,
        refused: 0,
        never_back: 0,
        restored_s: Restored {
            p50: Some(4.613),
            p95: Some(6.204),
            p99: Some(6.912),
            p100: Some(7.210_111),
        },
        peak_handshakes_per_s: 512,
        disconnects: reasons(&[("transport close", 504), ("transport error", 496)]),
        detect: Some(distribution(1_000, [1_404, 88_012, 911_204, 2_011_135])),
        outage: Some(distribution(
            1_000,
            [4_613_000, 6_204_000, 6_912_000, 7_210_111],
        )),
        attempts: Some(Distribution {
            unit: "count".to_owned(),
            ..distribution(1_000, [2, 3, 3, 4])
        }),
        transports: reasons(&[("polling", 31), ("websocket", 969)]),
        recovered: None,
        storm: Some(restart_storm()),
    }
}

fn restart_storm() -> Storm {
    let stripe = |(from_ms, clients)| DelayStripe {
        from_ms,
        to_ms: from_ms + 49,
        clients,
    };
    let stripes = [
        (551, 98),
        (651, 103),
        (751, 91),
        (851, 112),
        (951, 96),
        (1_050, 99),
        (1_150, 101),
        (1_250, 88),
        (1_350, 107),
        (1_450, 105),
    ];
    Storm {
        herd: 1_000,
        duration_s: 7.210_111,
        peak_handshakes_per_s: 512,
        peak_at_s: Some(20.0),
        first_delays: stripes.map(stripe).to_vec(),
        failed_attempts: 1_152,
        failed_attempts_during_fault: 1_150,
        failures: reasons(&[("connection_refused", 1_150), ("connection_reset", 2)]),
        handshakes_per_s: levels(0.0, 0.0),
        errors_per_s: levels(0.0, 0.0),
        aftermath: Aftermath::Recovered,
    }
}

fn levels(before: f64, after: f64) -> Levels {
    Levels {
        before: Some(before),
        after: Some(after),
    }
}

fn reset() -> FaultOutcome {
    FaultOutcome {
        id: 1,
        fault: "disconnect".to_owned(),
        detail: "reset, 50% over 2s".to_owned(),
        at_s: 30.0,
        applied_s: Some(30.000_2),
        ended_s: Some(32.0),
        affected: 500,
        restored: 500,
        restored_s: Restored {
            p50: Some(2.013),
            p95: Some(3.404),
            p99: Some(3.481),
            p100: Some(3.502),
        },
        peak_handshakes_per_s: 251,
        disconnects: reasons(&[("transport close", 500)]),
        detect: Some(distribution(500, [90, 204, 410, 1_204])),
        storm: Some(Storm {
            herd: 500,
            duration_s: 3.502,
            peak_handshakes_per_s: 251,
            peak_at_s: Some(31.0),
            failed_attempts: 0,
            failed_attempts_during_fault: 0,
            failures: BTreeMap::new(),
            ..restart_storm()
        }),
        ..restart()
    }
}

fn refused(count: u64, stage: &str) -> ErrorGroup {
    ErrorGroup {
        stage: stage.to_owned(),
        cause: "connection_refused".to_owned(),
        origin: "network".to_owned(),
        status: None,
        code: None,
        message: Some("Connection refused (os error 111)".to_owned()),
        count,
        finding: "SIO-111".to_owned(),
        hint: "Nothing listens at this address and port: the server is down or still starting, \
               or the URL names another port."
            .to_owned(),
        docs: None,
    }
}

fn probe_failed() -> ErrorGroup {
    ErrorGroup {
        stage: "upgrade".to_owned(),
        cause: "probe_failed".to_owned(),
        origin: "server".to_owned(),
        message: None,
        finding: "SIO-143".to_owned(),
        hint: "The WebSocket opened, but the server did not answer the probe.".to_owned(),
        ..refused(2, "upgrade")
    }
}

fn session_id_unknown() -> ErrorGroup {
    ErrorGroup {
        stage: "open".to_owned(),
        cause: "session_id_unknown".to_owned(),
        origin: "server".to_owned(),
        status: Some(400),
        code: Some(1),
        message: Some("Session ID unknown".to_owned()),
        count: 4_812,
        finding: "SIO-131".to_owned(),
        hint: "The request reached an instance that does not know the session. With several \
               instances, the balancer must send all requests of a session to the same one \
               (sticky sessions), or clients must use WebSocket alone."
            .to_owned(),
        docs: Some(
            "https://socket.io/docs/v4/using-multiple-nodes/#enabling-sticky-session".to_owned(),
        ),
    }
}

fn rejected() -> ErrorGroup {
    ErrorGroup {
        stage: "namespace".to_owned(),
        cause: "namespace_rejected".to_owned(),
        origin: "server".to_owned(),
        message: Some("not authorised: \u{1b}[31mtoken 用户 expired\u{1b}[0m".to_owned()),
        count: 12,
        finding: "SIO-151".to_owned(),
        hint: "The server's middleware refused the client.".to_owned(),
        ..session_id_unknown()
    }
}

fn held(metric: &str, expression: &str, value: Option<f64>) -> ThresholdOutcome {
    ThresholdOutcome {
        metric: metric.to_owned(),
        expression: expression.to_owned(),
        value,
        passed: true,
    }
}

fn crossed(metric: &str, expression: &str, value: Option<f64>) -> ThresholdOutcome {
    ThresholdOutcome {
        passed: false,
        ..held(metric, expression, value)
    }
}

fn warning(code: &str, message: &str) -> Warning {
    Warning {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

fn provenance() -> Provenance {
    Provenance {
        tool: "sio-load 0.1.0".to_owned(),
        started: "2026-03-01T09:14:07Z".to_owned(),
        command: ["sio-load", "run", "scenarios/reconnect.toml"]
            .map(str::to_owned)
            .to_vec(),
        scenario_file: "scenarios/reconnect.toml".to_owned(),
        host: BTreeMap::new(),
        server: BTreeMap::from([("url".to_owned(), "http://127.0.0.1:3000/".into())]),
    }
}
