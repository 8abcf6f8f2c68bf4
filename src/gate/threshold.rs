use std::collections::BTreeMap;

use crate::event::{HistogramMetric, PopulationId, Series};
use crate::metrics::Percentile;
use crate::results::summary::{Distribution, Summary, ThresholdOutcome};
use crate::scenario::threshold::{Aggregate, Metric, Operator, Threshold};

/// Judges each threshold on what a run measured, in the order given.
///
/// `populations` are the names behind the [`PopulationId`]s. `percentile` looks up any percentile
/// of a metric, of one population or of the whole run; where it finds nothing, the percentiles that
/// the summary itself holds are used.
///
/// What was never measured cannot have held:
/// - a time metric without a single value has no percentile, mean or extreme: the value is null
///   and the threshold crossed. A run in which nobody had to reconnect does not prove that
///   reconnections are fast;
/// - its `count` is 0, and 0 is a number: `count == 0` holds and `count > 0` does not;
/// - a counter always has a value, for it starts at 0;
/// - a rate with nothing to divide by is null, and its threshold crossed: who bounds
///   `recovery.rate` expects the server to offer recovery.
#[must_use]
pub fn judge(
    thresholds: &[Threshold],
    populations: &[&str],
    summary: &Summary,
    percentile: impl Fn(&Series<HistogramMetric>, Option<PopulationId>, f64) -> Option<Percentile>,
) -> Vec<ThresholdOutcome> {
    thresholds
        .iter()
        .map(|threshold| {
            let population = threshold
                .population
                .map(|id| populations.get(usize::from(id.0)).copied().unwrap_or("?"));
            let value = Numbers::of(summary, population)
                .and_then(|numbers| numbers.value(threshold, &percentile));
            ThresholdOutcome {
                metric: threshold.series().name_in(population),
                expression: threshold.text.clone(),
                value: value.map(|value| value.number),
                at_least: value.is_some_and(|value| value.at_least),
                explained_by_lag: false,
                passed: value.is_some_and(|value| value.holds(threshold)),
            }
        })
        .collect()
}

/// What a threshold looks at.
#[derive(Clone, Copy)]
pub(super) struct Measured {
    number: f64,
    /// Whether the true number is at least this one.
    at_least: bool,
}

impl Measured {
    pub(super) fn exactly(number: f64) -> Self {
        Self {
            number,
            at_least: false,
        }
    }

    /// Whether a bound holds, as far as anyone can know.
    pub(super) fn holds(self, threshold: &Threshold) -> bool {
        let is_known = match threshold.operator {
            Operator::Less | Operator::LessOrEqual | Operator::Equal => !self.at_least,
            Operator::Greater | Operator::GreaterOrEqual | Operator::NotEqual => true,
        };
        is_known && threshold.holds(self.number)
    }
}

impl From<Percentile> for Measured {
    fn from(Percentile { value, at_least }: Percentile) -> Self {
        Self {
            number: value as f64,
            at_least,
        }
    }
}

/// The numbers of a whole run or of one population.
struct Numbers<'a> {
    metrics: &'a BTreeMap<String, Distribution>,
    counters: &'a BTreeMap<String, u64>,
    rates: &'a BTreeMap<String, Option<f64>>,
}

impl<'a> Numbers<'a> {
    fn of(summary: &'a Summary, population: Option<&str>) -> Option<Self> {
        let Some(name) = population else {
            return Some(Self {
                metrics: &summary.metrics,
                counters: &summary.counters,
                rates: &summary.rates,
            });
        };
        summary.populations.get(name).map(|population| Self {
            metrics: &population.metrics,
            counters: &population.counters,
            rates: &population.rates,
        })
    }

