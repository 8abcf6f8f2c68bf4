use serde::{Deserialize, Serialize};

use super::{Aggregate, Operator};
use crate::units::{ByteSize, Share};

/// A bound on a series of a watched server: `"server.cpu" = ["max < 90%"]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchBound {
    /// The series, as timeline.csv names it.
    pub selector: String,
    /// Which of its figures: [`Aggregate::Min`], `Max`, `Mean` or `Value`.
    pub aggregate: Aggregate,
    /// How the figure has to stand to the bound.
    pub operator: Operator,
    /// The bound; shares as fractions, sizes in bytes.
    pub bound: f64,
    /// The expression as written, without surrounding blanks.
    pub text: String,
}

impl WatchBound {
    /// Reads an expression on a series; nothing if it is none.
    #[must_use]
    pub fn parse(selector: &str, text: &str) -> Option<Self> {
        let text = text.trim();
        let start = text.find(['<', '>', '=', '!'])?;
        let operator = Operator::ALL
            .into_iter()
            .find(|operator| text[start..].starts_with(operator.symbol()))?;
        let aggregate = match text[..start].trim() {
            "min" => Aggregate::Min,
            "max" => Aggregate::Max,
            "avg" | "mean" => Aggregate::Mean,
            "value" | "rate" => Aggregate::Value,
            _ => return None,
        };
        let written = text[start + operator.symbol().len()..].trim();
        Some(Self {
            selector: selector.to_owned(),
            aggregate,
            operator,
            bound: bound(written)?,
            text: text.to_owned(),
        })
    }
}

/// `90%`, `250%`, `512MB` or a plain number.
fn bound(written: &str) -> Option<f64> {
    if let Some(percent) = written.strip_suffix('%') {
        // A sum over cores may exceed 100 %.
        let share: Option<Share> = written.parse().ok();
        let number = || Some(percent.trim().parse::<f64>().ok()? / 100.0);
        return share.map(Share::fraction).or_else(number);
    }
    let number = written.parse::<f64>().ok().filter(|n| n.is_finite());
    number.or_else(|| written.parse::<ByteSize>().ok().map(|size| size.0 as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_shares_sizes_and_numbers() {
        let read = |text: &str| {
            let bound = WatchBound::parse("server.cpu", text)?;
            Some((bound.aggregate, bound.operator, bound.bound))
        };
        let less = Operator::Less;
        assert_eq!(read("max < 90%"), Some((Aggregate::Max, less, 0.9)));
        assert_eq!(read("avg < 250%"), Some((Aggregate::Mean, less, 2.5)));
        assert_eq!(read("max<512MB"), Some((Aggregate::Max, less, 512e6)));
        assert_eq!(
            read("value >= 3"),
            Some((Aggregate::Value, Operator::GreaterOrEqual, 3.0))
        );
        for text in ["", "max", "p(99) < 1", "max < ", "max < 1s", "max < NaN"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
