use super::metric::{Kind, Metric};
use super::{Aggregate, Operator};
use crate::units::{self, ByteSize, Share};

/// An expression that is no bound on its metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// Not `AGGREGATE OPERATOR BOUND`.
    #[error("`{text}` has no operator")]
    NoOperator {
        /// What was written.
        text: String,
        /// A right one for this metric.
        example: &'static str,
    },
    /// No such number.
    #[error("there is no aggregate `{found}`")]
    UnknownAggregate {
        /// What was written.
        found: String,
        /// Those of this metric.
        allowed: &'static str,
    },
    /// A number that other metrics have.
    #[error("{metric} has no `{found}`")]
    WrongAggregate {
        /// The metric's name.
        metric: &'static str,
        /// What was written.
        found: String,
        /// Those of this metric.
        allowed: &'static str,
    },
    /// A percentile outside [0, 100].
    #[error("there is no percentile {found}")]
    Percentile {
        /// What was written.
        found: String,
    },
    /// A time without a unit.
    #[error("{metric} is a time, and `{found}` has no unit")]
    NoUnit {
        /// The metric's name.
        metric: &'static str,
        /// What was written.
        found: String,
    },
    /// A bound that the metric cannot have.
    #[error("`{found}` is not {expected}")]
    Bound {
        /// What was written.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl ThresholdError {
    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoOperator { example, .. } => format!(
                "write a bound such as \"{example}\"; the operators are <, <=, >, >=, == and !="
            ),
            Self::UnknownAggregate { allowed, .. } | Self::WrongAggregate { allowed, .. } => {
                format!("this metric has {allowed}")
            }
            Self::Percentile { .. } => "percentiles go from 0 to 100, as in p(99.9)".to_owned(),
            Self::NoUnit { found, .. } => format!("write {found}ms or {found}s"),
            Self::Bound { expected, .. } => format!("the bound of this metric is {expected}"),
        }
    }
}

impl Kind {
    fn aggregates(self) -> &'static str {
        match self {
            Self::Time | Self::Number => "p(N), med, avg, min, max and count",
            Self::Count | Self::Bytes => "count",
            Self::Peak => "max",
            Self::Rate => "rate",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Time => "p(99) < 10s",
            Self::Number => "max <= 3",
            Self::Count => "count == 0",
            Self::Bytes => "count < 1GB",
            Self::Peak => "max >= 1000",
            Self::Rate => "rate < 1%",
        }
    }

    fn has(self, aggregate: Aggregate) -> bool {
        match aggregate {
            Aggregate::P(_)
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::Mean
            | Aggregate::Median => matches!(self, Self::Time | Self::Number),
            Aggregate::Count => self != Self::Rate,
            Aggregate::Rate => self == Self::Rate,
            Aggregate::Value => !matches!(self, Self::Time | Self::Number),
        }
    }
}

pub(super) fn expression(
    metric: Metric,
    text: &str,
) -> Result<(Aggregate, Operator, f64), ThresholdError> {
    let kind = metric.kind();
    let no_operator = || ThresholdError::NoOperator {
        text: text.to_owned(),
        example: kind.example(),
    };
    let start = text.find(['<', '>', '=', '!']).ok_or_else(no_operator)?;
    let operator = Operator::ALL
        .into_iter()
        .find(|operator| text[start..].starts_with(operator.symbol()))
        .ok_or_else(no_operator)?;
    let aggregate = aggregate(metric, text[..start].trim())?;
    let written = text[start + operator.symbol().len()..].trim();
    let bound = if aggregate == Aggregate::Count && kind != Kind::Bytes {
        number(written)?
    } else {
        bound(metric, written)?
    };
    Ok((aggregate, operator, bound))
}

fn aggregate(metric: Metric, word: &str) -> Result<Aggregate, ThresholdError> {
    let kind = metric.kind();
    let aggregate = match word {
        "min" => Aggregate::Min,
        // What this counter counts is a maximum already.
        "max" if kind == Kind::Peak => Aggregate::Count,
        "max" => Aggregate::Max,
        "avg" | "mean" => Aggregate::Mean,
        "med" | "median" => Aggregate::Median,
        "count" => Aggregate::Count,
        "rate" => Aggregate::Rate,
        "value" => Aggregate::Value,
        word => percentile(word)?.ok_or_else(|| ThresholdError::UnknownAggregate {
            found: word.to_owned(),
            allowed: kind.aggregates(),
        })?,
    };
    if kind.has(aggregate) {
        return Ok(aggregate);
    }
    Err(ThresholdError::WrongAggregate {
        metric: metric.name(),
        found: word.to_owned(),
        allowed: kind.aggregates(),
    })
}

/// `p(99.9)`, `p99.9`, and `p999` as summary.json writes it.
fn percentile(word: &str) -> Result<Option<Aggregate>, ThresholdError> {
    let Some(rest) = word.strip_prefix('p') else {
        return Ok(None);
    };
    let bracketed = rest
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let digits = bracketed.unwrap_or(rest).trim();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Ok(None);
    }
    let parsed = match (bracketed, digits.len()) {
        (None, 3..) if digits != "100" && !digits.contains('.') => {
            format!("{}.{}", &digits[..2], &digits[2..]).parse::<f64>()
        }
        _ => digits.parse(),
    };
    match parsed {
        Ok(percentile) if (0.0..=100.0).contains(&percentile) => Ok(Some(Aggregate::P(percentile))),
        Ok(_) | Err(_) => Err(ThresholdError::Percentile {
            found: digits.to_owned(),
        }),
    }
}

fn bound(metric: Metric, written: &str) -> Result<f64, ThresholdError> {
    let wrong = |expected| {
        move || ThresholdError::Bound {
            found: written.to_owned(),
            expected,
        }
    };
    match metric.kind() {
        Kind::Time if written.parse::<f64>().is_ok() => Err(ThresholdError::NoUnit {
            metric: metric.name(),
            found: written.to_owned(),
        }),
        Kind::Time => {
            microseconds(written).ok_or_else(wrong("a duration such as 500ms, 2.5s or 1m 30s"))
        }
        Kind::Number | Kind::Count | Kind::Peak => number(written),
        Kind::Bytes => number(written).or_else(|_| {
            let size = written.parse::<ByteSize>();
            size.map(|size| size.0 as f64)
                .map_err(|_| wrong("a number of bytes such as 4096 or 2MB")())
        }),
        Kind::Rate => written
            .parse::<Share>()
            .map(Share::fraction)
            .map_err(|_| wrong("a share from 0% to 100%, such as 60% or 0.6")()),
    }
}

fn number(written: &str) -> Result<f64, ThresholdError> {
    match written.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) | Err(_) => Err(ThresholdError::Bound {
            found: written.to_owned(),
            expected: "a plain number",
        }),
    }
}

/// Durations as everywhere, and besides them one with a fraction (`2.5ms`), as k6 has them.
fn microseconds(written: &str) -> Option<f64> {
    if let Ok(duration) = units::parse_duration(written) {
        return Some(duration.as_secs_f64() * 1e6);
    }
    let unit_at = written.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let unit = match written[unit_at..].trim() {
        "us" | "µs" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" | "min" => 6e7,
        "h" => 3.6e9,
        _ => return None,
    };
    Some(written[..unit_at].parse::<f64>().ok()? * unit)
}
