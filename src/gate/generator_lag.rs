use std::time::Duration;

use super::threshold::Measured;
use crate::event::{HistogramMetric, LabelId, Labels, Unit};
use crate::metrics::{Interval, Sample};
use crate::results::summary::ThresholdOutcome;
use crate::scenario::threshold::{Aggregate, Metric, Operator, Threshold};

/// The least lag that can explain anything, however small a bound is: a healthy machine that does
/// other things too has less in nearly every second.
const LEAST_LAG: Duration = Duration::from_millis(20);

/// Tells thresholds that the server crossed from those that the generator's own lag crossed.
///
/// A time that is measured while the generator's timers are late has that lag in it. So each upper
/// bound on a time is judged a second time, without the seconds in which a timer was late by half
/// the bound or more, and without the second after each of these, in which what had waited
/// completes. If the bound holds then, or if nothing is left to judge, the generator is to blame.
#[derive(Debug)]
pub struct GeneratorLag {
    bounds: Vec<Bound>,
}

/// A bound that lag may have crossed.
#[derive(Debug)]
struct Bound {
    threshold: Threshold,
    label: Option<LabelId>,
    /// The lag from which on a second is left out, in microseconds.
    lag_us: u64,
    /// Whether the last second that was seen lagged.
    lagged_before: bool,
    /// Whether any second was left out.
    left_out: bool,
    /// The values of all other seconds.
    sample: Sample,
}

impl GeneratorLag {
    /// For the thresholds of a run with these labels.
    #[must_use]
    pub fn new(thresholds: &[Threshold], labels: &Labels) -> Self {
        let bounds = thresholds
            .iter()
            .filter(|threshold| can_be_crossed(threshold));
        Self {
            bounds: bounds
                .map(|threshold| Bound {
                    label: threshold.label.as_ref().and_then(|label| labels.id(label)),
                    lag_us: (threshold.bound / 2.0).max(LEAST_LAG.as_micros() as f64) as u64,
                    lagged_before: false,
                    left_out: false,
                    sample: Sample::default(),
                    threshold: threshold.clone(),
                })
                .collect(),
        }
    }

    /// Takes note of the next second of the run. To be called with every second, in order.
    pub fn observe(&mut self, interval: &Interval) {
        let lag_us = interval.lag.value_at_percentile(100.0);
        for bound in &mut self.bounds {
            let lags = lag_us >= bound.lag_us;
            let is_left_out = std::mem::replace(&mut bound.lagged_before, lags) || lags;
            bound.left_out |= is_left_out;
            if !is_left_out {
                bound.add(interval);
            }
        }
    }

    /// Marks those of the outcomes, in the order of the thresholds that [`GeneratorLag::new`] was
    /// given, that the generator's lag explains.
    pub fn explain(&self, thresholds: &[Threshold], outcomes: &mut [ThresholdOutcome]) {
        let mut bounds = self.bounds.iter();
        for (threshold, outcome) in thresholds.iter().zip(outcomes) {
            if can_be_crossed(threshold)
                && let Some(bound) = bounds.next()
                && !outcome.passed
                && outcome.value.is_some()
            {
                outcome.explained_by_lag = bound.is_explained();
            }
        }
    }
}

impl Bound {
    fn add(&mut self, interval: &Interval) {
        let Metric::Time(metric) = self.threshold.metric else {
            return;
        };
        let wanted = self.threshold.population;
        let populations = interval.populations.iter();
        let meant = populations.filter(|(id, _)| wanted.is_none_or(|wanted| wanted == **id));
        for (_, tally) in meant {
            let histograms = match self.label {
                None => Some(&tally.histograms),
                Some(label) => tally
                    .labelled
                    .get(label)
                    .map(|of_label| &of_label.histograms),
            };
            if let Some(sample) = histograms.and_then(|histograms| histograms.sample(metric)) {
                self.sample.merge(sample);
            }
        }
    }

    fn is_explained(&self) -> bool {
        if !self.left_out {
            return false;
        }
        if self.sample.all().is_empty() {
            return true;
        }
        let completed = self.sample.completed();
        let measured = match self.threshold.aggregate {
            Aggregate::P(percentile) => self.sample.percentile(percentile).into(),
            Aggregate::Max => self.sample.percentile(100.0).into(),
            Aggregate::Median => self.sample.percentile(50.0).into(),
            Aggregate::Mean if completed.is_empty() => return false,
            Aggregate::Mean => Measured::exactly(completed.hdr().mean()),
            Aggregate::Min | Aggregate::Count | Aggregate::Rate | Aggregate::Value => return false,
        };
        measured.holds(&self.threshold)
    }
}

