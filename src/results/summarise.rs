use std::collections::BTreeMap;

use super::facts::{FaultFacts, ListenFacts, PopulationFacts, RunFacts};
use super::series;
use super::storm;
use super::summary::{
    Distribution, ErrorGroup, FaultOutcome, Generator, ListenOutcome, PopulationSummary, Restored,
    SCHEMA, Summary, Verdict, Warning,
};
use super::unanswered;
use crate::catalogue;
use crate::event::{
    Counter, DisconnectReason, HistogramMetric, Label, LabelId, Labels, PopulationId, RateMetric,
    Series, StrikeId, Unit,
};
use crate::metrics::{
    ExactDistribution, FailureKey, Failures, FaultTally, Sample, Tally, Totals, health,
};

/// The exit code of [`Verdict::Interrupted`].
pub const INTERRUPTED: u8 = 105;

/// Everything that a run found out so far, but for its thresholds and its verdict.
///
/// The verdict is `interrupted`, exit code 105, until whoever ends the run in order puts in another
/// one; so a summary that was written on the way tells what became of its run. Whether the
/// generator was the bottleneck is [`health::judge`]'s to say.
#[must_use]
pub fn summarise(facts: &RunFacts, totals: &Totals) -> Summary {
    let total = totals.total();
    let health = health::judge(totals, facts.generator.shortages);
    let mut metrics = metrics(&total, &facts.labels);
    if let Some(lag) = totals.sample(HistogramMetric::GeneratorLag) {
        let lag = distribution(&lag, HistogramMetric::GeneratorLag.unit());
        metrics.insert(HistogramMetric::GeneratorLag.name().to_owned(), lag);
    }
    let mut rates = rates(&total, &facts.labels);
    rates.insert(
        RateMetric::GeneratorCpu.name().to_owned(),
        Some(health.cpu_busiest),
    );
    let mut warnings = facts.warnings.clone();
    warnings.extend(health.warnings.iter().map(|warning| Warning {
        code: warning.code().to_owned(),
        message: warning.to_string(),
    }));
    warnings.extend(unanswered::warnings(&facts.populations, totals));
    warnings.extend(left_open(&total));
    warnings.extend(abandoned(totals));
    warnings.extend(out_of_range(&total));
    Summary {
        schema: SCHEMA.to_owned(),
        scenario: facts.scenario.clone(),
        description: facts.description.clone(),
        verdict: Verdict::Interrupted,
        exit_code: INTERRUPTED,
        aborted_by: None,
        seed: facts.seed,
        duration_s: facts.duration.as_secs_f64(),
        metrics,
        counters: counters(&total, totals.connected_max(None), &facts.labels),
        rates,
        watched: facts.watched.figures(totals.series()),
        errors: errors(&total.failures, &facts.labels),
        disconnects: by_reason(&total.disconnects),
        faults: facts
            .faults
            .iter()
            .map(|fault| fault_outcome(fault, facts, totals))
            .collect(),
        populations: populations(facts, totals),
        thresholds: Vec::new(),
        warnings,
        generator: Generator {
            cpu_s: facts.generator.cpu.as_secs_f64(),
            cpu_busiest: health.cpu_busiest,
            rss_peak_bytes: facts.generator.rss_peak_bytes,
            lag_p99_us: totals.lag().value_at_percentile(99.0),
            lag_max_us: totals.lag().value_at_percentile(100.0),
            late_starts: total.counters.value(Counter::GeneratorLateStarts),
            workers: totals.workers(),
            shortages: facts.generator.shortages,
        },
        provenance: facts.provenance.clone(),
    }
}

/// The figures of a metric's values.
#[must_use]
pub fn distribution(sample: &Sample, unit: Unit) -> Distribution {
    let completed = sample.completed().hdr();
    let figures = sample.percentiles(PERCENTILES.map(|(_, percentile)| percentile));
    let at_least = PERCENTILES.iter().zip(&figures);
    let at_least = at_least.filter(|(_, figure)| figure.at_least);
    let [p50, p75, p90, p95, p99, p999, max] = figures.map(|figure| figure.value);
    Distribution {
        unit: match unit {
            Unit::Microseconds => "us".to_owned(),
            Unit::Count => "count".to_owned(),
        },
        count: completed.len(),
        censored: sample.censored_count(),
        min: completed.min(),
        mean: completed.mean(),
        stdev: completed.stdev(),
        p50,
        p75,
        p90,
        p95,
        p99,
        p999,
        max,
        at_least: at_least.map(|((name, _), _)| (*name).to_owned()).collect(),
    }
}

