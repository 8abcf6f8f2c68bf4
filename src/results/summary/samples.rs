//! Summaries for the tests of everything that reads one.

mod faults;
mod parts;

use std::collections::BTreeMap;

use super::{
    Aftermath, Generator, ListenOutcome, Provenance, Restored, SCHEMA, Summary, ThresholdOutcome,
    Verdict,
};
use faults::{levels, reset, restart};
use parts::{
    counters, crossed, healthy_metrics, held, population, probe_failed, provenance, rates, reasons,
    refused, rejected, session_id_unknown, warning,
};

/// A run that ended before anything began.
pub(crate) fn empty() -> Summary {
    Summary {
        schema: SCHEMA.to_owned(),
        scenario: "empty".to_owned(),
        description: String::new(),
        verdict: Verdict::Failed,
        exit_code: 1,
        aborted_by: None,
        seed: 1,
        duration_s: 0.0,
        metrics: BTreeMap::new(),
        counters: counters(&[]),
        rates: rates(&[]),
        watched: BTreeMap::new(),
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
        aborted_by: None,
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
            ("ack.unanswered", 43),
            ("emits.unsent", 1_204),
            ("emits.dropped", 40),
            ("emits.retried", 77),
            ("session.errors", 6),
        ])
        .into_iter()
        .filter(|(_, value)| *value > 0),
    );
    let acks = summary.metrics.get_mut("ack.time").expect("made above");
    acks.censored = 161;
    acks.at_least = ["p99", "p999", "max"].map(str::to_owned).to_vec();
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
        ThresholdOutcome {
            at_least: true,
            ..crossed("ack.time{event=echo}", "p(99) < 1s", Some(1_204_223.0))
        },
    ];
    let web = summary.populations.get_mut("web").expect("made above");
    web.listens = vec![ListenOutcome {
        event: "price".to_owned(),
        received: 39_412,
        expected: Some(40_000),
        missing: Some(1_200),
        surplus: Some(612),
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