/// Whether lag can cross it: an upper bound on a time of the clients.
fn can_be_crossed(threshold: &Threshold) -> bool {
    let is_upper = match threshold.operator {
        Operator::Less | Operator::LessOrEqual => true,
        Operator::Greater | Operator::GreaterOrEqual | Operator::Equal | Operator::NotEqual => {
            false
        }
    };
    let is_time = match threshold.metric {
        Metric::Time(HistogramMetric::GeneratorLag | HistogramMetric::GeneratorStartDelay) => false,
        Metric::Time(metric) => metric.unit() == Unit::Microseconds,
        Metric::Counter(_) | Metric::Rate(_) => false,
    };
    let is_value = match threshold.aggregate {
        Aggregate::P(_) | Aggregate::Max | Aggregate::Mean | Aggregate::Median => true,
        Aggregate::Min | Aggregate::Count | Aggregate::Rate | Aggregate::Value => false,
    };
    is_upper && is_time && is_value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::event::{Event, Observer as _, PopulationId, TransportKind};
    use crate::metrics::{Recorder, Totals};

    const MS: Duration = Duration::from_millis(1);

    /// A run of so many seconds, each with the lag of its worst timer and one connect, in
    /// milliseconds; and whether the bound is crossed, and explained.
    fn judged(text: &str, seconds: &[(u64, u64)]) -> (bool, bool) {
        let clock = Clock::start();
        let recorder = Recorder::new(0, 1, clock);
        let web = recorder.observer(PopulationId(0));
        let mut whole = Sample::default();
        for (second, (lag, connect)) in (0..).zip(seconds) {
            let at = clock.origin() + Duration::from_secs(second) + 500 * MS;
            let since_intended = Duration::from_millis(*connect);
            recorder.observe_lag(at, Duration::from_millis(*lag));
            let transport = TransportKind::WebSocket;
            let connected = Event::Connected {
                since_intended,
                transport,
            };
            web.observe(at, connected);
            whole.record(connect * 1000);
        }
        let metric = Metric::Time(HistogramMetric::ConnectTime);
        let threshold = Threshold::parse(metric.into(), None, text).unwrap();
        let thresholds = [threshold];
        let mut lag = GeneratorLag::new(&thresholds, &Labels::default());
        let mut totals = Totals::new(1, 1);
        totals.add(recorder.take(clock.origin() + Duration::from_secs(seconds.len() as u64)));
        for (_, interval) in totals.close_all() {
            lag.observe(&interval);
        }
        let value = Measured::from(whole.percentile(100.0));
        let passed = value.holds(&thresholds[0]);
        let mut outcomes = [ThresholdOutcome {
            metric: metric.to_string(),
            expression: text.to_owned(),
            value: Some(1.0),
            at_least: false,
            explained_by_lag: false,
            passed,
        }];
        lag.explain(&thresholds, &mut outcomes);
        (!passed, outcomes[0].explained_by_lag)
    }

    #[test]
    fn a_stop_of_the_generator_explains_what_it_made_slow() {
        let stopped = [(1, 3), (1, 3), (500, 500), (1, 90), (1, 3), (1, 3)];
        assert_eq!(judged("max < 100ms", &stopped), (true, true));
        let always = [(150, 150), (150, 151), (149, 150), (151, 150)];
        assert_eq!(
            judged("p(99) < 100ms", &always),
            (true, true),
            "nothing is left"
        );
    }

    #[test]
    fn a_slow_server_is_not_excused_by_a_little_lag_or_by_a_stop_elsewhere() {
        let slow = [(3, 200), (15, 200), (1, 210), (2, 190)];
        assert_eq!(judged("max < 100ms", &slow), (true, false));
        let both = [(1, 200), (1, 200), (500, 500), (1, 90), (1, 3), (1, 200)];
        assert_eq!(judged("max < 100ms", &both), (true, false));
        let tight = [(19, 30), (19, 30), (19, 30)];
        assert_eq!(judged("max < 20ms", &tight), (true, false));
    }

    #[test]
    fn a_bound_that_holds_needs_no_excuse() {
        let fine = [(500, 3), (1, 3)];
        assert_eq!(judged("max < 100ms", &fine), (false, false));
    }

    #[test]
    fn only_upper_bounds_on_times_are_judged_again() {
        let metric = |name: &str| Metric::from_name(name).unwrap();
        for (name, text, can) in [
            ("ack.time", "p(99) < 1s", true),
            ("ack.time", "avg <= 1s", true),
            ("ack.time", "p(99) > 1s", false),
            ("ack.time", "count < 5", false),
            ("reconnect.attempts", "max < 5", false),
            ("generator.lag", "p(99) < 5ms", false),
            ("clients.never_back", "count == 0", false),
            ("handshake.error_rate", "rate < 5%", false),
        ] {
            let threshold = Threshold::parse(metric(name).into(), None, text).unwrap();
            assert_eq!(can_be_crossed(&threshold), can, "{name} {text}");
        }
    }
}