/// The percentiles of a [`Distribution`], by the names of their fields.
const PERCENTILES: [(&str, f64); 7] = [
    ("p50", 50.0),
    ("p75", 75.0),
    ("p90", 90.0),
    ("p95", 95.0),
    ("p99", 99.0),
    ("p999", 99.9),
    ("max", 100.0),
];

fn metrics(tally: &Tally, labels: &Labels) -> BTreeMap<String, Distribution> {
    series::of(tally, labels)
        .map(|(series, sample)| {
            let unit = series.metric.unit();
            (series.to_string(), distribution(sample, unit))
        })
        .collect()
}

/// Every counter, also at zero; those of single labels where they are above it.
fn counters(tally: &Tally, connected_max: u64, labels: &Labels) -> BTreeMap<String, u64> {
    let mut counters: BTreeMap<String, u64> = tally
        .counters
        .iter()
        .filter(|(counter, _)| counter.has_total())
        .map(|(counter, count)| (counter.name().to_owned(), count))
        .collect();
    counters.insert(
        Counter::ClientsConnectedMax.name().to_owned(),
        connected_max,
    );
    for (id, labelled) in tally.labelled.iter() {
        let Some(label) = labels.label(id) else {
            continue;
        };
        let of_label = labelled.counters.iter().filter(|(_, count)| *count > 0);
        counters.extend(of_label.map(|(counter, count)| {
            let series = Series::of(counter, label.clone());
            (series.to_string(), count)
        }));
    }
    counters
}

fn rates(tally: &Tally, labels: &Labels) -> BTreeMap<String, Option<f64>> {
    let rate = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let counter = |counter| tally.counters.value(counter);
    let mut rates = BTreeMap::from([
        (
            RateMetric::HandshakeErrorRate.name().to_owned(),
            rate(
                counter(Counter::HandshakeErrors),
                counter(Counter::HandshakeAttempts),
            ),
        ),
        (
            RateMetric::RecoveryRate.name().to_owned(),
            rate(tally.recovered, tally.recovery_offered),
        ),
    ]);
    for (id, labelled) in tally.labelled.iter() {
        let Some(label @ Label::Step(_)) = labels.label(id) else {
            continue;
        };
        let done = labelled.histograms.sample(HistogramMetric::StepTime);
        let failed = labelled.counters.value(Counter::StepErrors);
        let all = failed + done.map_or(0, |sample| sample.completed().count());
        let name = Series::of(RateMetric::StepErrorRate, label.clone()).to_string();
        rates.insert(name, rate(failed, all));
    }
    rates
}

fn step_name(labels: &Labels, step: LabelId) -> Option<String> {
    labels.label(step).map(|label| label.name().to_owned())
}

