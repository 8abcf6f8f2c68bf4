use std::fmt;
use std::str::FromStr;

/// One number of a metric in a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregate {
    /// A percentile in [0, 100].
    Percentile(f64),
    /// The mean.
    Mean,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// A fraction in [0, 1].
    Rate,
    /// A count of the whole run.
    Count,
}

impl Aggregate {
    /// The one that a threshold's expression bounds; nothing for the number of a distribution's
    /// values, of which neither more nor less is better.
    pub(super) fn of_threshold(expression: &str, is_distribution: bool) -> Option<Self> {
        let word = expression
            .split(['<', '>', '=', '!'])
            .next()
            .unwrap_or_default()
            .trim();
        match word {
            "rate" => Some(Self::Rate),
            "count" | "value" => (!is_distribution).then_some(Self::Count),
            word => word.parse().ok(),
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(percentile) => write!(f, "p{percentile}"),
            Self::Mean => f.write_str("mean"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Rate => f.write_str("rate"),
            Self::Count => f.write_str("count"),
        }
    }
}

impl FromStr for Aggregate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percentile = text
            .strip_prefix("p(")
            .and_then(|rest| rest.strip_suffix(')'))
            .or_else(|| text.strip_prefix('p'));
        match text {
            "mean" | "avg" => Ok(Self::Mean),
            "med" => Ok(Self::Percentile(50.0)),
            "min" => Ok(Self::Min),
            "max" => Ok(Self::Max),
            "rate" => Ok(Self::Rate),
            "count" => Ok(Self::Count),
            _ => percentile
                .and_then(|number| number.trim().parse().ok())
                .filter(|percentile| (0.0..=100.0).contains(percentile))
                .map(Self::Percentile)
                .ok_or_else(|| {
                    format!("{text:?} is no aggregate: expected p99, p99.9, mean, min, max, rate or count")
                }),
        }
    }
}

/// A metric that decides: `ack.time`, or one number of it, `ack.time:p95`.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The metric, or a selector.
    pub metric: String,
    /// The number; the usual ones of its kind if left out.
    pub aggregate: Option<Aggregate>,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A label's value may hold a colon.
        let after_labels = text.rfind('}').map_or(0, |end| end + 1);
        let (metric, aggregate) = match text[after_labels..].split_once(':') {
            Some((rest, word)) => (&text[..after_labels + rest.len()], Some(word.parse()?)),
            None => (text, None),
        };
        if metric.is_empty() {
            return Err("expected a metric, such as ack.time or ack.time:p95".to_owned());
        }
        Ok(Self {
            metric: metric.to_owned(),
            aggregate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_may_name_one_of_its_numbers() {
        let wanted = |text: &str| {
            let wanted: Wanted = text.parse().unwrap();
            (wanted.metric, wanted.aggregate)
        };
        assert_eq!(wanted("ack.time"), ("ack.time".to_owned(), None));
        let p95 = Some(Aggregate::Percentile(95.0));
        assert_eq!(wanted("ack.time:p95"), ("ack.time".to_owned(), p95));
        let labelled = "ack.time{event=a:b}";
        assert_eq!(wanted(labelled), (labelled.to_owned(), None));
        let both = wanted("ack.time{event=a:b}:mean");
        assert_eq!(both, (labelled.to_owned(), Some(Aggregate::Mean)));
        for text in ["", ":p99", "ack.time:p101", "ack.time:fast"] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
    }

    #[test]
    fn thresholds_bound_the_aggregate_that_their_expression_begins_with() {
        let of = |expression| Aggregate::of_threshold(expression, true);
        assert_eq!(of("p(99.9) < 1s"), Some(Aggregate::Percentile(99.9)));
        assert_eq!(of("med<1s"), Some(Aggregate::Percentile(50.0)));
        assert_eq!(of("avg <= 1s"), Some(Aggregate::Mean));
        assert_eq!(of("count > 10"), None);
        assert_eq!(
            Aggregate::of_threshold("count == 0", false),
            Some(Aggregate::Count)
        );
        assert_eq!(
            Aggregate::of_threshold("rate < 1%", false),
            Some(Aggregate::Rate)
        );
    }
}