    fn value(
        &self,
        threshold: &Threshold,
        percentile: &impl Fn(&Series<HistogramMetric>, Option<PopulationId>, f64) -> Option<Percentile>,
    ) -> Option<Measured> {
        let name = threshold.series().to_string();
        let metric = match threshold.metric {
            Metric::Counter(_) => {
                let count = self.counters.get(&name).copied().unwrap_or(0);
                return Some(Measured::exactly(count as f64));
            }
            Metric::Rate(_) => {
                let rate = self.rates.get(&name).copied().flatten();
                return rate.map(Measured::exactly);
            }
            Metric::Time(metric) => metric,
        };
        let distribution = self.metrics.get(&name);
        let count = distribution.map_or(0, |distribution| distribution.count);
        if threshold.aggregate == Aggregate::Count {
            return Some(Measured::exactly(count as f64));
        }
        let distribution = distribution?;
        let series = Series {
            metric,
            label: threshold.label.clone(),
        };
        let of_completed = |value: f64| (count > 0).then(|| Measured::exactly(value));
        match threshold.aggregate {
            Aggregate::P(wanted) => percentile(&series, threshold.population, wanted)
                .or_else(|| stored_percentile(distribution, wanted))
                .map(Measured::from),
            Aggregate::Max => stored_percentile(distribution, 100.0).map(Measured::from),
            Aggregate::Median => stored_percentile(distribution, 50.0).map(Measured::from),
            Aggregate::Min => of_completed(distribution.min as f64),
            Aggregate::Mean => of_completed(distribution.mean),
            Aggregate::Count => of_completed(count as f64),
            // A distribution is neither a fraction nor a single value.
            Aggregate::Rate | Aggregate::Value => None,
        }
    }
}