fn errors(failures: &Failures, labels: &Labels) -> Vec<ErrorGroup> {
    let mut groups: Vec<ErrorGroup> = failures
        .iter()
        .map(|(key, count, message)| {
            if let Some(fault) = key.fault {
                return ErrorGroup {
                    step: key.step.and_then(|step| step_name(labels, step)),
                    ..explained(key, fault, count, message)
                };
            }
            let finding = catalogue::explain_at(key.stage, key.cause, key.origin);
            ErrorGroup {
                stage: key.stage.name().to_owned(),
                cause: key.cause.name().to_owned(),
                origin: key.origin.name().to_owned(),
                status: key.status,
                code: key.code,
                step: key.step.and_then(|step| step_name(labels, step)),
                message: message.map(str::to_owned),
                count,
                finding: finding.code.to_owned(),
                hint: finding.hint(),
                docs: finding.docs.map(str::to_owned),
                fault: None,
            }
        })
        .collect();
    // A stable sort: those as frequent stay in the order of stages and causes.
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

/// Failures that a fault explains: there is nothing to do about them.
fn explained(key: &FailureKey, fault: StrikeId, count: u64, message: Option<&str>) -> ErrorGroup {
    ErrorGroup {
        stage: key.stage.name().to_owned(),
        cause: key.cause.name().to_owned(),
        origin: key.origin.name().to_owned(),
        status: key.status,
        code: key.code,
        step: None,
        message: message.map(str::to_owned),
        count,
        finding: String::new(),
        hint: format!("The scenario's fault {} did this.", fault.0 + 1),
        docs: None,
        fault: Some(fault.0),
    }
}

fn by_reason(counts: &[u64]) -> BTreeMap<String, u64> {
    DisconnectReason::ALL
        .iter()
        .zip(counts)
        .filter(|(_, count)| **count > 0)
        .map(|(reason, count)| (reason.name().to_owned(), *count))
        .collect()
}

fn fault_outcome(facts: &FaultFacts, run: &RunFacts, totals: &Totals) -> FaultOutcome {
    let nothing = FaultTally::default();
    let tally = totals.fault(facts.id).unwrap_or(&nothing);
    let restored_s = |share| tally.restored_after(share).map(|after| after.as_secs_f64());
    let spread = |values: &ExactDistribution, unit| {
        let histogram = values.to_histogram();
        (!histogram.is_empty()).then(|| distribution(&histogram.into(), unit))
    };
    FaultOutcome {
        id: facts.id.0,
        fault: facts.fault.clone(),
        detail: facts.detail.clone(),
        at_s: facts.at.as_secs_f64(),
        applied_s: facts.applied.map(|at| at.as_secs_f64()),
        ended_s: facts.ended.map(|at| at.as_secs_f64()),
        failed: facts.failed.clone().or_else(|| refusal(tally.refused)),
        connections: facts.connections,
        requests: facts.requests,
        affected: tally.affected,
        not_connected: tally.not_connected,
        not_applicable: tally.not_applicable,
        refused: tally.refused,
        restored: tally.restored,
        never_back: tally.affected.saturating_sub(tally.restored),
        restored_s: Restored {
            p50: restored_s(0.5),
            p95: restored_s(0.95),
            p99: restored_s(0.99),
            p100: restored_s(1.0),
        },
        peak_handshakes_per_s: peak_handshakes(facts, tally, totals),
        disconnects: by_reason(&tally.disconnects),
        detect: spread(&tally.detect, Unit::Microseconds),
        outage: spread(&tally.outage, Unit::Microseconds),
        attempts: spread(&tally.attempts, Unit::Count),
        transports: [
            ("polling", tally.back_on_polling),
            ("websocket", tally.back_on_websocket),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(transport, count)| (transport.to_owned(), count))
        .collect(),
        recovered: (tally.recovery_offered > 0).then_some(tally.recovered),
        storm: storm::storm(facts, run, totals),
    }
}

/// Why a fault at clients could not be carried out, if the system refused it.
fn refusal(clients: u64) -> Option<String> {
    (clients > 0).then(|| {
        format!("the operating system refused the socket filter at {clients} of its victims")
    })
}

/// From the fault until the last of its victims was back, or else until the end of the run.
fn peak_handshakes(facts: &FaultFacts, tally: &FaultTally, totals: &Totals) -> u64 {
    let Some(applied) = facts.applied else {
        return 0;
    };
    let until = if tally.affected == 0 {
        Some(applied + facts.spread)
    } else {
        storm::end(tally)
    };
    totals.peak_handshakes(applied, until)
}

fn populations(facts: &RunFacts, totals: &Totals) -> BTreeMap<String, PopulationSummary> {
    let labels = &facts.labels;
    facts
        .populations
        .iter()
        .enumerate()
        .filter_map(|(place, facts)| {
            let population = PopulationId(u16::try_from(place).ok()?);
            let tally = totals.population(population)?;
            let summary = PopulationSummary {
                metrics: metrics(tally, labels),
                counters: counters(tally, totals.connected_max(Some(population)), labels),
                rates: rates(tally, labels),
                errors: errors(&tally.failures, labels),
                disconnects: by_reason(&tally.disconnects),
                listens: listens(facts, tally, labels),
            };
            Some((facts.name.clone(), summary))
        })
        .collect()
}

/// Clients that the end of the run did not wait for: their last counts are missing.
fn abandoned(totals: &Totals) -> Option<Warning> {
    let clients = totals.counter(Counter::ClientsAbandoned);
    (clients > 0).then(|| Warning {
        code: "clients_abandoned".to_owned(),
        message: format!(
            "{clients} clients had not left when the run stopped waiting for them; their fate and \
             what they did last are not counted"
        ),
    })
}

fn listens(facts: &PopulationFacts, tally: &Tally, labels: &Labels) -> Vec<ListenOutcome> {
    let clients = tally.counters.value(Counter::ClientsStarted);
    let of_label = |listen: &ListenFacts, counter| {
        let label = listen.label.as_ref()?;
        let counted = labels.id(label).and_then(|id| tally.labelled.get(id));
        Some(counted.map_or(0, |counted| counted.counters.value(counter)))
    };
    facts
        .listens
        .iter()
        .enumerate()
        .map(|(place, listen)| ListenOutcome {
            event: listen.event.clone(),
            received: tally.listens.get(place).copied().unwrap_or(0),
            expected: listen.expect_per_client.map(|each| each * clients),
            missing: of_label(listen, Counter::ListenMissing),
            surplus: of_label(listen, Counter::ListenSurplus),
        })
        .collect()
}

/// What was still open when the run ended, or never begun.
fn left_open(total: &Tally) -> Vec<Warning> {
    let count = |counter| total.counters.value(counter);
    let unanswered = count(Counter::AckUnanswered);
    let asked =
        unanswered + count(Counter::Acks) + count(Counter::AckTimeouts) + count(Counter::AckLost);
    let unsent = count(Counter::EmitsUnsent);
    let due = unsent + count(Counter::Emits) + count(Counter::EmitsDropped);
    let warning = |count: u64, code: &str, message: String| {
        (count > 0).then(|| Warning {
            code: code.to_owned(),
            message,
        })
    };
    let warnings = [
        warning(
            unanswered,
            "acks_unanswered",
            format!(
                "{unanswered} of {asked} acks had not come when their clients left: ack.time takes \
                 each at its age, and marks the percentiles that would be greater"
            ),
        ),
        warning(
            unsent,
            "emits_unsent",
            format!(
                "{unsent} of {due} events that were due were never sent: the generator did not keep \
                 up, and the server had less load than the scenario says"
            ),
        ),
        warning(
            count(Counter::FutureStamps),
            "future_stamps",
            format!(
                "{} received events carry a stamp from the future and are left out of event.time: the \
                 clocks of their senders and of this machine disagree",
                count(Counter::FutureStamps)
            ),
        ),
    ];
    warnings.into_iter().flatten().collect()
}

fn out_of_range(total: &Tally) -> Option<Warning> {
    let count = total.counters.value(Counter::OutOfRange);
    (count > 0).then(|| Warning {
        code: "out_of_range".to_owned(),
        message: format!("{count} measured times were above one hour and are recorded as one hour"),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;
    use crate::event::{Event, LabelId, Missed, Observer, PopulationId, StrikeId};
    use crate::metrics::Recorder;
    use crate::results::sample;
    use crate::results::summary::Aftermath;

    fn summary() -> Summary {
        let mut totals = sample::totals();
        totals.close_all();
        summarise(&sample::facts(), &totals)
    }

    #[test]
    fn a_fault_tells_who_felt_it_and_when_they_were_back() {
        let summary = summary();
        let fault = &summary.faults[0];
        assert_eq!(
            (fault.affected, fault.restored, fault.never_back),
            (3, 2, 1)
        );
        assert_eq!(
            fault.restored_s.p50,
            Some(1.9),
            "two of three are half of the affected"
        );
        assert_eq!(fault.restored_s.p95, None, "the third never was back");
        assert_eq!(fault.peak_handshakes_per_s, 3);
        assert_eq!(
            fault.disconnects,
            BTreeMap::from([("transport close".to_owned(), 3)])
        );
        assert_eq!(
            fault.transports,
            BTreeMap::from([("websocket".to_owned(), 2)])
        );
        assert_eq!(fault.recovered, Some(2));
        assert_eq!(fault.attempts.as_ref().unwrap().unit, "count");
    }

    #[test]
    fn a_fault_that_the_system_refuses_at_a_client_has_failed() {
        let clock = Clock::start();
        let recorder = Recorder::new(0, 2, clock);
        let missed = |why| {
            let fault = StrikeId(0);
            let event = Event::FaultMissed { fault, why };
            recorder
                .observer(PopulationId(0))
                .observe(clock.origin(), event);
            let mut totals = Totals::new(2, 1);
            totals.add(recorder.take(clock.origin()));
            let summary = summarise(&sample::facts(), &totals);
            let fault = &summary.faults[0];
            (fault.not_applicable, fault.refused, fault.failed.clone())
        };
        assert_eq!(missed(Missed::NotApplicable), (1, 0, None));
        let (_, refused, failed) = missed(Missed::Refused);
        assert_eq!(refused, 1);
        assert!(failed.is_some_and(|why| why.contains("at 1 of its victims")));
    }

    #[test]
    fn connects_that_nobody_answers_are_warned_of() {
        let warnings = |answer: Option<Event>| {
            let clock = Clock::start();
            let recorder = Recorder::new(0, 2, clock);
            let observer = recorder.observer(PopulationId(0));
            observer.observe(clock.origin(), Event::NamespaceConnecting);
            let answer = answer.unwrap_or(Event::NamespaceUnanswered);
            observer.observe(clock.origin(), answer);
            let mut totals = Totals::new(2, 1);
            totals.add(recorder.take(clock.origin()));
            summarise(&sample::facts(), &totals).warnings
        };
        let [warning] = &warnings(None)[..] else {
            panic!("no warning")
        };
        assert_eq!(warning.code, "connect_unanswered");
        assert!(warning.message.contains("1 of the 1 CONNECTs of `web`"));
        assert_eq!(warnings(Some(Event::NamespaceConnected)), []);
    }

    #[test]
    fn a_storm_tells_of_the_herd_its_waves_and_what_it_ran_into() {
        let summary = summary();
        let storm = summary.faults[0].storm.as_ref().unwrap();
        assert_eq!(storm.herd, 3);
        assert_eq!(storm.duration_s, 2.5, "one never was back, so to the end");
        assert_eq!(storm.peak_handshakes_per_s, 3);
        assert_eq!(storm.peak_at_s, Some(3.0));
        let stripes: Vec<_> = storm
            .first_delays
            .iter()
            .map(|stripe| (stripe.from_ms, stripe.to_ms, stripe.clients))
            .collect();
        assert_eq!(stripes, [(1060, 1090, 2), (1150, 1150, 1)]);
        assert_eq!(
            (storm.failed_attempts, storm.failed_attempts_during_fault),
            (1, 0)
        );
        assert_eq!(
            storm.failures,
            BTreeMap::from([("connection_refused".to_owned(), 1)])
        );
        assert_eq!(storm.aftermath, Aftermath::TooShortToTell);
    }

    #[test]
    fn every_counter_is_there_also_at_zero_and_also_for_a_population_that_did_nothing() {
        let summary = summary();
        for counter in Counter::totals() {
            assert!(summary.counters.contains_key(counter.name()), "{counter}");
            assert_eq!(summary.populations["idle"].counters[counter.name()], 0);
        }
        assert_eq!(summary.counters["clients.connected_max"], 4);
        assert_eq!(summary.counters["handshake.attempts"], 7);
        assert_eq!(summary.counters["clients.never_back"], 1);
    }

    #[test]
    fn what_is_split_by_event_stands_under_the_event_too() {
        let summary = summary();
        assert_eq!(summary.counters["acks{event=echo}"], 4);
        assert_eq!(summary.counters["events{event=news}"], 4);
        assert!(!summary.counters.contains_key("acks{event=news}"));
        let web = &summary.populations["web"];
        for metrics in [&summary.metrics, &web.metrics] {
            assert_eq!(metrics["ack.time{event=echo}"], metrics["ack.time"]);
            assert!(!metrics.contains_key("ack.time{event=news}"));
        }
    }

    #[test]
    fn what_was_still_open_is_counted_and_marks_the_percentiles() {
        let clock = Clock::start();
        let recorder = Recorder::new(0, 2, clock);
        let web = recorder.observer(PopulationId(0));
        let (ms, event) = (Duration::from_millis, LabelId(0));
        for n in 0..9 {
            let since_sent = ms(n + 1);
            let acked = Event::Acked {
                event,
                since_intended: since_sent,
                since_sent,
            };
            web.observe(clock.origin(), acked);
        }
        let unanswered = Event::AckUnanswered {
            event,
            since_intended: ms(2000),
            since_sent: None,
        };
        web.observe(clock.origin(), unanswered);
        web.observe(clock.origin(), Event::EmitsUnsent { count: 3 });
        let mut totals = Totals::new(2, 1);
        totals.add(recorder.take(clock.origin()));
        let summary = summarise(&sample::facts(), &totals);
        assert_eq!(summary.counters["ack.unanswered"], 1);
        assert_eq!(summary.counters["ack.unanswered{event=echo}"], 1);
        assert_eq!(summary.counters["emits.unsent"], 3);
        let time = &summary.metrics["ack.time"];
        assert_eq!((time.count, time.censored), (9, 1));
        assert!(time.mean < 5.1 * 1e3, "the mean is that of completed ones");
        assert!((1_999_000..=2_001_000).contains(&time.p95), "{time:?}");
        assert_eq!(time.at_least, ["p95", "p99", "p999", "max"]);
        assert_eq!(summary.metrics["ack.time{event=echo}"], *time);
        assert_eq!(summary.metrics["ack.service_time"].censored, 0);
        let codes: Vec<&str> = summary.warnings.iter().map(|w| w.code.as_str()).collect();
        assert_eq!(codes, ["acks_unanswered", "emits_unsent"]);
    }

    #[test]
    fn clients_on_their_way_at_the_end_are_as_late_as_they_are() {
        let summary = summary();
        let back = &summary.metrics["reconnect.time"];
        assert_eq!((back.count, back.censored), (2, 1));
        assert!(
            back.is_at_least("max") && !back.is_at_least("p50"),
            "{back:?}"
        );
    }

    #[test]
    fn a_rate_is_null_where_there_was_nothing_to_divide_by() {
        let summary = summary();
        assert_eq!(summary.rates["handshake.error_rate"], Some(1.0 / 7.0));
        assert_eq!(summary.rates["recovery.rate"], Some(1.0));
        let idle = &summary.populations["idle"].rates;
        assert_eq!(idle["handshake.error_rate"], None);
        assert_eq!(idle["recovery.rate"], None);
    }

    #[test]
    fn an_error_comes_with_its_explanation() {
        let summary = summary();
        let [error] = &summary.errors[..] else {
            panic!("one kind of error, not {:?}", summary.errors)
        };
        assert_eq!(
            (error.stage.as_str(), error.cause.as_str()),
            ("tcp", "connection_refused")
        );
        assert_eq!(error.message.as_deref(), Some("os error 111"));
        assert!(error.hint.contains("Nothing listens"));
        assert!(
            error
                .docs
                .as_ref()
                .unwrap()
                .ends_with("#the-server-is-not-reachable")
        );
    }

    #[test]
    fn a_listener_is_compared_with_what_all_clients_should_have_got() {
        let listens = &summary().populations["web"].listens;
        assert_eq!((listens[0].received, listens[0].expected), (4, Some(8)));
        let unended = (listens[0].missing, listens[0].surplus);
        assert_eq!(unended, (Some(0), Some(0)));
    }

    #[test]
    fn a_metric_without_a_value_is_left_out() {
        let summary = summary();
        assert_eq!(summary.metrics["connect.time"].count, 4);
        assert_eq!(summary.metrics["generator.lag"].count, 1);
        assert!(!summary.metrics.contains_key("upgrade.time"));
        assert!(summary.populations["idle"].metrics.is_empty());
    }

    #[test]
    fn a_fault_that_never_came_has_no_numbers() {
        let mut facts = sample::facts();
        facts.faults[0].id = StrikeId(9);
        facts.faults[0].applied = None;
        let fault = &summarise(&facts, &sample::totals()).faults[0];
        assert_eq!((fault.affected, fault.peak_handshakes_per_s), (0, 0));
        assert_eq!(fault.restored_s, Restored::default());
        assert_eq!(fault.outage, None);
    }
}
