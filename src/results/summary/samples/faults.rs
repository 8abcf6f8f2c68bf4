//! The faults of the samples.

use std::collections::BTreeMap;

use super::parts::{distribution, reasons};
use crate::results::summary::{
    Aftermath, DelayStripe, Distribution, FaultOutcome, Levels, Restored, Storm,
};

pub(super) fn restart() -> FaultOutcome {
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

pub(super) fn restart_storm() -> Storm {
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

pub(super) fn levels(before: f64, after: f64) -> Levels {
    Levels {
        before: Some(before),
        after: Some(after),
    }
}

pub(super) fn reset() -> FaultOutcome {
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