/// A percentile that every summary holds.
fn stored_percentile(distribution: &Distribution, percentile: f64) -> Option<Percentile> {
    let stored = [
        ("p50", 50.0, distribution.p50),
        ("p75", 75.0, distribution.p75),
        ("p90", 90.0, distribution.p90),
        ("p95", 95.0, distribution.p95),
        ("p99", 99.0, distribution.p99),
        ("p999", 99.9, distribution.p999),
        ("max", 100.0, distribution.max),
    ];
    let known = stored
        .into_iter()
        .find(|(_, at, _)| (at - percentile).abs() < 1e-9)
        .map(|(name, _, value)| Percentile {
            value,
            at_least: distribution.is_at_least(name),
        });
    // The least of all values is known where none is censored.
    let least = (percentile == 0.0 && distribution.censored == 0).then_some(Percentile {
        value: distribution.min,
        at_least: false,
    });
    known.or(least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Selector;
    use crate::results::summary::samples;

    const POPULATIONS: [&str; 3] = ["web", "mobile", "nobody"];

    fn threshold(metric: &str, text: &str) -> Threshold {
        let metric = Selector::<Metric>::parse(metric).expect("a metric's name");
        Threshold::parse(metric.series, None, text).expect("a threshold")
    }

    fn judge_one(metric: &str, text: &str, summary: &Summary) -> (Option<f64>, bool) {
        let thresholds = [threshold(metric, text)];
        let outcomes = judge(&thresholds, &POPULATIONS, summary, |_, _, _| None);
        (outcomes[0].value, outcomes[0].passed)
    }

    #[test]
    fn a_time_that_was_never_recorded_does_not_hold_but_its_count_is_zero() {
        let summary = samples::empty();
        for text in ["p(99) < 1s", "p(99) > 1s", "avg != 1s", "max >= 1s"] {
            let judged = judge_one("reconnect.time", text, &summary);
            assert_eq!(judged, (None, false), "{text}");
        }
        let count = |text| judge_one("reconnect.time", text, &summary);
        assert_eq!(count("count == 0"), (Some(0.0), true));
        assert_eq!(count("count > 0"), (Some(0.0), false));
    }

    #[test]
    fn a_counter_always_has_a_value_and_a_rate_of_nothing_has_none() {
        let summary = samples::empty();
        let never_back = judge_one("clients.never_back", "count == 0", &summary);
        assert_eq!(never_back, (Some(0.0), true));
        let recovery = judge_one("recovery.rate", "rate >= 0%", &summary);
        assert_eq!(recovery, (None, false));
    }

    #[test]
    fn each_aggregate_is_the_number_that_the_summary_shows() {
        let summary = samples::healthy();
        let connect = &summary.metrics["connect.time"];
        for (text, value) in [
            ("min < 1h", connect.min as f64),
            ("max < 1h", connect.max as f64),
            ("avg < 1h", connect.mean),
            ("med < 1h", connect.p50 as f64),
            ("count < 1", connect.count as f64),
            ("p(0) < 1h", connect.min as f64),
            ("p(99.9) < 1h", connect.p999 as f64),
            ("p(100) < 1h", connect.max as f64),
        ] {
            assert_eq!(
                judge_one("connect.time", text, &summary).0,
                Some(value),
                "{text}"
            );
        }
        let rate = summary.rates["handshake.error_rate"];
        assert_eq!(
            judge_one("handshake.error_rate", "value < 60%", &summary),
            (rate, true)
        );
        assert!(judge_one("clients.started", "value == 1000", &summary).1);
    }

    #[test]
    fn a_percentile_is_looked_up_and_else_taken_from_the_summary() {
        let summary = samples::healthy();
        let stored = summary.metrics["reconnect.time"].p99;
        let p99 = judge_one("reconnect.time", "p(99) < 1h", &summary);
        assert_eq!(p99.0, Some(stored as f64));
        let thresholds = [threshold("reconnect.time", "p(99) < 1h")];
        let looked_up = judge(
            &thresholds,
            &POPULATIONS,
            &summary,
            |metric, of, percentile| {
                assert_eq!(
                    (metric, of, percentile),
                    (&HistogramMetric::ReconnectTime.into(), None, 99.0)
                );
                Some(Percentile {
                    value: 17,
                    at_least: false,
                })
            },
        );
        assert_eq!(looked_up[0].value, Some(17.0));
        let unusual = judge_one("reconnect.time", "p(99.5) < 1h", &summary);
        assert_eq!(unusual, (None, false));
    }

    #[test]
    fn an_event_is_judged_on_its_own_numbers() {
        let mut summary = samples::healthy();
        let web = summary.populations.get_mut("web").expect("a population");
        let slow = web.metrics["connect.time"].clone();
        web.metrics
            .insert("ack.time{event=chat}".to_owned(), slow.clone());
        web.counters.insert("acks{event=chat}".to_owned(), 3);
        let of_web = |metric, text| Threshold {
            population: Some(PopulationId(0)),
            ..threshold(metric, text)
        };
        let thresholds = [
            of_web("ack.time{event=chat}", "max < 1h"),
            of_web("acks{event=chat}", "count == 3"),
            of_web("acks{event=other}", "count == 0"),
            of_web("ack.time{event=other}", "max < 1h"),
        ];
        let outcomes = judge(&thresholds, &POPULATIONS, &summary, |_, _, _| None);
        assert_eq!(outcomes[0].metric, "ack.time{web,event=chat}");
        assert_eq!(outcomes[0].value, Some(slow.max as f64));
        let passed: Vec<bool> = outcomes.iter().map(|outcome| outcome.passed).collect();
        assert_eq!(passed, [true, true, true, false]);
    }

    #[test]
    fn an_upper_bound_on_what_is_known_by_a_lower_bound_alone_is_crossed() {
        let summary = samples::failing();
        for (text, passed) in [
            ("p(50) < 1h", true),
            ("p(99) < 1h", false),
            ("p(99) <= 1h", false),
            ("max < 1h", false),
            ("p(99) > 1ms", true),
            ("avg < 1h", true),
            // Whether the least is censored, nobody knows from the summary.
            ("p(0) < 1h", false),
        ] {
            let judged = judge_one("ack.time", text, &summary);
            assert_eq!(judged.1, passed, "{text}");
        }
    }

    #[test]
    fn what_nobody_completed_has_no_mean_but_an_age() {
        let mut summary = samples::healthy();
        let acks = summary.metrics.get_mut("ack.time").expect("it has acks");
        (acks.count, acks.censored) = (0, 7);
        acks.at_least = vec!["p99".to_owned()];
        assert_eq!(judge_one("ack.time", "avg < 1h", &summary), (None, false));
        let p99 = judge_one("ack.time", "p(99) >= 1us", &summary);
        assert!(p99.0.is_some() && p99.1);
        assert_eq!(
            judge_one("ack.time", "count == 0", &summary),
            (Some(0.0), true)
        );
    }

    #[test]
    fn a_population_is_judged_on_its_own_numbers_and_an_unknown_one_never_holds() {
        let summary = samples::healthy();
        let of = |id| Threshold {
            population: Some(PopulationId(id)),
            ..threshold("clients.started", "count >= 0")
        };
        let outcomes = judge(&[of(1), of(2)], &POPULATIONS, &summary, |_, _, _| None);
        assert_eq!(outcomes[0].metric, "clients.started{mobile}");
        assert_eq!(outcomes[0].value, Some(200.0));
        assert_eq!((outcomes[1].value, outcomes[1].passed), (None, false));
    }
}
