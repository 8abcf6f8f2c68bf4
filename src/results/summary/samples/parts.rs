//! What the samples are put together from, but for their faults.

use std::collections::BTreeMap;

use crate::event::{Counter, HistogramMetric, RateMetric, Unit};
use crate::results::summary::{
    Distribution, ErrorGroup, PopulationSummary, Provenance, ThresholdOutcome, Warning,
};

pub(super) fn counters(known: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let mut all: BTreeMap<String, u64> = Counter::ALL
        .iter()
        .filter(|counter| counter.has_total())
        .map(|counter| (counter.name().to_owned(), 0))
        .collect();
    all.extend(
        known
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value)),
    );
    all
}

pub(super) fn rates(known: &[(&str, f64)]) -> BTreeMap<String, Option<f64>> {
    let mut all: BTreeMap<String, Option<f64>> = RateMetric::ALL
        .iter()
        .filter(|rate| rate.has_total())
        .map(|rate| (rate.name().to_owned(), None))
        .collect();
    all.extend(
        known
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Some(*value))),
    );
    all
}

pub(super) fn reasons(known: &[(&str, u64)]) -> BTreeMap<String, u64> {
    known
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect()
}

pub(super) fn healthy_metrics() -> BTreeMap<String, Distribution> {
    use HistogramMetric as M;

    [
        (M::ConnectTime, 1_000, [3_112, 5_204, 12_340, 41_210]),
        (M::ConnectTcp, 6_143, [48, 81, 412, 2_210]),
        (M::ConnectOpen, 2_500, [812, 1_904, 6_010, 18_204]),
        (M::ConnectNamespace, 2_500, [604, 1_210, 4_204, 12_004]),
        (M::UpgradeTime, 2_491, [1_204, 2_404, 8_004, 31_002]),
        (
            M::ReconnectDetect,
            1_500,
            [1_404, 88_012, 911_204, 2_011_135],
        ),
        (
            M::ReconnectTime,
            1_500,
            [1_240_064, 4_912_127, 6_884_351, 7_208_959],
        ),
        (
            M::ReconnectOutage,
            1_500,
            [1_241_087, 4_913_151, 6_885_375, 7_210_111],
        ),
        (M::ReconnectAttempts, 1_500, [1, 3, 3, 4]),
        (M::AckTime, 7_409, [412, 1_204, 5_208, 1_204_223]),
        (M::AckServiceTime, 7_409, [402, 1_190, 4_104, 20_112]),
        (M::HeartbeatLateness, 0, [0, 0, 0, 0]),
        (M::GeneratorLag, 4_498, [210, 880, 1_260, 8_410]),
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
pub(super) fn distribution(count: u64, [p50, p95, p99, max]: [u64; 4]) -> Distribution {
    Distribution {
        unit: "us".to_owned(),
        count,
        censored: 0,
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
        at_least: Vec::new(),
    }
}

pub(super) fn population(clients: u64) -> PopulationSummary {
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

pub(super) fn refused(count: u64, stage: &str) -> ErrorGroup {
    ErrorGroup {
        stage: stage.to_owned(),
        cause: "connection_refused".to_owned(),
        origin: "network".to_owned(),
        status: None,
        code: None,
        step: None,
        message: Some("Connection refused (os error 111)".to_owned()),
        count,
        finding: "SIO-111".to_owned(),
        hint: "Nothing listens at this address and port: the server is down or still starting, \
               or the URL names another port."
            .to_owned(),
        docs: None,
        fault: None,
    }
}

pub(super) fn probe_failed() -> ErrorGroup {
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

pub(super) fn session_id_unknown() -> ErrorGroup {
    ErrorGroup {
        stage: "open".to_owned(),
        cause: "session_id_unknown".to_owned(),
        origin: "server".to_owned(),
        status: Some(400),
        code: Some(1),
        step: None,
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
        fault: None,
    }
}

pub(super) fn rejected() -> ErrorGroup {
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

pub(super) fn held(metric: &str, expression: &str, value: Option<f64>) -> ThresholdOutcome {
    ThresholdOutcome {
        metric: metric.to_owned(),
        expression: expression.to_owned(),
        value,
        at_least: false,
        explained_by_lag: false,
        passed: true,
    }
}

pub(super) fn crossed(metric: &str, expression: &str, value: Option<f64>) -> ThresholdOutcome {
    ThresholdOutcome {
        passed: false,
        ..held(metric, expression, value)
    }
}

pub(super) fn warning(code: &str, message: &str) -> Warning {
    Warning {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

pub(super) fn provenance() -> Provenance {
    Provenance {
        tool: "sio-load 0.1.0".to_owned(),
        started: "2026-03-01T09:14:07Z".to_owned(),
        command: ["sio-load", "run", "scenarios/reconnect.toml"]
            .map(str::to_owned)
            .to_vec(),
        scenario_file: "scenarios/reconnect.toml".to_owned(),
        host: BTreeMap::new(),
        workers: Vec::new(),
        server: BTreeMap::from([("url".to_owned(), "http://127.0.0.1:3000/".into())]),
    }
}
