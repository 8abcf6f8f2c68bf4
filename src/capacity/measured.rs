//! What a level showed.

use std::collections::BTreeMap;

use super::search::Trial;
use crate::event::Counter;
use crate::results::capacity::{Estimate, Level, LevelGauge, LevelTimes, Outcome, Purpose};
use crate::results::summary::{Summary, ThresholdOutcome, Verdict};
use crate::results::watched::{RSS_PER_CLIENT, WatchLog};
use crate::run::{Finished, HoldOutcome};

/// A level of a search from its run.
pub(super) fn level(number: u32, (load, purpose): (u64, Purpose), run: &Finished) -> Option<Level> {
    let hold = run.hold.as_ref()?;
    let reasons = reasons(&run.summary, hold);
    let outcome = if run.summary.verdict == Verdict::GeneratorBound {
        Outcome::GeneratorBound
    } else if reasons.is_empty() {
        Outcome::Held
    } else {
        Outcome::Failed
    };
    let gave_way = hold
        .gave_way
        .and_then(|place| hold.judged.thresholds.get(place))
        .map(name);
    let folder = run.folder.file_name().unwrap_or_default();
    Some(Level {
        number,
        load,
        purpose,
        outcome,
        reasons,
        gave_way: gave_way.filter(|_| outcome == Outcome::Failed),
        stopped_early: hold.stopped_early.clone(),
        steady: hold.is_steady,
        hold_from_s: hold.from.map(f64::from),
        hold_s: f64::from(hold.seconds),
        connected: hold.connected,
        throughput_per_s: throughput(hold),
        times: times(&hold.judged),
        errors: run.summary.errors.iter().map(|group| group.count).sum(),
        handshake_error_rate: hold
            .judged
            .rates
            .get("handshake.error_rate")
            .copied()
            .flatten(),
        server: gauges(&run.watched, hold),
        rss_per_client: rss_per_client(&run.summary),
        thresholds: hold.judged.thresholds.clone(),
        folder: folder.to_string_lossy().into_owned(),
    })
}

/// As the search sees a level.
pub(super) fn trial(level: &Level) -> Trial {
    Trial {
        load: level.load,
        purpose: level.purpose,
        outcome: level.outcome,
    }
}

/// Why it did not hold; what the generator lacked, if that was it.
fn reasons(summary: &Summary, hold: &HoldOutcome) -> Vec<String> {
    if summary.verdict == Verdict::GeneratorBound {
        let lacked = summary
            .warnings
            .iter()
            .filter(|warning| warning.code.starts_with("generator"));
        return lacked.map(|warning| warning.message.clone()).collect();
    }
    let mut reasons = Vec::new();
    let ended = summary
        .warnings
        .iter()
        .filter(|warning| warning.code == "server_ended");
    reasons.extend(ended.map(|warning| {
        let first = warning.message.lines().next().unwrap_or_default();
        first.to_owned()
    }));
    if hold.from.is_none() {
        reasons.extend(hold.stopped_early.clone());
    }
    let crossed = hold.judged.thresholds.iter();
    let crossed = crossed.filter(|threshold| !threshold.passed);
    if hold.from.is_some() {
        reasons.extend(crossed.map(|threshold| {
            let value = crate::report::measured(threshold);
            format!("{} was {value}", name(threshold))
        }));
    }
    let failed = summary.faults.iter().filter_map(|fault| {
        let why = fault.failed.as_ref()?;
        Some(format!(
            "the fault {} could not be carried out: {why}",
            fault.fault
        ))
    });
    reasons.extend(failed);
    reasons
}

fn name(threshold: &ThresholdOutcome) -> String {
    format!("{}: {}", threshold.metric, threshold.expression)
}

/// Acks per second of full load; where none are asked for, emits and events.
fn throughput(hold: &HoldOutcome) -> Option<f64> {
    let count = |counter: Counter| hold.loaded.value(counter);
    let acks = count(Counter::Acks);
    let done = if acks > 0 {
        acks
    } else {
        count(Counter::Emits) + count(Counter::Events)
    };
    (hold.loaded_seconds > 0).then(|| done as f64 / f64::from(hold.loaded_seconds))
}

fn times(judged: &Summary) -> BTreeMap<String, LevelTimes> {
    let times = judged.metrics.iter().map(|(name, distribution)| {
        let times = LevelTimes {
            count: distribution.count,
            p50: distribution.p50,
            p95: distribution.p95,
            p99: distribution.p99,
        };
        (name.to_string(), times)
    });
    times.collect()
}

fn rss_per_client(summary: &Summary) -> Option<Estimate> {
    let figure = summary.watched.get(RSS_PER_CLIENT)?;
    Some(Estimate {
        value: figure.value?,
        error: figure.error?,
    })
}

fn gauges(watched: &WatchLog, hold: &HoldOutcome) -> BTreeMap<String, LevelGauge> {
    let Some(from) = hold.from else {
        return BTreeMap::new();
    };
    let gauge = |name: &str| {
        let values = watched.between(name, from, from + hold.seconds);
        let max = values.iter().copied().reduce(f64::max)?;
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some((name.to_owned(), LevelGauge { mean, max }))
    };
    let names = watched.series().iter();
    names.filter_map(|series| gauge(&series.selector)).collect()
}
