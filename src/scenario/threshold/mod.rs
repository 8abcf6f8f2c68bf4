//! Bounds on metrics, in the words of k6: `p(99) < 10s`, `count == 0`, `rate < 60%`.

mod metric;
mod parse;
mod watched;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{Label, PopulationId, Series};

pub use metric::{LATER_METRICS, Metric};
pub use parse::ThresholdError;
pub use watched::WatchBound;

/// A bound on a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// What is bounded.
    pub metric: Metric,
    /// Of this event, step or listener alone, as in `"ack.time{event=message}"`.
    #[serde(default)]
    pub label: Option<Label>,
    /// In this population alone, as in `"reconnect.time{web}"`.
    pub population: Option<PopulationId>,
    /// Which number of the metric.
    pub aggregate: Aggregate,
    /// How it has to stand to the bound.
    pub operator: Operator,
    /// In the metric's unit: microseconds for times, a fraction for rates, else a number.
    pub bound: f64,
    /// The expression as written, without surrounding blanks.
    pub text: String,
    /// Ends the run once it is crossed, from this time of the run on; nothing: judged at the end
    /// alone.
    #[serde(default)]
    pub abort_after: Option<Duration>,
}

impl Threshold {
    /// The series that is bounded.
    #[must_use]
    pub fn series(&self) -> Series<Metric> {
        Series {
            metric: self.metric,
            label: self.label.clone(),
        }
    }

    /// Reads an expression on a series.
    ///
    /// # Errors
    /// If it is no `AGGREGATE OPERATOR BOUND`, or one that does not fit the metric.
    pub fn parse(
        series: Series<Metric>,
        population: Option<PopulationId>,
        text: &str,
    ) -> Result<Self, ThresholdError> {
        let text = text.trim();
        let Series { metric, label } = series;
        let (aggregate, operator, bound) = parse::expression(metric, text)?;
        Ok(Self {
            metric,
            label,
            population,
            aggregate,
            operator,
            bound,
            text: text.to_owned(),
            abort_after: None,
        })
    }

    /// Whether a value is within the bound.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        self.operator.holds(value, self.bound)
    }
}

/// Which number of a metric a threshold looks at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// A percentile, in [0, 100].
    P(f64),
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The arithmetic mean.
    Mean,
    /// The 50th percentile.
    Median,
    /// How many values a distribution has, or what a counter shows.
    Count,
    /// What a rate shows, in [0, 1].
    Rate,
    /// The only number that a counter or a rate has.
    Value,
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P(percentile) => return write!(f, "p({percentile})"),
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "avg",
            Self::Median => "med",
            Self::Count => "count",
            Self::Rate => "rate",
            Self::Value => "value",
        })
    }
}

/// How a value has to stand to its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// `<`.
    #[serde(rename = "<")]
    Less,
    /// `<=`.
    #[serde(rename = "<=")]
    LessOrEqual,
    /// `>`.
    #[serde(rename = ">")]
    Greater,
    /// `>=`.
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// `==`.
    #[serde(rename = "==")]
    Equal,
    /// `!=`.
    #[serde(rename = "!=")]
    NotEqual,
}

impl Operator {
    /// All of them, those of two characters first, as a reader has to try them.
    pub const ALL: [Self; 6] = [
        Self::LessOrEqual,
        Self::GreaterOrEqual,
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::Greater,
    ];

    /// As it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    /// Whether `value OPERATOR bound` is true.
    #[must_use]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
            Self::Equal => value == bound,
            Self::NotEqual => value != bound,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(metric: &str, text: &str) -> Result<Threshold, ThresholdError> {
        Threshold::parse(Metric::from_name(metric).unwrap().into(), None, text)
    }

    fn parts(metric: &str, text: &str) -> (Aggregate, Operator, f64) {
        let threshold = parse(metric, text).unwrap();
        (threshold.aggregate, threshold.operator, threshold.bound)
    }

    #[test]
    fn times_are_bounded_in_microseconds() {
        let p99 = (Aggregate::P(99.0), Operator::Less, 1e7);
        assert_eq!(parts("reconnect.time", "p(99) < 10s"), p99);
        assert_eq!(parts("reconnect.time", "p99<10s"), p99);
        let p999 = (Aggregate::P(99.9), Operator::LessOrEqual, 1.5e6);
        assert_eq!(parts("connect.time", "p(99.9) <= 1s 500ms"), p999);
        assert_eq!(parts("connect.time", "p999 <= 1500ms"), p999);
        assert_eq!(
            parts("ack.time", "med < 2.5ms"),
            (Aggregate::Median, Operator::Less, 2500.0)
        );
        assert_eq!(
            parts("ack.time", "count > 0"),
            (Aggregate::Count, Operator::Greater, 0.0)
        );
    }

    #[test]
    fn numbers_rates_and_counters_have_bounds_of_their_own() {
        assert_eq!(
            parts("reconnect.attempts", "max <= 3"),
            (Aggregate::Max, Operator::LessOrEqual, 3.0)
        );
        assert_eq!(
            parts("handshake.error_rate", "rate < 60%"),
            (Aggregate::Rate, Operator::Less, 0.6)
        );
        assert_eq!(
            parts("handshake.error_rate", "value != 0.6"),
            (Aggregate::Value, Operator::NotEqual, 0.6)
        );
        assert_eq!(
            parts("clients.never_back", "count == 0"),
            (Aggregate::Count, Operator::Equal, 0.0)
        );
        assert_eq!(
            parts("clients.connected", "max >= 900"),
            (Aggregate::Count, Operator::GreaterOrEqual, 900.0)
        );
        assert_eq!(
            parts("bytes.sent", "count < 2MB"),
            (Aggregate::Count, Operator::Less, 2e6)
        );
    }

    #[test]
    fn what_does_not_fit_the_metric_is_refused_with_a_help() {
        for (metric, text, help) in [
            ("reconnect.time", "p(99) < 10", "10ms"),
            ("reconnect.time", "p(101) < 10s", "0 to 100"),
            ("reconnect.time", "p(99) =< 10s", "<="),
            ("reconnect.time", "p(99)", "p(99) < 10s"),
            ("reconnect.time", "rate < 10%", "avg"),
            ("clients.never_back", "p(99) < 1", "count"),
            ("clients.never_back", "count < 1s", "number"),
            ("clients.connected", "avg > 5", "max"),
            ("handshake.error_rate", "rate < 150%", "100%"),
        ] {
            let error = parse(metric, text).unwrap_err();
            assert!(error.help().contains(help), "{text}: {}", error.help());
        }
    }
}
